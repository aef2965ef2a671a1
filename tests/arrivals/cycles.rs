//! How a cycle is made to fail for each request and reason.

use std::fs;
use std::sync::Arc;

use oauth_probe_exporter::model::fault::{Reason, Request};
use oauth_probe_exporter::simulator::{Fault, Server, StatusCode};
use rustix::process::{Resource, Rlimit, getrlimit, prlimit};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use super::cast::{BYSTANDER, Cast, Client, SECRET, configuration};
use super::front::{Front, Handling};
use super::raw_server::{Authority, tls_config};
use super::stage::Stage;

/// A request, a reason for it to fail, and a client that meets it.
#[derive(Debug, Clone)]
pub(crate) struct CycleFault {
    pub(crate) request: Request,
    pub(crate) reason: Reason,
    /// Of client, target and scope.
    pub(crate) name: String,
}

/// Where a fault is.
enum Means {
    /// In the simulated server.
    Server(Fault),
    /// Its port is closed.
    ClosedPort,
    /// In the TLS in front of it.
    Front,
    /// In the file of the secret.
    SecretFile,
    /// In the exporter: all its descriptors are used up.
    Descriptors,
    /// In the exporter's configuration, which is mended for a restart.
    Configuration,
}

/// `None` for what cannot happen to this request.
fn means(request: Request, reason: Reason) -> Option<Means> {
    let oauth_error = |code| Means::Server(Fault::oauth_error(StatusCode::BAD_REQUEST, code));
    let status = |status| Means::Server(Fault::status(status));
    Some(match (request, reason) {
        (Request::Ping, Reason::SecretUnavailable | Reason::InvalidClient | Reason::UnauthorizedClient)
        | (Request::Ping, Reason::InvalidScope | Reason::UnsupportedGrantType | Reason::BadRequest)
        | (Request::Token, Reason::TokenRejected | Reason::UnexpectedBody) => return None,
        (_, Reason::SecretUnavailable) => Means::SecretFile,
        (_, Reason::LocalError) => Means::Descriptors,
        (_, Reason::Dns) => Means::Configuration,
        (_, Reason::Proxy | Reason::Connect) => Means::ClosedPort,
        (_, Reason::ConnectTimeout | Reason::Tls | Reason::Certificate | Reason::ClientCertificate) => Means::Front,
        (_, Reason::ResponseTimeout) => Means::Server(Fault::Hang),
        (_, Reason::ConnectionClosed) => Means::Server(Fault::Close),
        (_, Reason::ProtocolError) => Means::Server(Fault::Garbage),
        (_, Reason::Redirected) => Means::Server(Fault::redirect("/elsewhere")),
        (_, Reason::RateLimited) => Means::Server(Fault::rate_limited("1")),
        (_, Reason::ServerError) => status(StatusCode::SERVICE_UNAVAILABLE),
        (_, Reason::Forbidden) => status(StatusCode::FORBIDDEN),
        (_, Reason::InvalidClient) => Means::Server(Fault::RefuseSecret),
        (_, Reason::UnauthorizedClient) => oauth_error("unauthorized_client"),
        (_, Reason::InvalidScope) => oauth_error("invalid_scope"),
        (_, Reason::UnsupportedGrantType) => oauth_error("unsupported_grant_type"),
        (_, Reason::BadRequest) => status(StatusCode::BAD_REQUEST),
        (_, Reason::TokenRejected) => Means::Server(Fault::RefuseTokens),
        (_, Reason::UnexpectedStatus) => status(StatusCode::NOT_FOUND),
        (_, Reason::BadResponse) => Means::Server(Fault::login_page()),
        (_, Reason::UnexpectedBody) => Means::Server(Fault::Patch(json!({ "info": "gone" }))),
    })
}

/// Everything that can happen.
pub(crate) fn all() -> Vec<CycleFault> {
    let every = Request::ALL.into_iter().flat_map(|request| Reason::ALL.map(|reason| (request, reason)));
    every
        .filter(|&(request, reason)| means(request, reason).is_some())
        .map(|(request, reason)| CycleFault { request, reason, name: name(request, reason) })
        .collect()
}

pub(crate) fn name(request: Request, reason: Reason) -> String {
    format!("{}-{}", request.as_str(), reason.as_str())
}

impl CycleFault {
    fn means(&self) -> Means {
        means(self.request, self.reason).expect("it can happen")
    }

    fn server(&self) -> Server {
        match self.request {
            Request::Token => Server::Authorization,
            Request::Ping => Server::Api,
        }
    }

    /// The key of the server that is asked.
    fn server_key(&self) -> &'static str {
        match self.request {
            Request::Token => "authorization_server",
            Request::Ping => "resource_server",
        }
    }

    /// A cycle fails for its token request once it has no token left.
    pub(crate) fn client(&self) -> Client {
        match self.request {
            Request::Token => Client::short_lived(&self.name),
            Request::Ping => Client::new(&self.name),
        }
    }

    fn is_separate(&self) -> bool {
        !matches!(self.means(), Means::Descriptors | Means::Configuration)
    }

    pub(crate) fn needs_a_server_of_its_own(&self) -> bool {
        matches!(self.means(), Means::ClosedPort)
    }

    /// The target while nothing is wrong.
    async fn target(&self, cast: &Cast) -> (Value, Option<Front>) {
        let mut front = None;
        let more = match self.means() {
            Means::ClosedPort if self.reason == Reason::Proxy => json!({
                // The simulated server itself is the proxy: it looks at the path alone.
                (self.server_key()): "http://elsewhere.invalid",
                "proxy_url": cast.url(&self.name, self.server()).as_str(),
                "allow_plaintext": true,
            }),
            Means::Front => {
                let server = cast.address(&self.name, self.server());
                let started = Front::start(server, sound(&cast.authority)).await;
                let url = format!("https://{}", started.address);
                front = Some(started);
                json!({ (self.server_key()): url, "tls": { "ca_file": cast.ca_file } })
            }
            // Reading a file takes a descriptor.
            Means::Descriptors => json!({ "client_secret": SECRET, "client_secret_file": null }),
            _ => json!({}),
        };
        (cast.target(&self.name, more), front)
    }
}

/// The targets of these faults, and what stands in front of their servers.
async fn targets(faults: &[CycleFault], cast: &Cast) -> (Vec<Value>, Vec<Option<Front>>) {
    let mut targets = Vec::new();
    let mut fronts = Vec::new();
    for fault in faults {
        let (target, front) = fault.target(cast).await;
        targets.push(target);
        fronts.push(front);
    }
    (targets, fronts)
}

/// Faults of servers, ports and files, each of which meets one target.
pub(crate) struct Separate {
    faults: Vec<CycleFault>,
    fronts: Vec<Option<Front>>,
    pub(crate) targets: Vec<Value>,
}

impl Separate {
    pub(crate) async fn prepare(cast: &Cast) -> Self {
        let faults: Vec<_> = all().into_iter().filter(CycleFault::is_separate).collect();
        let (targets, fronts) = targets(&faults, cast).await;
        Self { faults, fronts, targets }
    }

    /// Plays them, once the targets are probed.
    pub(crate) async fn play(self, stage: &Arc<Stage>, cast: &Arc<Cast>) {
        let mut plays = JoinSet::new();
        for (fault, front) in self.faults.into_iter().zip(self.fronts) {
            let (stage, cast) = (Arc::clone(stage), Arc::clone(cast));
            plays.spawn(async move {
                play_separate(&stage, &cast, &fault, front.as_ref()).await;
                stage.keep(front);
            });
        }
        plays.join_all().await;
    }
}

async fn play_separate(stage: &Stage, cast: &Cast, fault: &CycleFault, front: Option<&Front>) {
    let control = cast.simulator(&fault.name).control();
    let begin = async {
        match fault.means() {
            Means::Server(what) => cast.set_faults(&fault.name, fault.server(), [what]),
            Means::ClosedPort => control.take_down(fault.server()).await,
            Means::Front => front.unwrap().set(broken(fault.reason, &cast.authority)),
            Means::SecretFile => fs::remove_file(cast.secret_file(&fault.name)).unwrap(),
            Means::Descriptors | Means::Configuration => unreachable!("not separate"),
        }
    };
    let end = async {
        if let Means::ClosedPort = fault.means() {
            control.bring_up(fault.server()).await;
        }
        if let Some(front) = front {
            front.set(sound(&cast.authority));
        }
        cast.heal(&fault.name);
    };
    stage.play(&[&fault.name], begin, end).await;
}

fn sound(authority: &Authority) -> Handling {
    tls_config(&authority.issue("127.0.0.1", |_| {}), None).into()
}

fn broken(reason: Reason, authority: &Authority) -> Handling {
    match reason {
        Reason::ConnectTimeout => Handling::Silence,
        Reason::Tls => Handling::NoTls,
        // Of an authority that nobody knows.
        Reason::Certificate => sound(&Authority::new()),
        // One is demanded, and there is none.
        Reason::ClientCertificate => tls_config(&authority.issue("127.0.0.1", |_| {}), Some(authority)).into(),
        _ => unreachable!("{reason:?} is no fault of TLS"),
    }
}

/// An exporter that is out of descriptors. Prometheus keeps the connection that it has.
pub(crate) async fn play_descriptors(stage: &Stage, cast: &Cast) {
    let faults: Vec<_> = all().into_iter().filter(|fault| matches!(fault.means(), Means::Descriptors)).collect();
    let exporter = stage.exporter("descriptors", &configuration(targets(&faults, cast).await.0)).await;
    let pid = exporter.pid();
    let limit = async |current| {
        // As ours: it was inherited.
        let maximum = getrlimit(Resource::Nofile).maximum;
        prlimit(pid, Resource::Nofile, Rlimit { current: Some(current), maximum }).unwrap();
    };
    stage.play(&names(&faults), limit(3), limit(1024)).await;
    stage.keep(exporter);
}

/// An exporter that is told of hosts that do not exist, beside one that does.
pub(crate) async fn play_configuration(stage: &Stage, cast: &Cast) {
    let faults: Vec<_> = all().into_iter().filter(|fault| matches!(fault.means(), Means::Configuration)).collect();
    let with = |more: fn(&CycleFault) -> Value| {
        let targets = faults.iter().map(|fault| cast.target(&fault.name, more(fault)));
        configuration(targets.chain([cast.target(BYSTANDER, json!({}))]))
    };
    let right = with(|_| json!({}));
    let wrong = with(|fault| json!({ (fault.server_key()): "http://no-such-host.invalid", "allow_plaintext": true }));
    let exporter = Mutex::new(stage.exporter("configuration", &right).await);
    let restart = async |configuration| exporter.lock().await.restart(configuration).await;
    stage.play(&names(&faults), restart(&wrong), restart(&right)).await;
    stage.keep(exporter.into_inner());
}

fn names(faults: &[CycleFault]) -> Vec<&str> {
    faults.iter().map(|fault| fault.name.as_str()).collect()
}
