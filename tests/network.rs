//! The network under the program breaks and is mended: interfaces, routes, packets that get lost, a host that vanishes,
//! ports that run out. Each fault has its reason, and the first attempt after it succeeds.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod exporter;
mod namespace;
mod reports;

use std::time::Duration;

use oauth_probe_exporter::simulator::{ClientSettings, Settings, Simulator};
use serde_json::Value;

use exporter::Exporter;
use namespace::{outside, shell};
use reports::Scrape;

/// The servers' end of the wire that is broken (RFC 5737) …
const SERVERS: &str = "192.0.2.1";
/// … and the program's end of another one, by which it is scraped meanwhile.
const SCRAPED_AT: &str = "198.51.100.2:0";
const LAUNCHER: [&str; 2] = ["nsenter", "--net=/run/netns/exporter"];

/// Two wires to a namespace in which the program runs, beside this one, in which the servers are.
const NETWORK: &str = "
    mount -t tmpfs none /run
    ip netns add exporter
    ip link set lo up
    ip -n exporter link set lo up
    for wire in data:192.0.2 control:198.51.100; do
        name=${wire%:*} net=${wire#*:}
        ip link add $name type veth peer name $name netns exporter
        ip address add $net.1/24 dev $name
        ip link set $name up
        ip -n exporter address add $net.2/24 dev $name
        ip -n exporter link set $name up
    done";

/// The life of a token that is gone by the next cycle but one.
const BRIEF: Duration = Duration::from_secs(1);

/// How the wire breaks, how it is mended, and what pings die of meanwhile.
const FAULTS: [(&str, &str, &str); 5] = [
    ("ip -n exporter link set data down", "ip -n exporter link set data up", "connect"),
    ("ip -n exporter route add unreachable 192.0.2.1", "ip -n exporter route del unreachable 192.0.2.1", "connect"),
    ("ip -n exporter route add blackhole 192.0.2.1", "ip -n exporter route del blackhole 192.0.2.1", "connect"),
    ("ip -n exporter route add prohibit 192.0.2.1", "ip -n exporter route del prohibit 192.0.2.1", "connect"),
    (LOSE_PACKETS, LOSE_NONE, "connect_timeout"),
];

/// Sent to a station that is not there, without a word to anybody.
const LOSE_PACKETS: &str = "ip -n exporter neighbour replace 192.0.2.1 lladdr 02:00:00:00:00:99 dev data nud permanent";
const LOSE_NONE: &str = "ip -n exporter neighbour del 192.0.2.1 dev data";

#[test]
fn broken_network_has_its_reasons_and_the_first_attempt_after_it_succeeds() {
    if !namespace::is_inside() {
        let name = "broken_network_has_its_reasons_and_the_first_attempt_after_it_succeeds";
        return namespace::run_inside(name, NETWORK);
    }
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let stage = Stage::set().await;
        for (broken, mended, reason) in FAULTS {
            stage.breaks(broken, mended, reason, "network").await;
        }
        stage.host_vanishes_under_a_connection().await;
        stage.ports_run_out().await;
    });
}

/// `fresh` and `reuse` ping with a token that lives for long; `asks` needs another one all the time.
struct Stage {
    exporter: Exporter,
    _simulator: Simulator,
}

impl Stage {
    async fn set() -> Self {
        let brief = ClientSettings { lifetime: BRIEF, ..ClientSettings::new("asks", "secret") };
        let clients = vec![ClientSettings::new("fresh", "secret"), ClientSettings::new("reuse", "secret"), brief];
        let simulator = Simulator::start(Settings { clients, ..Settings::default() }).await.unwrap();
        let configuration = format!(
            "defaults: {{ interval: 400ms, timeout: 300ms, client_secret: secret, allow_plaintext: true, \
             authorization_server: 'http://{SERVERS}:{}', resource_server: 'http://{SERVERS}:{}' }}\n\
             targets:\n  - {{ name: fresh, client_id: fresh }}\n  \
             - {{ name: reuse, client_id: reuse, ping: {{ connection: reuse }} }}\n  - {{ name: asks, client_id: asks }}\n",
            outside(SERVERS, simulator.authorization_server().port().unwrap()).await.port(),
            outside(SERVERS, simulator.resource_server().port().unwrap()).await.port(),
        );
        let exporter = Exporter::start_by(&LAUNCHER, SCRAPED_AT, &configuration).await;
        let stage = Self { exporter, _simulator: simulator };
        stage.exporter.until_well("fresh").await;
        stage.exporter.until_well("reuse").await;
        stage.exporter.until_well("asks").await;
        stage
    }

    async fn until_failed(&self, target: &str, reason: &str, fault: &str) {
        self.exporter.until_blamed("cycle_failure_info", target, reason, fault).await;
    }

    /// Of attempts: in a back-off, cycles without a token fail, but nothing is tried.
    async fn failures(&self, target: &str) -> f64 {
        let scrape = Scrape::of(&self.exporter.metrics().await);
        scrape.all("request_failures_total", &[("target", target)]).iter().sum()
    }

    async fn breaks(&self, broken: &str, mended: &str, reason: &str, fault: &str) {
        shell(broken);
        self.until_failed("fresh", reason, fault).await;
        self.until_failed("asks", reason, fault).await;
        shell(mended);
        self.recovers("fresh").await;
        self.recovers("reuse").await;
        self.recovers("asks").await;
    }

    /// By the first attempt that is made, once a back-off is over; another one may have been under way. So it takes no longer
    /// than CONTRACT's back-off: interval + min(2 min, interval · 2ⁿ), and a cycle.
    async fn recovers(&self, target: &str) {
        let before = self.failures(target).await;
        self.exporter.until_well(target).await;
        let more = self.failures(target).await - before;
        assert!(more <= 1.0, "{target}: {more} failures after the end of the fault");
    }

    /// No word from the host, which may have lost its power: first the connection hangs, then no other can be made.
    async fn host_vanishes_under_a_connection(&self) {
        let cycles = async || -> Vec<Value> {
            let details = self.exporter.get("/api/v1/targets/reuse").await.text();
            let details: Value = serde_json::from_str(&details).unwrap();
            details["data"]["cycles"].as_array().expect("cycles").clone()
        };
        shell(LOSE_PACKETS);
        self.until_failed("reuse", "connect_timeout", "network").await;
        let reasons: Vec<_> = cycles().await.iter().map(|cycle| cycle["failure"]["reason"].clone()).collect();
        // The newest first.
        let expected = [Value::from("connect_timeout"), Value::from("response_timeout"), Value::Null];
        assert!(reasons.windows(3).any(|three| three == expected), "{reasons:?}");
        shell(LOSE_NONE);
        self.recovers("reuse").await;
    }

    /// One port, which the last connection still holds for a while.
    async fn ports_run_out(&self) {
        let range = |ports: &str| {
            let file = "/proc/sys/net/ipv4/ip_local_port_range";
            shell(&format!("{} sh -c 'echo {ports} > {file}'", LAUNCHER.join(" ")));
        };
        range("40000 40000");
        self.until_failed("fresh", "local_error", "exporter").await;
        range("32768 60999");
        self.recovers("fresh").await;
    }
}
