//! After a thousand cycles with everything that can go wrong, as many sockets are open as before. A test binary of its
//! own: it counts those of the whole process, the servers' ends among them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod h2_server;
mod raw_server;
mod targets;

use std::sync::Arc;
use std::time::Duration;

use oauth_probe_exporter::client::{ClientPool, HttpWire};
use oauth_probe_exporter::clock::{BootClock, Clock};
use oauth_probe_exporter::model::target::{ConnectionMode, Target, Transport, Verification};
use oauth_probe_exporter::model::token::TokenState;
use oauth_probe_exporter::probe::{Tools, run_cycle};
use oauth_probe_exporter::simulator::{ClientSettings, Fault, Server, Settings, Simulator, StatusCode, Whom};
use serde_json::json;
use tokio::task::JoinSet;

use h2_server::{Behaviour, H2Server};
use raw_server::{Leaf, tls_config};
use targets::target;

const CYCLES: usize = 1000;
/// Short, since many of these requests can only end by it.
const TIMEOUT: Duration = Duration::from_millis(40);
const MODES: [ConnectionMode; 2] = [ConnectionMode::Fresh, ConnectionMode::Reuse];
/// Whoever waits longer has found a leak.
const PATIENCE: Duration = Duration::from_secs(60);

fn faults() -> Vec<Vec<Fault>> {
    let one = [
        Fault::Delay(TIMEOUT * 2),
        Fault::Hang,
        Fault::Close,
        Fault::Reset,
        Fault::Garbage,
        Fault::Patch(json!({ "access_token": null, "info": null })),
        Fault::CutBody,
        Fault::StallBody,
        Fault::LateBody(TIMEOUT / 2),
        Fault::RefuseSecret,
        Fault::RefuseTokens,
        Fault::status(StatusCode::SERVICE_UNAVAILABLE),
        Fault::rate_limited("1"),
        Fault::redirect("/elsewhere"),
        Fault::login_page(),
        Fault::too_long(),
    ];
    std::iter::once(Vec::new()).chain(one.map(|fault| vec![fault])).collect()
}

/// A target for every fault of either server and every way to connect.
fn plain_targets(simulator: &Simulator) -> Vec<Target> {
    let mut targets = Vec::new();
    for (number, faults) in faults().into_iter().enumerate() {
        for server in [Server::Authorization, Server::Api] {
            for mode in MODES {
                let client = client_id(number, server, mode);
                simulator.control().set_faults(server, Whom::client(&client), faults.clone());
                let mut target = target(simulator.authorization_server().as_str().trim_end_matches('/'));
                let api = simulator.resource_server().join("/api/v1/deliveryexperience/ping").unwrap();
                target.ping.endpoint = api;
                target.token.client_id = client;
                targets.push(with(target, mode));
            }
        }
    }
    targets
}

fn client_id(number: usize, server: Server, mode: ConnectionMode) -> String {
    format!("{number}-{server:?}-{mode:?}")
}

fn with(mut target: Target, mode: ConnectionMode) -> Target {
    target.timeout = TIMEOUT;
    target.ping.connection = mode;
    let transport = Transport { verification: Verification::Skip, ..Transport::default() };
    target.token.transport = transport.clone();
    target.ping.transport = transport;
    target
}

/// Targets of servers that speak HTTP/2, and one whose certificate is not trusted.
fn tls_targets(servers: &[H2Server]) -> Vec<Target> {
    let base = |server: &H2Server| target(&format!("https://{}", server.address));
    let mut targets: Vec<_> = servers.iter().flat_map(|server| MODES.map(|mode| with(base(server), mode))).collect();
    let mut distrustful = with(base(&servers[0]), ConnectionMode::Fresh);
    distrustful.ping.transport.verification = Verification::Full;
    targets.push(distrustful);
    targets
}

async fn tls_servers() -> Vec<H2Server> {
    let both = r#"{"access_token":"abc","token_type":"Bearer","expires_in":60,"info":"pong","status":1}"#;
    let behaviours = [
        Behaviour::Answer(both),
        Behaviour::AnswerAndClose(both),
        Behaviour::Hang,
        Behaviour::Stall,
        Behaviour::Break,
        Behaviour::Reset(h2::Reason::REFUSED_STREAM),
        Behaviour::GoAway(h2::Reason::INTERNAL_ERROR),
        Behaviour::Drop,
        Behaviour::Babble,
    ];
    let mut servers = Vec::new();
    for behaviour in behaviours {
        let config = tls_config(&Leaf::self_signed("127.0.0.1", |_| {}), None);
        servers.push(H2Server::start(behaviour, config).await);
    }
    servers
}

fn open_sockets() -> usize {
    let links = std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|entry| entry.unwrap().path().read_link().ok());
    links.filter(|link| link.to_string_lossy().starts_with("socket:")).count()
}

async fn until_open(is_met: impl Fn(usize) -> bool) {
    let waiting = async {
        while !is_met(open_sockets()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "{} sockets stay open", open_sockets());
}

async fn run_cycles(wire: &HttpWire, target: &Target, count: usize) {
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..count {
        let deadline = BootClock.now().moment.plus(TIMEOUT * 4);
        let tools = Tools { wire, clock: &BootClock, random: &mut random };
        // Without a past, so that no back-off spares it the token request.
        run_cycle(target, &mut TokenState::default(), deadline, tools).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_many_are_open_after_a_thousand_cycles_with_faults_as_before() {
    let ids = (0..faults().len()).flat_map(|number| {
        [Server::Authorization, Server::Api]
            .into_iter()
            .flat_map(move |server| MODES.map(|mode| client_id(number, server, mode)))
    });
    let clients = ids.map(|id| ClientSettings::new(&id, "secret")).collect();
    let simulator = Simulator::start(Settings { clients, ..Settings::default() }).await.unwrap();
    let servers = tls_servers().await;
    let targets = [plain_targets(&simulator), tls_targets(&servers)].concat();
    let each = CYCLES.div_ceil(targets.len());
    let before = open_sockets();
    for mode in MODES {
        let targets: Vec<_> = targets.iter().filter(|target| target.ping.connection == mode).cloned().collect();
        // Both ends of one connection for each target that keeps its own.
        let kept = if mode == ConnectionMode::Reuse { 2 * targets.len() } else { 0 };
        let mut pool = ClientPool::new();
        let mut running = JoinSet::new();
        for target in targets {
            let target = Arc::new(target);
            let wire = HttpWire::new(Arc::clone(&target), &mut pool).unwrap();
            running.spawn(async move {
                run_cycles(&wire, &target, each).await;
                wire
            });
        }
        let wires = running.join_all().await;
        until_open(|open| open <= before + kept).await;
        drop((wires, pool));
        until_open(|open| open == before).await;
    }
}
