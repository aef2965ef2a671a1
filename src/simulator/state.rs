//! What both servers share: clients, their secrets and tokens, the faults in force, and the journals.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tokio::time::Instant;

use super::fault::{Fault, Server, Switchboard};
use super::journal::{Event, Journal, Refusal};
use super::lock;
use super::settings::{ClientSettings, Settings};
use super::tokens::{Issued, Tokens};

/// Shared by the servers and whoever controls them.
#[derive(Debug)]
pub(super) struct State {
    pub(super) settings: Settings,
    pub(super) switchboard: Arc<Switchboard>,
    /// In the order of the settings; they can be changed while the servers run.
    secrets: Mutex<Vec<String>>,
    tokens: Mutex<Tokens>,
    /// In the order of the settings, and one more for requests that belong to no client.
    journals: Mutex<Vec<Journal>>,
    authorization_connections: AtomicU64,
    api_connections: AtomicU64,
}

impl State {
    pub(super) fn new(settings: Settings) -> Self {
        let secrets = settings.clients.iter().map(|client| client.secret.clone()).collect();
        let mut journals = Vec::new();
        journals.resize_with(settings.clients.len() + 1, Journal::default);
        Self {
            settings,
            switchboard: Arc::default(),
            secrets: Mutex::new(secrets),
            tokens: Mutex::default(),
            journals: Mutex::new(journals),
            authorization_connections: AtomicU64::new(0),
            api_connections: AtomicU64::new(0),
        }
    }

    /// The place of the client with this id.
    pub(super) fn client(&self, id: &str) -> Option<usize> {
        self.settings.clients.iter().position(|client| client.id == id)
    }

    pub(super) fn client_settings(&self, client: usize) -> &ClientSettings {
        &self.settings.clients[client]
    }

    pub(super) fn faults(&self, server: Server, client: Option<usize>) -> Vec<Fault> {
        self.switchboard.at(server, client.map(|client| self.client_settings(client).id.as_str()))
    }

    pub(super) fn is_secret(&self, client: usize, presented: &str) -> bool {
        lock(&self.secrets)[client] == presented
    }

    pub(super) fn change_secret(&self, client: usize, secret: &str) {
        secret.clone_into(&mut lock(&self.secrets)[client]);
    }

    pub(super) fn issue(&self, client: usize) -> Issued {
        let ClientSettings { issuing, lifetime, .. } = self.client_settings(client);
        lock(&self.tokens).issue(client, *issuing, *lifetime, Instant::now())
    }

    pub(super) fn owner(&self, token: &str) -> Option<usize> {
        lock(&self.tokens).owner(token)
    }

    /// Whose API key these credentials of HTTP Basic are.
    pub(super) fn key_owner(&self, encoded: &str) -> Option<usize> {
        let is_key = |client: &ClientSettings| {
            client.api_key.as_ref().is_some_and(|key| STANDARD.encode(format!("{key}:")) == encoded)
        };
        self.settings.clients.iter().position(is_key)
    }

    pub(super) fn check(&self, token: &str) -> Result<(), Refusal> {
        lock(&self.tokens).check(token, Instant::now())
    }

    pub(super) fn revoke(&self, client: usize) {
        lock(&self.tokens).revoke(client);
    }

    pub(super) fn record(&self, client: Option<usize>, event: Event) {
        self.journal(client, |journal| journal.record(Instant::now(), event));
    }

    pub(super) fn journal<T>(&self, client: Option<usize>, with: impl FnOnce(&mut Journal) -> T) -> T {
        with(&mut lock(&self.journals)[client.unwrap_or(self.settings.clients.len())])
    }

    /// How many connections a server has accepted.
    pub(super) fn connections(&self, server: Server) -> &AtomicU64 {
        match server {
            Server::Authorization => &self.authorization_connections,
            Server::Api => &self.api_connections,
        }
    }

    pub(super) fn count_connection(&self, server: Server) {
        self.connections(server).fetch_add(1, Ordering::Relaxed);
    }
}
