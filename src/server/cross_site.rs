//! Requests that a browser sends because a page of somebody else wants it to.

use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, HeaderName};
use url::{Host, Url};

use super::external_url::ExternalUrl;
use super::host_header::address_asked;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether a page of somebody else has the browser of somebody who may come in ask for this. Programs send neither
/// header, and are taken at their word.
pub(super) fn is_cross_site(headers: &HeaderMap, external: Option<&ExternalUrl>) -> bool {
    // Browsers leave it out where TLS is not spoken, but for their own machine.
    if let Some(site) = headers.get(SEC_FETCH_SITE) {
        return ![b"same-origin".as_slice(), b"none"].contains(&site.as_bytes());
    }
    let mut origins = headers.get_all(ORIGIN).iter();
    let Some(origin) = origins.next() else { return false };
    // `null` is the origin of pages that hide theirs.
    let Some(origin) = origin.to_str().ok().and_then(|origin| Url::parse(origin).ok()) else { return true };
    let (Some(host), Some(port), None) = (origin.host(), origin.port_or_known_default(), origins.next()) else {
        return true;
    };
    // A proxy may have put another name into `Host` than the browser asked for.
    let asked = [address_asked(headers), external.map(ExternalUrl::address)];
    !asked.into_iter().flatten().any(|address| is_at(&host, port, address, origin.scheme()))
}

/// Whether `address` leads there, in a URL of this scheme.
fn is_at(host: &Host<&str>, port: u16, address: &str, scheme: &str) -> bool {
    let asked = Url::parse(&format!("{scheme}://{address}"));
    asked.is_ok_and(|asked| asked.host().as_ref() == Some(host) && asked.port_or_known_default() == Some(port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_refused(headers: &[(&'static str, &str)], external: Option<&str>) -> bool {
        let header =
            |(name, value): &(&'static str, &str)| (HeaderName::from_static(name), value.parse().expect("a value"));
        let external: Option<ExternalUrl> = external.map(|url| url.parse().expect("a URL"));
        is_cross_site(&headers.iter().map(header).collect(), external.as_ref())
    }

    #[test]
    fn pages_of_others_are_told_from_our_own_and_from_programs() {
        let host = ("host", "probe.example.com:10917");
        for (refused, headers) in [
            (false, vec![]),
            (false, vec![("origin", "http://probe.example.com:10917")]),
            (false, vec![("origin", "http://PROBE.example.com:10917")]),
            (true, vec![("origin", "http://probe.example.com")]),
            (true, vec![("origin", "http://evil.example.com:10917")]),
            (true, vec![("origin", "http://probe.example.com.evil.example:10917")]),
            (true, vec![("origin", "null")]),
            (true, vec![("origin", "")]),
            (true, vec![("origin", "http://probe.example.com:10917"), ("origin", "http://evil.example.com")]),
            (false, vec![("sec-fetch-site", "same-origin"), ("origin", "http://probe.example.com:10917")]),
            (false, vec![("sec-fetch-site", "none")]),
            (true, vec![("sec-fetch-site", "cross-site")]),
            (true, vec![("sec-fetch-site", "same-site"), ("origin", "http://probe.example.com:10917")]),
            (true, vec![("sec-fetch-site", "")]),
        ] {
            let headers = [vec![host], headers].concat();
            assert_eq!(is_refused(&headers, None), refused, "{headers:?}");
        }
    }

    #[test]
    fn usual_ports_and_names_that_a_proxy_changed_are_known() {
        let origin = ("origin", "https://probe.example.com");
        assert!(!is_refused(&[("host", "probe.example.com"), origin], None));
        assert!(!is_refused(&[("host", "probe.example.com:443"), origin], None));
        assert!(is_refused(&[("host", "10.0.0.7:10917"), origin], None));
        assert!(!is_refused(&[("host", "10.0.0.7:10917"), origin], Some("https://probe.example.com/oauth")));
        assert!(is_refused(&[origin], None), "nothing was asked that it could be");
    }
}
