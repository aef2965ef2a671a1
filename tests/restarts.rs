//! Started again and again, on simulated time: restarts without end ask no more of the servers in any second than starts
//! at random would, and every target is probed, whatever it is that ends the lives.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod simulated;
mod targets;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use oauth_probe_exporter::clock::Clock;
use oauth_probe_exporter::model::check::CheckOutcome;
use oauth_probe_exporter::model::report::CycleReport;
use oauth_probe_exporter::model::target::Target;
use oauth_probe_exporter::probe::{Fleet, Job, Observer};

use simulated::{Issuing, SimWire, World, hours, minutes, seconds, target};

const FLEET: usize = 1000;
const LIVES: usize = 1000;
const INTERVAL: Duration = seconds(30);
/// Starts fall like a thousand dice into thirty seconds: 33 in each, and by chance some more, but never twice as many.
const CEILING: usize = 2 * FLEET / 30;

/// A machine on which exporters with the same targets live one after the other.
struct Machine {
    world: Arc<World>,
    targets: Vec<Arc<Target>>,
    /// How many cycles of each target have ended.
    cycles: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl Machine {
    fn new() -> Self {
        let named = |number| Target { name: format!("target-{number}"), ..target(INTERVAL) };
        let targets = (0..FLEET).map(|number| Arc::new(named(number))).collect();
        Self { world: world(), targets, cycles: Arc::default() }
    }

    /// An exporter that starts now, and ends when it is dropped.
    fn exporter(&self) -> Fleet {
        let mut fleet = Fleet::default();
        self.targets.iter().for_each(|target| self.probe(&mut fleet, target, &self.world));
        fleet
    }

    fn probe(&self, fleet: &mut Fleet, target: &Arc<Target>, world: &Arc<World>) {
        let observer = Counter { target: target.name.clone(), cycles: Arc::clone(&self.cycles) };
        let wire = SimWire(Arc::clone(world));
        let job = Job { target: Arc::clone(target), wire, observer, random: fastrand::Rng::with_seed(7) };
        fleet.spawn(job, world.clock.clone(), world.clock.now().moment);
    }

    async fn live(&self, lives: impl Iterator<Item = Duration>) {
        for life in lives {
            let _exporter = self.exporter();
            tokio::time::sleep(life).await;
        }
    }

    /// The most token requests within a second, wherever that begins.
    fn busiest_second(&self) -> usize {
        let requests = &self.world.books().token_requests;
        let within = |first: usize| requests[first..].partition_point(|at| *at < requests[first] + seconds(1));
        (0..requests.len()).map(within).max().unwrap()
    }

    fn never_probed(&self) -> Vec<&str> {
        let cycles = self.cycles.lock().unwrap();
        self.targets.iter().map(|target| &*target.name).filter(|name| !cycles.contains_key(*name)).collect()
    }
}

fn world() -> Arc<World> {
    Arc::new(World::new(Issuing::Fresh, hours(1)))
}

struct Counter {
    target: String,
    cycles: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl Observer for Counter {
    fn cycle_started(&self, _: Duration) {}

    fn cycle_ended(&self, _: &CycleReport) {
        *self.cycles.lock().unwrap().entry(self.target.clone()).or_default() += 1;
    }

    fn check_made(&self, _: &CheckOutcome) {}

    fn cycles_skipped(&self, _: u64) {}
}

async fn assert_no_burst(lives: impl Iterator<Item = Duration>) {
    let machine = Machine::new();
    machine.live(lives).await;
    let requests = machine.busiest_second();
    assert!(requests <= CEILING, "{requests} token requests in a second");
}

#[tokio::test(start_paused = true)]
async fn one_start_makes_no_burst_of_token_requests() {
    assert_no_burst([minutes(2)].into_iter()).await;
}

#[tokio::test(start_paused = true)]
async fn thousand_restarts_one_each_second_make_no_burst_of_token_requests() {
    assert_no_burst((0..LIVES).map(|_| seconds(1))).await;
}

#[tokio::test(start_paused = true)]
async fn thousand_restarts_at_any_time_make_no_burst_of_token_requests() {
    let mut random = fastrand::Rng::with_seed(7);
    assert_no_burst((0..LIVES).map(|_| Duration::from_millis(random.u64(1..5000)))).await;
}

#[tokio::test(start_paused = true)]
async fn exporter_that_never_lives_for_an_interval_probes_every_target() {
    // A third of the targets in each life: by all odds, these leave out none of a thousand.
    let machine = Machine::new();
    machine.live((0..36).map(|_| seconds(10))).await;
    assert_eq!(machine.never_probed(), [""; 0]);
    let cycles: usize = machine.cycles.lock().unwrap().values().sum();
    let undisturbed = FLEET * 12;
    assert!(cycles > undisturbed * 9 / 10, "{cycles} cycles instead of {undisturbed}");
}

#[tokio::test(start_paused = true)]
async fn lives_that_keep_time_with_the_interval_hide_no_target() {
    // As where a scrape is what kills it: 10 s of each 30 s.
    let machine = Machine::new();
    for _ in 0..36 {
        machine.live([seconds(10)].into_iter()).await;
        tokio::time::sleep(seconds(20)).await;
    }
    assert_eq!(machine.never_probed(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn target_that_brings_down_the_exporter_hides_no_other() {
    let machine = Machine::new();
    let mut deadly = World::new(Issuing::Fresh, hours(1));
    deadly.token_trouble = Box::new(|_| panic!("as the test wants it"));
    let deadly = Arc::new(deadly);
    let fatal = Arc::new(Target { name: "fatal".to_owned(), ..target(INTERVAL) });
    for _ in 0..36 {
        let mut exporter = machine.exporter();
        machine.probe(&mut exporter, &fatal, &deadly);
        assert_eq!(exporter.watch().await.target, "fatal");
        drop(exporter);
        // The pause of the systemd unit in `deploy/`.
        tokio::time::sleep(seconds(5)).await;
    }
    assert_eq!(machine.never_probed(), [""; 0]);
}
