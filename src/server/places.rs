//! Places for connections, and whose is given away when none is left.
//!
//! Who only waits gives way to who comes: a connection that has sent no whole head yet, or has had its answer. Of these
//! the first to go belongs to the address that holds the most, and has waited the longest. So neither half a head sent
//! a thousand times nor a thousand idle connections keep anybody out.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::activity::{Doing, Why};
use super::connection::Connection;
use super::limits::Limits;
use super::peer::Peer;

/// The log says no more often that places are given away, whatever is done to the port.
const SAID_EVERY: Duration = Duration::from_secs(60);

/// All of them.
#[derive(Debug)]
pub(super) struct Places {
    limits: Limits,
    free: Arc<Semaphore>,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    /// By address, each with its number.
    connections: HashMap<Peer, HashMap<u64, Arc<Connection>>>,
    next: u64,
    last_said: Option<Instant>,
}

/// One that could go.
#[derive(Clone, Copy)]
struct Standing {
    /// How many places its address holds.
    share: usize,
    doing: Doing,
}

/// One of them, and the connection that has it until this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) connection: Arc<Connection>,
    number: u64,
    places: Arc<Places>,
    _permit: OwnedSemaphorePermit,
}

impl Places {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, free: Arc::new(Semaphore::new(limits.connections)), held: Mutex::default() }
    }

    /// A place for a connection from `address`; `None` if all are taken by requests under way, and whoever holds the
    /// most has no more than this address.
    pub(super) async fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let peer = Peer::of(address);
        let permit = match Arc::clone(&self.free).try_acquire_owned() {
            Ok(permit) => permit,
            Err(_none_left) => {
                self.make_room(peer)?;
                // The task of the connection that has to go ends at once.
                Arc::clone(&self.free).acquire_owned().await.ok()?
            }
        };
        let connection = Arc::new(Connection::new(peer, self.limits));
        let mut held = self.held();
        let number = held.next;
        held.next += 1;
        held.connections.entry(peer).or_default().insert(number, Arc::clone(&connection));
        Some(Place { connection, number, places: Arc::clone(self), _permit: permit })
    }

    fn make_room(&self, newcomer: Peer) -> Option<()> {
        let mut held = self.held();
        let goes = held.who_goes_for(newcomer);
        let now = Instant::now();
        if held.last_said.is_none_or(|said| now >= said + SAID_EVERY) {
            held.last_said = Some(now);
            let places = self.limits.connections;
            match &goes {
                Some(goes) => tracing::warn!(
                    places,
                    given_away_by = %goes.peer,
                    "all places for connections are taken; those that wait are closed for new ones"
                ),
                None => tracing::warn!(
                    places,
                    refused = %newcomer,
                    "all places for connections are taken by requests under way; new ones are refused"
                ),
            }
        }
        goes.map(|goes| goes.close(Why::MadeRoom))
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connection.close(Why::Ended);
        let peer = self.connection.peer;
        let mut held = self.places.held();
        if let Some(of_peer) = held.connections.get_mut(&peer) {
            of_peer.remove(&self.number);
            if of_peer.is_empty() {
                held.connections.remove(&peer);
            }
        }
    }
}

impl Held {
    fn who_goes_for(&self, newcomer: Peer) -> Option<Arc<Connection>> {
        let share = self.connections.get(&newcomer).map_or(0, HashMap::len);
        let candidates = self.connections.values().flat_map(|of_peer| {
            let open = of_peer.values().filter(|connection| !connection.is_closed());
            open.map(|connection| (connection, Standing { share: of_peer.len(), doing: connection.doing() }))
        });
        let (goes, _) = candidates.filter(|(_, one)| one.gives_way_to(share)).max_by_key(|(_, one)| one.order())?;
        Some(Arc::clone(goes))
    }
}

impl Standing {
    /// Whether it may go for an address that holds `newcomer` places. A request under way is given up only if that still
    /// holds less afterwards.
    const fn gives_way_to(self, newcomer: usize) -> bool {
        match self.doing {
            Doing::Waiting(_) => true,
            Doing::Answering(_) => self.share > newcomer + 1,
        }
    }

    /// The greatest goes first.
    const fn order(self) -> (bool, usize, Reverse<Instant>) {
        match self.doing {
            Doing::Waiting(since) => (true, self.share, Reverse(since)),
            Doing::Answering(since) => (false, self.share, Reverse(since)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn since(doing: fn(Instant) -> Doing, start: Instant, seconds: u64, share: usize) -> Standing {
        Standing { share, doing: doing(start + Duration::from_secs(seconds)) }
    }

    /// Which of these goes for a newcomer whose address holds so many places.
    fn first(held: &[Standing], newcomer: usize) -> Option<usize> {
        let candidates = held.iter().enumerate().filter(|(_, one)| one.gives_way_to(newcomer));
        candidates.max_by_key(|(_, one)| one.order()).map(|(index, _)| index)
    }

    #[test]
    fn who_holds_the_most_gives_way_and_there_who_has_waited_longest() {
        let start = Instant::now();
        let waiting = |seconds, share| since(Doing::Waiting, start, seconds, share);
        let answering = |seconds, share| since(Doing::Answering, start, seconds, share);
        assert_eq!(first(&[waiting(0, 1), waiting(9, 3), waiting(5, 3), answering(1, 3)], 0), Some(2));
        assert_eq!(first(&[waiting(3, 1), waiting(2, 1), waiting(4, 1)], 0), Some(1), "all alike");
        assert_eq!(first(&[waiting(7, 1), answering(0, 9)], 0), Some(0), "those that wait go first");
    }

    #[test]
    fn request_under_way_is_given_up_for_who_holds_less_alone() {
        let answering = |seconds, share| since(Doing::Answering, Instant::now(), seconds, share);
        assert_eq!(first(&[answering(5, 2), answering(3, 2), answering(0, 1)], 0), Some(1));
        assert_eq!(first(&[answering(5, 2), answering(3, 2)], 2), None, "its own");
        assert_eq!(first(&[answering(0, 1), answering(0, 1)], 0), None, "all hold as little");
        assert_eq!(first(&[answering(5, 2), answering(0, 1)], 1), None, "it would hold as much");
        assert_eq!(first(&[], 0), None);
    }

    #[tokio::test]
    async fn place_is_free_again_when_it_is_dropped() {
        let places = Arc::new(Places::new(Limits { connections: 2, ..Limits::default() }));
        let address = |last| IpAddr::from([192, 0, 2, last]);
        let first = places.take(address(1)).await.expect("a place");
        let second = places.take(address(1)).await.expect("a place");
        let busy = [first.connection.request_begins(), second.connection.request_begins()];
        assert!(places.take(address(1)).await.is_none(), "both are at work");
        drop(busy);
        let closed = Arc::clone(&first.connection);
        let room = tokio::spawn(async move {
            closed.closed().await == Why::MadeRoom && {
                drop(first);
                true
            }
        });
        assert!(places.take(address(2)).await.is_some());
        assert!(room.await.expect("no panic"));
        drop(second);
        assert!(places.held().connections.is_empty());
    }
}
