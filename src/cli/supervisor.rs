//! What is in force: the targets of one configuration, their metrics, clients and tasks, and how the next
//! configuration takes their place, all of it or nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::client::{ClientPool, HttpWire};
use crate::clock::{BootClock, Clock};
use crate::model::histograms::Histograms;
use crate::model::target::{Config, ScheduleMode, Target};
use crate::model::time::Stamp;
use crate::probe::{Fleet, Job, TaskDied};
use crate::server::Probe;
use crate::telemetry::{Metrics, Shown};

use super::loader::{Loader, Panicked};
use super::observer::TargetObserver;
use super::reload::{Changes, Outcome, ReloadRequests, beginning};
use super::wires::wires;

const PANICKED: &str = "reading the configuration failed; this is a bug of the exporter";

/// Where the configuration comes from.
pub(super) type Source = Arc<dyn Fn() -> Result<Config, String> + Send + Sync>;

type TargetJob = Job<Box<HttpWire>, TargetObserver>;

/// Owns everything that a configuration brings into being.
pub(super) struct Supervisor {
    in_force: Arc<InForce>,
    metrics: Arc<Metrics>,
    fleet: Fleet,
    /// When the exporter started; the schedules of all targets begin there, also of those that come later.
    started: Stamp,
}

/// The targets by name, and what the next configuration is held against.
struct InForce {
    targets: HashMap<String, Arc<Target>>,
    on_every_series: OnEverySeries,
    pool: ClientPool,
}

/// Settings beside the targets that show in the series of every one of them.
#[derive(PartialEq)]
struct OnEverySeries {
    vantage: Option<String>,
    latency_buckets: Vec<f64>,
    histograms: Histograms,
}

/// A configuration that can come into force: nothing can go wrong with it any more.
pub(super) struct Prepared {
    next: InForce,
    shown: Shown,
    /// Of the targets that are new or changed.
    jobs: Vec<TargetJob>,
    removed: Vec<String>,
    changes: Changes,
}

impl Prepared {
    /// When every scheduled target will have begun its first cycle, counted from the start; `None` if none is
    /// scheduled.
    pub(super) fn first_cycles_within(&self) -> Option<Duration> {
        let scheduled = self.jobs.iter().map(|job| &job.target).filter(|target| target.schedule == ScheduleMode::On);
        scheduled.map(|target| target.interval).max()
    }
}

impl Supervisor {
    /// Nothing is probed yet; `fleet` has no targets.
    pub(super) fn new(started: Stamp, fleet: Fleet) -> Self {
        let nothing = Config {
            vantage: None,
            latency_buckets: Vec::new(),
            histograms: Histograms::Classic,
            history: 0,
            targets: Vec::new(),
        };
        Self {
            metrics: Arc::new(Metrics::new(&nothing, started)),
            in_force: Arc::new(InForce {
                targets: HashMap::new(),
                on_every_series: OnEverySeries::of(&nothing),
                pool: ClientPool::new(),
            }),
            fleet,
            started,
        }
    }

    pub(super) const fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// For the server, which knows nothing of tasks.
    pub(super) fn probe_handle(&self) -> Probe {
        let prober = self.fleet.prober();
        Arc::new(move |name| Some(Box::pin(prober.ask(name)?)))
    }

    /// Readies what `config` needs and touches nothing that is in force.
    pub(super) fn prepare(&self, config: Config) -> Result<Prepared, String> {
        self.in_force.prepare(config, &self.metrics)
    }

    /// Has `loader` read the configuration and ready what it needs, and touches nothing that is in force. It may be
    /// dropped at any time.
    pub(super) fn load<'l>(
        &self,
        loader: &'l Loader,
        source: &Source,
    ) -> impl Future<Output = Result<Prepared, String>> + use<'l> {
        let (in_force, metrics, source) = (Arc::clone(&self.in_force), Arc::clone(&self.metrics), Arc::clone(source));
        let loading = loader.run(move || in_force.prepare(source()?, &metrics));
        async { loading.await.unwrap_or_else(|Panicked| Err(PANICKED.to_owned())) }
    }

    /// Puts it in force at once for whoever scrapes.
    pub(super) fn apply(&mut self, prepared: Prepared) -> Changes {
        let Prepared { next, shown, jobs, removed, changes } = prepared;
        for name in removed {
            self.fleet.stop(&name);
        }
        self.metrics.show(shown);
        let unscheduled = jobs.iter().filter(|job| job.target.schedule == ScheduleMode::Off).count();
        if unscheduled > 0 {
            tracing::info!(targets = unscheduled, "probed only when /probe is asked, as their schedule is off");
        }
        for job in jobs {
            self.fleet.spawn(job, BootClock, self.started.moment);
        }
        self.in_force = Arc::new(next);
        changes
    }

    /// Has `loader` load the configuration from `source` whenever it is asked to. Returns only when a target's task has died.
    ///
    /// After a load it rests for as long as that took, so that who asks without end has half of one core at the most.
    pub(super) async fn run(mut self, mut requests: ReloadRequests, loader: Loader, source: Source) -> TaskDied {
        let mut rest = Duration::ZERO;
        loop {
            let wanted = async {
                sleep(rest).await;
                requests.next().await
            };
            let load = tokio::select! {
                died = self.fleet.watch() => return died,
                load = wanted => load,
            };
            let begun = Instant::now();
            // Reading thousands of targets takes a while, in which this thread has others to serve.
            let loading = self.load(&loader, &source);
            let loaded = tokio::select! {
                died = self.fleet.watch() => return died,
                loaded = loading => loaded,
            };
            let outcome = loaded.map(|prepared| self.apply(prepared));
            self.report(&outcome);
            requests.answer(load, outcome);
            rest = begun.elapsed();
        }
    }

    fn report(&self, outcome: &Outcome) {
        match outcome {
            Ok(Changes { added, removed, changed, unchanged }) => {
                tracing::info!(added, removed, changed, unchanged, "configuration reloaded");
            }
            Err(mistakes) => {
                self.metrics.load_failed();
                tracing::error!(
                    error = &*beginning(mistakes),
                    "the configuration is not reloaded; nothing has changed"
                );
            }
        }
    }
}

impl InForce {
    fn prepare(&self, mut config: Config, metrics: &Arc<Metrics>) -> Result<Prepared, String> {
        let mut pool = self.pool.successor();
        let kept = self.kept(&config);
        for target in &mut config.targets {
            if let Some(before) = kept.get(&target.name) {
                *target = Arc::clone(before);
            }
        }
        let shown = metrics.renewed(&config, BootClock.now(), |target| kept.contains_key(&target.name));
        let (unchanged, on_every_series) = (kept.len(), OnEverySeries::of(&config));
        let begun = config.targets.iter().filter(|target| !kept.contains_key(&target.name)).cloned().collect();
        let wires = wires(begun, &mut pool)?;
        let targets: HashMap<_, _> =
            config.targets.iter().map(|target| (target.name.clone(), Arc::clone(target))).collect();
        let jobs: Vec<_> = wires.into_iter().map(|(target, wire)| job(target, wire, &shown, metrics)).collect();
        let removed: Vec<_> = self.targets.keys().filter(|name| !targets.contains_key(*name)).cloned().collect();
        let changed = jobs.iter().filter(|job| self.targets.contains_key(&job.target.name)).count();
        let changes = Changes { added: jobs.len() - changed, removed: removed.len(), changed, unchanged };
        Ok(Prepared { next: Self { targets, on_every_series, pool }, shown, jobs, removed, changes })
    }

    /// The targets that go on undisturbed.
    fn kept(&self, config: &Config) -> HashMap<String, Arc<Target>> {
        if OnEverySeries::of(config) != self.on_every_series {
            return HashMap::new();
        }
        let same = |target: &Arc<Target>| {
            let before = self.targets.get(&target.name).filter(|before| **before == *target)?;
            Some((target.name.clone(), Arc::clone(before)))
        };
        config.targets.iter().filter_map(same).collect()
    }
}

fn job(target: Arc<Target>, wire: Box<HttpWire>, shown: &Shown, metrics: &Arc<Metrics>) -> TargetJob {
    let numbers = shown.target(&target.name).expect("all targets of a configuration are shown");
    let observer = TargetObserver::new(Arc::clone(&target), Arc::clone(metrics), numbers);
    Job { target, wire, observer, random: fastrand::Rng::new() }
}

impl OnEverySeries {
    fn of(config: &Config) -> Self {
        let Config { vantage, latency_buckets, histograms, .. } = config;
        Self { vantage: vantage.clone(), latency_buckets: latency_buckets.clone(), histograms: *histograms }
    }
}
