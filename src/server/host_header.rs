//! The address that a request was sent to, as its `Host` header says. Anybody can write anything there.

use axum::http::HeaderMap;
use axum::http::header::HOST;

use super::address::Host;

/// No name of a host is longer (RFC 1035 §2.3.4).
const LONGEST_HOST: usize = 253;

/// Host and port if there is one; `None`: not said, said twice, or nothing that could be connected to.
pub(super) fn address_asked(headers: &HeaderMap) -> Option<&str> {
    let mut said = headers.get_all(HOST).iter();
    let (Some(address), None) = (said.next(), said.next()) else { return None };
    let address = address.to_str().ok()?;
    let (host, port) = match address.rsplit_once(':') {
        // A colon inside of brackets is none before a port.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (address, None),
    };
    let is_host = !host.is_empty() && host.len() <= LONGEST_HOST && Host::parse(host).is_some();
    (is_host && port.is_none_or(is_port)).then_some(address)
}

fn is_port(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse().is_ok_and(|port: u16| port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(said: &[&[u8]]) -> Option<String> {
        let headers = said.iter().map(|value| (HOST, value.to_vec().try_into().expect("a value"))).collect();
        address_asked(&headers).map(str::to_owned)
    }

    #[test]
    fn hosts_with_and_without_port_are_taken_as_they_are() {
        for address in [
            "probe.example.com",
            "probe.example.com:10917",
            "localhost:1",
            "10.0.0.7:65535",
            "[::1]",
            "[2001:db8::1]:10917",
            "oauth_probe-1.monitoring.svc.cluster.local:80",
        ] {
            assert_eq!(asked(&[address.as_bytes()]).as_deref(), Some(address));
        }
    }

    #[test]
    fn what_cannot_be_connected_to_is_not_taken() {
        for address in [
            "",
            ":10917",
            "a:",
            "a:0",
            "a:65536",
            "a:+1",
            "a:1:2",
            "::1",
            "::1:10917",
            "[::1",
            "[a]:1",
            "[::1]x:1",
            "user@host",
            "http://host",
            "a/b",
            "a b",
            "a,b",
            "\"},{\"targets\":[\"evil",
            "${HOME}",
            &"a".repeat(254),
        ] {
            assert_eq!(asked(&[address.as_bytes()]), None, "{address}");
        }
        assert_eq!(asked(&["b\u{fc}cher.example".as_bytes()]), None);
        assert_eq!(asked(&[b"one", b"two"]), None);
        assert_eq!(asked(&[]), None);
    }
}
