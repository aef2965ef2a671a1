//! Incidents at exporters and in what Prometheus sees of them, each with exporters and a job of its own.

use std::pin::pin;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::json;
use tokio::sync::{Mutex, oneshot};
use tokio::time::{sleep, timeout};

use oauth_probe_exporter::simulator::{Fault, Server, StatusCode};

use super::cast::{BYSTANDER, Cast, Client, configuration};
use super::dates::in_days;
use super::exporter::Exporter;
use super::page::Page;
use super::stage::{PACE, Stage};

pub(crate) const SECRET_WITHIN_30_DAYS: &str = "secret-within-30-days";
pub(crate) const SECRET_WITHIN_3_DAYS: &str = "secret-within-3-days";
pub(crate) const VANTAGES: &str = "vantages";
pub(crate) const NETWORK: &str = "network";
pub(crate) const KILLED: &str = "killed";
pub(crate) const RESTARTED_OFTEN: &str = "restarted-often";
pub(crate) const RESTARTED_SELDOM: &str = "restarted-seldom";
pub(crate) const STOPPED: &str = "stopped";
pub(crate) const HANGING: &str = "hanging";
pub(crate) const LOST: &str = "lost";
pub(crate) const RELOAD: &str = "reload";
/// The only name that a rule knows.
pub(crate) const ABSENT: &str = "oauth-probe";

const HERE: &str = "here";
const THERE: &str = "there";

pub(crate) fn clients() -> Vec<Client> {
    [BYSTANDER, NETWORK, HERE, THERE, SECRET_WITHIN_30_DAYS, SECRET_WITHIN_3_DAYS].map(Client::new).into()
}

pub(crate) async fn play_secrets(stage: &Stage, cast: &Cast) {
    let expiring = |within_30: u64, within_3: u64| {
        let target = |name, days| {
            let expires = humantime::format_rfc3339_seconds(in_days(days)).to_string();
            cast.target(name, json!({ "client_secret_expires": expires }))
        };
        configuration([target(SECRET_WITHIN_30_DAYS, within_30), target(SECRET_WITHIN_3_DAYS, within_3)])
    };
    let (fresh, old) = (expiring(400, 400), expiring(20, 2));
    let exporter = Mutex::new(stage.exporter("secrets", &fresh).await);
    let restart = async |configuration| exporter.lock().await.restart(configuration).await;
    stage.play(&[SECRET_WITHIN_30_DAYS, SECRET_WITHIN_3_DAYS], restart(&old), restart(&fresh)).await;
    stage.keep(exporter.into_inner());
}

pub(crate) async fn play_vantages(stage: &Stage, cast: &Cast) {
    let at = async |vantage| {
        let target = cast.target(vantage, json!({ "name": "everywhere" }));
        Exporter::start(&json!({ "vantage": vantage, "targets": [target] }).to_string()).await
    };
    let (here, there) = tokio::join!(at(HERE), at(THERE));
    stage.discover(VANTAGES, &[&here.address, &there.address]);
    stage.until_well(VANTAGES).await;
    let unavailable = Fault::status(StatusCode::SERVICE_UNAVAILABLE);
    let begin = async { cast.set_faults(THERE, Server::Api, [unavailable]) };
    stage.play(&[VANTAGES], begin, async { cast.heal(THERE) }).await;
    stage.keep(here);
    stage.keep(there);
}

pub(crate) async fn play_network(stage: &Stage, cast: &Cast) {
    let exporter = stage.exporter(NETWORK, &configuration([cast.target(NETWORK, json!({}))])).await;
    let control = cast.simulator(NETWORK).control();
    let begin = async {
        control.take_down(Server::Authorization).await;
        control.take_down(Server::Api).await;
    };
    let end = async {
        control.bring_up(Server::Authorization).await;
        control.bring_up(Server::Api).await;
        cast.heal(NETWORK);
    };
    stage.play(&[NETWORK], begin, end).await;
    stage.keep(exporter);
}

pub(crate) async fn play_killed(stage: &Stage, cast: &Cast) {
    let configuration = bystander(cast);
    let exporter = Mutex::new(stage.exporter(KILLED, &configuration).await);
    let begin = async { exporter.lock().await.send(Signal::KILL) };
    let end = async { exporter.lock().await.restart(&configuration).await };
    stage.play(&[KILLED], begin, end).await;
    stage.keep(exporter.into_inner());
}

/// It is killed at the end of each of these lives.
pub(crate) async fn play_restarted(stage: &Stage, cast: &Cast, job: &str, life: Duration) {
    let configuration = bystander(cast);
    let mut exporter = stage.exporter(job, &configuration).await;
    let ((begin, begun), (end, ended)) = (oneshot::channel(), oneshot::channel());
    let restart = async {
        let _ = begun.await;
        let mut ended = pin!(ended);
        while timeout(PACE.of(life), &mut ended).await.is_err() {
            exporter.kill_and_restart(&configuration).await;
        }
    };
    let scopes = [job];
    let play = stage.play(&scopes, async { begin.send(()).unwrap() }, async { end.send(()).unwrap() });
    tokio::join!(restart, play);
    stage.keep(exporter);
}

/// The cycles that it missed count once it runs again.
pub(crate) async fn play_stopped(stage: &Stage, cast: &Cast) {
    let exporter = stage.exporter(STOPPED, &bystander(cast)).await;
    let begin = async {
        exporter.send(Signal::STOP);
        sleep(Duration::from_secs(15)).await;
        exporter.send(Signal::CONT);
    };
    stage.play(&[STOPPED], begin, async {}).await;
    stage.keep(exporter);
}

/// No signal makes an exporter hang that answers scrapes: what hangs with it is the page between it and Prometheus.
pub(crate) async fn play_hanging(stage: &Stage, cast: &Cast) {
    let exporter = Exporter::start(&bystander(cast)).await;
    let page = Page::of(&exporter.address).await;
    stage.discover(HANGING, &[&page.address]);
    stage.until_well(HANGING).await;
    stage.play(&[HANGING], page.freeze(&exporter.address), async { page.thaw(&exporter.address) }).await;
    stage.keep(exporter);
    stage.keep(page);
}

pub(crate) async fn play_absent(stage: &Stage, cast: &Cast) {
    let exporter = stage.exporter(ABSENT, &bystander(cast)).await;
    let begin = async { stage.discover(ABSENT, &[]) };
    stage.play(&[ABSENT], begin, async { stage.discover(ABSENT, &[&exporter.address]) }).await;
    stage.keep(exporter);
}

pub(crate) async fn play_lost(stage: &Stage, cast: &Cast) {
    let start = async |name| Exporter::start(&configuration([cast.target(BYSTANDER, json!({ "name": name }))])).await;
    let (one, other) = tokio::join!(start("one"), start("other"));
    stage.discover(LOST, &[&one.address, &other.address]);
    stage.until_well(LOST).await;
    // A target that is gone within a minute after a configuration was loaded is gone because of that.
    sleep(Duration::from_secs(62)).await;
    let begin = async { stage.discover(LOST, &[&one.address]) };
    stage.play(&[LOST], begin, async { stage.discover(LOST, &[&one.address, &other.address]) }).await;
    stage.keep(one);
    stage.keep(other);
}

pub(crate) async fn play_reload(stage: &Stage, cast: &Cast) {
    let good = bystander(cast);
    let exporter = stage.exporter(RELOAD, &good).await;
    let load = async |configuration| {
        exporter.write_configuration(configuration);
        exporter.send(Signal::HUP);
    };
    stage.play(&[RELOAD], load("targets: ["), load(&good)).await;
    stage.keep(exporter);
}

fn bystander(cast: &Cast) -> String {
    configuration([cast.target(BYSTANDER, json!({}))])
}
