//! Tells answers that wait for something that the server stops.

use tokio::sync::watch;

/// Whether it does, as known to whoever has a clone.
#[derive(Clone, Debug)]
pub(super) struct Stopping(pub(super) watch::Receiver<()>);

impl Stopping {
    /// Returns once it does.
    pub(super) async fn begins(mut self) {
        // Nothing is ever sent; the other end is dropped.
        let _closed = self.0.changed().await;
    }
}
