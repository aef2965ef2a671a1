//! The scheduler that owns the loops, on simulated time.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod simulated;
mod targets;

use std::sync::Arc;
use std::time::Duration;

use oauth_probe_exporter::client::{CheckCredential, CheckExchange, PingExchange, TokenExchange, Wire};
use oauth_probe_exporter::clock::Clock;
use oauth_probe_exporter::model::secret::{AccessToken, Fingerprint};
use oauth_probe_exporter::model::target::{ScheduleMode, Target};
use oauth_probe_exporter::probe::{Fleet, Job};

use simulated::{Issuing, SimWire, Trouble, World, hours, minutes, seconds, target};

fn named(name: &str, interval: Duration) -> Arc<Target> {
    Arc::new(Target { name: name.to_owned(), ..target(interval) })
}

fn job(target: Arc<Target>, world: &Arc<World>) -> Job<SimWire, SimWire> {
    let wire = SimWire(Arc::clone(world));
    Job { target, wire: wire.clone(), observer: wire, random: fastrand::Rng::with_seed(7) }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_hangs_delays_no_other() {
    let mut hanging = World::new(Issuing::Fresh, hours(1));
    hanging.token_trouble = Box::new(|_| Trouble::Hangs);
    let (hanging, healthy) = (Arc::new(hanging), Arc::new(World::new(Issuing::Fresh, hours(1))));
    let mut fleet = Fleet::default();
    for number in 0..50 {
        let origin = hanging.clock.now().moment;
        fleet.spawn(job(named(&format!("hanging-{number}"), seconds(5)), &hanging), hanging.clock.clone(), origin);
    }
    fleet.spawn(job(named("healthy", seconds(5)), &healthy), healthy.clock.clone(), healthy.clock.now().moment);
    tokio::time::sleep(minutes(10)).await;
    let books = healthy.books();
    assert_eq!(books.reports.len(), 120);
    assert_eq!(books.failures(), []);
    assert!(books.lags.iter().all(|lag| *lag <= Duration::from_millis(2)));
}

#[tokio::test(start_paused = true)]
async fn starts_of_a_fleet_are_spread_over_the_interval() {
    let world = Arc::new(World::new(Issuing::Fresh, hours(1)));
    let mut fleet = Fleet::default();
    for number in 0..1000 {
        let origin = world.clock.now().moment;
        fleet.spawn(job(named(&format!("target-{number}"), seconds(10)), &world), world.clock.clone(), origin);
    }
    tokio::time::sleep(seconds(10)).await;
    let books = world.books();
    for second in 0..9 {
        let first_requests = books.token_requests.iter().filter(|at| at.as_secs() == second).count();
        assert!((60..150).contains(&first_requests), "{first_requests} first token requests in second {second}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_not_scheduled_runs_no_cycle() {
    let world = Arc::new(World::new(Issuing::Fresh, hours(1)));
    let mut fleet = Fleet::default();
    let off = Arc::new(Target { schedule: ScheduleMode::Off, ..target(seconds(5)) });
    fleet.spawn(job(off, &world), world.clock.clone(), world.clock.now().moment);
    tokio::time::sleep(minutes(10)).await;
    assert_eq!(world.books().token_requests.len(), 0);
}

struct PanickingWire;

impl Wire for PanickingWire {
    async fn secret(&self, _: Duration) -> Option<Fingerprint> {
        None
    }

    async fn request_token(&self, _: Duration) -> TokenExchange {
        panic!("as the test wants it")
    }

    async fn ping(&self, _: &AccessToken, _: Duration) -> PingExchange {
        unreachable!("there is no token")
    }

    async fn check(&self, _: CheckCredential<'_>, _: Duration) -> CheckExchange {
        unreachable!("no check is configured")
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_dies_is_reported_with_its_target() {
    let world = Arc::new(World::new(Issuing::Fresh, hours(1)));
    let mut fleet = Fleet::default();
    fleet.spawn(job(named("survivor", seconds(5)), &world), world.clock.clone(), world.clock.now().moment);
    let doomed = Job {
        target: named("doomed", seconds(5)),
        wire: PanickingWire,
        observer: SimWire(Arc::clone(&world)),
        random: fastrand::Rng::with_seed(7),
    };
    fleet.spawn(doomed, world.clock.clone(), world.clock.now().moment);
    let died = fleet.watch().await;
    assert_eq!(died.target, "doomed");
    assert!(died.source.unwrap().is_panic());
}
