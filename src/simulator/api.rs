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

/// What a call shows.
#[derive(Clone, Copy)]
enum Shown<'a> {
    Nothing,
    Token(&'a str),
    /// The client whose key it is.
    ApiKey(usize),
}

/// Answers whatever comes to the API.
pub(super) async fn handle(state: &State, request: hyper::Request<Incoming>) -> Reply {
    let shown = shown(state, request.headers());
    let client = match shown {
        Shown::Nothing => None,
        Shown::Token(token) => state.owner(token),
        Shown::ApiKey(client) => Some(client),
    };
    // What a client counts of its own pings are those with a token.
    let counted_for = if matches!(shown, Shown::Token(_)) { client } else { None };
    let path = request.uri().path();
    if path == PING_PATH {
        state.record(counted_for, Event::PingRequested);
    }
    let faults = state.faults(Server::Api, client);
    let usual = || match (request.method(), path) {
        (&Method::GET, PING_PATH) => {
            let checked = check(state, shown, &faults);
            state.record(counted_for, checked.map_or_else(Event::PingRefused, |()| Event::PingAccepted));
            answer(checked, shown)
        }
        (_, PING_PATH) => Answer::status_at(StatusCode::METHOD_NOT_ALLOWED, path),
        _ => Answer::status_at(StatusCode::NOT_FOUND, path),
    };
    answer_under(&faults, usual).await
}

fn check(state: &State, shown: Shown<'_>, faults: &[Fault]) -> Result<(), Refusal> {
    match shown {
        Shown::Nothing if faults.contains(&Fault::AcceptNoToken) => Ok(()),
        Shown::Nothing => Err(Refusal::Missing),
        Shown::Token(_) if faults.contains(&Fault::RefuseTokens) => Err(Refusal::Simulated),
        Shown::Token(_) if faults.contains(&Fault::AcceptAnyToken) => Ok(()),
        Shown::Token(token) => state.check(token),
        Shown::ApiKey(_) => Ok(()),
    }
}

fn answer(checked: Result<(), Refusal>, shown: Shown<'_>) -> Answer {
    match (checked, shown) {
        (Ok(()), _) => Answer::json(StatusCode::OK, json!({"info": "pong", "status": 1})),
        (Err(_), Shown::Token(token)) => Answer::invalid_token(token),
        (Err(_), Shown::Nothing | Shown::ApiKey(_)) => unauthenticated(),
    }
}

/// RFC 6750 §3.1: without a token there is no error code to give.
fn unauthenticated() -> Answer {
    Answer::status_at(StatusCode::UNAUTHORIZED, PING_PATH)
        .with_header(WWW_AUTHENTICATE, r#"Bearer realm="oauth2/resource""#)
}

/// An API key that nobody has is as good as nothing.
fn shown<'a>(state: &State, headers: &'a HeaderMap) -> Shown<'a> {
    let credentials = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.split_once(' '));
    match credentials {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Shown::Token(token.trim()),
        Some((scheme, encoded)) if scheme.eq_ignore_ascii_case("basic") => {
            state.key_owner(encoded.trim()).map_or(Shown::Nothing, Shown::ApiKey)
        }
        _ => Shown::Nothing,
    }
}
