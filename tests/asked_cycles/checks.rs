//! Checks beside cycles that somebody asks for.

use std::time::Duration;

use oauth_probe_exporter::model::target::Target;
use tokio::time::sleep;

use super::simulated::{Trouble, seconds};
use super::{CYCLE, FIRST_CYCLE, INTERVAL, Stage, calm, first_start, off, on, with_check};

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_checks_and_a_check_under_way_delays_no_ping() {
    let mut world = calm();
    world.check_trouble = Box::new(|_| Trouble::Hangs);
    let stage = Stage::with(world, with_check(off(), 1));
    assert_eq!(stage.ask().await, FIRST_CYCLE);
    sleep(seconds(2)).await;
    assert_eq!(stage.world.books().checks.len(), 1, "it is under way");
    assert_eq!(stage.ask().await, CYCLE);
    sleep(seconds(20)).await;
    let books = stage.world.books();
    assert_eq!((books.reports.len(), books.checks.len()), (2, 2), "what was given up was due again");
    assert_eq!(books.check_outcomes.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn checks_come_once_in_so_many_cycles_whoever_wanted_them() {
    let stage = Stage::with(calm(), with_check(off(), 10));
    for _ in 0..40 {
        stage.ask().await;
        sleep(seconds(1)).await;
    }
    assert_eq!(stage.world.books().checks.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn checks_after_a_cycle_that_was_asked_for_make_way_for_the_schedule() {
    let first = first_start().await;
    let mut world = calm();
    world.check_trouble = Box::new(|_| Trouble::Hangs);
    let stage = Stage::with(world, with_check(Target { timeout: INTERVAL, ..on() }, 1));
    stage.until(first + INTERVAL / 3).await;
    stage.ask().await;
    stage.until(first + INTERVAL * 2).await;
    assert_eq!(stage.cycles(), [first, first + INTERVAL / 3, first + INTERVAL]);
    assert!(stage.world.books().lags.iter().all(|lag| *lag <= Duration::from_millis(2)));
}
