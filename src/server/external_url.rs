//! The URL under which others reach the exporter, as it is given on the command line.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

use super::paths::{InvalidPath, check};

/// Where others reach the exporter: `https://probe.example.com`, `http://10.0.0.7:8080/oauth`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalUrl {
    scheme: Scheme,
    /// Host and port, the scheme's usual one too: so Prometheus shows an address, whatever its version.
    address: String,
    /// Empty, or begins but does not end with a slash.
    path: String,
}

/// How the exporter is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    Http,
    Https,
}

/// This is no URL under which the exporter can be reached.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidExternalUrl {
    /// It is no absolute URL of HTTP.
    #[error("write http://HOST[:PORT][/PATH] or https://…; --web.route-prefix sets a path alone")]
    NotHttp,
    /// It has a user, a query or a fragment.
    #[error("only scheme, host, port and path can be used; leave {0} out")]
    Superfluous(&'static str),
    /// Nothing can be served under its path.
    #[error("its path {0}")]
    Path(InvalidPath),
}

impl FromStr for ExternalUrl {
    type Err = InvalidExternalUrl;

    fn from_str(text: &str) -> Result<Self, InvalidExternalUrl> {
        let url = Url::parse(text).map_err(|_problem| InvalidExternalUrl::NotHttp)?;
        let (scheme, usual_port) = match url.scheme() {
            "http" => (Scheme::Http, 80),
            "https" => (Scheme::Https, 443),
            _ => return Err(InvalidExternalUrl::NotHttp),
        };
        for (is_there, part) in [
            (!url.username().is_empty() || url.password().is_some(), "user and password"),
            (url.query().is_some(), "the query"),
            (url.fragment().is_some(), "the fragment"),
        ] {
            if is_there {
                return Err(InvalidExternalUrl::Superfluous(part));
            }
        }
        let host: Host<&str> = url.host().ok_or(InvalidExternalUrl::NotHttp)?;
        let path = url.path().trim_end_matches('/');
        if !path.is_empty() {
            check(path).map_err(InvalidExternalUrl::Path)?;
        }
        let address = format!("{host}:{}", url.port().unwrap_or(usual_port));
        Ok(Self { scheme, address, path: path.to_owned() })
    }
}

impl ExternalUrl {
    /// Its path without a slash at the end: the usual route prefix.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    pub(super) const fn scheme(&self) -> Scheme {
        self.scheme
    }

    pub(super) fn address(&self) -> &str {
        &self.address
    }
}

impl Scheme {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

impl fmt::Display for ExternalUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}/", self.scheme.as_str(), self.address, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_as_prometheus_users_write_them() {
        for (text, read) in [
            ("https://probe.example.com", "https://probe.example.com:443/"),
            ("http://probe.example.com/", "http://probe.example.com:80/"),
            ("http://10.0.0.7:8080/oauth/probe/", "http://10.0.0.7:8080/oauth/probe/"),
            ("https://[2001:db8::1]:10917", "https://[2001:db8::1]:10917/"),
            ("HTTP://Probe.Example.COM:10917/a", "http://probe.example.com:10917/a/"),
        ] {
            let url: ExternalUrl = text.parse().expect(text);
            assert_eq!(url.to_string(), read, "{text}");
        }
    }

    #[test]
    fn what_others_cannot_reach_is_refused_with_what_to_write() {
        let refused = |text: &str| text.parse::<ExternalUrl>().expect_err(text).to_string();
        for text in
            ["", "/oauth", "probe.example.com", "probe.example.com:10917", "localhost:10917", "ftp://a", "http://"]
        {
            assert!(refused(text).contains("write http://HOST[:PORT][/PATH]"), "{text}: {}", refused(text));
        }
        assert!(refused("http://user:password@a").contains("leave user and password out"));
        assert!(refused("http://a?b").contains("leave the query out"));
        assert!(refused("http://a/#b").contains("leave the fragment out"));
        assert_eq!(
            refused("http://a/b%20c"),
            "its path \"/b%20c\" is no plain path; use letters, digits and - . _ ~ between single slashes"
        );
    }
}
