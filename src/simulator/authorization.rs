//! The authorization server: client authentication and the client-credentials grant (RFC 6749 §2.3 and §4.4).

use std::collections::HashMap;

use axum::body::{Body, to_bytes};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, Method, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Incoming;
use serde_json::json;

use super::answer::{Answer, Reply};
use super::fault::{Fault, Server, answer_under};
use super::journal::Event;
use super::settings::{BasicDecoding, TOKEN_PATH, UnauthorizedBody};
use super::state::State;
use super::tokens::Kind;

/// No honest token request is longer.
const LONGEST_REQUEST: usize = 64 * 1024;

type Form = HashMap<String, String>;

/// A client id and a secret, not verified.
struct Credentials {
    id: String,
    secret: String,
}

/// Why there are no credentials to verify.
enum NoCredentials {
    Missing,
    /// RFC 6749 §2.3: one authentication method per request.
    Twice,
}

/// Answers whatever comes to the authorization server.
pub(super) async fn handle(state: &State, request: hyper::Request<Incoming>) -> Reply {
    let (head, body) = request.into_parts();
    // A body that cannot be read is treated as an empty form, which is refused below.
    let body = to_bytes(Body::new(body), LONGEST_REQUEST).await.unwrap_or_default();
    let form = read_form(&head.headers, &body);
    let credentials = credentials(&head.headers, &form, state.settings.basic);
    let client = credentials.as_ref().ok().and_then(|claimed| state.client(&claimed.id));
    if head.uri.path() == TOKEN_PATH {
        state.record(client, Event::TokenRequested);
    }
    let faults = state.faults(Server::Authorization, client);
    let usual = || match (&head.method, head.uri.path()) {
        (&Method::POST, TOKEN_PATH) => token(state, client, credentials, &form, &faults),
        (_, TOKEN_PATH) => Answer::status_at(StatusCode::METHOD_NOT_ALLOWED, TOKEN_PATH),
        (_, path) => Answer::status_at(StatusCode::NOT_FOUND, path),
    };
    answer_under(&faults, usual).await
}

fn token(
    state: &State,
    client: Option<usize>,
    credentials: Result<Credentials, NoCredentials>,
    form: &Form,
    faults: &[Fault],
) -> Answer {
    let credentials = match credentials {
        Ok(credentials) => credentials,
        Err(NoCredentials::Missing) => return unauthorized(state, client),
        Err(NoCredentials::Twice) => return Answer::oauth_error(StatusCode::BAD_REQUEST, "invalid_request"),
    };
    let refused = faults.contains(&Fault::RefuseSecret);
    match client {
        Some(client) if !refused && state.is_secret(client, &credentials.secret) => grant(state, client, form),
        _ => unauthorized(state, client),
    }
}

fn grant(state: &State, client: usize, form: &Form) -> Answer {
    match form.get("grant_type").map(String::as_str) {
        None => return Answer::oauth_error(StatusCode::BAD_REQUEST, "invalid_request"),
        Some("client_credentials") => {}
        Some(_) => return Answer::oauth_error(StatusCode::BAD_REQUEST, "unsupported_grant_type"),
    }
    let settings = state.client_settings(client);
    let scope = match form.get("scope") {
        None => settings.scopes.join(" "),
        Some(asked) if asked.split(' ').all(|scope| settings.scopes.iter().any(|known| known == scope)) => {
            asked.clone()
        }
        Some(_) => return Answer::oauth_error(StatusCode::BAD_REQUEST, "invalid_scope"),
    };
    let issued = state.issue(client);
    state.record(
        Some(client),
        match issued.kind {
            Kind::New => Event::TokenIssued,
            Kind::Again => Event::TokenReissued,
        },
    );
    let mut body = json!({"access_token": issued.value, "token_type": "Bearer", "scope": scope});
    if let Some(expires_in) = settings.expires_in.render(issued.remaining) {
        body["expires_in"] = expires_in;
    }
    Answer::json(StatusCode::OK, body).with_header(CACHE_CONTROL, "no-store")
}

fn unauthorized(state: &State, client: Option<usize>) -> Answer {
    state.record(client, Event::BadCredentials);
    let answer = match state.settings.unauthorized {
        UnauthorizedBody::Boot => Answer::status_at(StatusCode::UNAUTHORIZED, TOKEN_PATH),
        UnauthorizedBody::Rfc => Answer::oauth_error(StatusCode::UNAUTHORIZED, "invalid_client"),
    };
    answer.with_header(WWW_AUTHENTICATE, r#"Basic realm="oauth2/client""#)
}

/// The parameters, if the body says that it is a form; of a repeated one the last counts.
fn read_form(headers: &HeaderMap, body: &[u8]) -> Form {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if content_type.starts_with("application/x-www-form-urlencoded") {
        url::form_urlencoded::parse(body).into_owned().collect()
    } else {
        Form::new()
    }
}

fn credentials(headers: &HeaderMap, form: &Form, decoding: BasicDecoding) -> Result<Credentials, NoCredentials> {
    let posted = form.get("client_id").zip(form.get("client_secret"));
    match (basic(headers, decoding), posted) {
        (Some(_), Some(_)) => Err(NoCredentials::Twice),
        (Some(credentials), None) => Ok(credentials),
        (None, Some((id, secret))) => Ok(Credentials { id: id.clone(), secret: secret.clone() }),
        (None, None) => Err(NoCredentials::Missing),
    }
}

fn basic(headers: &HeaderMap, decoding: BasicDecoding) -> Option<Credentials> {
    let (scheme, encoded) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    let half = |text: &str| match decoding {
        BasicDecoding::Raw => text.to_owned(),
        BasicDecoding::Form => {
            let spaced = text.replace('+', " ");
            percent_encoding::percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
        }
    };
    Some(Credentials { id: half(id), secret: half(secret) })
}
