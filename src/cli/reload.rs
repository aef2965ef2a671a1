//! Asking for the configuration to be loaded anew, while the exporter runs, and what came of it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use tokio::sync::{Notify, watch};

use crate::server::Reload;

/// Mistakes that are shown of a configuration that cannot be used.
const SHOWN: usize = 20;

/// What is answered if nobody is there to load anything any more.
const STOPPING: &str = "the exporter is stopping";

/// What a load of the configuration changed, or every mistake that kept it from changing anything.
pub(super) type Outcome = Result<Changes, String>;

/// How many targets were touched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    pub(super) added: usize,
    pub(super) removed: usize,
    pub(super) changed: usize,
    pub(super) unchanged: usize,
}

impl fmt::Display for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { added, removed, changed, unchanged } = self;
        write!(f, "{added} added, {removed} removed, {changed} changed, {unchanged} unchanged")
    }
}

/// The beginning of `mistakes`, one on each line, for the log and for whoever asked: ten thousand targets that share one
/// would be megabytes.
pub(super) fn beginning(mistakes: &str) -> Cow<'_, str> {
    match mistakes.match_indices('\n').nth(SHOWN - 1) {
        Some((end, _)) if end + 1 < mistakes.len() => {
            let more = mistakes[end + 1..].lines().count();
            Cow::from(format!("{}\n… and {more} more: --config.check has all", &mistakes[..end]))
        }
        _ => Cow::from(mistakes),
    }
}

/// Asks for a load. Cheap to clone.
///
/// Loads are numbered. Who asks wants the next one that begins: what runs may have read the file before that changed. So
/// any number of callers share one, and nothing queues up.
#[derive(Clone, Debug)]
pub(super) struct Reloader {
    numbers: Arc<Numbers>,
    last: watch::Receiver<Loaded>,
}

/// Where the requests arrive.
#[derive(Debug)]
pub(super) struct ReloadRequests {
    numbers: Arc<Numbers>,
    last: watch::Sender<Loaded>,
}

#[derive(Debug, Default)]
struct Numbers {
    /// The last load that somebody wants, counted from 1.
    wanted: AtomicU64,
    /// The last that began.
    begun: AtomicU64,
    asked: Notify,
}

/// The last load that ended.
#[derive(Debug)]
struct Loaded {
    number: u64,
    outcome: Outcome,
}

/// One that has begun, for all who asked before.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load(u64);

/// The two ends.
pub(super) fn channel() -> (Reloader, ReloadRequests) {
    let numbers = Arc::<Numbers>::default();
    let (sender, last) = watch::channel(Loaded { number: 0, outcome: Ok(Changes::default()) });
    (Reloader { numbers: Arc::clone(&numbers), last }, ReloadRequests { numbers, last: sender })
}

impl Reloader {
    /// Asks, and waits for what comes of it.
    pub(super) async fn reload(&self) -> Outcome {
        let number = self.want();
        let mut last = self.last.clone();
        let ended = last.wait_for(|last| last.number >= number).await;
        ended.map_or_else(|_nobody| Err(STOPPING.to_owned()), |last| last.outcome.clone())
    }

    /// The same for the server, which knows nothing of targets.
    pub(super) fn into_handle(self) -> Reload {
        Arc::new(move || {
            let reloader = self.clone();
            Box::pin(async move {
                let outcome = reloader.reload().await;
                outcome.map(|changes| changes.to_string()).map_err(|mistakes| beginning(&mistakes).into_owned())
            })
        })
    }

    /// Asks, and leaves it to the log to tell what came of it.
    pub(super) fn request(&self) {
        self.want();
    }

    /// Has a load begin. Says which one that will be.
    fn want(&self) -> u64 {
        let number = self.numbers.begun.load(SeqCst) + 1;
        self.numbers.wanted.fetch_max(number, SeqCst);
        self.numbers.asked.notify_one();
        number
    }
}

impl ReloadRequests {
    /// Returns once a load is wanted, which begins herewith. It may be dropped at any time.
    pub(super) async fn next(&mut self) -> Load {
        while self.numbers.wanted.load(SeqCst) <= self.numbers.begun.load(SeqCst) {
            self.numbers.asked.notified().await;
        }
        Load(self.numbers.begun.fetch_add(1, SeqCst) + 1)
    }

    /// Tells all who wanted it.
    pub(super) fn answer(&self, load: Load, outcome: Outcome) {
        self.last.send_replace(Loaded { number: load.0, outcome });
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::task::JoinSet;

    use super::*;

    #[test]
    fn there_is_the_beginning_of_many_mistakes_and_all_of_few() {
        let mistakes = |count: usize| (1..=count).map(|line| format!("probe.yml:{line}: wrong\n")).collect::<String>();
        for few in [0, 1, SHOWN] {
            assert_eq!(beginning(&mistakes(few)), mistakes(few), "{few}");
        }
        let expected = mistakes(SHOWN) + "… and 980 more: --config.check has all";
        assert_eq!(beginning(&mistakes(1000)), expected);
    }

    /// So many who ask, each of whom has by the time this returns.
    async fn ask(reloader: &Reloader, times: usize) -> JoinSet<Outcome> {
        let mut asked = JoinSet::new();
        for _ in 0..times {
            let reloader = reloader.clone();
            asked.spawn(async move { reloader.reload().await });
        }
        for _ in 0..times {
            tokio::task::yield_now().await;
        }
        asked
    }

    fn added(added: usize) -> Outcome {
        Ok(Changes { added, ..Changes::default() })
    }

    #[tokio::test]
    async fn all_who_ask_before_a_load_begins_share_it() {
        let (reloader, mut requests) = channel();
        let asked = ask(&reloader, 1_000).await;
        reloader.request();
        let load = requests.next().await;
        requests.answer(load, added(1));
        assert!(asked.join_all().await.iter().all(|outcome| *outcome == added(1)));
        let next = tokio::time::timeout(Duration::ZERO, requests.next()).await;
        assert!(next.is_err(), "none of them is left");
    }

    #[tokio::test]
    async fn who_asks_while_a_load_runs_gets_the_next_one() {
        let (reloader, mut requests) = channel();
        let early = ask(&reloader, 10).await;
        let load = requests.next().await;
        let late = ask(&reloader, 10).await;
        requests.answer(load, added(1));
        assert!(early.join_all().await.iter().all(|outcome| *outcome == added(1)));
        let load = requests.next().await;
        requests.answer(load, Err("a mistake".to_owned()));
        assert!(late.join_all().await.iter().all(|outcome| *outcome == Err("a mistake".to_owned())));
    }

    #[tokio::test]
    async fn who_asks_an_exporter_that_stops_is_told_so() {
        let (reloader, requests) = channel();
        let waiting = ask(&reloader, 1).await;
        drop(requests);
        assert_eq!(waiting.join_all().await, [Err(STOPPING.to_owned())]);
        assert_eq!(reloader.reload().await, Err(STOPPING.to_owned()));
    }
}
