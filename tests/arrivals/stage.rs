//! What faults are played in front of: Prometheus, Alertmanager, who receives its webhooks, and a record of when what
//! was played.

use std::any::Any;
use std::collections::BTreeMap;
use std::fs;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::exporter::Exporter;
use super::record::{Event, Record};
use super::stalls::Stalls;
use super::support::{Alertmanager, Pace, Prometheus, WebhookReceiver};
use super::table::{Expected, Row};

/// Half a minute of production is a second: a scrape and an evaluation every half minute, as assumed by the rules.
pub(crate) const PACE: Pace = Pace { minute: Duration::from_secs(2) };
/// Longer than the longest `for` and `group_wait`, so that what arrives late arrives, too.
const HOLD: Duration = Duration::from_secs(18 * 60);
/// Longer than the longest `group_interval`.
const SETTLE: Duration = Duration::from_secs(6 * 60);
/// No wait is longer; it is not meant to happen.
const PATIENCE: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(200);

/// When a fault was there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    pub(crate) began: Instant,
    pub(crate) ended: Option<Instant>,
}

pub(crate) struct Stage {
    pub(crate) prometheus: Prometheus,
    _alertmanager: Alertmanager,
    webhooks: WebhookReceiver,
    /// What Prometheus discovers its targets from.
    discovery: TempDir,
    /// What is expected, by the target or else the job that it is about.
    pub(crate) rows: BTreeMap<String, Row>,
    times: Mutex<BTreeMap<String, Times>>,
    kept: Mutex<Vec<Box<dyn Any + Send>>>,
    pub(crate) stalls: Stalls,
}

impl Stage {
    pub(crate) async fn set(rows: BTreeMap<String, Row>) -> Self {
        let webhooks = WebhookReceiver::start().await;
        let alertmanager = Alertmanager::start(&PACE.routing(&webhooks.url)).await;
        let discovery = tempfile::tempdir().unwrap();
        let rules = discovery.path().join("rules.yml");
        fs::write(&rules, PACE.rules()).unwrap();
        let configuration = json!({
            "global": { "scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s" },
            "rule_files": [rules],
            "alerting": { "alertmanagers": [{ "static_configs": [{
                "targets": [alertmanager.url.trim_start_matches("http://")],
            }] }] },
            "scrape_configs": [{
                "job_name": "discovered",
                "file_sd_configs": [{ "files": [discovery.path().join("*.json")], "refresh_interval": "1s" }],
            }],
        });
        let prometheus = Prometheus::start(&configuration.to_string()).await;
        let (times, kept) = Default::default();
        let stalls = Stalls::watch();
        Self { prometheus, _alertmanager: alertmanager, webhooks, discovery, rows, times, kept, stalls }
    }

    /// From now on these addresses are scraped under this job, and no others.
    pub(crate) fn discover(&self, job: &str, addresses: &[&str]) {
        let groups = json!([{ "targets": addresses, "labels": { "job": job } }]).to_string();
        let new = self.discovery.path().join(format!("{job}.new"));
        fs::write(&new, groups).unwrap();
        fs::rename(new, self.discovery.path().join(format!("{job}.json"))).unwrap();
    }

    /// Starts an exporter that is scraped under this job, and waits until all its targets are seen to be well.
    pub(crate) async fn exporter(&self, job: &str, configuration: &str) -> Exporter {
        let exporter = Exporter::start_with(configuration, &[], &[]).await;
        self.discover(job, &[&exporter.address]);
        self.until_well(job).await;
        exporter
    }

    pub(crate) async fn until_well(&self, job: &str) {
        self.until(&format!(
            "sum(oauth_probe_success{{job='{job}'}}) == sum(oauth_probe_targets{{job='{job}'}}) and \
             min(up{{job='{job}'}}) == 1"
        ))
        .await;
    }

    /// Waits until Prometheus answers this with something.
    pub(crate) async fn until(&self, expression: &str) {
        let waiting = async {
            while self.prometheus.query(expression).await == json!([]) {
                sleep(POLL).await;
            }
        };
        if timeout(PATIENCE, waiting).await.is_err() {
            panic!("{expression} gave nothing; targets: {}", self.prometheus.targets().await);
        }
    }

    /// It runs until the end: what is gone would be an alert.
    pub(crate) fn keep(&self, player: impl Any + Send) {
        self.kept.lock().unwrap().push(Box::new(player));
    }

    /// Plays a fault that shows in these scopes: begins it, waits for what it brings, ends it, and waits until all of
    /// that is resolved.
    ///
    /// What does not come is left to the verdict, which has it all.
    pub(crate) async fn play(&self, scopes: &[&str], begin: impl Future<Output = ()>, end: impl Future<Output = ()>) {
        let began = Instant::now();
        self.note(scopes, Times { began, ended: None });
        begin.await;
        self.wait_until(|| scopes.iter().all(|scope| self.has_arrived(scope))).await;
        sleep_until(began + PACE.of(HOLD)).await;
        self.note(scopes, Times { began, ended: Some(Instant::now()) });
        end.await;
        self.wait_until(|| scopes.iter().all(|scope| self.record().is_resolved(scope))).await;
        sleep(PACE.of(SETTLE)).await;
    }

    /// Waits until this alert of the scope has arrived.
    pub(crate) async fn until_arrived(&self, scope: &str, alert: &Expected) {
        self.wait_until(|| self.record().has_fired(scope, alert)).await;
    }

    fn has_arrived(&self, scope: &str) -> bool {
        let row = self.rows.get(scope).unwrap_or_else(|| panic!("{scope} is not in the table"));
        row.expected.iter().all(|expected| self.record().has_fired(scope, expected))
    }

    async fn wait_until(&self, is_so: impl Fn() -> bool) {
        let waiting = async {
            while !is_so() {
                sleep(POLL).await;
            }
        };
        let _ = timeout(PATIENCE, waiting).await;
    }

    fn note(&self, scopes: &[&str], times: Times) {
        let mut all = self.times.lock().unwrap();
        all.extend(scopes.iter().map(|scope| ((*scope).to_owned(), times)));
    }

    pub(crate) fn times(&self, scope: &str) -> Option<Times> {
        self.times.lock().unwrap().get(scope).copied()
    }

    /// All that has arrived.
    pub(crate) fn record(&self) -> Record {
        let scope = |event: &Event| {
            let label = |name: &str| event.labels.get(name).filter(|scope| self.rows.contains_key(*scope));
            label("target").or(label("job")).cloned()
        };
        Record::of(&self.webhooks.notifications(), scope)
    }
}
