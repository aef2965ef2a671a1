//! Asking for the configuration to be loaded anew, while the exporter runs, and what came of it.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::server::Reload;

/// Requests that wait while the configuration is being loaded. Further ones wait to wait.
const WAITING: usize = 16;

/// Mistakes that the log has of a configuration that cannot be used; the answer to a request has all of them.
const LOGGED: usize = 20;

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

/// The beginning of `mistakes`, one on each line: ten thousand targets that share one would be a line of megabytes.
pub(super) fn for_the_log(mistakes: &str) -> Cow<'_, str> {
    match mistakes.match_indices('\n').nth(LOGGED - 1) {
        Some((end, _)) if end + 1 < mistakes.len() => {
            let more = mistakes[end + 1..].lines().count();
            Cow::from(format!("{}\n… and {more} more: --config.check has all", &mistakes[..end]))
        }
        _ => Cow::from(mistakes),
    }
}

/// Asks for a load. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Reloader(mpsc::Sender<oneshot::Sender<Outcome>>);

/// Where the requests arrive.
#[derive(Debug)]
pub(super) struct ReloadRequests(mpsc::Receiver<oneshot::Sender<Outcome>>);

/// Those whose requests came before a load began, and who share what came of it.
#[derive(Debug)]
pub(super) struct Waiting(Vec<oneshot::Sender<Outcome>>);

/// The two ends.
pub(super) fn channel() -> (Reloader, ReloadRequests) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (Reloader(sender), ReloadRequests(receiver))
}

impl Reloader {
    /// Asks, and waits for what comes of it.
    pub(super) async fn reload(&self) -> Outcome {
        let (answer, answered) = oneshot::channel();
        let _ = self.0.send(answer).await;
        answered.await.unwrap_or_else(|_nobody| Err(STOPPING.to_owned()))
    }

    /// The same for the server, which knows nothing of targets.
    pub(super) fn into_handle(self) -> Reload {
        Arc::new(move || {
            let reloader = self.clone();
            Box::pin(async move { reloader.reload().await.map(|changes| changes.to_string()) })
        })
    }

    /// Asks, and leaves it to the log to tell what came of it.
    pub(super) fn request(&self) {
        // Where there is no room, those who wait will have the file read as it is now.
        let _ = self.0.try_send(oneshot::channel().0);
    }
}

impl ReloadRequests {
    /// The next request, and all others that are there by now. It may be dropped at any time.
    pub(super) async fn next(&mut self) -> Waiting {
        let Some(first) = self.0.recv().await else { return std::future::pending().await };
        let mut waiting = vec![first];
        while let Ok(another) = self.0.try_recv() {
            waiting.push(another);
        }
        Waiting(waiting)
    }
}

impl Waiting {
    pub(super) fn answer(self, outcome: &Outcome) {
        for answer in self.0 {
            // Who asked may have gone, or never wanted to know.
            let _ = answer.send(outcome.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn log_has_the_beginning_of_many_mistakes_and_all_of_few() {
        let mistakes = |count: usize| (1..=count).map(|line| format!("probe.yml:{line}: wrong\n")).collect::<String>();
        for few in [0, 1, LOGGED] {
            assert_eq!(for_the_log(&mistakes(few)), mistakes(few), "{few}");
        }
        let expected = mistakes(LOGGED) + "… and 980 more: --config.check has all";
        assert_eq!(for_the_log(&mistakes(1000)), expected);
    }

    #[tokio::test]
    async fn requests_that_wait_share_one_load() {
        let (reloader, mut requests) = channel();
        let asked: Vec<_> = (0..10)
            .map(|_| {
                let reloader = reloader.clone();
                tokio::spawn(async move { reloader.reload().await })
            })
            .collect();
        reloader.request();
        tokio::task::yield_now().await;
        let outcome = Ok(Changes { added: 1, ..Changes::default() });
        requests.next().await.answer(&outcome);
        for asked in asked {
            assert_eq!(asked.await.expect("no panic"), outcome);
        }
        assert!(requests.0.is_empty());
    }

    #[tokio::test]
    async fn more_requests_than_can_wait_block_nobody_and_are_all_answered() {
        let (reloader, mut requests) = channel();
        for _ in 0..WAITING * 2 {
            reloader.request();
        }
        let last = tokio::spawn(async move { reloader.reload().await });
        let served = async {
            loop {
                requests.next().await.answer(&Err("a mistake".to_owned()));
            }
        };
        tokio::select! {
            outcome = last => assert_eq!(outcome.expect("no panic"), Err("a mistake".to_owned())),
            () = served => {}
        }
    }

    #[tokio::test]
    async fn who_asks_an_exporter_that_stops_is_told_so() {
        let (reloader, requests) = channel();
        drop(requests);
        assert_eq!(reloader.reload().await, Err(STOPPING.to_owned()));
    }
}
