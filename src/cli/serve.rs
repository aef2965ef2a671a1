//! `serve`: probes all targets on their schedules and serves what is found.

use std::fmt::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use crate::client::{ClientPool, HttpWire};
use crate::clock::{BootClock, Clock};
use crate::model::target::{Config, ScheduleMode, Target};
use crate::model::time::Stamp;
use crate::probe::{Fleet, Job};
use crate::server::{App, Bound, WebSettings};
use crate::telemetry::Metrics;

use super::arguments::{Common, ServeArguments, WebPaths};
use super::observer::TargetObserver;
use super::secret_file::{self, api_key_file, unreadable, unreadable_secret};
use super::setup;
use super::stop::Stop;

type TargetJob = Job<HttpWire, TargetObserver>;

pub(super) fn run(common: &Common, arguments: &ServeArguments) -> Result<ExitCode, Stop> {
    let config = setup::load_config(common)?;
    if arguments.config_check {
        return check_config(config);
    }
    setup::logging(common)?;
    let source = common.config_file.as_ref().map_or_else(|| "environment".into(), |path| path.display().to_string());
    tracing::info!(source, "configuration loaded");
    for target in config.targets.iter().filter(|target| target.schedule == ScheduleMode::Off) {
        tracing::warn!(target = target.name.as_str(), "not probed: its schedule is off");
    }
    setup::block_on(async {
        let exporter = Exporter::bind(config, &arguments.listen_addresses, &arguments.paths).await?;
        exporter.run(interrupted()).await
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The exporter with its ports open and nothing running yet.
pub(super) struct Exporter {
    bound: Bound,
    web: WebSettings,
    metrics: Arc<Metrics>,
    jobs: Vec<TargetJob>,
    started: Stamp,
}

impl Exporter {
    /// Readies every target, then opens the ports.
    pub(super) async fn bind(config: Config, addresses: &[String], paths: &WebPaths) -> Result<Self, Stop> {
        let started = BootClock.now();
        let metrics = Arc::new(Metrics::new(&config, started));
        let jobs = ready_jobs(config.targets, &metrics)?;
        let web = WebSettings::new(&paths.route_prefix, &paths.telemetry_path).map_err(Stop::usage)?;
        let addresses = addresses.iter().map(|address| address.parse()).collect::<Result<Vec<_>, _>>();
        let bound = Bound::bind(&addresses.map_err(Stop::usage)?).await.map_err(Stop::failed)?;
        Ok(Self { bound, web, metrics, jobs, started })
    }

    /// Where the metrics are.
    pub(super) fn metrics_url(&self) -> String {
        let address = self.bound.addresses().first().map(ToString::to_string).unwrap_or_default();
        format!("http://{address}{}", self.web.metrics_path())
    }

    /// Probes and serves until `stop`, or until a task dies.
    pub(super) async fn run(self, stop: impl Future<Output = ()> + Send + 'static) -> Result<(), Stop> {
        let mut fleet = Fleet::default();
        for address in self.bound.addresses() {
            tracing::info!(%address, "listening");
        }
        tracing::info!(targets = self.jobs.len(), version = env!("CARGO_PKG_VERSION"), "probing");
        for job in self.jobs {
            fleet.spawn(job, BootClock, self.started.moment);
        }
        let app = App { metrics: self.metrics, now: Arc::new(|| BootClock.now()), settings: self.web };
        tokio::select! {
            () = self.bound.serve(app, stop) => {
                tracing::info!("stopped");
                Ok(())
            }
            died = fleet.watch() => Err(Stop::failed(died)),
        }
    }
}

fn ready_jobs(targets: Vec<Target>, metrics: &Arc<Metrics>) -> Result<Vec<TargetJob>, Stop> {
    let mut pool = ClientPool::new();
    let ready = |target: Target| {
        let target = Arc::new(target);
        let wire = HttpWire::new(Arc::clone(&target), &mut pool)
            .map_err(|problem| Stop::usage(format_args!("target {}: {problem}", target.name)))?;
        let numbers = metrics.target(&target.name).ok_or_else(|| Stop::failed("a target without metrics"))?;
        let observer = TargetObserver::new(Arc::clone(&target), Arc::clone(metrics), numbers);
        Ok(Job { target, wire, observer, random: fastrand::Rng::new() })
    };
    targets.into_iter().map(ready).collect()
}

fn check_config(config: Config) -> Result<ExitCode, Stop> {
    let mut text = "The configuration is valid. This would run:\n".to_owned();
    for target in &config.targets {
        // Writing to a string cannot fail.
        let _ = write_target(&mut text, target);
    }
    // Files are opened too, so that a wrong certificate is found here and not at the start.
    let metrics = Arc::new(Metrics::new(&config, BootClock.now()));
    ready_jobs(config.targets, &metrics)?;
    setup::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn write_target(text: &mut String, target: &Target) -> fmt::Result {
    let rhythm = match target.schedule {
        ScheduleMode::On => format!("every {}", humantime::format_duration(target.interval)),
        ScheduleMode::Off => "not scheduled".to_owned(),
    };
    let (token, ping) = (target.authorization_host(), target.resource_host());
    writeln!(
        text,
        "  {}: client {} {rhythm}, token from {token}, ping to {ping}",
        target.name, target.token.client_id
    )?;
    if let Some((path, problem)) = unreadable_secret(target) {
        let (kind, path) = (secret_file::kind(target), path.display());
        writeln!(text, "    its {kind} cannot be read now, and its cycles fail until it can: {path}: {problem}")?;
    }
    if let Some((path, problem)) = api_key_file(target).and_then(unreadable) {
        writeln!(text, "    its API key cannot be read now: {}: {problem}", path.display())?;
    }
    Ok(())
}

/// Returns at SIGTERM or SIGINT. SIGHUP, which would end a process by default, is answered in the log.
pub(super) async fn interrupted() {
    let (Ok(mut terminate), Ok(mut interrupt), Ok(mut hang_up)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()), signal(SignalKind::hangup()))
    else {
        tracing::error!("signals cannot be received");
        return std::future::pending().await;
    };
    loop {
        tokio::select! {
            _ = terminate.recv() => return tracing::info!(signal = "SIGTERM", "stopping"),
            _ = interrupt.recv() => return tracing::info!(signal = "SIGINT", "stopping"),
            _ = hang_up.recv() => {
                tracing::warn!("SIGHUP is ignored: this version reads its configuration at the start only");
            }
        }
    }
}
