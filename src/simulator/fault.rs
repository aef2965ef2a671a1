//! What can be wrong with a server, for everyone or for one client, and the board on which that is switched.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use axum::http::StatusCode;
use axum::http::header::{LOCATION, RETRY_AFTER};
use bytes::Bytes;
use serde_json::Value;

use super::answer::{Answer, Delivery, Ending, LastWords, Reply};
use super::lock;

/// One over the mebibyte that the exporter reads of a body.
const TOO_LONG: usize = 1024 * 1024 + 1;

/// Which of the two servers is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Server {
    /// Issues tokens.
    Authorization,
    /// Answers pings.
    Api,
}

/// Who notices a fault.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Whom {
    /// Every client, and requests that belong to none.
    Everyone,
    /// The client with this id.
    Client(String),
}

impl Whom {
    /// The client with this id.
    #[must_use]
    pub fn client(id: &str) -> Self {
        Self::Client(id.to_owned())
    }
}

/// Something wrong with a server. Several at once add up: all delays, then the first one that replaces the answer,
/// then all patches, then the last one that mangles the delivery.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// Everything happens this much later.
    Delay(Duration),
    /// The request is read and never answered.
    Hang,
    /// The connection is closed without an answer.
    Close,
    /// The connection is reset without an answer.
    Reset,
    /// What comes back is not HTTP.
    Garbage,
    /// This instead of the usual answer; no token is issued, no credential looked at.
    Answer(Answer),
    /// Members of a good JSON answer are overwritten; `null` removes one.
    Patch(Value),
    /// The connection is closed in the middle of the body.
    CutBody,
    /// The body stops in the middle, and the connection stays open.
    StallBody,
    /// The second half of the body comes this much after the first.
    LateBody(Duration),
    /// The authorization server takes every secret for a wrong one.
    RefuseSecret,
    /// The API takes every token for an invalid one, however new.
    RefuseTokens,
    /// The API answers calls that show no credential at all. They belong to no client: this is a fault for everyone.
    AcceptNoToken,
    /// The API takes every bearer token for a good one, for everyone.
    AcceptAnyToken,
}

impl Fault {
    /// A status, with Spring Boot's error body.
    #[must_use]
    pub fn status(status: StatusCode) -> Self {
        Self::Answer(Answer::status(status))
    }

    /// A status with an error code of RFC 6749 §5.2.
    #[must_use]
    pub fn oauth_error(status: StatusCode, code: &str) -> Self {
        Self::Answer(Answer::oauth_error(status, code))
    }

    /// 429 with `Retry-After`, as seconds or as a date.
    #[must_use]
    pub fn rate_limited(retry_after: &str) -> Self {
        Self::Answer(Answer::status(StatusCode::TOO_MANY_REQUESTS).with_header(RETRY_AFTER, retry_after))
    }

    /// 302 to another place.
    #[must_use]
    pub fn redirect(location: &str) -> Self {
        Self::Answer(Answer::status(StatusCode::FOUND).with_header(LOCATION, location))
    }

    /// A login page with status 200, as a proxy in front of a server sends one.
    #[must_use]
    pub fn login_page() -> Self {
        let page = "<!doctype html><title>Sign in</title><form method=post><input name=user></form>";
        Self::Answer(Answer::text(StatusCode::OK, "text/html;charset=UTF-8", page))
    }

    /// Valid JSON of more than a mebibyte.
    #[must_use]
    pub fn too_long() -> Self {
        let body = format!("\"{}\"", "x".repeat(TOO_LONG));
        Self::Answer(Answer::text(StatusCode::OK, "application/json", body))
    }
}

/// What `faults` make of an answer; `usual` is asked for one only if none of them replaces it.
pub(super) async fn answer_under(faults: &[Fault], usual: impl FnOnce() -> Answer) -> Reply {
    let delays = faults.iter().filter_map(|fault| if let Fault::Delay(delay) = fault { Some(*delay) } else { None });
    let delay: Duration = delays.sum();
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let mut replaced = None;
    for fault in faults {
        match fault {
            Fault::Hang => std::future::pending().await,
            Fault::Close => return last_words("", Ending::Close),
            Fault::Reset => return last_words("", Ending::Reset),
            Fault::Garbage => return last_words("SSH-2.0-OpenSSH_9.9\r\n", Ending::Close),
            Fault::Answer(answer) => {
                replaced = Some(answer.clone());
                break;
            }
            _ => {}
        }
    }
    let mut answer = replaced.unwrap_or_else(usual);
    let mut delivery = Delivery::Whole;
    for fault in faults {
        match fault {
            Fault::Patch(patch) if answer.status.is_success() => answer.patch(patch),
            Fault::CutBody => delivery = Delivery::Cut,
            Fault::StallBody => delivery = Delivery::Stalled,
            Fault::LateBody(pause) => delivery = Delivery::Late(*pause),
            _ => {}
        }
    }
    delivery.of(answer)
}

fn last_words(bytes: &'static str, then: Ending) -> Reply {
    Reply::Raw(LastWords { bytes: Bytes::from_static(bytes.as_bytes()), then })
}

/// Which faults there are now.
#[derive(Debug, Default)]
pub(super) struct Switchboard(Mutex<HashMap<(Server, Whom), Vec<Fault>>>);

impl Switchboard {
    /// Replaces the faults of one server towards `whom`.
    pub(super) fn set(&self, server: Server, whom: Whom, faults: Vec<Fault>) {
        lock(&self.0).insert((server, whom), faults);
    }

    /// Ends every fault.
    pub(super) fn clear(&self) {
        lock(&self.0).clear();
    }

    /// What `client` notices at a server: its own faults first, then everyone's.
    pub(super) fn at(&self, server: Server, client: Option<&str>) -> Vec<Fault> {
        let board = lock(&self.0);
        let own = client.and_then(|id| board.get(&(server, Whom::client(id))));
        own.into_iter().chain(board.get(&(server, Whom::Everyone))).flatten().cloned().collect()
    }
}
