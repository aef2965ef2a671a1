//! In which form a scraper wants the metrics, by the header `Accept` (RFC 9110, section 12.5.1).

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;

/// What Prometheus calls the format that has native histograms.
pub(super) const PROTOBUF: &str =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

/// Whether protobuf is asked for by its name, and nothing says that text would be better.
///
/// What goes for `*/*` alone is no reason to send a person's browser what only a program can read.
pub(super) fn prefers_protobuf(headers: &HeaderMap) -> bool {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges: Vec<Range<'_>> = values.flat_map(|value| split(value, ',')).filter_map(Range::parse).collect();
    let protobuf = ranges.iter().filter(|range| range.is_protobuf()).map(|range| range.quality).max();
    let text = ranges.iter().filter_map(|range| Some((range.fits_text()?, range.quality))).max();
    protobuf.is_some_and(|quality| quality > 0 && text.is_none_or(|(_, of_text)| quality >= of_text))
}

/// A media range and how much it is wanted, in thousandths.
#[derive(Debug)]
struct Range<'a> {
    media: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
    quality: u16,
}

/// How closely a range fits: the closest one says how much something is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Closeness {
    Anything,
    AnyText,
    PlainText,
    ThisVersion,
}

impl<'a> Range<'a> {
    /// `None` if it cannot be understood; the others still count.
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = split(text, ';').map(str::trim);
        let media = parts.next()?;
        let mut range = Self { media, parameters: Vec::new(), quality: 1000 };
        for part in parts.filter(|part| !part.is_empty()) {
            let (name, value) = part.split_once('=')?;
            let value = value.trim_matches('"');
            if name.eq_ignore_ascii_case("q") {
                range.quality = thousandths(value)?;
            } else {
                range.parameters.push((name, value));
            }
        }
        Some(range)
    }

    fn parameter(&self, wanted: &str) -> Option<&str> {
        self.parameters.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| *value)
    }

    fn is_protobuf(&self) -> bool {
        self.media.eq_ignore_ascii_case("application/vnd.google.protobuf")
            && self.parameter("proto") == Some("io.prometheus.client.MetricFamily")
            && self.parameter("encoding") == Some("delimited")
    }

    /// `None`: it is about something else.
    fn fits_text(&self) -> Option<Closeness> {
        match (self.media.to_ascii_lowercase().as_str(), self.parameter("version")) {
            ("*/*", _) => Some(Closeness::Anything),
            ("text/*", _) => Some(Closeness::AnyText),
            ("text/plain", None) => Some(Closeness::PlainText),
            ("text/plain", Some("0.0.4")) => Some(Closeness::ThisVersion),
            _ => None,
        }
    }
}

/// `1`, `0.5` or `0.123`.
fn thousandths(quality: &str) -> Option<u16> {
    let quality: f32 = quality.parse().ok()?;
    (0.0..=1.0).contains(&quality).then(|| (quality * 1000.0).round() as u16)
}

/// The parts between separators that are in no quotes.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |character| {
        quoted ^= character == '"' && !escaped;
        escaped = quoted && character == '\\' && !escaped;
        character == separator && !quoted
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMED: &str = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

    fn is_protobuf(accept: &str) -> bool {
        let mut headers = HeaderMap::new();
        for value in accept.split('\n') {
            headers.append(ACCEPT, value.parse().expect("a header's value"));
        }
        prefers_protobuf(&headers)
    }

    #[test]
    fn prometheus_with_native_histograms_gets_protobuf() {
        for (version, rest) in [
            (
                "2.42",
                ",application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,\
                 text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            ),
            (
                "2.53",
                ";q=0.5,application/openmetrics-text;version=1.0.0;q=0.4,\
                 application/openmetrics-text;version=0.0.1;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
            ),
            (
                "3",
                ";escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,\
                 application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,\
                 text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
            ),
        ] {
            assert!(is_protobuf(&format!("{NAMED}{rest}")), "{version}");
        }
    }

    #[test]
    fn whoever_does_not_name_it_gets_text() {
        assert!(!prefers_protobuf(&HeaderMap::new()));
        for accept in [
            "",
            "*/*",
            "application/*, */*;q=0.1",
            "application/vnd.google.protobuf",
            "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text",
            "application/vnd.google.protobuf;proto=other;encoding=delimited",
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        ] {
            assert!(!is_protobuf(accept), "{accept}");
        }
    }

    #[test]
    fn greater_quality_wins_and_protobuf_among_equals() {
        for (of_protobuf, others, expected) in [
            ("", "", true),
            ("", ",text/plain", true),
            (";q=0.5", ",text/plain;q=0.5", true),
            (";q=0.5", ",text/plain;q=0.501", false),
            (";q=0", "", false),
            (";q=0.1", ",*/*", false),
            (";q=0.1", ",*/*,text/plain;q=0", true),
            (";q=0.2", ",text/*;q=0.1,*/*", true),
            (";q=0.2", ",text/plain;version=0.0.4;q=0.1,text/plain;q=0.9", true),
            (";q=0.2", ",text/plain;version=1.0.0;q=0.9", true),
        ] {
            let accept = format!("{NAMED}{of_protobuf}{others}");
            assert_eq!(is_protobuf(&accept), expected, "{accept}");
        }
    }

    #[test]
    fn spelling_of_the_header_is_as_free_as_it_may_be() {
        for accept in [
            "text/plain;q=0.1\nApplication/Vnd.Google.Protobuf ; Encoding=\"delimited\" ; Proto=\"io.prometheus.client.MetricFamily\" ; Q=0.9",
            "application/vnd.google.protobuf;x=\"a,b;\\\"c\";proto=io.prometheus.client.MetricFamily;encoding=delimited",
            ",;,application/json;q=nonsense, application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;",
        ] {
            assert!(is_protobuf(accept), "{accept}");
        }
        assert!(!is_protobuf(&format!("{NAMED};q=2")));
    }
}
