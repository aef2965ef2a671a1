//! The exporter's own families, kept and encoded by the `prometheus` crate.

use prometheus::core::Collector;
use prometheus::process_collector::ProcessCollector;
use prometheus::proto::MetricFamily;
use prometheus::{Encoder, Gauge, Histogram, HistogramOpts, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};

use crate::model::time::{Stamp, unix_seconds};

use super::catalogue::{BUILD_INFO, CONFIG_LOADED, CONFIG_SUCCESSFUL, HOSTS, SCHEDULE_LAG, TARGETS};
use super::family::Family;

const SCHEDULE_LAG_BUCKETS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Every expectation below is about constants: names and labels of the catalogue.
const VALID: &str = "the catalogue's families are valid";

/// How late cycles start: counted for as long as the process runs, while the other families begin anew with each
/// configuration.
pub(super) fn schedule_lag() -> Histogram {
    let options = HistogramOpts::new(SCHEDULE_LAG.name, SCHEDULE_LAG.help).buckets(SCHEDULE_LAG_BUCKETS.to_vec());
    Histogram::with_opts(options).expect(VALID)
}

/// What the exporter says about itself.
#[derive(Debug)]
pub(super) struct OwnFamilies {
    registry: Registry,
    /// `build_info` once more, and alone: to gather `process_*` reads several files of the system.
    build: Registry,
    config_successful: IntGauge,
    config_loaded: Gauge,
    targets: IntGauge,
    hosts: IntGauge,
}

impl OwnFamilies {
    pub(super) fn new(vantage: Option<&str>, schedule_lag: &Histogram) -> Self {
        let labels = vantage.map(|vantage| [("vantage".to_owned(), vantage.to_owned())].into());
        let registry = Registry::new_custom(None, labels.clone()).expect(VALID);
        let build = Registry::new_custom(None, labels).expect(VALID);
        let build_info = IntGaugeVec::new(options(&BUILD_INFO), BUILD_INFO.labels).expect(VALID);
        let revision = option_env!("BUILD_REVISION").unwrap_or("unknown");
        let values = [env!("CARGO_PKG_VERSION"), revision, env!("BUILD_RUST_VERSION")];
        build_info.with_label_values(&values).set(1);
        register(&build, register(&registry, build_info));
        register(&registry, schedule_lag.clone());
        registry.register(Box::new(ProcessCollector::for_self())).expect(VALID);
        Self {
            config_successful: register(&registry, IntGauge::with_opts(options(&CONFIG_SUCCESSFUL)).expect(VALID)),
            config_loaded: register(&registry, Gauge::with_opts(options(&CONFIG_LOADED)).expect(VALID)),
            targets: register(&registry, IntGauge::with_opts(options(&TARGETS)).expect(VALID)),
            hosts: register(&registry, IntGauge::with_opts(options(&HOSTS)).expect(VALID)),
            registry,
            build,
        }
    }

    /// A configuration with so many targets and distinct hosts came into force.
    pub(super) fn configured(&self, targets: usize, hosts: usize, loaded: Stamp) {
        self.config_successful.set(1);
        self.config_loaded.set(unix_seconds(loaded.wall));
        self.targets.set(targets as i64);
        self.hosts.set(hosts as i64);
    }

    /// A further one was of no use.
    pub(super) fn load_failed(&self) {
        self.config_successful.set(0);
    }

    /// All of them, with `process_*`.
    pub(super) fn families(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }

    /// `build_info` alone, for each of many probes.
    pub(super) fn build_info(&self) -> Vec<MetricFamily> {
        self.build.gather()
    }
}

fn options(family: &Family) -> Opts {
    Opts::new(family.name, family.help)
}

fn register<C: Collector + Clone + 'static>(registry: &Registry, collector: C) -> C {
    registry.register(Box::new(collector.clone())).expect(VALID);
    collector
}

/// The text of such families.
pub(super) fn encode(families: &[MetricFamily]) -> Vec<u8> {
    let mut text = Vec::new();
    if let Err(error) = TextEncoder::new().encode(families, &mut text) {
        // The targets' series are worth more than these: the scrape goes on without them.
        tracing::error!(%error, "the exporter's own metrics cannot be encoded");
        text.clear();
    }
    text
}
