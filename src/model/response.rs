//! What an HTTP answer means: status first, body second, and of a body's text only the codes that RFC 6749 §5.2 knows.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::fault::Reason;
use super::lifetime::parse_expires_in;
use super::secret::AccessToken;
use super::target::Expectation;
use super::time::unix_seconds;

/// A successful answer of the token endpoint (RFC 6749 §5.1).
#[derive(Clone, PartialEq, Eq)]
pub struct TokenAnswer {
    /// The token.
    pub access_token: AccessToken,
    /// Its lifetime in the server's words; `None`: not stated.
    pub expires_in: Option<Duration>,
    /// The granted scopes; `None`: as requested (RFC 6749 §5.1).
    pub scopes: Option<Vec<String>>,
}

/// Scopes are a server's text, which can contain anything.
impl fmt::Debug for TokenAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { access_token, expires_in, scopes } = self;
        f.debug_struct("TokenAnswer")
            .field("access_token", access_token)
            .field("expires_in", expires_in)
            .field("scopes", &scopes.as_ref().map(Vec::len))
            .finish()
    }
}

/// The fields of RFC 6749 §5.1 and §5.2. Untyped, so that one odd field does not hide what the others say.
#[derive(Deserialize)]
struct TokenBody<'a> {
    access_token: Option<Value>,
    token_type: Option<Value>,
    /// As it was written: not every number that JSON can write fits a [`Value`].
    #[serde(borrow)]
    expires_in: Option<&'a RawValue>,
    scope: Option<Value>,
    error: Option<Value>,
}

/// Judges an answer of the token endpoint.
///
/// # Errors
/// The reason why this answer gives no token to use.
pub fn judge_token(status: u16, body: &[u8]) -> Result<TokenAnswer, Reason> {
    let parsed: Option<TokenBody<'_>> = serde_json::from_slice(body).ok();
    let known_error = parsed.as_ref().and_then(known_error);
    match status {
        200 => match parsed {
            Some(TokenBody { access_token: None | Some(Value::Null), .. }) | None => {
                Err(known_error.unwrap_or(Reason::BadResponse))
            }
            Some(fields) => read_token(fields),
        },
        400 => Err(known_error.unwrap_or(Reason::BadRequest)),
        401 => Err(known_error.unwrap_or(Reason::InvalidClient)),
        other => Err(judge_status(other)),
    }
}

/// Judges an answer of the API. The expected status is tested before anything else.
///
/// # Errors
/// The reason why this is not the expected answer.
pub fn judge_ping(status: u16, body: &[u8], expect: &Expectation) -> Result<(), Reason> {
    if !expect.status.contains(&status) {
        return Err(if status == 401 { Reason::TokenRejected } else { judge_status(status) });
    }
    if expect.json.is_empty() {
        return Ok(());
    }
    let parsed: Value = serde_json::from_slice(body).map_err(|_not_json| Reason::BadResponse)?;
    let as_expected =
        expect.json.iter().all(|(pointer, wanted)| parsed.pointer(pointer).is_some_and(|found| equal(found, wanted)));
    if as_expected { Ok(()) } else { Err(Reason::UnexpectedBody) }
}

/// Reads `Retry-After`: seconds or an HTTP date (RFC 9110 §10.2.3).
#[must_use]
pub fn parse_retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// By how many seconds the server's clock is ahead of ours, from its `Date` (RFC 9110 §6.6.1) and the moment by our
/// clock at which the answer was made, as well as we know it.
///
/// A `Date` is cut to whole seconds, so half a second is added on average: the result is good to half a second.
#[must_use]
pub fn clock_skew(date: &str, made: SystemTime) -> Option<f64> {
    let date = httpdate::parse_http_date(date.trim()).ok()?;
    Some(unix_seconds(date) + 0.5 - unix_seconds(made))
}

fn read_token(fields: TokenBody<'_>) -> Result<TokenAnswer, Reason> {
    let Some(Value::String(access_token)) = fields.access_token else { return Err(Reason::BadResponse) };
    let access_token = AccessToken::parse(access_token).ok_or(Reason::BadResponse)?;
    match fields.token_type {
        // RFC 6749 §5.1 requires it and says that its case does not matter; the guide's own example leaves it out.
        None | Some(Value::Null) => {}
        Some(Value::String(kind)) if kind.eq_ignore_ascii_case("bearer") => {}
        Some(_) => return Err(Reason::BadResponse),
    }
    let expires_in = parse_expires_in(fields.expires_in.map(RawValue::get)).map_err(|_invalid| Reason::BadResponse)?;
    Ok(TokenAnswer { access_token, expires_in, scopes: fields.scope.as_ref().and_then(read_scopes) })
}

/// A space-separated string (RFC 6749 §3.3), or the list that some servers send.
fn read_scopes(scope: &Value) -> Option<Vec<String>> {
    match scope {
        Value::String(text) => Some(text.split_ascii_whitespace().map(str::to_owned).collect()),
        Value::Array(items) => Some(items.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        _ => None,
    }
}

fn known_error(fields: &TokenBody<'_>) -> Option<Reason> {
    match fields.error.as_ref()?.as_str()? {
        "invalid_client" => Some(Reason::InvalidClient),
        "unauthorized_client" => Some(Reason::UnauthorizedClient),
        "invalid_scope" => Some(Reason::InvalidScope),
        "unsupported_grant_type" => Some(Reason::UnsupportedGrantType),
        "invalid_request" | "invalid_grant" => Some(Reason::BadRequest),
        _ => None,
    }
}

const fn judge_status(status: u16) -> Reason {
    match status {
        // Only a proxy may ask for this (RFC 9110 §15.5.8).
        407 => Reason::Proxy,
        300..=399 => Reason::Redirected,
        429 => Reason::RateLimited,
        500..=599 => Reason::ServerError,
        403 => Reason::Forbidden,
        _ => Reason::UnexpectedStatus,
    }
}

/// Equality of JSON values in which `1` and `1.0` are the same number.
fn equal(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Number(found), Value::Number(wanted)) => found == wanted || found.as_f64() == wanted.as_f64(),
        _ => found == wanted,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::super::lifetime::LONGEST_LIFETIME;
    use super::*;

    fn pong() -> Expectation {
        Expectation {
            status: vec![200],
            json: Arc::new([("/status".to_owned(), json!(1)), ("/info".to_owned(), json!("pong"))].into()),
        }
    }

    #[test]
    fn token_answer_is_read_with_unknown_fields_ignored() {
        let body = br#"{"access_token":"a/b+c==","token_type":"bEaReR","expires_in":"60","scope":"one two","x":{}}"#;
        let answer = judge_token(200, body).expect("a good answer");
        assert_eq!(answer.access_token.secret().expose(), "a/b+c==");
        assert_eq!(answer.expires_in, Some(Duration::from_secs(60)));
        assert_eq!(answer.scopes, Some(vec!["one".to_owned(), "two".to_owned()]));
    }

    #[test]
    fn token_answer_that_cannot_be_used_is_a_bad_response() {
        for body in [
            "<html>login</html>",
            "",
            "[]",
            r#"{"token":"x"}"#,
            r#"{"access_token":7}"#,
            r#"{"access_token":""}"#,
            r#"{"access_token":"a b"}"#,
            r#"{"access_token":"x","token_type":"mac"}"#,
            r#"{"access_token":"x","expires_in":-1}"#,
            r#"{"error":"something else"}"#,
        ] {
            assert_eq!(judge_token(200, body.as_bytes()), Err(Reason::BadResponse), "{body}");
        }
    }

    #[test]
    fn token_errors_are_judged_by_status_first_and_known_code_second() {
        let judged = |status, body: &str| judge_token(status, body.as_bytes()).expect_err("a failure");
        assert_eq!(judged(401, r#"{"error":"Unauthorized","status":401}"#), Reason::InvalidClient);
        assert_eq!(judged(401, r#"{"error":"invalid_client"}"#), Reason::InvalidClient);
        assert_eq!(judged(401, r#"{"error":"unauthorized_client"}"#), Reason::UnauthorizedClient);
        assert_eq!(judged(400, r#"{"error":"invalid_client"}"#), Reason::InvalidClient);
        assert_eq!(judged(400, r#"{"error":"invalid_scope"}"#), Reason::InvalidScope);
        assert_eq!(judged(400, r#"{"error":"unsupported_grant_type"}"#), Reason::UnsupportedGrantType);
        assert_eq!(judged(400, r#"{"error":"invalid_request"}"#), Reason::BadRequest);
        assert_eq!(judged(400, "no json"), Reason::BadRequest);
        assert_eq!(judged(200, r#"{"error":"invalid_client"}"#), Reason::InvalidClient);
        assert_eq!(judged(500, r#"{"error":"invalid_client"}"#), Reason::ServerError);
        assert_eq!(judged(403, r#"{"error":"invalid_client"}"#), Reason::Forbidden);
        assert_eq!(judged(404, ""), Reason::UnexpectedStatus);
        assert_eq!(judged(201, r#"{"access_token":"x"}"#), Reason::UnexpectedStatus);
        assert_eq!(judged(302, ""), Reason::Redirected);
        assert_eq!(judged(429, ""), Reason::RateLimited);
        assert_eq!(judged(407, ""), Reason::Proxy);
    }

    #[test]
    fn ping_is_judged_by_status_and_pointers() {
        let judged = |status, body: &str| judge_ping(status, body.as_bytes(), &pong());
        assert_eq!(judged(200, r#"{"info":"pong","status":1,"more":[]}"#), Ok(()));
        assert_eq!(judged(200, r#"{"info":"pong","status":1.0}"#), Ok(()));
        assert_eq!(judged(200, r#"{"info":"pong","status":0}"#), Err(Reason::UnexpectedBody));
        assert_eq!(judged(200, r#"{"info":"pong"}"#), Err(Reason::UnexpectedBody));
        assert_eq!(judged(200, "<html>"), Err(Reason::BadResponse));
        assert_eq!(judged(401, ""), Err(Reason::TokenRejected));
        assert_eq!(judged(403, ""), Err(Reason::Forbidden));
        assert_eq!(judged(400, ""), Err(Reason::UnexpectedStatus));
        assert_eq!(judged(503, ""), Err(Reason::ServerError));
    }

    #[test]
    fn expected_status_is_tested_before_any_other_meaning() {
        let expect = Expectation { status: vec![401, 503], json: Arc::default() };
        assert_eq!(judge_ping(503, b"down", &expect), Ok(()));
        assert_eq!(judge_ping(401, b"", &expect), Ok(()));
        assert_eq!(judge_ping(200, b"", &expect), Err(Reason::UnexpectedStatus));
    }

    #[test]
    fn clock_skew_is_good_to_half_a_second() {
        let made = |millis: u64| SystemTime::UNIX_EPOCH + Duration::from_millis(784_111_777_000 + millis);
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(clock_skew(date, made(0)), Some(0.5));
        assert_eq!(clock_skew(date, made(500)), Some(0.0));
        assert_eq!(clock_skew(date, made(60_500)), Some(-60.0));
        assert_eq!(clock_skew("yesterday", made(0)), None);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(parse_retry_after("120", now), Some(Duration::from_secs(120)));
        assert_eq!(parse_retry_after("Sun, 06 Nov 1994 08:50:07 GMT", now), Some(Duration::from_secs(30)));
        assert_eq!(parse_retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(parse_retry_after("99999999999999999999999", now), Some(Duration::from_secs(u64::MAX)));
        assert_eq!(parse_retry_after(" 120 ", now), Some(Duration::from_secs(120)));
        assert_eq!(parse_retry_after(" Sun, 06 Nov 1994 08:50:07 GMT ", now), Some(Duration::from_secs(30)));
        assert_eq!(parse_retry_after(" ", now), None);
        assert_eq!(parse_retry_after("soon", now), None);
        assert_eq!(parse_retry_after("", now), None);
    }

    #[test]
    fn token_type_may_be_left_out() {
        for body in [r#"{"access_token":"x"}"#, r#"{"access_token":"x","token_type":null}"#] {
            assert!(judge_token(200, body.as_bytes()).is_ok(), "{body}");
        }
        assert_eq!(judge_token(200, br#"{"access_token":"x","token_type":1}"#), Err(Reason::BadResponse));
    }

    #[test]
    fn scope_is_text_or_a_list_of_text() {
        let scopes = |scope: &str| {
            let body = format!(r#"{{"access_token":"x","scope":{scope}}}"#);
            judge_token(200, body.as_bytes()).expect("a good answer").scopes.map(|scopes| scopes.join(","))
        };
        for (scope, read) in [
            (r#"" one  two ""#, Some("one,two")),
            (r#"["one","two"]"#, Some("one,two")),
            (r#"["one",2]"#, Some("one")),
            ("[]", Some("")),
            ("null", None),
            ("7", None),
        ] {
            assert_eq!(scopes(scope).as_deref(), read, "{scope}");
        }
    }

    #[test]
    fn a_known_code_is_known_at_either_status() {
        for (code, reason) in [
            ("invalid_request", Reason::BadRequest),
            ("invalid_grant", Reason::BadRequest),
            ("invalid_client", Reason::InvalidClient),
            ("unauthorized_client", Reason::UnauthorizedClient),
            ("invalid_scope", Reason::InvalidScope),
            ("unsupported_grant_type", Reason::UnsupportedGrantType),
        ] {
            for status in [200, 400, 401] {
                let body = format!(r#"{{"error":"{code}"}}"#);
                assert_eq!(judge_token(status, body.as_bytes()), Err(reason), "{status} {code}");
            }
        }
    }

    #[test]
    fn lifetime_that_no_number_type_holds_is_clamped() {
        for number in ["1e400", "1.5e400", &"9".repeat(400)] {
            let body = format!(r#"{{"access_token":"x","expires_in":{number}}}"#);
            let answer = judge_token(200, body.as_bytes()).expect("a good answer");
            assert_eq!(answer.expires_in, Some(LONGEST_LIFETIME), "{number}");
        }
        for odd in ["-1e400", "[1e400]", r#""1e400""#, r#""\ud800""#] {
            let body = format!(r#"{{"access_token":"x","expires_in":{odd}}}"#);
            assert_eq!(judge_token(200, body.as_bytes()), Err(Reason::BadResponse), "{odd}");
        }
    }
}
