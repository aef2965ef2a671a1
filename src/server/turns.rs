//! How many large answers are under way: each holds the numbers of all targets as they were at its beginning.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::connection::Connection;
use super::limits::Limits;
use super::protection::busy;
use super::turnstile::{Inside, Turnstile};

/// Further ones are told to come back.
const MOST_WAITING: usize = 32;

/// Those of one kind of answers.
#[derive(Clone)]
pub(super) struct Turns {
    kind: &'static str,
    turnstile: Arc<Turnstile>,
}

impl Turns {
    pub(super) fn new(kind: &'static str, limits: &Limits) -> Self {
        let turnstile = Turnstile::new(limits.large_answers, MOST_WAITING, Some(limits.large_answer_turn));
        Self { kind, turnstile }
    }
}

/// Answers once there is room for one more answer of the kind, and counts it for as long as it is there.
pub(super) async fn in_turn(
    State(turns): State<Turns>,
    Extension(connection): Extension<Arc<Connection>>,
    request: Request,
    next: Next,
) -> Response {
    match turns.turnstile.enter(&connection).await {
        Ok(inside) => next.run(request).await.map(|body| Body::new(Counted { body, _inside: inside })),
        Err(_crowded) => busy(format!("too many {} are under way\n", turns.kind)),
    }
}

struct Counted {
    body: Body,
    _inside: Inside,
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
