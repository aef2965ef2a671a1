//! Debian's blackbox_exporter, driven by a scraper that keeps its connections, as Prometheus does.

use std::future::poll_fn;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http_body::Body as _;
use hyper::Uri;
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::interval;

use crate::common::{Port, Watched};
use crate::stage::{RATE, Stage, Turn};
use crate::support::Blackbox;

type Scraper = Client<HttpConnector, String>;

pub(crate) async fn turn(stage: &Stage, port: &Port, module: &str) -> Turn {
    let server = stage.server(port).await;
    let url = &server.urls()[0];
    let blackbox = Blackbox::start(&configuration(url, &stage.ca_file)).await;
    let probe = blackbox.probe_url(&format!("{url}/api/v1/deliveryexperience/ping"), module);
    let failed = Arc::new(AtomicU64::new(0));
    let driving = tokio::spawn(drive(probe.parse().unwrap(), Arc::clone(&failed)));
    let mut turn = stage.watch(&Watched::process(blackbox.pid()), &server).await;
    driving.abort();
    turn.failed = failed.load(Ordering::Relaxed);
    turn
}

/// Asks for a probe at an even pace, whether or not the one before has ended.
async fn drive(probe: Uri, failed: Arc<AtomicU64>) {
    let scraper: Scraper = Client::builder(TokioExecutor::new()).build_http();
    let mut pace = interval(Duration::from_secs(1) / u32::try_from(RATE).unwrap());
    loop {
        pace.tick().await;
        let (scraper, probe, failed) = (scraper.clone(), probe.clone(), Arc::clone(&failed));
        tokio::spawn(async move {
            if !succeeds(&scraper, probe).await {
                failed.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
}

async fn succeeds(scraper: &Scraper, probe: Uri) -> bool {
    let Ok(answer) = scraper.get(probe).await else { return false };
    let said = read(answer.into_body()).await;
    said.is_ok_and(|text| text.windows(SUCCESS.len()).any(|window| window == SUCCESS))
}

const SUCCESS: &[u8] = b"\nprobe_success 1\n";

async fn read(mut body: Incoming) -> Result<Vec<u8>, hyper::Error> {
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        if let Ok(data) = frame?.into_data() {
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes)
}

/// The same request as ours, with a token that it has already, or asks for each time; and the same demands.
fn configuration(url: &str, ca_file: &Path) -> String {
    let http = format!(
        r#"    prober: http
    timeout: 5s
    http:
      preferred_ip_protocol: ip4
      headers: {{ Accept: application/json }}
      valid_status_codes: [200]
      fail_if_body_not_matches_regexp: ['"info"\s*:\s*"pong"']
      tls_config: {{ ca_file: '{}' }}
"#,
        ca_file.display()
    );
    format!(
        "modules:\n  ping:\n{http}      bearer_token: 2YotnFZFEjr1zCsicMWpAA\n  oauth:\n{http}      oauth2: {{ \
         client_id: acme, client_secret: secret, token_url: '{url}/oauth/token' }}\n"
    )
}
