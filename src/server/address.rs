//! Addresses to listen on, as they are written on the command line.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// An address to listen on: `:10917`, `127.0.0.1:10917`, `[::1]:10917` or `localhost:10917`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    pub(super) host: Host,
    pub(super) port: u16,
}

/// Which of the machine's addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// All of them, IPv4 and IPv6.
    Any,
    Ip(IpAddr),
    /// What the name resolves to.
    Name(String),
}

/// This is no address to listen on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// There is no colon.
    #[error("{0:?} has no port; write :PORT or HOST:PORT")]
    NoPort(String),
    /// What follows the last colon is no port.
    #[error("{0:?} does not end in a port between 0 and 65535")]
    BadPort(String),
    /// What precedes the last colon is no host.
    #[error("{0:?} names no host; write :PORT, NAME:PORT, 127.0.0.1:PORT or, with brackets, [::1]:PORT")]
    BadHost(String),
}

impl FromStr for ListenAddress {
    type Err = InvalidAddress;

    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        let (host, port) = text.rsplit_once(':').ok_or_else(|| InvalidAddress::NoPort(text.to_owned()))?;
        let host = Host::parse(host).ok_or_else(|| InvalidAddress::BadHost(text.to_owned()))?;
        let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
        let port = port.parse().ok().filter(|_port| digits);
        Ok(Self { host, port: port.ok_or_else(|| InvalidAddress::BadPort(text.to_owned()))? })
    }
}

impl Host {
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::Any);
        }
        if let Some(bracketed) = text.strip_prefix('[') {
            let address: Ipv6Addr = bracketed.strip_suffix(']')?.parse().ok()?;
            return Some(Self::Ip(address.into()));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            // An IPv6 address without brackets may end in what was meant as a port.
            return address.is_ipv4().then_some(Self::Ip(address));
        }
        let is_name = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
        is_name.then(|| Self::Name(text.to_owned()))
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Any => write!(f, ":{}", self.port),
            Host::Ip(IpAddr::V6(address)) => write!(f, "[{address}]:{}", self.port),
            Host::Ip(address) => write!(f, "{address}:{}", self.port),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_prometheus_users_write_them() {
        for text in [":10917", "127.0.0.1:0", "[::1]:9", "[::]:1", "0.0.0.0:65535", "localhost:10917"] {
            let address: ListenAddress = text.parse().expect(text);
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_with_what_to_write() {
        let refused = |text: &str| text.parse::<ListenAddress>().expect_err(text).to_string();
        assert_eq!(refused("10917"), "\"10917\" has no port; write :PORT or HOST:PORT");
        for text in [":", ":65536", ":-1", ":+1", "localhost:http"] {
            assert!(refused(text).contains("does not end in a port"), "{text}");
        }
        for text in ["::1:9", "[::1:9", "[127.0.0.1]:9", "http://localhost:9", "a b:9"] {
            assert!(refused(text).contains("names no host"), "{text}");
        }
    }
}
