//! A door that lets few in at a time, and those who wait in such an order that nobody who asks often keeps others out.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use super::activity::Why;
use super::connection::Connection;
use super::peer::Peer;

/// How many others may come in between two visits from one address, if they come later.
const BETWEEN_VISITS: u64 = 8;

/// Bounds work that takes much of the machine: so many at a time, so many that wait.
///
/// They come in by rank: who comes later ranks behind, who has visits that are not over ranks further behind with each,
/// and a little further for each other address of its network that has some. So who comes first from one address waits for
/// no crowd from another, nor for one from all addresses of another network, and nobody waits for ever.
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
    /// How many were let in so far.
    let_in: u64,
}

#[derive(Debug)]
struct Visit {
    number: u64,
    rank: u64,
    visitor: Arc<Connection>,
    since: Instant,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    rank: u64,
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
        let visitor = Arc::clone(visitor);
        let mut state = self.state();
        let (number, rank) = (state.next, state.next_rank_of(visitor.peer));
        state.next += 1;
        if state.inside.len() < self.at_a_time {
            state.let_in(Visit { number, rank, visitor, since: Instant::now() });
            return Ok(Joined::Inside(Inside { number, turnstile: Arc::clone(self) }));
        }
        if state.waiting.len() >= self.most_waiting {
            // Whoever has the most in the queue loses the last of them.
            let last = (0..state.waiting.len()).max_by_key(|&index| state.waiting[index].order()).ok_or(Crowded)?;
            if state.waiting[last].rank <= rank {
                return Err(Crowded);
            }
            state.waiting.remove(last);
        }
        let (admit, admitted) = oneshot::channel();
        state.waiting.push(Waiting { number, rank, visitor, admit });
        Ok(Joined::Queued(Queued { number, turnstile: Arc::clone(self), admitted }))
    }

    /// Sends those away whose turn is over, once there is one and nobody who was sent away before leaves a place anyway.
    async fn somebody_overstays(&self) {
        let Some(turn) = self.turn else { return std::future::pending().await };
        let next = self.state().in_demand().next().map(|visit| visit.since);
        // Whoever comes to wait meanwhile looks for itself.
        sleep_until(next.unwrap_or_else(Instant::now) + turn).await;
        let now = Instant::now();
        let state = self.state();
        for visit in state.in_demand().filter(|visit| visit.since + turn <= now) {
            visit.visitor.close(Why::GaveWay);
        }
    }

    fn leave(self: &Arc<Self>, number: u64) {
        let mut state = self.state();
        state.inside.retain(|visit| visit.number != number);
        let next = (0..state.waiting.len()).min_by_key(|&index| state.waiting[index].order());
        let Some(Waiting { number, rank, visitor, admit }) = next.map(|index| state.waiting.remove(index)) else {
            return;
        };
        state.let_in(Visit { number, rank, visitor, since: Instant::now() });
        drop(state);
        // Whoever has gone meanwhile leaves again at once, as what was sent is dropped.
        let _ = admit.send(Inside { number, turnstile: Arc::clone(self) });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whose places those need that wait: one for each that nobody leaves yet, the oldest first, as visits stand in the
    /// order in which they began.
    fn in_demand(&self) -> impl Iterator<Item = &Visit> {
        let staying = || self.inside.iter().filter(|visit| !visit.visitor.is_closed());
        let leaving = self.inside.len() - staying().count();
        staying().take(self.waiting.len().saturating_sub(leaving))
    }

    fn next_rank_of(&self, peer: Peer) -> u64 {
        let inside = self.inside.iter().map(|visit| (visit.visitor.peer, visit.rank));
        let waiting = self.waiting.iter().map(|waiting| (waiting.visitor.peer, waiting.rank));
        let (mut own, mut neighbours) = (None, HashSet::new());
        for (other, rank) in inside.chain(waiting) {
            if other == peer {
                own = own.max(Some(rank));
            } else if other.network() == peer.network() {
                neighbours.insert(other);
            }
        }
        let first = self.let_in + neighbours.len() as u64;
        own.map_or(first, |own| first.max(own + BETWEEN_VISITS))
    }

    fn let_in(&mut self, visit: Visit) {
        self.let_in += 1;
        self.inside.push(visit);
    }
}

impl Waiting {
    /// Of several with one rank the first to come is the first to go in.
    const fn order(&self) -> (u64, u64) {
        (self.rank, self.number)
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
        visitor_from([192, 0, 2, last])
    }

    fn visitor_from(address: [u8; 4]) -> Arc<Connection> {
        Arc::new(Connection::new(Peer::of(address.into()), Limits::default()))
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
    async fn few_are_inside_and_the_next_comes_from_who_has_less() {
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
        drop(outcome(other).await.expect("before the crowd"));
        drop(outcome(first).await.expect("its turn"));
        drop(outcome(second).await.expect("its turn"));
    }

    #[tokio::test]
    async fn crowd_from_all_addresses_of_a_network_keeps_nobody_out_from_another() {
        let turnstile = Turnstile::new(1, 8, None);
        let inside = turnstile.enter(&visitor(1)).await.expect("room");
        let mut crowd = Vec::new();
        for last in 2..=30 {
            crowd.push(queue(&turnstile, last).await);
        }
        assert_eq!(crowd.iter().filter(|waiting| waiting.is_finished()).count(), 29 - 8, "the queue is full");
        let other = tokio::spawn({
            let turnstile = Arc::clone(&turnstile);
            async move { turnstile.enter(&visitor_from([198, 51, 100, 1])).await }
        });
        tokio::task::yield_now().await;
        drop(inside);
        drop(outcome(other).await.expect("before the crowd"));
        drop(outcome(crowd.remove(0)).await.expect("its turn"));
    }

    #[tokio::test]
    async fn crowd_of_single_visitors_keeps_nobody_waiting_for_ever() {
        let turnstile = Turnstile::new(1, 20, None);
        let mut inside = turnstile.enter(&visitor(1)).await.expect("room");
        let early = queue(&turnstile, 1).await;
        for stranger in 2..20 {
            let newcomer = queue(&turnstile, stranger).await;
            drop(inside);
            if early.is_finished() || {
                tokio::task::yield_now().await;
                early.is_finished()
            } {
                return;
            }
            inside = outcome(newcomer).await.expect("its turn");
        }
        panic!("still waiting");
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

    #[tokio::test(start_paused = true)]
    async fn as_many_are_sent_away_as_wait_and_the_oldest_first() {
        let turnstile = Turnstile::new(4, 10, Some(Duration::from_secs(5)));
        let visitors = [1, 2, 3, 4].map(visitor);
        let mut inside = Vec::new();
        for one in &visitors {
            inside.push(turnstile.enter(one).await.expect("room"));
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        tokio::time::advance(Duration::from_secs(60)).await;
        let closed = || visitors.iter().filter(|one| one.is_closed()).count();
        let first = queue(&turnstile, 5).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(closed(), 1, "one waits, for a place that is about to be given up");
        let second = queue(&turnstile, 6).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(visitors.each_ref().map(|one| one.is_closed()), [true, true, false, false]);
        drop(inside);
        assert!(outcome(first).await.is_ok() && outcome(second).await.is_ok());
    }
}
