//! Places for connections, and whose is given away when none is left.
//!
//! Who only waits gives way to who comes: a connection that has sent no whole head yet, or has had its answer. Of these
//! the first to go belongs to the address that holds the most, and has waited the longest. So neither half a head sent
//! a thousand times nor a thousand idle connections keep anybody out.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::connection::{Connection, Doing, Why};
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
    connections: HashMap<u64, Arc<Connection>>,
    next: u64,
    last_said: Option<Instant>,
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
        held.connections.insert(number, Arc::clone(&connection));
        Some(Place { connection, number, places: Arc::clone(self), _permit: permit })
    }

    fn make_room(&self, newcomer: Peer) -> Option<()> {
        let mut held = self.held();
        let standing: Vec<_> = held.connections.values().filter(|connection| !connection.is_closed()).collect();
        let chosen = choose(
            &standing.iter().map(|connection| (connection.peer, connection.doing())).collect::<Vec<_>>(),
            newcomer,
        );
        let goes = chosen.map(|index| Arc::clone(standing[index]));
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
        self.places.held().connections.remove(&self.number);
    }
}

/// Which of these connections has to go for one from `newcomer`.
///
/// A request under way is given up only for an address that would still hold less than the one that gives it up.
fn choose(held: &[(Peer, Doing)], newcomer: Peer) -> Option<usize> {
    let mut counts: HashMap<Peer, usize> = HashMap::new();
    for (peer, _) in held {
        *counts.entry(*peer).or_default() += 1;
    }
    let share = |peer: Peer| counts.get(&peer).copied().unwrap_or_default();
    let waiting = held.iter().enumerate().filter_map(|(index, (peer, doing))| match doing {
        Doing::Waiting(since) => Some((index, *peer, *since)),
        Doing::Answering(_) => None,
    });
    let answering = held.iter().enumerate().filter_map(|(index, (peer, doing))| match doing {
        Doing::Answering(since) if share(*peer) > share(newcomer) + 1 => Some((index, *peer, *since)),
        _ => None,
    });
    let first = |candidates: &mut dyn Iterator<Item = (usize, Peer, Instant)>| {
        candidates.max_by(|(_, one, one_since), (_, other, other_since)| {
            share(*one).cmp(&share(*other)).then(other_since.cmp(one_since))
        })
    };
    let (index, ..) = first(&mut { waiting }).or_else(|| first(&mut { answering }))?;
    Some(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(last: u8) -> Peer {
        Peer::of([192, 0, 2, last].into())
    }

    /// Each by its address, what it does, and since which second.
    fn chosen(held: &[(u8, char, u64)], newcomer: u8) -> Option<usize> {
        let start = Instant::now();
        let standing: Vec<_> = held
            .iter()
            .map(|&(last, doing, since)| {
                let since = start + Duration::from_secs(since);
                (peer(last), if doing == 'w' { Doing::Waiting(since) } else { Doing::Answering(since) })
            })
            .collect();
        choose(&standing, peer(newcomer))
    }

    #[test]
    fn who_holds_the_most_gives_way_and_there_who_has_waited_longest() {
        assert_eq!(chosen(&[(1, 'w', 0), (2, 'w', 9), (2, 'w', 5), (2, 'a', 1)], 3), Some(2));
        assert_eq!(chosen(&[(1, 'w', 3), (2, 'w', 2), (3, 'w', 4)], 4), Some(1), "all alike");
        assert_eq!(chosen(&[(1, 'w', 0), (2, 'w', 9), (2, 'w', 5)], 2), Some(2), "also for one of its own");
        assert_eq!(chosen(&[(1, 'w', 7), (2, 'a', 0), (2, 'a', 1), (2, 'a', 2)], 1), Some(0), "waiting ones first");
    }

    #[test]
    fn request_under_way_is_given_up_for_who_holds_less_alone() {
        assert_eq!(chosen(&[(1, 'a', 5), (1, 'a', 3), (2, 'a', 0)], 3), Some(1));
        assert_eq!(chosen(&[(1, 'a', 5), (1, 'a', 3)], 1), None, "its own");
        assert_eq!(chosen(&[(1, 'a', 0), (2, 'a', 0)], 3), None, "all hold as little");
        assert_eq!(chosen(&[(1, 'a', 5), (1, 'a', 3), (2, 'a', 0)], 2), None, "it would hold as much");
        assert_eq!(chosen(&[], 1), None);
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
        assert_eq!(places.held().connections.len(), 1);
    }
}
