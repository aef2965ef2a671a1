//! `serve`: probes all targets on their schedules and serves what is found.

use std::fmt::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use crate::clock::{BootClock, Clock};
use crate::model::target::{ScheduleMode, Target};
use crate::server::{App, Bound, WebSettings};

use super::arguments::{Common, ServeArguments, WebPaths};
use super::reload;
use super::secret_file::{self, api_key_file, unreadable, unreadable_secret};
use super::setup;
use super::signals::Signals;
use super::stop::Stop;
use super::supervisor::{Prepared, Source, Supervisor};

pub(super) fn run(common: &Common, arguments: &ServeArguments) -> Result<ExitCode, Stop> {
    if arguments.config_check {
        return check_config(common);
    }
    setup::logging(common)?;
    setup::block_on(async {
        let signals = Signals::catch()?;
        let file = common.config_file.clone();
        let shown = file.as_ref().map_or_else(|| "environment".into(), |path| path.display().to_string());
        let source: Source =
            Arc::new(move || setup::read_config(file.as_deref()).map_err(|mistakes| mistakes.to_string()));
        let exporter = Exporter::bind(source, &arguments.listen_addresses, &arguments.paths).await?;
        tracing::info!(source = shown, "configuration loaded");
        exporter.run(signals).await
    })?;
    Ok(ExitCode::SUCCESS)
}

/// The exporter with its ports open and nothing running yet.
pub(super) struct Exporter {
    bound: Bound,
    web: WebSettings,
    supervisor: Supervisor,
    prepared: Prepared,
    source: Source,
}

impl Exporter {
    /// Readies every target, then opens the ports.
    pub(super) async fn bind(source: Source, addresses: &[String], paths: &WebPaths) -> Result<Self, Stop> {
        let supervisor = Supervisor::new(BootClock.now());
        let prepared = source().and_then(|config| supervisor.prepare(config)).map_err(Stop::usage)?;
        let web = paths.settings()?;
        let addresses = addresses.iter().map(|address| address.parse()).collect::<Result<Vec<_>, _>>();
        let bound = Bound::bind(&addresses.map_err(Stop::usage)?).await.map_err(Stop::failed)?;
        Ok(Self { bound, web, supervisor, prepared, source })
    }

    /// Where the metrics are.
    pub(super) fn metrics_url(&self) -> String {
        self.url(&self.web.metrics_path())
    }

    /// Where the status page is.
    pub(super) fn page_url(&self) -> String {
        self.url(&self.web.page_path())
    }

    fn url(&self, path: &str) -> String {
        let address = self.bound.addresses().first().map(ToString::to_string).unwrap_or_default();
        format!("http://{address}{path}")
    }

    /// Probes and serves until a signal ends it, or until a task dies.
    pub(super) async fn run(self, signals: Signals) -> Result<(), Stop> {
        let Self { bound, web, mut supervisor, prepared, source } = self;
        for address in bound.addresses() {
            tracing::info!(%address, "listening");
        }
        let targets = supervisor.apply(prepared).added;
        tracing::info!(targets, version = env!("CARGO_PKG_VERSION"), "probing");
        let (reloader, requests) = reload::channel();
        let app = App {
            metrics: Arc::clone(supervisor.metrics()),
            now: Arc::new(|| BootClock.now()),
            reload: reloader.clone().into_handle(),
            probe: supervisor.probe_handle(),
            listing: supervisor.listing_handle(),
            settings: web,
        };
        tokio::select! {
            () = bound.serve(app, signals.obey(reloader)) => {
                tracing::info!("stopped");
                Ok(())
            }
            died = supervisor.run(requests, source) => Err(Stop::failed(died)),
        }
    }
}

fn check_config(common: &Common) -> Result<ExitCode, Stop> {
    let config = setup::load_config(common)?;
    let mut text = "The configuration is valid. This would run:\n".to_owned();
    for target in &config.targets {
        // Writing to a string cannot fail.
        let _ = write_target(&mut text, target);
    }
    // Files are opened too, so that a wrong certificate is found here and not at the start.
    Supervisor::new(BootClock.now()).prepare(config).map_err(Stop::usage)?;
    setup::print(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn write_target(text: &mut String, target: &Target) -> fmt::Result {
    let rhythm = match target.schedule {
        ScheduleMode::On => format!("every {}", humantime::format_duration(target.interval)),
        ScheduleMode::Off => "only when /probe is asked".to_owned(),
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
