//! How many large answers are under way: each holds the numbers of all targets as they were at its beginning.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::MethodRouter;
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::App;
use super::aside::aside;
use super::body::compression;
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

    /// Has answers of `route` wait for their turn. They are compressed while they are sent.
    pub(super) fn around(&self, route: MethodRouter<Arc<App>>) -> MethodRouter<Arc<App>> {
        route.route_layer(compression()).route_layer(from_fn_with_state(self.clone(), in_turn))
    }
}

/// A turn, which lasts until the answer has ended and everything that was given this has, too: what computes in another
/// thread goes on when the client has gone, and still takes its part of the machine.
#[derive(Clone)]
pub(super) struct Turn {
    _inside: Arc<Inside>,
}

impl Turn {
    /// What `work` gives, done beside the threads on which probes wait. The turn lasts as long as that takes.
    pub(super) async fn aside<T: Send + 'static>(self, work: impl FnOnce() -> T + Send + 'static) -> T {
        aside(move || {
            let made = work();
            drop(self);
            made
        })
        .await
    }
}

/// Answers once there is room for one more answer of the kind, and counts it for as long as it is there.
async fn in_turn(
    State(turns): State<Turns>,
    Extension(connection): Extension<Arc<Connection>>,
    mut request: Request,
    next: Next,
) -> Response {
    match turns.turnstile.enter(&connection).await {
        Ok(inside) => {
            let turn = Turn { _inside: Arc::new(inside) };
            request.extensions_mut().insert(turn.clone());
            next.run(request).await.map(|body| Body::new(Counted { body, _turn: turn }))
        }
        Err(_crowded) => busy(format!("too many {} are under way\n", turns.kind)),
    }
}

struct Counted {
    body: Body,
    _turn: Turn,
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

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;
    use tokio::sync::mpsc;
    use tower::ServiceExt as _;

    use super::*;
    use crate::server::peer::Peer;

    #[tokio::test]
    async fn turn_of_a_client_that_has_gone_lasts_as_long_as_what_it_began() {
        let limits = Limits { large_answers: 1, ..Limits::default() };
        let turns = Turns::new("lists", &limits);
        let (begin, mut begun) = mpsc::unbounded_channel();
        let list = async move |Extension(turn): Extension<Turn>| {
            let _ = begin.send(turn);
            std::future::pending::<()>().await;
        };
        let router: Router =
            Router::new().route("/", get(list).route_layer(from_fn_with_state(turns.clone(), in_turn)));
        let visitor = Arc::new(Connection::new(Peer::of([192, 0, 2, 1].into()), limits));
        let mut request = Request::new(Body::empty());
        request.extensions_mut().insert(Arc::clone(&visitor));
        let answering = tokio::spawn(router.oneshot(request));
        let turn = begun.recv().await.expect("it is answered");
        answering.abort();
        assert!(answering.await.is_err());
        let next = tokio::spawn(async move { turns.turnstile.enter(&visitor).await.is_ok() });
        tokio::task::yield_now().await;
        assert!(!next.is_finished(), "what it began goes on");
        drop(turn);
        assert!(next.await.expect("no panic"));
    }
}
