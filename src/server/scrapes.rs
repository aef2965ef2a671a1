//! How many scrapes are under way: each holds the numbers of all targets as they were at its beginning.

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
use super::protection::busy;
use super::turnstile::{Inside, Turnstile};

/// Answers once there is room for one more large answer, and counts it until its last piece was made.
pub(super) async fn in_turn(
    State(turnstile): State<Arc<Turnstile>>,
    Extension(connection): Extension<Arc<Connection>>,
    request: Request,
    next: Next,
) -> Response {
    match turnstile.enter(&connection).await {
        Ok(inside) => next.run(request).await.map(|body| Body::new(Counted { body, _inside: inside })),
        Err(_crowded) => busy("too many scrapes are under way\n"),
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
