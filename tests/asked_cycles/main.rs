//! Cycles that somebody asks for, beside those of the schedule: who shares which, and what no caller can disturb. On
//! simulated time.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod checks;
mod replaced;
#[path = "../simulated/mod.rs"]
mod simulated;
#[path = "../targets/mod.rs"]
mod targets;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use oauth_probe_exporter::clock::Clock;
use oauth_probe_exporter::model::check::{Check, CheckSettings};
use oauth_probe_exporter::model::fault::Reason;
use oauth_probe_exporter::model::target::{ScheduleMode, Target};
use oauth_probe_exporter::model::time::Moment;
use oauth_probe_exporter::probe::{Fleet, Job, Prober};
use tokio::time::{Instant, sleep, timeout};

use simulated::{Issuing, LATENCY, SimWire, Trouble, World, hours, minutes, seconds, target, without_max_age};

const INTERVAL: Duration = seconds(30);
/// With a token that is held, or without.
const CYCLE: Duration = LATENCY;
const FIRST_CYCLE: Duration = Duration::from_millis(80);

/// A fleet in a world, and who asks it.
struct Stage {
    world: Arc<World>,
    fleet: Fleet,
    prober: Prober,
    origin: Moment,
}

impl Stage {
    fn new(world: World) -> Self {
        let (fleet, origin) = (Fleet::default(), world.clock.now().moment);
        Self { prober: fleet.prober(), world: Arc::new(world), fleet, origin }
    }

    fn with(world: World, target: Target) -> Self {
        let mut stage = Self::new(world);
        stage.spawn(target);
        stage
    }

    /// In place of the one before.
    fn spawn(&mut self, target: Target) {
        let wire = SimWire(Arc::clone(&self.world));
        let (target, observer) = (Arc::new(target), wire.clone());
        let job = Job { target, wire, observer, random: fastrand::Rng::with_seed(7) };
        self.fleet.spawn(job, self.world.clock.clone(), self.origin);
    }

    /// Asks, and waits for the cycle's end. Says how long that took.
    async fn ask(&self) -> Duration {
        let asked = Instant::now();
        self.prober.ask("tested").unwrap().await;
        asked.elapsed()
    }

    async fn until(&self, since_start: Duration) {
        sleep(since_start - self.world.clock.elapsed()).await;
    }

    /// When the cycles began that ended, since the start.
    fn cycles(&self) -> Vec<Duration> {
        self.world.books().reports.iter().map(|(_, report)| self.origin.until(report.started.moment)).collect()
    }

    fn token_requests(&self) -> usize {
        self.world.books().token_requests.len()
    }

    fn pings(&self) -> usize {
        self.world.books().pings.len()
    }

    fn assert_none_was_skipped(&self) {
        assert_eq!(self.world.books().skipped, 0);
    }
}

fn calm() -> World {
    World::new(Issuing::Fresh, hours(5))
}

/// Pings hang from so long after the start.
fn api_hangs_from(begin: Duration) -> World {
    let mut world = calm();
    world.ping_trouble = Box::new(move |now| if now < begin { Trouble::None } else { Trouble::Hangs });
    world
}

fn on() -> Target {
    without_max_age(target(INTERVAL))
}

fn off() -> Target {
    Target { schedule: ScheduleMode::Off, ..on() }
}

fn with_check(target: Target, every: u32) -> Target {
    let every = NonZeroU32::new(every).unwrap();
    Target { checks: CheckSettings { checks: vec![Check::NoToken], every, api_key: None }, ..target }
}

/// The first start of the schedule of `on()`, since the start.
async fn first_start() -> Duration {
    let stage = Stage::with(calm(), on());
    sleep(INTERVAL + seconds(1)).await;
    stage.cycles()[0]
}

#[tokio::test(start_paused = true)]
async fn target_whose_schedule_is_off_runs_the_cycles_that_are_asked_for_and_no_other() {
    let stage = Stage::with(calm(), off());
    sleep(hours(1)).await;
    assert_eq!(stage.cycles(), []);
    assert_eq!(stage.ask().await, FIRST_CYCLE);
    for cycles in 2..=20 {
        sleep(seconds(60)).await;
        assert_eq!(stage.ask().await, CYCLE);
        assert_eq!(stage.cycles().len(), cycles);
    }
    assert_eq!((stage.token_requests(), stage.pings()), (1, 20));
    assert_eq!(stage.world.books().lags, [], "nothing was scheduled that could be late");
}

#[tokio::test(start_paused = true)]
async fn a_thousand_who_ask_at_once_share_one_cycle() {
    for target in [off(), on()] {
        let stage = Stage::with(calm(), target);
        let asked: Vec<_> = (0..1000).map(|_| tokio::spawn(stage.prober.ask("tested").unwrap())).collect();
        for asked in asked {
            asked.await.unwrap();
        }
        assert_eq!(stage.cycles().len(), 1);
        assert_eq!((stage.token_requests(), stage.pings()), (1, 1));
    }
}

#[tokio::test(start_paused = true)]
async fn who_asks_while_a_cycle_runs_joins_it_whoever_started_it() {
    let first = first_start().await;
    let scheduled = Stage::with(calm(), on());
    scheduled.until(first + LATENCY / 2).await;
    assert_eq!(scheduled.ask().await, FIRST_CYCLE - LATENCY / 2);
    assert_eq!(scheduled.cycles(), [first]);

    let asked = Stage::with(calm(), off());
    let (first, second) = tokio::join!(asked.ask(), async {
        sleep(LATENCY * 3 / 2).await;
        asked.ask().await
    });
    assert_eq!((first, second), (FIRST_CYCLE, LATENCY / 2));
    assert_eq!(asked.cycles(), [Duration::ZERO]);
}

#[tokio::test(start_paused = true)]
async fn who_asks_after_a_cycle_has_ended_gets_another() {
    let stage = Stage::with(calm(), off());
    for cycles in 1..=50 {
        stage.ask().await;
        assert_eq!(stage.cycles().len(), cycles);
    }
}

#[tokio::test(start_paused = true)]
async fn starts_of_the_schedule_stay_where_they_are_however_often_somebody_asks() {
    let first = first_start().await;
    let stage = Stage::with(calm(), on());
    while stage.world.clock.elapsed() < hours(2) {
        stage.ask().await;
        sleep(Duration::from_millis(6_789)).await;
    }
    let cycles = stage.cycles();
    let passed = u32::try_from((hours(2) - first).as_secs() / INTERVAL.as_secs()).unwrap();
    for start in (0..passed).map(|number| first + INTERVAL * number) {
        let serves = |cycle: &&Duration| **cycle + CYCLE > start && **cycle <= start;
        assert_eq!(cycles.iter().filter(serves).count(), 1, "the start at {start:?}");
    }
    assert!(cycles.len() > 1200, "{} cycles", cycles.len());
    assert!(stage.world.books().lags.iter().all(|lag| *lag <= Duration::from_millis(2)));
    stage.assert_none_was_skipped();
}

#[tokio::test(start_paused = true)]
async fn start_that_comes_while_a_cycle_runs_that_was_asked_for_is_joined_and_not_skipped() {
    let first = first_start().await;
    let stage = Stage::with(api_hangs_from(Duration::ZERO), on());
    stage.until(first + INTERVAL - seconds(3)).await;
    // Of the schedule: it timed out long ago.
    assert_eq!(stage.cycles(), [first]);
    assert_eq!(stage.ask().await, seconds(10));
    stage.until(first + INTERVAL * 3).await;
    assert_eq!(stage.cycles(), [first, first + INTERVAL - seconds(3), first + INTERVAL * 2]);
    assert_eq!(stage.world.books().lags.len(), 2, "one was not started by the schedule");
    stage.assert_none_was_skipped();
}

#[tokio::test(start_paused = true)]
async fn cycle_that_is_asked_for_may_last_an_interval_less_the_rest() {
    for schedule in ScheduleMode::ALL {
        let target = Target { schedule, timeout: INTERVAL, ..on() };
        let stage = Stage::with(api_hangs_from(Duration::ZERO), target);
        // Before the first start.
        assert_eq!(stage.ask().await, INTERVAL - Duration::from_millis(50), "{schedule:?}");
        stage.assert_none_was_skipped();
    }
}

#[tokio::test(start_paused = true)]
async fn who_gives_up_ends_no_cycle_and_loses_no_token() {
    let stage = Stage::with(calm(), off());
    assert!(timeout(LATENCY / 2, stage.ask()).await.is_err(), "the token request is under way");
    sleep(seconds(1)).await;
    assert_eq!(stage.cycles(), [Duration::ZERO]);
    assert_eq!(stage.world.books().failures(), []);
    assert_eq!(stage.ask().await, CYCLE);
    assert_eq!(stage.token_requests(), 1);
    // Also one who does not even begin to wait has asked.
    drop(stage.prober.ask("tested").unwrap());
    sleep(seconds(2)).await;
    assert_eq!(stage.cycles().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn who_asks_again_and_again_gets_a_cycle_a_second_and_an_answer_each_time() {
    for target in [off(), on()] {
        let stage = Stage::with(calm(), target);
        let mut asked = 0;
        while stage.world.clock.elapsed() < minutes(10) {
            assert!(stage.ask().await <= seconds(1) + FIRST_CYCLE);
            asked += 1;
        }
        let cycles = stage.cycles().len();
        // The schedule has twenty starts meanwhile, which may come sooner.
        assert!(asked == cycles && (590..=621).contains(&cycles), "{cycles} cycles for {asked}");
        stage.assert_none_was_skipped();
    }
}

#[tokio::test(start_paused = true)]
async fn back_offs_are_obeyed_however_often_somebody_asks() {
    let lived = async |target: Target, asks_every: Option<Duration>| {
        let mut world = calm();
        world.token_trouble = Box::new(|_| Trouble::Fails(Reason::InvalidClient));
        let stage = Stage::with(world, target);
        while stage.world.clock.elapsed() < hours(1) {
            sleep(asks_every.unwrap_or(seconds(1))).await;
            if asks_every.is_some() {
                stage.ask().await;
            }
        }
        stage
    };
    let undisturbed = lived(on(), None).await.token_requests();
    for target in [on(), off()] {
        let stage = lived(target, Some(seconds(1))).await;
        let requests = stage.token_requests();
        assert!(requests <= undisturbed * 3 / 2, "{requests} instead of {undisturbed}");
        let books = stage.world.books();
        assert!(books.reports.len() > 3000);
        assert_eq!(books.failures().len(), books.reports.len(), "each is counted, with its cause");
        assert!(books.failures().iter().all(|(_, reason)| *reason == Reason::InvalidClient));
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_obeyed_by_cycles_that_are_asked_for() {
    let mut world = calm();
    world.token_trouble = Box::new(|_| Trouble::RateLimited(minutes(10)));
    let stage = Stage::with(world, off());
    while stage.world.clock.elapsed() < minutes(10) {
        stage.ask().await;
        sleep(seconds(2)).await;
    }
    assert_eq!(stage.token_requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn machine_that_slept_through_starts_answers_who_asks_at_once_and_goes_on_at_the_next_start() {
    let first = first_start().await;
    let stage = Stage::with(calm(), on());
    stage.until(first + seconds(1)).await;
    // As far into an interval as it was: between two starts, nearer to the next one.
    stage.world.clock.suspend(INTERVAL * 120 + seconds(19));
    assert_eq!(stage.ask().await, CYCLE);
    sleep(INTERVAL).await;
    let begun = first + INTERVAL * 120 + seconds(20);
    assert_eq!(stage.cycles(), [first, begun, first + INTERVAL * 121]);
    assert_eq!(stage.world.books().skipped, 120, "they were not started, as the machine slept");
}

#[tokio::test(start_paused = true)]
async fn thousands_of_targets_that_nothing_schedules_are_asked_one_by_one() {
    let mut stage = Stage::new(calm());
    for number in 0..10_000 {
        stage.spawn(Target { name: format!("off-{number}"), ..off() });
    }
    for number in [0, 5_000, 9_999] {
        stage.prober.ask(&format!("off-{number}")).unwrap().await;
    }
    sleep(hours(1)).await;
    assert_eq!((stage.cycles().len(), stage.pings()), (3, 3));
}
