//! Debian's blackbox_exporter, for the memory that a process of its kind takes.

use tokio::runtime::Handle;

use crate::common::{Memory, PingServer, Port, Watched};
use crate::support::Blackbox;

const PROBES: usize = 20;
const CONFIGURATION: &str = r#"modules:
  ping:
    prober: http
    timeout: 5s
    http:
      preferred_ip_protocol: ip4
      bearer_token: 2YotnFZFEjr1zCsicMWpAA
"#;

/// What it holds after a few probes of one target.
pub(crate) async fn memory() -> Memory {
    let server = PingServer::start(&Handle::current(), &Port::Http, 1).await;
    let blackbox = Blackbox::start(CONFIGURATION).await;
    for _ in 0..PROBES {
        let probe = blackbox.probe(&format!("{}/api/v1/deliveryexperience/ping", server.urls()[0]), "ping").await;
        assert!(probe.value("probe_success") > 0.0, "{probe:?}");
    }
    Watched::process(blackbox.pid()).memory()
}
