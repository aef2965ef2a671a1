//! One connection, as it is known to its own task and to those that may have to close it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::activity::{Activity, Doing, Protocol, Stage, Why};
use super::limits::Limits;
use super::peer::Peer;

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) peer: Peer,
    limits: Limits,
    activity: Mutex<Activity>,
    /// Why it is closed, once it is.
    closed: watch::Sender<Option<Why>>,
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
        let activity = Mutex::new(Activity::new(Instant::now()));
        Self { peer, limits, activity, closed: watch::Sender::new(None) }
    }

    /// Has it closed. The first reason is the one.
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
            let (deadline, why) = self.activity().deadline(&self.limits);
            if deadline <= now {
                return why;
            }
            sleep_until(deadline.min(now + nearest)).await;
        }
    }

    pub(super) fn doing(&self) -> Doing {
        self.activity().doing()
    }

    pub(super) fn handshake_begins(&self) {
        self.activity().enter(Stage::Handshake, Instant::now());
    }

    pub(super) fn handshake_done(&self, protocol: Protocol) {
        let mut activity = self.activity();
        activity.speaks(protocol);
        activity.enter(Stage::Fresh, Instant::now());
    }

    pub(super) fn request_begins(self: &Arc<Self>) -> RequestUnderWay {
        let number = self.activity().request_begins(Instant::now());
        RequestUnderWay { connection: Arc::clone(self), number }
    }

    /// Bytes came.
    pub(super) fn hears(&self) {
        self.activity().hears(Instant::now());
    }

    /// The other side takes nothing more for now.
    pub(super) fn is_blocked(&self) {
        self.activity().is_blocked(Instant::now());
    }

    /// The other side has taken something.
    pub(super) fn is_unblocked(&self) {
        self.activity().is_unblocked();
    }

    /// Everything has been handed to the system.
    pub(super) fn is_flushed(&self) {
        self.activity().is_flushed(Instant::now());
    }

    fn activity(&self) -> MutexGuard<'_, Activity> {
        self.activity.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for RequestUnderWay {
    fn drop(&mut self) {
        self.connection.activity().request_ends(self.number, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn connection() -> Arc<Connection> {
        Arc::new(Connection::new(Peer::of([192, 0, 2, 1].into()), Limits::default()))
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

    #[tokio::test(start_paused = true)]
    async fn deadline_that_comes_nearer_while_it_is_waited_for_is_met() {
        let limits = Limits::default();
        let start = Instant::now();
        let idle = connection();
        drop(idle.request_begins());
        let other_side = async {
            tokio::time::sleep(limits.idle_timeout - Duration::from_secs(30)).await;
            idle.hears();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            why = idle.overdue() => assert_eq!(why, Why::HeadTooSlow),
            () = other_side => {}
        }
        let head_too_slow = limits.idle_timeout - Duration::from_secs(30) + limits.head_timeout;
        // Timers count in milliseconds.
        assert_eq!(start.elapsed().as_secs(), head_too_slow.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn answer_of_its_own_time_is_not_disturbed() {
        let busy = connection();
        let request = busy.request_begins();
        let start = Instant::now();
        assert_eq!(busy.overdue().await, Why::AnswerTooSlow);
        assert_eq!(start.elapsed().as_secs(), Limits::default().answer_timeout.as_secs());
        drop(request);
        assert_eq!(busy.overdue().await, Why::Idle);
    }
}
