//! Name resolution by `getaddrinfo`, shared and bounded: it blocks a thread and cannot be cancelled, so that a dead
//! name server must neither collect threads nor make the names that do resolve wait behind those that do not.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use super::timeline::Timeline;

/// Look-ups at a time of names that answered quickly when last asked.
const QUICK: usize = 128;
/// Look-ups that proved slow and no longer count as quick.
const OVERDUE: usize = 192;
/// Look-ups at a time of names that were slow when last asked. All three together, and the reads of files beside them,
/// stay under the 512 threads of tokio's pool.
const SLOW: usize = 64;
const PATIENCE: Duration = Duration::from_secs(1);

/// The resolver of the whole process.
#[derive(Clone)]
pub(super) struct SharedResolver(Arc<Inner>);

type LookUp = dyn Fn(&str) -> io::Result<Vec<SocketAddr>> + Send + Sync;
type Answer = Option<Result<Arc<[SocketAddr]>, NameError>>;

struct Inner {
    look_up: Box<LookUp>,
    /// From here on a look-up is slow.
    patience: Duration,
    /// Look-ups under way, one for each name.
    flights: Mutex<HashMap<String, watch::Receiver<Answer>>>,
    slow_names: Mutex<HashSet<String>>,
    quick: Arc<Semaphore>,
    overdue: Arc<Semaphore>,
    slow: Arc<Semaphore>,
}

/// A name did not resolve.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the name does not resolve")]
pub(super) struct NameError;

impl SharedResolver {
    pub(super) fn system() -> Self {
        // The port is the caller's business; 0 is replaced by that of the URL.
        Self::new(Box::new(|name| Ok((name, 0).to_socket_addrs()?.collect())), PATIENCE)
    }

    pub(super) fn new(look_up: Box<LookUp>, patience: Duration) -> Self {
        Self(Arc::new(Inner {
            look_up,
            patience,
            flights: Mutex::default(),
            slow_names: Mutex::default(),
            quick: Arc::new(Semaphore::new(QUICK)),
            overdue: Arc::new(Semaphore::new(OVERDUE)),
            slow: Arc::new(Semaphore::new(SLOW)),
        }))
    }

    async fn addresses(&self, name: &str) -> Result<Arc<[SocketAddr]>, NameError> {
        let mut answer = self.join_or_start(name);
        let answer = answer.wait_for(Option::is_some).await.map_err(|_flight_died| NameError)?;
        answer.clone().unwrap_or(Err(NameError))
    }

    fn join_or_start(&self, name: &str) -> watch::Receiver<Answer> {
        let mut flights = lock(&self.0.flights);
        if let Some(flight) = flights.get(name) {
            return flight.clone();
        }
        let (sender, receiver) = watch::channel(None);
        flights.insert(name.to_owned(), receiver.clone());
        let (inner, name) = (Arc::clone(&self.0), name.to_owned());
        tokio::spawn(async move {
            let answer = inner.fly(&name).await;
            lock(&inner.flights).remove(&name);
            // Whoever asked may have given up meanwhile.
            let _ = sender.send(Some(answer));
        });
        receiver
    }
}

impl Inner {
    async fn fly(self: &Arc<Self>, name: &str) -> Result<Arc<[SocketAddr]>, NameError> {
        let known_slow = lock(&self.slow_names).contains(name);
        let lane = if known_slow { &self.slow } else { &self.quick };
        let permit = Arc::clone(lane).acquire_owned().await.map_err(|_closed| NameError)?;
        let (inner, asked) = (Arc::clone(self), name.to_owned());
        let mut looking_up = tokio::task::spawn_blocking(move || (inner.look_up)(&asked));
        let answer = match tokio::time::timeout(self.patience, &mut looking_up).await {
            Ok(answer) => {
                lock(&self.slow_names).remove(name);
                answer
            }
            Err(_slow) => {
                lock(&self.slow_names).insert(name.to_owned());
                let _permit = self.leave_quick_lane(permit, known_slow);
                looking_up.await
            }
        };
        match answer {
            Ok(Ok(addresses)) if !addresses.is_empty() => Ok(addresses.into()),
            _ => Err(NameError),
        }
    }

    /// Frees a place for a quick name, as long as not too many threads hang already.
    fn leave_quick_lane(&self, permit: OwnedSemaphorePermit, known_slow: bool) -> OwnedSemaphorePermit {
        if known_slow { permit } else { Arc::clone(&self.overdue).try_acquire_owned().unwrap_or(permit) }
    }
}

impl Resolve for SharedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        self.resolve_host(name.as_str().to_owned())
    }
}

impl SharedResolver {
    /// Looks up `name` for the request that is being polled.
    pub(super) fn resolve_host(&self, name: String) -> Resolving {
        let resolver = self.clone();
        let timeline = Timeline::current();
        Box::pin(async move {
            if let Some(timeline) = &timeline {
                timeline.resolve_begun();
            }
            let addresses = resolver.addresses(&name).await?;
            if let Some(timeline) = &timeline {
                timeline.resolved();
            }
            Ok(Box::new(Vec::from(&*addresses).into_iter()) as Addrs)
        })
    }
}

impl fmt::Debug for SharedResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedResolver").finish_non_exhaustive()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Condvar;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    const IMPATIENCE: Duration = Duration::from_millis(20);

    /// Names that begin with `dead` hang until they are released.
    struct NameServer {
        asked: Arc<AtomicUsize>,
        release: Arc<(Mutex<bool>, Condvar)>,
        resolver: SharedResolver,
    }

    impl NameServer {
        fn start() -> Self {
            let asked = Arc::new(AtomicUsize::new(0));
            let release = Arc::new((Mutex::new(false), Condvar::new()));
            let (count, gate) = (Arc::clone(&asked), Arc::clone(&release));
            let resolver = SharedResolver::new(
                Box::new(move |name| {
                    count.fetch_add(1, Ordering::SeqCst);
                    if name.starts_with("dead") {
                        let (released, changed) = &*gate;
                        drop(changed.wait_while(lock(released), |released| !*released));
                        return Err(io::Error::other("no such name"));
                    }
                    Ok(vec![([127, 0, 0, 1], 0).into()])
                }),
                IMPATIENCE,
            );
            Self { asked, release, resolver }
        }
    }

    impl Drop for NameServer {
        fn drop(&mut self) {
            *lock(&self.release.0) = true;
            self.release.1.notify_all();
        }
    }

    #[tokio::test]
    async fn look_ups_of_one_name_are_shared() {
        let server = NameServer::start();
        let waiting: Vec<_> = (0..50)
            .map(|_| {
                let resolver = server.resolver.clone();
                tokio::spawn(async move { resolver.addresses("dead.example").await.is_err() })
            })
            .collect();
        while server.asked.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        *lock(&server.release.0) = true;
        server.release.1.notify_all();
        for waiter in waiting {
            assert!(waiter.await.expect("no panic"));
        }
        assert_eq!(server.asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn names_that_never_resolve_do_not_delay_those_that_do() {
        let server = NameServer::start();
        for number in 0..QUICK {
            drop(server.resolver.join_or_start(&format!("dead-{number}.example")));
        }
        let found = server.resolver.addresses("alive.example").await.expect("addresses");
        assert_eq!(found.len(), 1);
    }

    #[tokio::test]
    async fn threads_that_hang_are_bounded() {
        let server = NameServer::start();
        for number in 0..1000 {
            drop(server.resolver.join_or_start(&format!("dead-{number}.example")));
        }
        // Long enough for every look-up that ever gets a thread to have got one.
        while server.asked.load(Ordering::SeqCst) < QUICK + OVERDUE {
            tokio::time::sleep(IMPATIENCE).await;
        }
        tokio::time::sleep(IMPATIENCE * 5).await;
        assert!(server.asked.load(Ordering::SeqCst) <= QUICK + OVERDUE + SLOW);
    }
}
