//! The API: one call behind a bearer token (RFC 6750).

use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, Method, StatusCode};
use hyper::body::Incoming;
use serde_json::json;

use super::answer::{Answer, Reply};
use super::fault::{Fault, Server, answer_under};
use super::journal::{Event, Refusal};
use super::settings::PING_PATH;
use super::state::State;

/// Answers whatever comes to the API.
pub(super) async fn handle(state: &State, request: hyper::Request<Incoming>) -> Reply {
    let token = bearer(request.headers());
    let client = token.and_then(|token| state.owner(token));
    let path = request.uri().path();
    if path == PING_PATH {
        state.record(client, Event::PingRequested);
    }
    let faults = state.faults(Server::Api, client);
    let usual = || match (request.method(), path) {
        (&Method::GET, PING_PATH) => ping(state, client, token, &faults),
        (_, PING_PATH) => Answer::status_at(StatusCode::METHOD_NOT_ALLOWED, path),
        _ => Answer::status_at(StatusCode::NOT_FOUND, path),
    };
    answer_under(&faults, usual).await
}

fn ping(state: &State, client: Option<usize>, token: Option<&str>, faults: &[Fault]) -> Answer {
    let checked = match token {
        None => Err(Refusal::Missing),
        Some(_) if faults.contains(&Fault::RefuseTokens) => Err(Refusal::Simulated),
        Some(token) => state.check(token),
    };
    match checked {
        Ok(()) => {
            state.record(client, Event::PingAccepted);
            Answer::json(StatusCode::OK, json!({"info": "pong", "status": 1}))
        }
        Err(refusal) => {
            state.record(client, Event::PingRefused(refusal));
            token.map_or_else(unauthenticated, Answer::invalid_token)
        }
    }
}

/// RFC 6750 §3.1: without a token there is no error code to give.
fn unauthenticated() -> Answer {
    Answer::status_at(StatusCode::UNAUTHORIZED, PING_PATH)
        .with_header(WWW_AUTHENTICATE, r#"Bearer realm="oauth2/resource""#)
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
