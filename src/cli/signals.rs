//! The signals that the exporter obeys: SIGTERM and SIGINT end it, SIGHUP has the configuration loaded anew.

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::reload::Reloader;
use super::stop::Stop;

/// They are kept from here on: what comes before they are waited for is not lost, and ends no process.
#[derive(Debug)]
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Needs a runtime; to be done before anything that takes its time.
    pub(super) fn catch() -> Result<Self, Stop> {
        let catch =
            |kind| signal(kind).map_err(|error| Stop::failed(format_args!("signals cannot be received: {error}")));
        Ok(Self {
            terminate: catch(SignalKind::terminate())?,
            interrupt: catch(SignalKind::interrupt())?,
            hang_up: catch(SignalKind::hangup())?,
        })
    }

    /// Returns when the exporter is to end.
    pub(super) async fn obey(mut self, reloader: Reloader) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return tracing::info!(signal = "SIGTERM", "stopping"),
                _ = self.interrupt.recv() => return tracing::info!(signal = "SIGINT", "stopping"),
                _ = self.hang_up.recv() => reloader.request(),
            }
        }
    }
}
