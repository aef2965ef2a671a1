//! Native histograms from outside: who gets them, and what Debian's `prometheus` makes of them.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod awkward;
mod messages;
mod reports;
mod support;
mod targets;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use awkward::{AWKWARD, metrics_in};
use messages::decode;
use oauth_probe_exporter::model::fault::Request::Ping;
use oauth_probe_exporter::model::histograms::Histograms;
use oauth_probe_exporter::model::report::Achievement::Ponged;
use oauth_probe_exporter::server::{App, Bound, WebSettings};
use oauth_probe_exporter::telemetry::Metrics;
use reports::{Sample, Scrape, answered, at, cycle, held, text};
use serde_json::Value;
use support::Prometheus;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// What Prometheus 2.42 sends with native histograms enabled.
const ACCEPT: &str = "Accept: application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
                      encoding=delimited,application/openmetrics-text;version=1.0.0;q=0.8,\
                      application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\n";
const PROTOBUF: &str = "application/vnd.google.protobuf; proto=io.prometheus.client.metricfamily; encoding=delimited";
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// `Vary`, line by line. That there may be compression is always said.
const NEGOTIATED: [&str; 2] = ["accept", "accept-encoding"];
const PATHS: [&str; 3] = ["/metrics", "/metrics?target=plain", "/probe?target=plain"];
const PATIENCE: Duration = Duration::from_secs(60);
const NOW: f64 = 150.0;

/// The server in this process. It shows the same at all times, unless something is recorded.
struct Served {
    address: SocketAddr,
    metrics: Arc<Metrics>,
}

struct Answer {
    /// In lower case.
    head: String,
    body: Vec<u8>,
}

impl Served {
    async fn start(histograms: Histograms) -> Self {
        let bound = Bound::bind(&["127.0.0.1:0".parse().unwrap()]).await.unwrap();
        let address = bound.addresses()[0];
        let metrics = Arc::new(metrics_in(histograms));
        let app = App {
            metrics: Arc::clone(&metrics),
            now: Arc::new(|| at(NOW)),
            reload: Arc::new(|| Box::pin(std::future::ready(Ok(String::new())))),
            probe: Arc::new(|_name| Some(Box::pin(std::future::ready(())))),
            settings: WebSettings::default(),
        };
        tokio::spawn(bound.serve(app, std::future::pending()));
        Self { address, metrics }
    }

    async fn get(&self, path: &str, headers: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(format!("GET {path} HTTP/1.0\r\n{headers}\r\n").as_bytes()).await.unwrap();
        let mut head = Vec::new();
        stream.read_to_end(&mut head).await.unwrap();
        let end = head.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let body = head.split_off(end + 4);
        Answer { head: String::from_utf8(head).unwrap().to_ascii_lowercase(), body }
    }

    /// So many pings of the target `plain`, each as long as this.
    fn record(&self, pings: usize, seconds: f64) {
        let pings = vec![answered(Ping, Ponged, 0.0, seconds); pings];
        let report = cycle(0.0, 1.0, Ok(()), pings, held(0.0, 600.0));
        self.metrics.target("plain").unwrap().record(&report);
    }

    fn job(&self) -> String {
        format!(
            "global: {{ scrape_interval: 1s, scrape_timeout: 1s }}\nscrape_configs:\n  - job_name: oauth-probe\n    \
             static_configs: [{{ targets: ['{}'] }}]\n",
            self.address
        )
    }
}

impl Answer {
    fn headers<'a>(&'a self, name: &str) -> Vec<&'a str> {
        self.head.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).collect()
    }
}

#[tokio::test]
async fn native_exporter_gives_protobuf_to_whoever_prefers_it() {
    let served = Served::start(Histograms::Native).await;
    for path in PATHS {
        let answer = served.get(path, ACCEPT).await;
        assert_eq!(
            (answer.headers("content-type"), answer.headers("vary")),
            (vec![PROTOBUF], NEGOTIATED.into()),
            "{path}"
        );
        assert!(decode(&answer.body).iter().any(|family| family.name() == "oauth_probe_build_info"));
        let answer = served.get(path, "Accept: */*\r\n").await;
        assert_eq!((answer.headers("content-type"), answer.headers("vary")), (vec![TEXT], NEGOTIATED.into()), "{path}");
        assert!(answer.body.starts_with(b"# HELP "));
    }
}

#[tokio::test]
async fn classic_exporter_gives_text_to_all_and_negotiates_nothing() {
    let served = Served::start(Histograms::Classic).await;
    for path in PATHS {
        let answer = served.get(path, ACCEPT).await;
        assert_eq!(
            (answer.headers("content-type"), answer.headers("vary")),
            (vec![TEXT], vec!["accept-encoding"]),
            "{path}"
        );
        assert!(answer.body.starts_with(b"# HELP "));
    }
}

#[tokio::test]
async fn compressed_protobuf_reads_back_the_same() {
    let served = Served::start(Histograms::Native).await;
    for path in PATHS {
        let answer = served.get(path, &format!("{ACCEPT}Accept-Encoding: gzip\r\n")).await;
        assert_eq!(
            (answer.headers("content-type"), answer.headers("content-encoding")),
            (vec![PROTOBUF], vec!["gzip"])
        );
        assert_eq!(answer.headers("vary"), NEGOTIATED);
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(&*answer.body).read_to_end(&mut bytes).unwrap();
        assert!(decode(&bytes).iter().any(|family| family.name() == "oauth_probe_build_info"), "{path}");
    }
}

#[tokio::test]
async fn unknown_target_is_not_found_whatever_the_form() {
    let served = Served::start(Histograms::Native).await;
    let answer = served.get("/metrics?target=other", ACCEPT).await;
    assert!(answer.head.starts_with("http/1.0 404"), "{}", answer.head);
}

/// What a Prometheus has of the exporter, and what the exporter says in text: series with their values. Left out are
/// those of the process, which lives on, and what a Prometheus adds; bounds are written in one way.
type Series = BTreeSet<(String, BTreeMap<String, String>, String)>;

fn series(samples: impl IntoIterator<Item = Sample>) -> Series {
    let is_ours = |sample: &Sample| sample.name.starts_with("oauth_probe_");
    let canonical = |Sample { name, mut labels, value }: Sample| {
        if let Some(bound) = labels.get_mut("le") {
            *bound = bound.parse::<f64>().unwrap().to_string();
        }
        (name, labels, value.parse::<f64>().unwrap().to_string())
    };
    samples.into_iter().filter(is_ours).map(canonical).collect()
}

/// All floats that it has, and the names of the series that are native histograms.
async fn ingested(prometheus: &Prometheus) -> (Series, Vec<String>) {
    let (mut floats, mut histograms) = (Vec::new(), Vec::new());
    for found in prometheus.query("{job=\"oauth-probe\"}").await.as_array().unwrap() {
        let labels = found["metric"].as_object().unwrap().iter();
        let mut labels: BTreeMap<_, _> =
            labels.map(|(label, value)| (label.clone(), value.as_str().unwrap().to_owned())).collect();
        let name = labels.remove("__name__").unwrap();
        labels.retain(|label, _| label != "job" && label != "instance");
        match found["value"][1].as_str() {
            Some(value) => floats.push(Sample { name, labels, value: value.to_owned() }),
            None => histograms.push(name),
        }
    }
    (series(floats), histograms)
}

fn number(result: &Value) -> f64 {
    result[0]["value"][1].as_str().unwrap().parse().unwrap()
}

const DURATION: &str = "oauth_probe_request_duration_seconds";
const OF_PLAIN: &str = "oauth_probe_request_duration_seconds{target=\"plain\", request=\"ping\"}";

#[tokio::test]
async fn prometheus_with_native_histograms_has_one_series_for_each_latency() {
    let served = Served::start(Histograms::Native).await;
    let prometheus = Prometheus::start_native(&served.job()).await;
    prometheus.wait_for(&format!("histogram_count({OF_PLAIN}) == 0"), PATIENCE).await;
    served.record(80, 0.04);
    served.record(20, 0.2);
    prometheus.wait_for(&format!("histogram_count({OF_PLAIN}) == 100"), PATIENCE).await;
    let sum = number(&prometheus.query(&format!("histogram_sum({OF_PLAIN})")).await);
    assert!((sum - 7.2).abs() < 1e-9, "{sum}");
    // Each quantile is as exact as its bucket is narrow: a duration lies between 2^(n/8) and the next such number.
    for (quantile, duration) in [(0.5, 0.04_f64), (0.9, 0.2)] {
        let index = (duration.log2() * 8.0).ceil();
        let bucket = [index - 1.0, index].map(|index| (index / 8.0).exp2());
        for expression in [
            format!("histogram_quantile({quantile}, rate({OF_PLAIN}[1m]))"),
            // As the dashboard asks.
            format!(
                "histogram_quantile({quantile}, sum by (le) (rate({DURATION}_bucket[1m]))) or \
                 histogram_quantile({quantile}, sum (rate({OF_PLAIN}[1m])))"
            ),
        ] {
            let found = number(&prometheus.wait_for(&expression, PATIENCE).await);
            assert!(bucket[0] <= found && found <= bucket[1], "{expression}: {found}, {bucket:?}");
        }
    }
    let (floats, histograms) = ingested(&prometheus).await;
    assert_eq!(histograms, vec![DURATION; 2 * AWKWARD.len()]);
    let mut expected = series(Scrape::of(&text(&served.metrics, at(NOW))).0);
    expected.retain(|(name, ..)| !name.starts_with(DURATION));
    assert_eq!(floats, expected);
}

#[tokio::test]
async fn prometheus_without_them_has_what_the_text_says() {
    let served = Served::start(Histograms::Native).await;
    served.record(80, 0.04);
    served.record(20, 0.2);
    let prometheus = Prometheus::start(&served.job()).await;
    prometheus.wait_for(&format!("{DURATION}_count{{target=\"plain\", request=\"ping\"}} == 100"), PATIENCE).await;
    let (floats, histograms) = ingested(&prometheus).await;
    assert_eq!((floats, histograms), (series(Scrape::of(&text(&served.metrics, at(NOW))).0), Vec::new()));
}
