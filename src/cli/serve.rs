//! `serve`: probes all targets on their schedules and serves what is found.

use std::process::ExitCode;
use std::sync::Arc;

use crate::clock::{BootClock, Clock};
use crate::probe::{Fleet, ProbeThreads};
use crate::server::{App, Bound, Security, WebSettings};

use super::arguments::{Common, ServeArguments, WebPaths};
use super::config_check;
use super::healthcheck::local;
use super::loader::Loader;
use super::reload;
use super::setup;
use super::signals::Signals;
use super::stop::Stop;
use super::supervisor::{Prepared, Source, Supervisor};
use super::web;

pub(super) fn run(common: &Common, arguments: &ServeArguments) -> Result<ExitCode, Stop> {
    if arguments.config_check {
        return config_check::run(common, arguments);
    }
    let _log = setup::logging(common)?;
    setup::block_on(async {
        let signals = Signals::catch()?;
        let file = common.config_file.clone();
        let shown = file.as_ref().map_or_else(|| "environment".into(), |path| path.display().to_string());
        let source: Source =
            Arc::new(move || setup::read_config(file.as_deref()).map_err(|mistakes| mistakes.to_string()));
        let security = web::security(arguments.web_config_file.as_deref())?;
        let exporter = Exporter::bind(source, &arguments.listen_addresses, &arguments.paths, security).await?;
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
    loader: Loader,
    source: Source,
}

impl Exporter {
    /// Readies every target, then opens the ports.
    pub(super) async fn bind(
        source: Source,
        addresses: &[String],
        paths: &WebPaths,
        security: Security,
    ) -> Result<Self, Stop> {
        let threads = ProbeThreads::start().map_err(Stop::failed)?;
        let supervisor = Supervisor::new(BootClock.now(), Fleet::on(threads));
        let loader = Loader::start().map_err(Stop::failed)?;
        let prepared = supervisor.load(&loader, &source).await.map_err(Stop::usage)?;
        let web = paths.settings()?;
        let addresses = addresses.iter().map(|address| address.parse()).collect::<Result<Vec<_>, _>>();
        let bound = Bound::bind(&addresses.map_err(Stop::usage)?).await.map_err(Stop::failed)?;
        Ok(Self { bound: bound.with_security(security), web, supervisor, prepared, loader, source })
    }

    /// Where the metrics are.
    pub(super) fn metrics_url(&self) -> String {
        self.url(&self.web.metrics_path())
    }

    /// Where the status page is, if there is one.
    pub(super) fn page_url(&self) -> Option<String> {
        Some(self.url(&self.web.page_path()?))
    }

    fn url(&self, path: &str) -> String {
        let address = self.bound.addresses().first().map(ToString::to_string).unwrap_or_default();
        format!("{}://{address}{path}", self.bound.scheme())
    }

    /// Probes and serves until a signal ends it, or until a task dies.
    pub(super) async fn run(self, signals: Signals) -> Result<(), Stop> {
        let Self { bound, web, mut supervisor, prepared, loader, source } = self;
        for address in bound.addresses() {
            let root = format!("{}://{}", bound.scheme(), local(&address.to_string()));
            let metrics = format!("{root}{}", web.metrics_path());
            // Not `status`, which is that of an answer in other lines.
            let status_page = web.page_path().map(|path| format!("{root}{path}"));
            tracing::info!(%address, status_page, metrics, protection = bound.protection(), "listening");
        }
        let first_cycles = prepared.first_cycles_within().map(|span| humantime::format_duration(span).to_string());
        let targets = supervisor.apply(prepared).added;
        tracing::info!(targets, first_cycles_within = first_cycles, version = env!("CARGO_PKG_VERSION"), "probing");
        let (reloader, requests) = reload::channel();
        let app = App {
            metrics: Arc::clone(supervisor.metrics()),
            now: Arc::new(|| BootClock.now()),
            reload: reloader.clone().into_handle(),
            probe: supervisor.probe_handle(),
            settings: web,
        };
        tokio::select! {
            () = bound.serve(app, signals.obey(reloader)) => {
                tracing::info!("stopped");
                Ok(())
            }
            died = supervisor.run(requests, loader, source) => Err(Stop::failed(died)),
        }
    }
}
