//! Who is probed: simulated servers, the clients that they know, and the targets that stand for them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use oauth_probe_exporter::simulator::{ClientSettings, Issuing, Server, Settings, Simulator, Whom};
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

use super::raw_server::Authority;

/// A client that nothing happens to.
pub(crate) const BYSTANDER: &str = "bystander";

/// Of every client, until it is healed.
pub(crate) const SECRET: &str = "before";
const NEXT_SECRET: &str = "after";

/// A client of the simulated servers; its target has its name.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) name: String,
    pub(crate) lifetime: Duration,
    pub(crate) issuing: Issuing,
    /// Opens the API without a token. It is the name of its file, too.
    pub(crate) api_key: Option<String>,
}

impl Client {
    /// One that needs no second token while the test lasts.
    pub(crate) fn new(name: &str) -> Self {
        let lifetime = Duration::from_secs(600);
        Self { name: name.to_owned(), lifetime, issuing: Issuing::Fresh, api_key: None }
    }

    /// One whose token soon runs out.
    pub(crate) fn short_lived(name: &str) -> Self {
        Self { lifetime: Duration::from_secs(3), ..Self::new(name) }
    }

    /// One that gets the token it has again.
    pub(crate) fn legacy(name: &str) -> Self {
        Self { issuing: Issuing::Legacy, ..Self::new(name) }
    }

    fn settings(&self) -> ClientSettings {
        let Self { lifetime, issuing, api_key, .. } = self.clone();
        ClientSettings { lifetime, issuing, api_key, ..ClientSettings::new(&self.name, SECRET) }
    }
}

pub(crate) struct Cast {
    shared: Simulator,
    /// Of clients whose servers' ports are closed.
    own: HashMap<String, Simulator>,
    pub(crate) authority: Authority,
    /// Its certificate: written once, as exporters that start may be reading it.
    pub(crate) ca_file: PathBuf,
    secrets: TempDir,
}

impl Cast {
    pub(crate) async fn gather(clients: &[Client], with_servers_of_their_own: &[&str]) -> Self {
        let settings = Settings { clients: clients.iter().map(Client::settings).collect(), ..Settings::default() };
        let mut own = HashMap::new();
        for name in with_servers_of_their_own {
            own.insert((*name).to_owned(), Simulator::start(settings.clone()).await.unwrap());
        }
        let shared = Simulator::start(settings).await.unwrap();
        let authority = Authority::new();
        let ca_file = authority.ca_file();
        let cast = Self { shared, own, authority, ca_file, secrets: tempfile::tempdir().unwrap() };
        clients.iter().for_each(|client| cast.write_secret(&client.name, SECRET));
        clients.iter().filter_map(|client| client.api_key.as_ref()).for_each(|key| cast.write_secret(key, key));
        cast
    }

    pub(crate) fn simulator(&self, client: &str) -> &Simulator {
        self.own.get(client).unwrap_or(&self.shared)
    }

    pub(crate) fn url(&self, client: &str, server: Server) -> &Url {
        match server {
            Server::Authorization => self.simulator(client).authorization_server(),
            Server::Api => self.simulator(client).resource_server(),
        }
    }

    pub(crate) fn address(&self, client: &str, server: Server) -> SocketAddr {
        self.url(client, server).socket_addrs(|| None).unwrap()[0]
    }

    /// The target of a client as a configuration has it, with the keys of `more` on top; `null` takes one away.
    pub(crate) fn target(&self, client: &str, more: Value) -> Value {
        let mut target = json!({
            "name": client,
            "client_id": client,
            "client_secret_file": self.secret_file(client),
            "authorization_server": self.url(client, Server::Authorization).as_str(),
            "resource_server": self.url(client, Server::Api).as_str(),
            "interval": "1s",
            "timeout": "900ms",
            "latency_objective": "700ms",
        });
        let Value::Object(more) = more else { panic!("no keys: {more}") };
        let keys = target.as_object_mut().unwrap();
        keys.extend(more);
        keys.retain(|_, value| !value.is_null());
        target
    }

    /// Of a client's secret, or of an API key.
    pub(crate) fn secret_file(&self, name: &str) -> PathBuf {
        self.secrets.path().join(name)
    }

    /// From now on the client finds exactly these faults at `server`.
    pub(crate) fn set_faults(
        &self,
        client: &str,
        server: Server,
        faults: impl IntoIterator<Item = oauth_probe_exporter::simulator::Fault>,
    ) {
        self.simulator(client).control().set_faults(server, Whom::client(client), faults);
    }

    /// Ends the client's faults. A back-off can last for minutes: the client also gets another secret, which ends it.
    pub(crate) fn heal(&self, client: &str) {
        self.set_faults(client, Server::Authorization, []);
        self.set_faults(client, Server::Api, []);
        self.simulator(client).control().change_secret(client, NEXT_SECRET);
        self.write_secret(client, NEXT_SECRET);
    }

    pub(crate) fn write_secret(&self, name: &str, secret: &str) {
        // Swapped, as the exporter could read a file that is half written.
        let new = self.secrets.path().join(format!("{name}.new"));
        std::fs::write(&new, secret).unwrap();
        std::fs::rename(new, self.secret_file(name)).unwrap();
    }
}

/// A configuration with these targets (JSON is YAML).
pub(crate) fn configuration(targets: impl IntoIterator<Item = Value>) -> String {
    json!({ "targets": targets.into_iter().collect::<Vec<_>>() }).to_string()
}
