//! A name server that swallows questions, answers none at all, or is gone, under the program: whom that meets, and that
//! it passes.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod exporter;
mod namespace;
mod reports;

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use oauth_probe_exporter::simulator::{ClientSettings, Settings, Simulator};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

use exporter::Exporter;
use reports::Scrape;

const OTHERS: usize = 20;
const CYCLES: f64 = 8.0;
/// Those of the runtime, of the log and of reloads, one for each name that hangs, and some that read files.
const MOST_THREADS: f64 = 24.0;

/// The usual settings of glibc, but for its patience.
const NETWORK: &str = "
    mount -t tmpfs none /mnt
    printf 'nameserver 127.0.0.1\\noptions timeout:2 attempts:1\\n' > /mnt/resolv.conf
    printf 'hosts: files dns\\n' > /mnt/nsswitch.conf
    mount --bind /mnt/resolv.conf /etc/resolv.conf
    mount --bind /mnt/nsswitch.conf /etc/nsswitch.conf
    ip link set lo up";

/// Knows every name under `.test` as an address of loopback, except those that begin with `lost`: to these it never
/// answers.
struct NameServer {
    mute: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl NameServer {
    async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:53").await.unwrap();
        let mute = Arc::new(AtomicBool::new(false));
        let is_mute = Arc::clone(&mute);
        let task = tokio::spawn(async move {
            let mut question = [0; 512];
            loop {
                let Ok((length, from)) = socket.recv_from(&mut question).await else { continue };
                let is_lost = question[13..length].starts_with(b"lost");
                if !is_lost && !is_mute.load(Ordering::SeqCst) {
                    let _ = socket.send_to(&answer(&question[..length]), from).await;
                }
            }
        });
        Self { mute, task }
    }

    /// Gone: the port is closed when this returns.
    async fn stop(mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

/// RFC 1035: the question again, and for one of type A the address.
fn answer(question: &[u8]) -> Vec<u8> {
    let end = 12 + question[12..].iter().position(|byte| *byte == 0).unwrap() + 5;
    let is_of_a = question[end - 4..end - 2] == [0, 1];
    let mut answer = question[..2].to_vec();
    answer.extend([0x81, 0x80, 0, 1, 0, u8::from(is_of_a), 0, 0, 0, 0]);
    answer.extend(&question[12..end]);
    if is_of_a {
        answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1]);
    }
    answer
}

struct Stage {
    exporter: Exporter,
    _simulator: Simulator,
}

impl Stage {
    async fn set() -> Self {
        let clients = vec![ClientSettings::new("acme", "secret")];
        let simulator = Simulator::start(Settings { clients, ..Settings::default() }).await.unwrap();
        let mut configuration = format!(
            "defaults: {{ interval: 500ms, timeout: 400ms, client_id: acme, client_secret: secret, allow_plaintext: true, \
             authorization_server: '{}' }}\ntargets:\n",
            simulator.authorization_server()
        );
        let names = (0..OTHERS).map(|number| format!("other-{number}")).chain(["lost".to_owned()]);
        let port = simulator.resource_server().port().unwrap();
        for name in names {
            writeln!(configuration, "  - {{ name: {name}, resource_server: 'http://{name}.test:{port}' }}").unwrap();
        }
        Self { exporter: Exporter::start(&configuration).await, _simulator: simulator }
    }

    async fn scrape(&self) -> Scrape {
        Scrape::of(&self.exporter.metrics().await)
    }

    async fn until_all_others(&self, success: f64) {
        for number in 0..OTHERS {
            self.exporter.until(&format!("oauth_probe_success{{target=\"other-{number}\"}} {success}")).await;
        }
    }

    async fn all_others_fail_for_it_and_recover(&self, end: impl AsyncFnOnce()) {
        self.until_all_others(0.0).await;
        let why = [("request", "ping"), ("reason", "dns"), ("fault", "network")];
        assert_eq!(self.scrape().await.all("cycle_failure_info", &why).len(), OTHERS + 1);
        end().await;
        self.until_all_others(1.0).await;
    }
}

#[test]
fn name_that_is_never_answered_fails_alone_and_a_name_server_that_is_back_is_noticed() {
    if !namespace::is_inside() {
        let name = "name_that_is_never_answered_fails_alone_and_a_name_server_that_is_back_is_noticed";
        return namespace::run_inside(name, NETWORK);
    }
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let server = NameServer::start().await;
        let stage = Stage::set().await;
        stage.exporter.until_matching(&["cycles_total", "\"lost\"", "failure"], |count| count >= CYCLES).await;
        let scrape = stage.scrape().await;
        let why = [("target", "lost"), ("request", "ping"), ("reason", "dns"), ("fault", "network")];
        assert_eq!(scrape.one("cycle_failure_info", &why), 1.0);
        // A busy machine may be too slow for a cycle, which is then not the network's fault.
        let failed = scrape.all("cycle_failures_total", &[("fault", "network")]);
        assert_eq!(failed.iter().filter(|count| **count > 0.0).count(), 1, "the others are not disturbed");
        let threads = scrape.0.iter().find(|sample| sample.name == "process_threads").unwrap();
        assert!(threads.value.parse::<f64>().unwrap() <= MOST_THREADS, "{} threads", threads.value);

        server.mute.store(true, Ordering::SeqCst);
        stage.all_others_fail_for_it_and_recover(async || server.mute.store(false, Ordering::SeqCst)).await;

        server.stop().await;
        stage.all_others_fail_for_it_and_recover(async || std::mem::forget(NameServer::start().await)).await;
    });
}
