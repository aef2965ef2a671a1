//! Clocks that jump: a wall clock that somebody sets, by hours and both ways, and a machine that sleeps.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod exporter;
mod namespace;
mod reports;
mod simulated;
mod support;
mod targets;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use oauth_probe_exporter::clock::{BootClock, Clock};
use oauth_probe_exporter::model::time::{Moment, unix_seconds};

use exporter::{Exporter, one_target};
use reports::Scrape;
use simulated::{Books, Issuing, World, hours, live, minutes, seconds, target};

const HOUR: i64 = 3600;
const NOBODY_SETS_IT: &[i64] = &[];

/// Two hours, in which the wall clock is set every ten minutes.
async fn two_hours(issuing: Issuing, set: &'static [i64]) -> Arc<World> {
    let world = Arc::new(World::new(issuing, minutes(25)));
    let clock = world.clock.clone();
    let setting = tokio::spawn(async move {
        for ahead in set {
            tokio::time::sleep(minutes(10)).await;
            clock.step_wall(*ahead);
        }
    });
    live(&world, target(seconds(30)), hours(2)).await;
    setting.abort();
    world
}

#[tokio::test(start_paused = true)]
async fn wall_clock_that_is_set_changes_nothing_of_what_is_done() {
    let done = |books: &Books| (books.token_requests.clone(), books.pings.clone(), books.skipped, books.expired_pings);
    for issuing in [Issuing::Fresh, Issuing::Legacy] {
        let undisturbed = two_hours(issuing, NOBODY_SETS_IT).await;
        let disturbed = two_hours(issuing, &[5 * HOUR, -7 * HOUR, 48 * HOUR, -48 * HOUR, -90 * HOUR, 1]).await;
        assert_eq!(done(&disturbed.books()), done(&undisturbed.books()));
        assert_eq!(disturbed.books().failures(), []);
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_sleep_what_was_missed_is_counted_and_one_cycle_follows_without_the_token_that_ran_out() {
    let world = Arc::new(World::new(Issuing::Fresh, hours(1)));
    let _fleet = live(&world, target(seconds(30)), minutes(10)).await;
    let before = world.books().reports.len();
    world.clock.suspend(hours(8));
    // Timers stand still in a sleep: the cycle comes within an interval after it.
    tokio::time::sleep(seconds(30)).await;
    let books = world.books();
    let since: Vec<_> = books.reports[before..].iter().collect();
    assert!((1..=2).contains(&since.len()), "{} cycles in one interval", since.len());
    assert_eq!(books.failures(), []);
    assert_eq!(books.expired_pings, 0);
    assert_eq!(books.token_requests.iter().filter(|at| **at > hours(8)).count(), 1);
    // Each start of the grid was either begun or counted.
    let starts = (world.clock.elapsed().as_secs() / 30) as i64;
    let accounted = (books.reports.len() as u64 + books.skipped) as i64;
    assert!((starts - accounted).abs() <= 1, "{starts} starts, {accounted} accounted for");
}

#[test]
fn time_that_the_machine_slept_counts_and_a_wall_clock_that_is_set_does_not() {
    const SLEPT: Duration = hours(1000);
    if !namespace::is_inside() {
        let name = "time_that_the_machine_slept_counts_and_a_wall_clock_that_is_set_does_not";
        return namespace::run_after_sleep(name, SLEPT);
    }
    let now = BootClock.now().moment;
    let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
    let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
    assert!(Moment::since_boot(SLEPT) <= now, "{now:?}");
    assert!(now <= Moment::since_boot(Duration::from_secs_f64(uptime) + seconds(1)), "{now:?}, up for {uptime} s");
}

/// Makes the program read another wall time than the machine's, and leaves its other clocks alone.
struct FakeTime {
    directory: tempfile::TempDir,
}

impl FakeTime {
    fn start() -> Self {
        let fake = Self { directory: tempfile::tempdir().unwrap() };
        fake.set(0);
        fake
    }

    /// Relative to the machine's, in one piece, since it may be read at any moment.
    fn set(&self, ahead: i64) {
        let next = self.directory.path().join("next");
        std::fs::write(&next, format!("{ahead:+}\n")).unwrap();
        std::fs::rename(next, self.file()).unwrap();
    }

    fn file(&self) -> std::path::PathBuf {
        self.directory.path().join("faketime")
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        vec![
            ("LD_PRELOAD", text(&support::test_dep("bin/libfaketime.so.1"))),
            ("FAKETIME_TIMESTAMP_FILE", text(&self.file())),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }
}

async fn scrape(exporter: &Exporter) -> Scrape {
    Scrape::of(&exporter.metrics().await)
}

/// Waits for the end of a cycle that began later than now.
async fn another_cycle(exporter: &Exporter) {
    let cycles = |scrape: &Scrape| scrape.one("cycles_total", &[("result", "success")]);
    let begun = cycles(&scrape(exporter).await);
    exporter.until_matching(&["cycles_total", "success"], |count| count >= begun + 2.0).await;
}

#[tokio::test]
async fn program_whose_wall_clock_is_set_keeps_its_token_and_shows_all_times_by_the_new_one() {
    let (_simulator, configuration) = one_target("interval: 200ms").await;
    let fake = FakeTime::start();
    let exporter = Exporter::start_with(&configuration, &[], &fake.environment()).await;
    exporter.until_well("x").await;
    for ahead in [0, 5 * HOUR, -5 * HOUR, 48 * HOUR, 0] {
        fake.set(ahead);
        // Before any cycle ends, and after some.
        for _ in 0..2 {
            let scrape = scrape(&exporter).await;
            let shown = |name: &str, labels: &[(&str, &str)]| {
                scrape.one(name, labels) - unix_seconds(BootClock.now().wall) - ahead as f64
            };
            let near = |value: f64, expected: f64| assert!((value - expected).abs() < 60.0, "{ahead}: {value}");
            near(shown("last_cycle_timestamp_seconds", &[]), 0.0);
            near(shown("last_success_timestamp_seconds", &[]), 0.0);
            near(shown("request_last_success_timestamp_seconds", &[("request", "token")]), 0.0);
            near(shown("token_issued_timestamp_seconds", &[]), 0.0);
            near(shown("token_expiry_timestamp_seconds", &[]), 3600.0);
            near(shown("next_token_request_timestamp_seconds", &[]), 300.0);
            near(scrape.one("token_age_seconds", &[]), 0.0);
            near(scrape.one("token_expires_in_seconds", &[]), 3600.0);
            assert_eq!(scrape.one("token_held", &[]), 1.0);
            another_cycle(&exporter).await;
        }
    }
    let scrape = scrape(&exporter).await;
    assert_eq!(scrape.one("requests_total", &[("request", "token")]), 1.0);
    // A busy machine may be slow in one cycle and leave out another. Of five hours that passed at once 90,000 would be left
    // out, and of a token that is taken for dead the exporter would tell.
    for fault in ["auth", "exporter"] {
        assert_eq!(scrape.one("cycle_failures_total", &[("fault", fault)]), 0.0, "{fault}");
    }
    let skipped = scrape.one("skipped_cycles_total", &[]);
    assert!(skipped < 1000.0, "{skipped}");
    assert!(scrape.one("clock_skew_seconds", &[("request", "ping")]).abs() < 2.0, "set right again");
}
