//! What is put on the wire: the token request (RFC 6749 §4.4.2) and the ping (RFC 6750 §2.1). Every header that
//! carries a secret is marked sensitive.

use std::mem;
use std::time::SystemTime;

use aws_lc_rs::error::Unspecified;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Request};
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::model::secret::{AccessToken, Secret};
use crate::model::target::{BasicEncoding, PingSettings, TokenSettings};

use super::assertion;
use super::credential::Proof;
use super::pool::ClientError;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const FORM: HeaderValue = HeaderValue::from_static("application/x-www-form-urlencoded");

/// Most have room in it; one that is longer leaves its beginning behind in memory as it grows.
const LONGEST_FORM: usize = 8 * 1024;

/// The token request as it is `now`, with the proof that the method needs; `tls` needs none here.
///
/// # Errors
/// When it cannot be signed.
pub(super) fn token(
    settings: &TokenSettings,
    proof: Option<&Proof<'_>>,
    now: SystemTime,
) -> Result<Request, Unspecified> {
    let mut request = Request::new(Method::POST, settings.endpoint.clone());
    let mut body = Zeroizing::new(String::with_capacity(LONGEST_FORM));
    let mut form = form_urlencoded::Serializer::new(&mut *body);
    form.append_pair("grant_type", "client_credentials");
    match proof {
        Some(Proof::Basic { secret, encoding }) => {
            let credentials = basic_credentials(&settings.client_id, secret, *encoding);
            request.headers_mut().insert(AUTHORIZATION, basic(&credentials));
        }
        Some(Proof::Post { secret }) => {
            form.append_pair("client_id", &settings.client_id).append_pair("client_secret", secret.expose());
        }
        Some(Proof::Assertion { signer, settings: about }) => {
            let assertion = assertion::sign(&settings.client_id, about, signer, now)?;
            // The id is not needed beside it (RFC 7521 §4.2), but some servers look the client up by it.
            form.append_pair("client_id", &settings.client_id)
                .append_pair("client_assertion_type", assertion::TYPE)
                .append_pair("client_assertion", &assertion);
        }
        // The connection proves it (RFC 8705 §2).
        None => {
            form.append_pair("client_id", &settings.client_id);
        }
    }
    if !settings.scopes.is_empty() {
        form.append_pair("scope", &settings.scopes.join(" "));
    }
    for (name, value) in &settings.params {
        form.append_pair(name, value.expose());
    }
    request.headers_mut().insert(ACCEPT, JSON);
    request.headers_mut().insert(CONTENT_TYPE, FORM);
    *request.body_mut() = Some(zeroed_when_sent(mem::take(&mut *body).into_bytes()).into());
    Ok(request)
}

/// Lets go of memory only once it is cleared.
fn zeroed_when_sent(secret: Vec<u8>) -> Bytes {
    Bytes::from_owner(Zeroizing::new(secret))
}

/// A ping without its token, made once.
pub(super) fn ping_template(settings: &PingSettings) -> Result<Request, ClientError> {
    let method = settings.method.parse().map_err(|_invalid| ClientError::Invalid("ping.method is no HTTP method"))?;
    let mut request = Request::new(method, settings.endpoint.clone());
    request.headers_mut().insert(ACCEPT, JSON);
    for (name, value) in &settings.headers {
        let (name, value) = header(name, value).ok_or(ClientError::Invalid("ping.headers has an invalid header"))?;
        request.headers_mut().insert(name, value);
    }
    Ok(request)
}

/// The ping with its token.
pub(super) fn ping(template: &Request, token: &AccessToken) -> Request {
    call(template, Some(bearer(token)))
}

/// The ping with an API key in place of the token: HTTP Basic, the key as user, no password.
pub(super) fn ping_with_api_key(template: &Request, key: &Secret) -> Request {
    let credentials = Zeroizing::new(format!("{}:", key.expose()));
    call(template, Some(basic(&credentials)))
}

/// The ping with nothing in place of the token.
pub(super) fn ping_without_token(template: &Request) -> Request {
    call(template, None)
}

fn call(template: &Request, authorization: Option<HeaderValue>) -> Request {
    let mut request = Request::new(template.method().clone(), template.url().clone());
    request.headers_mut().clone_from(template.headers());
    if let Some(authorization) = authorization {
        request.headers_mut().insert(AUTHORIZATION, authorization);
    }
    request
}

/// An `Authorization: Basic` value (RFC 7617 §2) for `user:password`.
pub(super) fn basic(credentials: &str) -> HeaderValue {
    let encoded = Zeroizing::new(STANDARD.encode(credentials));
    sensitive(&["Basic ", &encoded]).expect("Base64 is visible ASCII")
}

fn bearer(token: &AccessToken) -> HeaderValue {
    sensitive(&["Bearer ", token.secret().expose()]).expect("access tokens are visible ASCII")
}

fn basic_credentials(client_id: &str, secret: &Secret, encoding: BasicEncoding) -> Zeroizing<String> {
    // A string that grows leaves its beginning behind. Percent signs make three bytes of one.
    let mut credentials = Zeroizing::new(String::with_capacity(3 * (client_id.len() + secret.expose().len()) + 1));
    let push = |text: &str, credentials: &mut String| match encoding {
        BasicEncoding::Raw => credentials.push_str(text),
        // A space as `%20` and not as `+`: every decoder of forms reads both, and some servers decode percent signs
        // only.
        BasicEncoding::Form => {
            credentials.extend(form_urlencoded::byte_serialize(text.as_bytes()).map(|piece| match piece {
                "+" => "%20",
                piece => piece,
            }));
        }
    };
    push(client_id, &mut credentials);
    credentials.push(':');
    push(secret.expose(), &mut credentials);
    credentials
}

/// A header's value of these parts, which nothing shows. `None` if they cannot stand in one.
fn sensitive(parts: &[&str]) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_maybe_shared(zeroed_when_sent(parts.concat().into_bytes())).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn header(name: &str, value: &Secret) -> Option<(HeaderName, HeaderValue)> {
    Some((name.parse().ok()?, sensitive(&[value.expose()])?))
}

/// One of the two headers of an answer that are read: `Retry-After` and `Date`.
pub(super) fn answer_header(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn basic_credentials_are_form_encoded_or_left_raw() {
        let secret = Secret::new("p+a s:s/w%ö&=".to_owned());
        assert_eq!(
            *basic_credentials("my id", &secret, BasicEncoding::Form),
            "my%20id:p%2Ba%20s%3As%2Fw%25%C3%B6%26%3D"
        );
        assert_eq!(*basic_credentials("my id", &secret, BasicEncoding::Raw), "my id:p+a s:s/w%ö&=");
    }

    #[test]
    fn headers_that_carry_secrets_are_marked_sensitive() {
        let token = AccessToken::parse("abc=".to_owned()).expect("a token");
        assert_eq!(bearer(&token), "Bearer abc=");
        assert!(bearer(&token).is_sensitive());
        assert!(basic("a:b").is_sensitive());
    }
}
