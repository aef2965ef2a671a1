//! Who asks a target that is replaced, removed or dead, and what becomes of its token.

use std::time::Duration;

use oauth_probe_exporter::model::target::Target;
use tokio::time::{Instant, sleep, timeout};

use super::simulated::{minutes, seconds};
use super::{Stage, api_hangs_from, calm, off, on};

#[tokio::test(start_paused = true)]
async fn no_target_of_that_name_can_be_asked() {
    let mut stage = Stage::with(calm(), off());
    assert!(stage.prober.ask("other").is_none());
    stage.fleet.stop("tested");
    assert!(stage.prober.ask("tested").is_none());
    stage.spawn(off());
    assert!(stage.prober.ask("tested").is_some());
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_target_that_is_replaced_or_removed_is_answered_at_once() {
    let mut stage = Stage::with(api_hangs_from(Duration::ZERO), off());
    for replaced in [true, false] {
        let waiting = tokio::spawn(stage.prober.ask("tested").unwrap());
        sleep(seconds(1)).await;
        assert!(!waiting.is_finished());
        if replaced {
            stage.spawn(Target { timeout: seconds(9), ..off() });
        } else {
            stage.fleet.stop("tested");
        }
        let stopped = Instant::now();
        waiting.await.unwrap();
        assert_eq!(stopped.elapsed(), Duration::ZERO);
    }
    assert_eq!(stage.cycles(), [], "neither cycle came to its end");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_task_that_dies_is_answered_and_who_asks_it_later_too() {
    let mut world = calm();
    world.ping_trouble = Box::new(|_| panic!("as the test wants it"));
    let mut stage = Stage::with(world, off());
    for _ in 0..2 {
        timeout(seconds(1), stage.ask()).await.unwrap();
    }
    assert_eq!(stage.fleet.watch().await.target, "tested");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_fleet_that_ends_is_answered() {
    let Stage { fleet, prober, .. } = Stage::with(api_hangs_from(Duration::ZERO), off());
    let waiting = prober.ask("tested").unwrap();
    sleep(seconds(1)).await;
    drop(fleet);
    timeout(seconds(1), waiting).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn token_stays_when_the_schedule_is_turned_off_and_on_again() {
    let mut stage = Stage::with(calm(), on());
    for round in 0..4 {
        sleep(minutes(2)).await;
        stage.ask().await;
        stage.spawn(if round % 2 == 0 { off() } else { on() });
        stage.ask().await;
    }
    assert_eq!(stage.token_requests(), 1);
}

#[tokio::test(start_paused = true)]
async fn token_of_a_cycle_that_a_reload_gave_up_is_kept() {
    let mut stage = Stage::with(api_hangs_from(Duration::ZERO), off());
    let waiting = stage.prober.ask("tested").unwrap();
    sleep(seconds(1)).await;
    assert_eq!((stage.token_requests(), stage.pings()), (1, 1));
    stage.spawn(Target { timeout: seconds(9), ..off() });
    waiting.await;
    stage.ask().await;
    assert_eq!((stage.token_requests(), stage.pings()), (1, 2));
}
