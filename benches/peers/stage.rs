//! What every turn is played on: the server, for how long, and what is noted of it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::sleep;

use crate::authority::{Authority, tls_config};
use crate::bare::BareCalls;
use crate::common::{PingServer, Port, Watched};

/// Pings a second, of each.
pub(crate) const RATE: u64 = 500;

pub(crate) struct Stage {
    serving: Handle,
    /// Its files go with it.
    _authority: Authority,
    pub(crate) http: Port,
    pub(crate) https: Port,
    pub(crate) ca_file: PathBuf,
    pub(crate) bare: BareCalls,
    pub(crate) warm_up: Duration,
    pub(crate) window: Duration,
}

/// What was measured in one turn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    /// User and system time.
    pub(crate) cpu: Duration,
    /// How many pings that was for.
    pub(crate) pings: u64,
    /// Token requests since the process started, the time before the measurement included, …
    pub(crate) token_requests: u64,
    /// … and as many pings as there were meanwhile.
    pub(crate) pings_since_start: u64,
    /// Probes or cycles that did not succeed, or were not made in time.
    pub(crate) failed: u64,
}

impl Stage {
    pub(crate) fn set(serving: Handle, warm_up: u64, window: u64) -> Self {
        let authority = Authority::new();
        Self {
            serving,
            http: Port::Http,
            https: Port::Https(Arc::new(tls_config(&authority.issue("127.0.0.1", |_| {}), None))),
            ca_file: authority.ca_file(),
            _authority: authority,
            bare: BareCalls::compile(),
            warm_up: Duration::from_secs(warm_up),
            window: Duration::from_secs(window),
        }
    }

    /// A server of its own for each turn: the connections that another has closed are in nobody's way.
    pub(crate) async fn server(&self, port: &Port) -> PingServer {
        PingServer::start(&self.serving, port, 1).await
    }

    /// What `watched` uses from the end of the warm-up on, while it pings `server`.
    pub(crate) async fn watch(&self, watched: &Watched, server: &PingServer) -> Turn {
        sleep(self.warm_up).await;
        let (cpu, pings) = (watched.cpu(), server.pings());
        sleep(self.window).await;
        Turn {
            cpu: watched.cpu() - cpu,
            pings: server.pings() - pings,
            token_requests: server.token_requests(),
            pings_since_start: server.pings(),
            failed: 0,
        }
    }
}

impl Turn {
    pub(crate) fn microseconds_per_ping(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.pings as f64
    }
}
