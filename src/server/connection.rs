//! What one connection is doing, and how long it may go on doing that.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::limits::Limits;
use super::peer::Peer;

/// One connection, known to its own task and to those that may have to close it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) peer: Peer,
    limits: Limits,
    state: Mutex<State>,
    /// Why it is closed, once it is.
    closed: watch::Sender<Option<Why>>,
}

/// Why a connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    Ended,
    HandshakeTooSlow,
    HeadTooSlow,
    Idle,
    AnswerTooSlow,
    Unread,
    /// For a connection that came later.
    MadeRoom,
    /// For a scrape that came later.
    GaveWay,
}

/// What a connection is doing, for those that look for one to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doing {
    /// For the other side, since then.
    Waiting(Instant),
    /// What was asked first, then.
    Answering(Instant),
}

/// Its protocol. Before the end of a handshake it is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Handshake,
    /// No request has come yet.
    Fresh,
    /// At least one has.
    Known,
}

#[derive(Debug)]
struct State {
    stage: Stage,
    protocol: Protocol,
    /// Beginning of the stage, or of the wait for the next request.
    since: Instant,
    /// When the first byte came of what is no request yet.
    heard: Option<Instant>,
    /// Since when the other side has taken nothing of what is to be sent.
    blocked: Option<Instant>,
    /// Beginning of an answer that is complete but for what is still to be sent of it.
    lingering: Option<Instant>,
    /// Beginnings of the requests under way, the oldest first.
    requests: Vec<(u64, Instant)>,
    next_request: u64,
}

/// A request under way; dropped when its answer is complete.
#[derive(Debug)]
pub(super) struct RequestUnderWay {
    connection: Arc<Connection>,
    number: u64,
}

impl Connection {
    /// Accepted just now.
    pub(super) fn new(peer: Peer, limits: Limits) -> Self {
        let state = State {
            stage: Stage::Fresh,
            protocol: Protocol::Http1,
            since: Instant::now(),
            heard: None,
            blocked: None,
            lingering: None,
            requests: Vec::new(),
            next_request: 0,
        };
        Self { peer, limits, state: Mutex::new(state), closed: watch::Sender::new(None) }
    }

    pub(super) fn close(&self, why: Why) {
        self.closed.send_if_modified(|closed| {
            let is_first = closed.is_none();
            closed.get_or_insert(why);
            is_first
        });
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.borrow().is_some()
    }

    /// Returns once it is to be closed.
    pub(super) async fn closed(&self) -> Why {
        let mut closed = self.closed.subscribe();
        let why = closed.wait_for(Option::is_some).await.ok().and_then(|why| *why);
        why.unwrap_or(Why::Ended)
    }

    /// Returns once it has taken more time than it has.
    pub(super) async fn overdue(&self) -> Why {
        // Whatever happens meanwhile, its deadline is no nearer than this, so that none is missed.
        let Limits { head_timeout, idle_timeout, answer_timeout, unread_timeout, .. } = self.limits;
        let nearest = head_timeout.min(idle_timeout).min(answer_timeout).min(unread_timeout);
        loop {
            let now = Instant::now();
            let (deadline, why) = self.state().deadline(&self.limits);
            if deadline <= now {
                return why;
            }
            sleep_until(deadline.min(now + nearest)).await;
        }
    }

    pub(super) fn doing(&self) -> Doing {
        let state = self.state();
        state.answering().map_or(Doing::Waiting(state.since), Doing::Answering)
    }

    pub(super) fn handshake_begins(&self) {
        self.state().enter(Stage::Handshake);
    }

    pub(super) fn handshake_done(&self, protocol: Protocol) {
        let mut state = self.state();
        state.protocol = protocol;
        state.enter(Stage::Fresh);
    }

    pub(super) fn request_begins(self: &Arc<Self>) -> RequestUnderWay {
        let mut state = self.state();
        let number = state.next_request;
        state.next_request += 1;
        state.requests.push((number, Instant::now()));
        state.heard = None;
        RequestUnderWay { connection: Arc::clone(self), number }
    }

    /// Bytes came.
    pub(super) fn hears(&self) {
        self.state().heard.get_or_insert_with(Instant::now);
    }

    /// The other side takes nothing more for now.
    pub(super) fn is_blocked(&self) {
        let mut state = self.state();
        let since = *state.blocked.get_or_insert_with(Instant::now);
        if state.requests.is_empty() {
            state.lingering.get_or_insert(since);
        }
    }

    /// The other side has taken something.
    pub(super) fn is_unblocked(&self) {
        self.state().blocked = None;
    }

    /// Everything has been handed to the system.
    pub(super) fn is_flushed(&self) {
        let mut state = self.state();
        state.blocked = None;
        if state.lingering.take().is_some() && state.requests.is_empty() {
            state.since = Instant::now();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for RequestUnderWay {
    fn drop(&mut self) {
        let mut state = self.connection.state();
        let index = state.requests.iter().position(|(number, _)| *number == self.number);
        let Some((_, begun)) = index.map(|index| state.requests.remove(index)) else { return };
        if state.requests.is_empty() {
            state.enter(Stage::Known);
            if state.blocked.is_some() {
                state.lingering.get_or_insert(begun);
            }
        }
    }
}

impl State {
    fn enter(&mut self, stage: Stage) {
        self.stage = stage;
        self.since = Instant::now();
    }

    /// Beginning of the oldest answer that is not yet sent.
    fn answering(&self) -> Option<Instant> {
        let lingering = self.lingering.filter(|_| self.stage == Stage::Known);
        self.requests.first().map(|(_, begun)| *begun).into_iter().chain(lingering).min()
    }

    /// When it is to be closed if nothing happens, and why.
    fn deadline(&self, limits: &Limits) -> (Instant, Why) {
        if let Some(begun) = self.answering() {
            let whole = (begun + limits.answer_timeout, Why::AnswerTooSlow);
            let taken = self.blocked.map(|since| (since + limits.unread_timeout, Why::Unread));
            return taken.into_iter().fold(whole, |one, other| if other.0 < one.0 { other } else { one });
        }
        let after = |since: Instant, time: Duration, why| (since + time, why);
        match (self.stage, self.heard, self.protocol) {
            (Stage::Handshake, ..) => after(self.since, limits.head_timeout, Why::HandshakeTooSlow),
            (Stage::Fresh, ..) => after(self.since, limits.head_timeout, Why::HeadTooSlow),
            // In HTTP/2 bytes may be anything.
            (Stage::Known, Some(heard), Protocol::Http1) => {
                after(heard.max(self.since), limits.head_timeout, Why::HeadTooSlow)
            }
            (Stage::Known, ..) => after(self.since, limits.idle_timeout, Why::Idle),
        }
    }
}

impl Why {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Ended => "it has ended",
            Self::HandshakeTooSlow => "its handshake took too long",
            Self::HeadTooSlow => "the head of a request took too long",
            Self::Idle => "no request came",
            Self::AnswerTooSlow => "an answer took too long",
            Self::Unread => "nothing was read of an answer",
            Self::MadeRoom => "another connection needs its place",
            Self::GaveWay => "another scrape waits",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        connections: 1,
        head_timeout: Duration::from_secs(10),
        idle_timeout: Duration::from_secs(100),
        answer_timeout: Duration::from_secs(60),
        unread_timeout: Duration::from_secs(20),
        scrapes: 1,
        scrape_turn: Duration::from_secs(1),
        drain: Duration::from_secs(1),
    };

    fn connection() -> Arc<Connection> {
        Arc::new(Connection::new(Peer::of([192, 0, 2, 1].into()), LIMITS))
    }

    async fn pass(seconds: u64) {
        tokio::time::advance(Duration::from_secs(seconds)).await;
    }

    /// In how many seconds it is closed, and why, if nothing more happens.
    async fn end(connection: &Connection) -> (u64, Why) {
        let now = Instant::now();
        let why = connection.overdue().await;
        (now.elapsed().as_secs(), why)
    }

    #[tokio::test(start_paused = true)]
    async fn first_head_is_due_soon_whatever_comes_of_it() {
        let fresh = connection();
        pass(4).await;
        fresh.hears();
        assert_eq!(end(&fresh).await, (6, Why::HeadTooSlow));
        let greeting = connection();
        greeting.handshake_begins();
        pass(1).await;
        assert_eq!(end(&greeting).await, (9, Why::HandshakeTooSlow));
        greeting.handshake_done(Protocol::Http2);
        assert_eq!(end(&greeting).await, (10, Why::HeadTooSlow));
    }

    #[tokio::test(start_paused = true)]
    async fn later_head_has_its_time_from_the_first_byte() {
        let idle = connection();
        idle.hears();
        drop(idle.request_begins());
        let later = Arc::clone(&idle);
        let heard = async {
            tokio::time::sleep(Duration::from_secs(95)).await;
            later.hears();
            tokio::time::sleep(Duration::from_secs(5)).await;
            later.hears();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            (seconds, why) = end(&idle) => assert_eq!((seconds, why), (105, Why::HeadTooSlow)),
            () = heard => {}
        }
    }

    #[tokio::test(start_paused = true)]
    async fn idle_connection_is_kept_for_a_while() {
        let idle = connection();
        drop(idle.request_begins());
        pass(30).await;
        assert_eq!(end(&idle).await, (70, Why::Idle));
        let multiplexed = connection();
        multiplexed.handshake_done(Protocol::Http2);
        drop(multiplexed.request_begins());
        multiplexed.hears();
        assert_eq!(end(&multiplexed).await, (100, Why::Idle), "a ping is no head");
    }

    #[tokio::test(start_paused = true)]
    async fn each_answer_has_its_own_time() {
        let busy = connection();
        let first = busy.request_begins();
        pass(50).await;
        let second = busy.request_begins();
        drop(first);
        assert_eq!(end(&busy).await, (60, Why::AnswerTooSlow));
        drop(second);
        assert_eq!(end(&busy).await.1, Why::Idle);
    }

    #[tokio::test(start_paused = true)]
    async fn answer_that_is_not_read_ends_early_and_also_behind_its_end() {
        let busy = connection();
        let request = busy.request_begins();
        busy.is_blocked();
        pass(15).await;
        busy.is_unblocked();
        busy.is_blocked();
        drop(request);
        assert!(matches!(busy.doing(), Doing::Answering(_)));
        assert_eq!(end(&busy).await, (20, Why::Unread));
        busy.is_flushed();
        assert_eq!(busy.doing(), Doing::Waiting(Instant::now()));
    }

    #[tokio::test(start_paused = true)]
    async fn answer_that_is_read_byte_by_byte_ends_as_a_whole() {
        let slow = connection();
        drop(slow.request_begins());
        let reader = Arc::clone(&slow);
        let read = async {
            loop {
                reader.is_blocked();
                tokio::time::sleep(Duration::from_secs(1)).await;
                reader.is_unblocked();
            }
        };
        tokio::select! {
            (seconds, why) = end(&slow) => assert_eq!((seconds, why), (60, Why::AnswerTooSlow)),
            () = read => {}
        }
    }

    #[tokio::test(start_paused = true)]
    async fn handshake_that_is_not_read_is_none_the_longer() {
        let greeting = connection();
        greeting.handshake_begins();
        greeting.is_blocked();
        assert!(matches!(greeting.doing(), Doing::Waiting(_)));
        assert_eq!(end(&greeting).await, (10, Why::HandshakeTooSlow));
    }

    #[tokio::test]
    async fn first_reason_to_close_is_the_one() {
        let closed = connection();
        assert!(!closed.is_closed());
        closed.close(Why::MadeRoom);
        closed.close(Why::Ended);
        assert!(closed.is_closed());
        assert_eq!(closed.closed().await, Why::MadeRoom);
    }
}
