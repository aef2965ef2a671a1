//! The embedded authorization server and API on loopback, and their faults: for `demo` and for the tests.

mod answer;
mod api;
mod authorization;
mod connection;
mod control;
mod demo;
mod fault;
mod journal;
mod port;
mod script;
mod settings;
mod state;
mod tokens;

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::task::{Id, JoinSet};
use url::Url;

pub use answer::Answer;
pub use axum::http::{HeaderName, StatusCode};
pub use control::Control;
pub use demo::DemoClient;
pub use fault::{Fault, Server, Whom};
pub use journal::{Counts, Entry, Event, Refusal};
pub use script::{Act, Script};
pub use settings::{
    BasicDecoding, ClientSettings, ExpiresInStyle, Issuing, PING_PATH, Settings, TOKEN_PATH, UnauthorizedBody,
};

use port::Port;
use state::State;

/// Why a simulator did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No port of 127.0.0.1 could be had.
    #[error("no port on loopback for the simulated servers")]
    Bind(#[source] std::io::Error),
}

/// Both servers, running. They end when this is dropped.
#[derive(Debug)]
pub struct Simulator {
    authorization_server: Url,
    resource_server: Url,
    control: Control,
    tasks: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

impl Simulator {
    /// Binds two ports of 127.0.0.1 and serves on them.
    ///
    /// # Errors
    /// When a port cannot be bound.
    pub async fn start(settings: Settings) -> Result<Self, StartError> {
        let state = Arc::new(State::new(settings));
        let (authorization, authorization_control) =
            Port::bind(Server::Authorization, &state).await.map_err(StartError::Bind)?;
        let (api, api_control) = Port::bind(Server::Api, &state).await.map_err(StartError::Bind)?;
        let mut simulator = Self {
            authorization_server: url_of(authorization.address()),
            resource_server: url_of(api.address()),
            control: Control { state, authorization: authorization_control, api: api_control },
            tasks: JoinSet::new(),
            names: HashMap::new(),
        };
        simulator.spawn("simulated authorization server", authorization.run());
        simulator.spawn("simulated API", api.run());
        Ok(simulator)
    }

    /// The base URL of the authorization server.
    #[must_use]
    pub const fn authorization_server(&self) -> &Url {
        &self.authorization_server
    }

    /// The base URL of the API.
    #[must_use]
    pub const fn resource_server(&self) -> &Url {
        &self.resource_server
    }

    /// The handle for faults and journals.
    #[must_use]
    pub const fn control(&self) -> &Control {
        &self.control
    }

    /// Lets faults come and go as `script` says, from now on, for as long as the servers run.
    pub fn play(&mut self, script: Script) {
        let switchboard = self.control.switchboard();
        self.spawn("fault script", script::play(script, switchboard));
    }

    /// Waits for a task to end by itself, which none should, and says which one it was.
    pub async fn ended(&mut self) -> &'static str {
        let id = match self.tasks.join_next_with_id().await {
            Some(Ok((id, ()))) => id,
            Some(Err(error)) => error.id(),
            None => return "simulator",
        };
        self.names.get(&id).copied().unwrap_or("simulator")
    }

    /// Ends both servers; their ports are closed when this returns.
    pub async fn stop(mut self) {
        self.tasks.shutdown().await;
    }

    fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let id = self.tasks.spawn(task).id();
        self.names.insert(id, name);
    }
}

fn url_of(address: SocketAddr) -> Url {
    Url::parse(&format!("http://{address}/")).expect("an address makes a URL")
}

/// No invariant spans two statements under any of these locks, so a panic elsewhere is no reason to panic here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
