//! A door that lets few in at a time, and those who wait in such an order that nobody who asks often keeps others out.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use super::connection::{Connection, Why};
use super::peer::Peer;

/// Bounds work that takes much of the machine: so many at a time, so many that wait.
///
/// The next to come in is one whose address has the least inside; of several, the one that has waited longest.
#[derive(Debug)]
pub(super) struct Turnstile {
    at_a_time: usize,
    most_waiting: usize,
    /// Who has been inside for so long has to go as soon as somebody waits, together with its connection.
    turn: Option<Duration>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    inside: Vec<Visit>,
    waiting: Vec<Waiting>,
    next: u64,
}

#[derive(Debug)]
struct Visit {
    number: u64,
    visitor: Arc<Connection>,
    since: Instant,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    peer: Peer,
    visitor: Arc<Connection>,
    admit: oneshot::Sender<Inside>,
}

/// The right to be inside, until it is dropped.
#[derive(Debug)]
pub(super) struct Inside {
    number: u64,
    turnstile: Arc<Turnstile>,
}

/// Too many wait already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many wait already")]
pub(super) struct Crowded;

/// A place in the queue, given up when it is dropped.
struct Queued {
    number: u64,
    turnstile: Arc<Turnstile>,
    admitted: oneshot::Receiver<Inside>,
}

enum Joined {
    Inside(Inside),
    Queued(Queued),
}

impl Turnstile {
    pub(super) fn new(at_a_time: usize, most_waiting: usize, turn: Option<Duration>) -> Arc<Self> {
        Arc::new(Self { at_a_time, most_waiting, turn, state: Mutex::default() })
    }

    /// Waits until there is room.
    ///
    /// # Errors
    /// When too many wait already.
    pub(super) async fn enter(self: &Arc<Self>, visitor: &Arc<Connection>) -> Result<Inside, Crowded> {
        let mut queued = match self.join(visitor)? {
            Joined::Inside(inside) => return Ok(inside),
            Joined::Queued(queued) => queued,
        };
        loop {
            tokio::select! {
                admitted = &mut queued.admitted => return admitted.map_err(|_pushed_out| Crowded),
                () = self.somebody_overstays() => {}
            }
        }
    }

    fn join(self: &Arc<Self>, visitor: &Arc<Connection>) -> Result<Joined, Crowded> {
        let peer = visitor.peer;
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        if state.inside.len() < self.at_a_time {
            state.inside.push(Visit { number, visitor: Arc::clone(visitor), since: Instant::now() });
            return Ok(Joined::Inside(Inside { number, turnstile: Arc::clone(self) }));
        }
        if state.waiting.len() >= self.most_waiting {
            // Whoever has the most in the queue loses the last of them, unless the newcomer has as many.
            let goes = state.pushed_out_for(peer).ok_or(Crowded)?;
            state.waiting.remove(goes);
        }
        let (admit, admitted) = oneshot::channel();
        state.waiting.push(Waiting { number, peer, visitor: Arc::clone(visitor), admit });
        Ok(Joined::Queued(Queued { number, turnstile: Arc::clone(self), admitted }))
    }

    /// Sends those away whose turn is over, once there is one.
    async fn somebody_overstays(&self) {
        let Some(turn) = self.turn else { return std::future::pending().await };
        let oldest = self.state().staying().map(|visit| visit.since).min();
        sleep_until(oldest.unwrap_or_else(Instant::now) + turn).await;
        let now = Instant::now();
        let state = self.state();
        // One for each that waits, the oldest first: visits stand in the order in which they began.
        let over = state.staying().filter(|visit| visit.since + turn <= now);
        for visit in over.take(state.waiting.len()) {
            visit.visitor.close(Why::GaveWay);
        }
    }

    fn leave(self: &Arc<Self>, number: u64) {
        let mut state = self.state();
        state.inside.retain(|visit| visit.number != number);
        let Some(next) = state.next_in() else { return };
        let Waiting { number, visitor, admit, .. } = state.waiting.remove(next);
        state.inside.push(Visit { number, visitor, since: Instant::now() });
        drop(state);
        // Whoever has gone meanwhile leaves again at once, as what was sent is dropped.
        let _ = admit.send(Inside { number, turnstile: Arc::clone(self) });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn staying(&self) -> impl Iterator<Item = &Visit> {
        self.inside.iter().filter(|visit| !visit.visitor.is_closed())
    }

    fn inside_of(&self, peer: Peer) -> usize {
        self.inside.iter().filter(|visit| visit.visitor.peer == peer).count()
    }

    fn waiting_of(&self, peer: Peer) -> usize {
        self.waiting.iter().filter(|waiting| waiting.peer == peer).count()
    }

    fn next_in(&self) -> Option<usize> {
        let order = |(_, waiting): &(usize, &Waiting)| (self.inside_of(waiting.peer), waiting.number);
        self.waiting.iter().enumerate().min_by_key(order).map(|(index, _)| index)
    }

    fn pushed_out_for(&self, newcomer: Peer) -> Option<usize> {
        let order = |(_, waiting): &(usize, &Waiting)| (self.waiting_of(waiting.peer), waiting.number);
        let (index, last) = self.waiting.iter().enumerate().max_by_key(order)?;
        (self.waiting_of(last.peer) > self.waiting_of(newcomer) + 1).then_some(index)
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.turnstile.leave(self.number);
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.turnstile.state().waiting.retain(|waiting| waiting.number != self.number);
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinHandle;

    use super::*;
    use crate::server::limits::Limits;

    fn visitor(last: u8) -> Arc<Connection> {
        Arc::new(Connection::new(Peer::of([192, 0, 2, last].into()), Limits::default()))
    }

    /// Waits in a task of its own; it is in the queue when this returns.
    async fn queue(turnstile: &Arc<Turnstile>, last: u8) -> JoinHandle<Result<Inside, Crowded>> {
        let turnstile = Arc::clone(turnstile);
        let waiting = tokio::spawn(async move { turnstile.enter(&visitor(last)).await });
        tokio::task::yield_now().await;
        waiting
    }

    async fn outcome(waiting: JoinHandle<Result<Inside, Crowded>>) -> Result<Inside, Crowded> {
        waiting.await.expect("no panic")
    }

    #[tokio::test]
    async fn few_are_inside_and_the_next_comes_from_the_address_with_the_least() {
        let turnstile = Turnstile::new(2, 10, None);
        let first = turnstile.enter(&visitor(1)).await.expect("room");
        let _second = turnstile.enter(&visitor(1)).await.expect("room");
        let (again, other) = (queue(&turnstile, 1).await, queue(&turnstile, 2).await);
        drop(first);
        let inside = outcome(other).await.expect("its turn");
        assert!(!again.is_finished());
        drop(inside);
        assert!(outcome(again).await.is_ok());
    }

    #[tokio::test]
    async fn full_queue_refuses_the_address_that_has_the_most_in_it() {
        let turnstile = Turnstile::new(1, 3, None);
        let inside = turnstile.enter(&visitor(1)).await.expect("room");
        let crowd = [queue(&turnstile, 1).await, queue(&turnstile, 1).await, queue(&turnstile, 1).await];
        assert_eq!(turnstile.enter(&visitor(1)).await.expect_err("no room"), Crowded);
        let other = queue(&turnstile, 2).await;
        let [first, second, third] = crowd;
        assert_eq!(outcome(third).await.expect_err("pushed out"), Crowded);
        drop(inside);
        assert!(outcome(other).await.is_ok());
        assert!(outcome(first).await.is_ok());
        assert!(outcome(second).await.is_ok());
    }

    #[tokio::test]
    async fn who_goes_while_it_waits_is_passed_over() {
        let turnstile = Turnstile::new(1, 3, None);
        let inside = turnstile.enter(&visitor(1)).await.expect("room");
        let (gone, patient) = (queue(&turnstile, 2).await, queue(&turnstile, 3).await);
        gone.abort();
        assert!(gone.await.is_err());
        drop(inside);
        drop(outcome(patient).await.expect("its turn"));
        let state = turnstile.state();
        assert!(state.inside.is_empty() && state.waiting.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn who_overstays_is_sent_away_for_one_that_waits() {
        let turnstile = Turnstile::new(2, 10, Some(Duration::from_secs(5)));
        let (old, young) = (visitor(1), visitor(1));
        let oldest = turnstile.enter(&old).await.expect("room");
        tokio::time::advance(Duration::from_secs(60)).await;
        assert!(!old.is_closed(), "nobody waits");
        let _youngest = turnstile.enter(&young).await.expect("room");
        let waiting = queue(&turnstile, 2).await;
        assert_eq!(old.closed().await, Why::GaveWay);
        assert!(!young.is_closed());
        drop(oldest);
        assert!(outcome(waiting).await.is_ok());
    }
}
