//! The handle by which faults are switched and the servers' own view is read, while they run.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::fault::{Fault, Server, Switchboard, Whom};
use super::journal::{Counts, Entry, Journal};
use super::port::{PortControl, Reachability};
use super::state::State;

/// Switches faults and reads journals; cheap to clone.
///
/// Methods that are given a client's id panic when there is no such client, so that a misspelt test does not pass.
#[derive(Clone, Debug)]
pub struct Control {
    pub(super) state: Arc<State>,
    pub(super) authorization: PortControl,
    pub(super) api: PortControl,
}

impl Control {
    /// From the next request on, `whom` finds exactly these faults at `server`; none heals it.
    ///
    /// # Panics
    /// When there is no such client.
    pub fn set_faults(&self, server: Server, whom: Whom, faults: impl IntoIterator<Item = Fault>) {
        if let Whom::Client(id) = &whom {
            self.known(id);
        }
        self.state.switchboard.set(server, whom, faults.into_iter().collect());
    }

    /// Ends every fault. A port that is down stays down.
    pub fn clear_faults(&self) {
        self.state.switchboard.clear();
    }

    /// Closes the port and every connection to it: connections are refused when this returns.
    pub async fn take_down(&self, server: Server) {
        self.port(server).make(Reachability::Down).await;
    }

    /// Accepts connections at the same port again.
    pub async fn bring_up(&self, server: Server) {
        self.port(server).make(Reachability::Up).await;
    }

    /// From now on the client must present this secret.
    ///
    /// # Panics
    /// When there is no such client.
    pub fn change_secret(&self, client: &str, secret: &str) {
        self.state.change_secret(self.known(client), secret);
    }

    /// The API refuses every token that the client holds; it can get new ones.
    ///
    /// # Panics
    /// When there is no such client.
    pub fn revoke_tokens(&self, client: &str) {
        self.state.revoke(self.known(client));
    }

    /// What the servers counted for the client.
    ///
    /// # Panics
    /// When there is no such client.
    #[must_use]
    pub fn counts(&self, client: &str) -> Counts {
        self.state.journal(Some(self.known(client)), |journal| journal.counts)
    }

    /// What the servers saw of the client, oldest first.
    ///
    /// # Panics
    /// When there is no such client.
    #[must_use]
    pub fn journal(&self, client: &str) -> Vec<Entry> {
        self.state.journal(Some(self.known(client)), |journal| Journal::entries(journal))
    }

    /// What the servers counted for requests that belong to no client: unknown ids, no token, unknown tokens.
    #[must_use]
    pub fn counts_of_strangers(&self) -> Counts {
        self.state.journal(None, |journal| journal.counts)
    }

    /// How many connections `server` has accepted.
    #[must_use]
    pub fn connections(&self, server: Server) -> u64 {
        self.state.connections(server).load(Ordering::Relaxed)
    }

    pub(super) fn switchboard(&self) -> Arc<Switchboard> {
        Arc::clone(&self.state.switchboard)
    }

    fn port(&self, server: Server) -> &PortControl {
        match server {
            Server::Authorization => &self.authorization,
            Server::Api => &self.api,
        }
    }

    fn known(&self, client: &str) -> usize {
        self.state.client(client).unwrap_or_else(|| panic!("no simulated client has the id {client:?}"))
    }
}
