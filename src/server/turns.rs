//! How many large answers are under way: each holds the numbers of all targets as they were at its beginning.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::MethodRouter;
use tokio::task::spawn_blocking;

use super::App;
use super::body::{Holding, compression};
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
    /// What `work` gives, done beside the threads on which probes wait. Once begun it is done to its end, also when nobody
    /// waits for it any more, and the turn lasts as long as that takes.
    pub(super) async fn aside<T: Send + 'static>(self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let working = spawn_blocking(move || {
            let made = work();
            drop(self);
            made
        });
        working.await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
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
            next.run(request).await.map(|body| Body::new(Holding::new(body, turn)))
        }
        Err(_crowded) => busy(format!("too many {} are under way\n", turns.kind)),
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use axum::Router;
    use axum::routing::get;
    use tokio::sync::mpsc;
    use tower::ServiceExt as _;

    use super::*;
    use crate::server::peer::Peer;

    #[tokio::test]
    async fn work_is_done_on_another_thread_and_its_panic_is_the_callers() {
        let limits = Limits::default();
        let visitor = Arc::new(Connection::new(Peer::of([192, 0, 2, 1].into()), limits));
        let inside = Turns::new("lists", &limits).turnstile.enter(&visitor).await.expect("there is room");
        let turn = Turn { _inside: Arc::new(inside) };
        let elsewhere = turn.clone().aside(|| thread::current().id()).await;
        assert_ne!(elsewhere, thread::current().id());
        let caller = tokio::spawn(turn.aside(|| panic!("as the test wants it")));
        assert!(caller.await.is_err_and(|error| error.is_panic()));
    }

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
