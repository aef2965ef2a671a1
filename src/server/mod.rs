//! Inbound HTTP: where it listens, what it bounds, what it answers. The one place that serves with axum.

mod accept;
mod address;
mod api;
mod body;
mod cross_site;
mod discovery;
mod external_url;
mod host_header;
mod json_list;
mod listen;
mod methods;
mod paths;
mod probe;
mod routes;
mod scrape_timeout;
mod status;

// From a socket to requests, and what bounds them.
mod activity;
mod connection;
mod connections;
mod gate;
mod limits;
mod opening;
mod peer;
mod places;
mod stopping;
mod turns;
mod turnstile;
mod watched;

// What the web configuration says, and whom it lets in.
mod alternative_names;
mod authentication;
mod client_certificates;
mod headers;
mod passwords;
mod protection;
mod rate_limit;
mod security;
mod tls;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use crate::model::time::Stamp;
use crate::telemetry::Metrics;

pub use address::{InvalidAddress, ListenAddress};
pub use external_url::{ExternalUrl, InvalidExternalUrl};
pub use limits::Limits;
pub use listen::{BindError, Bound};
pub(crate) use opening::PLAIN_TEXT_REFUSED;
pub use paths::{InvalidPath, InvalidSettings, WebSettings};
pub use scrape_timeout::{InvalidOffset, TimeoutOffset};
pub use security::{Security, WebSource};

/// Loads the configuration anew. Tells what that changed, or the first mistakes because of which nothing has changed.
pub type Reload = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Result<String, String>> + Send>> + Send + Sync>;

/// Asks the target of this name for a cycle: joins the one that runs, else starts one. What it gives is done once that
/// has ended, and may be dropped before; `None`: no target has this name.
pub type Probe = Arc<dyn Fn(&str) -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> + Send + Sync>;

/// What there is to serve.
#[derive(Clone)]
pub struct App {
    /// Shown under the telemetry path.
    pub metrics: Arc<Metrics>,
    /// Tells the time of a scrape.
    pub now: Arc<dyn Fn() -> Stamp + Send + Sync>,
    /// Is asked for by `POST /-/reload`.
    pub reload: Reload,
    /// Is asked for by `/probe`.
    pub probe: Probe,
    /// Under which paths things are served.
    pub settings: WebSettings,
}

impl fmt::Debug for App {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("App").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// What is answered to requests that come from no socket, for those who try to confuse it.
#[cfg(fuzzing)]
pub fn fuzzed_routes(app: App) -> axum::Router {
    let limits = Limits::default();
    let visitor = connection::Connection::new(peer::Peer::of(std::net::Ipv4Addr::LOCALHOST.into()), limits);
    let (_stop, stopped) = tokio::sync::watch::channel(());
    let router = routes::router(app, &limits).layer(axum::Extension(stopping::Stopping(stopped)));
    router.layer(axum::Extension(Arc::new(visitor)))
}
