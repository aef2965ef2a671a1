//! The scheduler that owns the loops, on simulated time.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod simulated;
mod targets;

use std::sync::Arc;
use std::time::Duration;

use oauth_probe_exporter::client::{CheckCredential, CheckExchange, PingExchange, TokenExchange, Wire};
use oauth_probe_exporter::clock::Clock;
use oauth_probe_exporter::model::fault::Reason;
use oauth_probe_exporter::model::secret::{AccessToken, Fingerprint, Secret};
use oauth_probe_exporter::model::target::{ClientAuthentication, ScheduleMode, Target};
use oauth_probe_exporter::model::time::Moment;
use oauth_probe_exporter::probe::{Fleet, Job};

use simulated::{Issuing, SimWire, Trouble, World, hours, minutes, seconds, target, without_max_age};

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

/// A world and a fleet with one target in it, which a test replaces.
struct Replacing {
    world: Arc<World>,
    fleet: Fleet,
    origin: Moment,
}

impl Replacing {
    fn new(world: World) -> Self {
        let origin = world.clock.now().moment;
        Self { world: Arc::new(world), fleet: Fleet::default(), origin }
    }

    async fn probe(&mut self, target: Target, length: Duration) {
        self.fleet.spawn(job(Arc::new(target), &self.world), self.world.clock.clone(), self.origin);
        tokio::time::sleep(length).await;
    }

    /// When the cycles began that ended.
    fn cycles(&self) -> Vec<Duration> {
        self.world.books().reports.iter().map(|(_, report)| self.origin.until(report.started.moment)).collect()
    }

    fn token_requests(&self) -> usize {
        self.world.books().token_requests.len()
    }
}

/// A world without trouble.
fn calm() -> World {
    World::new(Issuing::Fresh, hours(1))
}

fn relabelled(target: &Target, number: usize) -> Target {
    Target { labels: [("number".to_owned(), number.to_string())].into(), ..target.clone() }
}

#[tokio::test(start_paused = true)]
async fn replaced_target_goes_on_with_its_token_and_its_rhythm() {
    let mut replacing = Replacing::new(calm());
    let target = without_max_age(target(seconds(30)));
    for number in 0..10 {
        replacing.probe(relabelled(&target, number), seconds(45)).await;
    }
    let cycles = replacing.cycles();
    assert_eq!(cycles.len(), 15);
    assert!(cycles.is_sorted_by(|before, after| *after - *before == seconds(30)), "{cycles:?}");
    assert_eq!(replacing.token_requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn target_that_is_replaced_more_often_than_its_interval_is_probed_all_the_same() {
    let mut replacing = Replacing::new(calm());
    for number in 0..100 {
        replacing.probe(relabelled(&target(seconds(30)), number), seconds(3)).await;
    }
    assert_eq!(replacing.cycles().len(), 10);
}

#[tokio::test(start_paused = true)]
async fn another_client_begins_without_the_token_of_the_one_before() {
    let before = without_max_age(target(seconds(30)));
    let with = |change: fn(&mut Target)| {
        let mut other = before.clone();
        change(&mut other);
        other
    };
    for (other, token_requests) in [
        (with(|target| target.token.client_id = "other".to_owned()), 2),
        (with(|target| target.token.scopes = vec!["other".to_owned()]), 2),
        (with(|target| target.token.endpoint = "https://other.example/oauth/token".parse().unwrap()), 2),
        (with(|target| target.token.params = [("audience".to_owned(), Secret::new("other".to_owned()))].into()), 2),
        (with(|target| target.token.authentication = ClientAuthentication::Tls), 2),
        (with(|target| target.token.expected_scopes = vec!["other".to_owned()]), 2),
        (with(|target| target.token.transport.ca_file = Some("other.pem".into())), 2),
        (with(|target| target.ping.endpoint = "https://other.example/ping".parse().unwrap()), 2),
        (with(|target| target.token.policy.refresh_margin = Some(seconds(60))), 1),
        (with(|target| target.ping.expect.json = Arc::default()), 1),
        (with(|target| target.timeout = seconds(5)), 1),
        (with(|target| target.interval = seconds(20)), 1),
    ] {
        let mut replacing = Replacing::new(calm());
        replacing.probe(before.clone(), seconds(60)).await;
        replacing.probe(other.clone(), seconds(60)).await;
        assert_eq!(replacing.token_requests(), token_requests, "{other:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn replacing_a_target_ends_no_back_off() {
    let token_requests = |replacements: u32| async move {
        let mut world = calm();
        world.token_trouble = Box::new(|_| Trouble::Fails(Reason::InvalidClient));
        let mut replacing = Replacing::new(world);
        for number in 0..replacements {
            let target = relabelled(&target(seconds(5)), number as usize);
            replacing.probe(target, minutes(20) / replacements).await;
        }
        replacing.token_requests()
    };
    let (undisturbed, disturbed) = (token_requests(1).await, token_requests(240).await);
    assert!(disturbed < undisturbed * 3 / 2 + 1, "{disturbed} instead of {undisturbed}");
}

#[tokio::test(start_paused = true)]
async fn stopped_target_is_left_alone_in_the_middle_of_a_cycle_and_is_no_death() {
    let mut world = calm();
    world.token_trouble = Box::new(|_| Trouble::Hangs);
    let mut replacing = Replacing::new(world);
    replacing.probe(target(seconds(30)), Duration::ZERO).await;
    while replacing.token_requests() == 0 {
        tokio::time::sleep(seconds(1)).await;
    }
    replacing.fleet.stop("tested");
    let watched = tokio::time::timeout(minutes(10), replacing.fleet.watch()).await;
    assert!(watched.is_err(), "{watched:?}");
    assert_eq!(replacing.cycles(), []);
    assert_eq!(replacing.token_requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn target_whose_schedule_is_turned_off_runs_no_further_cycle() {
    let mut replacing = Replacing::new(calm());
    replacing.probe(target(seconds(5)), minutes(1)).await;
    let cycles = replacing.cycles().len();
    replacing.probe(Target { schedule: ScheduleMode::Off, ..target(seconds(5)) }, minutes(1)).await;
    assert_eq!(replacing.cycles().len(), cycles);
}
