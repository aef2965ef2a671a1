//! Headers that protect whoever looks at an answer with a browser.

use std::collections::BTreeMap;

use axum::http::header::{REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::model::web::WebHeader;

/// On every answer that says nothing else: no guessing of types, no frames around it, no addresses told to others.
const USUAL: [(HeaderName, HeaderValue); 3] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("deny")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

/// What every answer carries.
#[derive(Debug, Default)]
pub(super) struct AnswerHeaders {
    /// Stand instead of what the answer has itself.
    configured: Vec<(HeaderName, HeaderValue)>,
}

impl AnswerHeaders {
    pub(super) fn of(configured: &BTreeMap<WebHeader, String>) -> Self {
        // The configuration takes no value that a header cannot carry.
        let header = |(header, value): (&WebHeader, &String)| {
            let name = HeaderName::from_bytes(header.as_str().as_bytes()).ok()?;
            Some((name, HeaderValue::from_str(value).ok()?))
        };
        Self { configured: configured.iter().filter_map(header).collect() }
    }

    pub(super) fn put_on(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.configured {
            headers.insert(name, value.clone());
        }
        for (name, value) in USUAL {
            headers.entry(name).or_insert(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::header::CONTENT_SECURITY_POLICY;

    use super::*;

    fn put_on(configured: &[(WebHeader, &str)], own: &[(HeaderName, &'static str)]) -> HeaderMap {
        let configured = configured.iter().map(|(header, value)| (*header, (*value).to_owned())).collect();
        let mut headers = own.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        AnswerHeaders::of(&configured).put_on(&mut headers);
        headers
    }

    fn values(headers: &HeaderMap, name: HeaderName) -> Vec<&str> {
        headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect()
    }

    #[test]
    fn usual_headers_are_on_every_answer_and_give_way_to_its_own() {
        let headers = put_on(&[], &[(X_FRAME_OPTIONS, "sameorigin"), (CONTENT_SECURITY_POLICY, "default-src 'none'")]);
        assert_eq!(values(&headers, X_CONTENT_TYPE_OPTIONS), ["nosniff"]);
        assert_eq!(values(&headers, REFERRER_POLICY), ["no-referrer"]);
        assert_eq!(values(&headers, X_FRAME_OPTIONS), ["sameorigin"]);
        assert_eq!(values(&headers, CONTENT_SECURITY_POLICY), ["default-src 'none'"]);
    }

    #[test]
    fn configured_headers_stand_instead_of_all_others() {
        let configured = WebHeader::ALL.map(|header| (header, "x"));
        let headers = put_on(&configured, &[(CONTENT_SECURITY_POLICY, "default-src 'none'")]);
        for header in WebHeader::ALL {
            let name = HeaderName::from_bytes(header.as_str().as_bytes()).expect("a name");
            assert_eq!(values(&headers, name), ["x"], "{header:?}");
        }
        assert_eq!(headers.len(), 6);
    }
}
