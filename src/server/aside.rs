//! Work of some milliseconds, done beside the threads on which probes wait for their turns.

use tokio::task::spawn_blocking;

/// What `work` gives. Once begun it is done to its end, also when nobody waits for it any more.
pub(super) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    spawn_blocking(work).await.unwrap_or_else(|panic| std::panic::resume_unwind(panic.into_panic()))
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[tokio::test]
    async fn work_is_done_on_another_thread_and_its_panic_is_the_callers() {
        let elsewhere = aside(|| thread::current().id()).await;
        assert_ne!(elsewhere, thread::current().id());
        let caller = tokio::spawn(aside(|| panic!("as the test wants it")));
        assert!(caller.await.is_err_and(|error| error.is_panic()));
    }
}
