//! Where links of a page lead: always relative, so that they hold behind a proxy that strips a prefix.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use url::form_urlencoded;

/// What need not be encoded in a segment of a path (RFC 3986 §2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Where a page stands below the root of what is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// `/`
    Root,
    /// `/targets/…`
    Targets,
}

impl Place {
    /// What leads from there to `path` below the root.
    pub(super) fn link(self, path: &str) -> String {
        match self {
            // An empty link would mean this very page, its query included.
            Self::Root => format!("./{path}"),
            Self::Targets => format!("../{path}"),
        }
    }

    /// What leads to the page of a target.
    pub(super) fn target(self, name: &str) -> String {
        match name {
            // Browsers take these for steps in the path, encoded or not.
            "." | ".." => self.link(&format!("targets/?name={name}")),
            _ => self.link(&format!("targets/{}", utf8_percent_encode(name, SEGMENT))),
        }
    }

    /// What leads to the list with these parameters.
    pub(super) fn list<'a>(self, parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
        if query.is_empty() { self.link("") } else { self.link(&format!("?{query}")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_within_their_segment() {
        for (name, link) in [
            ("acme-1.eu_x~", "./targets/acme-1.eu_x~"),
            ("a/b?c#d e", "./targets/a%2Fb%3Fc%23d%20e"),
            ("javascript:alert(1)", "./targets/javascript%3Aalert%281%29"),
            ("ä\"><", "./targets/%C3%A4%22%3E%3C"),
            ("..", "./targets/?name=.."),
        ] {
            assert_eq!(Place::Root.target(name), link);
        }
    }

    #[test]
    fn links_from_a_target_go_up_first() {
        assert_eq!(Place::Targets.link("metrics"), "../metrics");
        assert_eq!(Place::Targets.list([("label", "team=a&b")]), "../?label=team%3Da%26b");
        assert_eq!(Place::Root.list([]), "./");
    }
}
