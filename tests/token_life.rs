//! The token's life (CONTRACT §3) through the real scheduler and engine, on simulated time.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod simulated;
mod targets;

use std::sync::Arc;
use std::time::Duration;

use oauth_probe_exporter::model::fault::{Reason, Request};
use oauth_probe_exporter::model::report::Achievement;
use oauth_probe_exporter::model::token::Trigger;

use simulated::{Issuing, Trouble, World, hours, live, minutes, seconds, target, without_max_age};

/// Trouble between two times.
fn between(from: Duration, to: Duration, trouble: Trouble) -> Box<dyn Fn(Duration) -> Trouble + Send + Sync> {
    Box::new(move |now| if now >= from && now < to { trouble } else { Trouble::None })
}

#[tokio::test(start_paused = true)]
async fn a_day_with_hourly_tokens_asks_every_max_age_and_fails_never() {
    let world = Arc::new(World::new(Issuing::Fresh, hours(1)));
    live(&world, target(seconds(30)), hours(24)).await;
    let books = world.books();
    assert_eq!(books.failures(), []);
    assert_eq!(books.reports.len(), 2880);
    assert_eq!(books.token_requests.len(), 288);
    assert_eq!(books.refreshes(Trigger::Initial), 1);
    assert_eq!(books.refreshes(Trigger::Age), 287);
    assert_eq!(books.refused_pings, 0);
    assert_eq!(books.skipped, 0);
}

#[tokio::test(start_paused = true)]
async fn without_max_age_tokens_are_replaced_at_the_margin_only() {
    let world = Arc::new(World::new(Issuing::Fresh, hours(1)));
    live(&world, without_max_age(target(seconds(30))), hours(24)).await;
    let books = world.books();
    assert_eq!(books.failures(), []);
    // One hour less the margin of six minutes.
    assert_eq!(books.token_requests.len(), 27);
    assert_eq!(books.refreshes(Trigger::Expiry), 26);
}

#[tokio::test(start_paused = true)]
async fn five_second_tokens_never_meet_a_401() {
    for interval in [1, 2, 3, 5, 30] {
        let world = Arc::new(World::new(Issuing::Fresh, seconds(5)));
        live(&world, target(seconds(interval)), minutes(10)).await;
        let books = world.books();
        assert_eq!(books.failures(), [], "interval {interval}");
        assert_eq!(books.refused_pings, 0, "interval {interval}");
        assert_eq!(books.pings.len(), books.reports.len(), "interval {interval}");
    }
}

#[tokio::test(start_paused = true)]
async fn legacy_tokens_are_followed_to_their_end_without_a_request_loop() {
    for (lifetime, interval) in [(60, 30), (60, 10), (47, 30), (600, 30), (60, 2), (3600, 7), (20, 30)] {
        let world = Arc::new(World::new(Issuing::Legacy, seconds(lifetime)));
        live(&world, without_max_age(target(seconds(interval))), hours(4)).await;
        let books = world.books();
        let lives = hours(4).as_secs() / lifetime;
        let requests = books.token_requests.len() as u64;
        assert_eq!(books.failures(), [], "{lifetime} s tokens every {interval} s");
        assert_eq!(books.refused_pings, 0);
        assert!(requests <= 3 * lives + 3, "{requests} requests in {lives} lives of {lifetime} s at {interval} s");
        assert!(books.count(Achievement::TokenUnchanged) > 0 || interval >= lifetime);
    }
}

#[tokio::test(start_paused = true)]
async fn legacy_tokens_keep_their_first_age_and_their_expiry() {
    let world = Arc::new(World::new(Issuing::Legacy, hours(1)));
    live(&world, target(seconds(30)), minutes(50)).await;
    let books = world.books();
    let first = books.reports.first().unwrap().1.token.held.unwrap();
    let last = books.reports.last().unwrap().1.token.held.unwrap();
    assert_eq!(last.issued, first.issued);
    // Rounding down may only bring it nearer, by a second and the latency at most.
    let nearer = last.expiry.moment.until(first.expiry.moment);
    assert!(nearer <= seconds(1) + simulated::LATENCY, "{nearer:?}");
    assert_eq!(books.count(Achievement::TokenUnchanged), 9);
}

#[tokio::test(start_paused = true)]
async fn requests_are_refreshes_and_unchanged_answers_and_failures() {
    let mut world = World::new(Issuing::Legacy, minutes(7));
    world.token_trouble = between(minutes(20), minutes(50), Trouble::Fails(Reason::ServerError));
    let world = Arc::new(world);
    live(&world, target(seconds(10)), hours(2)).await;
    let books = world.books();
    let refreshes: usize = Trigger::ALL.into_iter().map(|trigger| books.refreshes(trigger)).sum();
    let failures = books.reports.iter().flat_map(|(_, report)| &report.attempts);
    let failures = failures.filter(|attempt| attempt.request == Request::Token && attempt.result.is_err()).count();
    assert_eq!(books.token_requests.len(), refreshes + books.count(Achievement::TokenUnchanged) + failures);
}

#[tokio::test(start_paused = true)]
async fn a_failing_refresh_fails_no_cycle_while_the_old_token_lives() {
    let mut world = World::new(Issuing::Fresh, hours(1));
    world.token_trouble = between(minutes(10), hours(3), Trouble::Fails(Reason::ServerError));
    let world = Arc::new(world);
    live(&world, target(seconds(30)), hours(2)).await;
    let books = world.books();
    let (first_failure, reason) = books.failures()[0];
    assert!(first_failure > hours(1) && first_failure < hours(1) + minutes(6), "{first_failure:?}");
    assert_eq!(reason, Reason::ServerError);
    assert_eq!(books.expired_pings, 0);
    let report = &books.reports.last().unwrap().1;
    assert!(report.token.held.unwrap().expiry.moment < report.ended.moment, "the expired token's dates stay");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_runs_out_on_its_way_is_no_fault_of_the_api() {
    // The interval divides the lifetime: a cycle starts in the last instant of the token's life.
    let mut world = World::new(Issuing::Fresh, seconds(8) + simulated::LATENCY / 2);
    world.token_trouble = between(seconds(3), hours(1), Trouble::Fails(Reason::InvalidClient));
    let world = Arc::new(world);
    live(&world, without_max_age(target(seconds(2))), minutes(10)).await;
    let books = world.books();
    assert_eq!(books.refused_pings, 1);
    assert_eq!(books.early_rejections(), 0);
    assert!(books.failures().iter().all(|(_, reason)| *reason == Reason::InvalidClient), "{:?}", books.failures());
}

#[tokio::test(start_paused = true)]
async fn a_token_with_next_to_nothing_left_is_replaced_and_not_sent() {
    let world = Arc::new(World::new(Issuing::Fresh, seconds(8) + simulated::LATENCY / 2));
    let mut target = without_max_age(target(seconds(2)));
    target.token.policy.refresh_margin = Some(Duration::ZERO);
    live(&world, target, minutes(10)).await;
    let books = world.books();
    assert_eq!(books.failures(), []);
    assert_eq!(books.refused_pings, 0);
    assert_eq!(books.refreshes(Trigger::Rejected), 0);
}

#[tokio::test(start_paused = true)]
async fn one_attempt_is_made_in_the_last_interval_before_a_live_token_expires() {
    let mut world = World::new(Issuing::Fresh, hours(1));
    world.token_trouble = between(seconds(40), hours(9), Trouble::Fails(Reason::ServerError));
    let world = Arc::new(world);
    live(&world, target(seconds(30)), hours(1) + minutes(1)).await;
    let books = world.books();
    let expiry = books.token_requests[0] + hours(1);
    let attempts = books.token_requests.iter().filter(|&&at| at >= expiry - seconds(30) && at < expiry).count();
    assert_eq!(attempts, 1);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_recovered_from_within_one_back_off() {
    for seed in 0..20 {
        let end = minutes(90) + seconds(seed * 7);
        let mut world = World::new(Issuing::Fresh, minutes(10));
        world.token_trouble = between(minutes(30), end, Trouble::Fails(Reason::Connect));
        let world = Arc::new(world);
        live(&world, target(seconds(30)), hours(2)).await;
        let books = world.books();
        let recovered = books.successes_after(end).expect("recovery");
        // Interval, two minutes, and the cycle that comes next.
        assert!(recovered - end <= seconds(30 + 120 + 31), "{:?}", recovered - end);
        assert_eq!(books.expired_pings, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_stays_the_same_ends_no_back_off() {
    let mut world = World::new(Issuing::Fresh, hours(1));
    world.token_trouble = between(minutes(10), minutes(40), Trouble::Fails(Reason::ServerError));
    let world = Arc::new(world);
    live(&world, target(seconds(30)), hours(1)).await;
    let books = world.books();
    let during = books.token_requests.iter().filter(|&&at| at >= minutes(10) && at < minutes(40)).count();
    assert!(during < 18, "{during} requests in half an hour under a live token");
    assert_eq!(books.refreshes(Trigger::SecretChanged), 0);
}

#[tokio::test(start_paused = true)]
async fn failing_token_requests_stay_under_a_ceiling() {
    let mut world = World::new(Issuing::Fresh, hours(1));
    world.token_trouble = Box::new(|_| Trouble::Fails(Reason::InvalidClient));
    let world = Arc::new(world);
    live(&world, target(seconds(1)), hours(1)).await;
    let books = world.books();
    assert!(books.token_requests.len() < 100, "{} requests", books.token_requests.len());
    assert_eq!(books.failures().len(), books.reports.len(), "cycles fail in back-off too");
    assert!(books.failures().iter().all(|(_, reason)| *reason == Reason::InvalidClient));
    assert_eq!(books.pings.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_revoked_token_is_replaced_in_the_same_cycle_and_counted_once() {
    let world = Arc::new(World::new(Issuing::Fresh, hours(1)));
    let _fleet = live(&world, target(seconds(30)), minutes(2)).await;
    world.revoke_all();
    tokio::time::sleep(minutes(2)).await;
    let books = world.books();
    assert_eq!(books.failures(), []);
    assert_eq!(books.early_rejections(), 1);
    assert_eq!(books.refreshes(Trigger::Rejected), 1);
    assert_eq!(books.refused_pings, 1);
}

#[tokio::test(start_paused = true)]
async fn refused_new_tokens_cause_no_storm_and_heal_by_themselves() {
    let (from, to) = (minutes(10), minutes(70));
    let mut world = World::new(Issuing::Fresh, hours(1));
    world.ping_trouble = between(from, to, Trouble::Refuses);
    let world = Arc::new(world);
    live(&world, without_max_age(target(seconds(30))), hours(2)).await;
    let books = world.books();
    let during = books.token_requests.iter().filter(|&&at| at >= from && at < to).count();
    assert!(during < 60, "{during} token requests in an hour of refusals");
    assert!(during > 10, "{during} token requests in an hour of refusals");
    assert!(books.failures().iter().all(|(_, reason)| *reason == Reason::TokenRejected));
    assert!(books.failures().len() >= 118);
    assert!(books.successes_after(to).unwrap() - to <= seconds(31), "the token that is held is pinged at every cycle");
}

#[tokio::test(start_paused = true)]
async fn a_refused_token_that_comes_back_unchanged_is_not_pinged_twice() {
    let mut world = World::new(Issuing::Legacy, hours(1));
    world.ping_trouble = between(minutes(10), minutes(20), Trouble::Refuses);
    let world = Arc::new(world);
    live(&world, without_max_age(target(seconds(30))), minutes(30)).await;
    let books = world.books();
    assert_eq!(books.pings.len(), books.reports.len(), "one ping a cycle");
    assert_eq!(books.early_rejections(), 1, "counted once per token");
    assert_eq!(books.refreshes(Trigger::Rejected), 0);
    let first = books.reports.first().unwrap().1.token.held.unwrap();
    let last = books.reports.last().unwrap().1.token.held.unwrap();
    assert_eq!(first.issued, last.issued, "its age keeps counting");
}

#[tokio::test(start_paused = true)]
async fn a_token_dropped_after_a_401_leaves_nothing_held_when_no_other_can_be_had() {
    let mut world = World::new(Issuing::Fresh, hours(1));
    world.token_trouble = between(minutes(2), minutes(9), Trouble::Fails(Reason::ServerError));
    let world = Arc::new(world);
    let _fleet = live(&world, target(seconds(30)), minutes(3)).await;
    world.revoke_all();
    tokio::time::sleep(minutes(1)).await;
    {
        let books = world.books();
        let report = &books.reports.last().unwrap().1;
        assert!(report.token.held.is_none());
        assert_eq!(report.verdict.unwrap_err().reason, Reason::ServerError);
        assert_eq!(report.verdict.unwrap_err().request, Request::Token);
    }
    tokio::time::sleep(minutes(10)).await;
    assert_eq!(world.books().refreshes(Trigger::Rejected), 1);
}

#[tokio::test(start_paused = true)]
async fn a_changed_secret_ends_the_back_off_at_the_next_cycle() {
    let mut world = World::new(Issuing::Fresh, hours(1));
    world.secret = Box::new(|now| if now < minutes(30) { (1, false) } else { (2, true) });
    let world = Arc::new(world);
    live(&world, target(seconds(30)), hours(1)).await;
    let books = world.books();
    assert!(books.successes_after(Duration::ZERO).unwrap() - minutes(30) <= seconds(31));
    assert_eq!(books.refreshes(Trigger::SecretChanged), 1);
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_flips_between_two_contents_causes_no_storm() {
    let mut world = World::new(Issuing::Fresh, hours(1));
    world.secret = Box::new(|now| (now.as_secs() / 30 % 2, false));
    let world = Arc::new(world);
    live(&world, target(seconds(30)), hours(2)).await;
    let requests = world.books().token_requests.len();
    assert!(requests < 120, "{requests} requests in 240 cycles");
}

#[tokio::test(start_paused = true)]
async fn a_changed_secret_whose_token_is_refused_too_causes_no_storm() {
    let mut world = World::new(Issuing::Fresh, hours(1));
    world.ping_trouble = Box::new(|_| Trouble::Refuses);
    world.secret = Box::new(|now| (u64::from(now > minutes(30)), true));
    world.token_trouble = between(minutes(30), minutes(60), Trouble::Fails(Reason::ServerError));
    let world = Arc::new(world);
    live(&world, without_max_age(target(seconds(30))), hours(2)).await;
    let requests = world.books().token_requests.len();
    assert!(requests < 120, "{requests} requests in 240 cycles");
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_obeyed() {
    let mut world = World::new(Issuing::Fresh, hours(1));
    world.token_trouble = between(Duration::ZERO, minutes(5), Trouble::RateLimited(minutes(12)));
    let world = Arc::new(world);
    live(&world, target(seconds(30)), minutes(20)).await;
    let books = world.books();
    assert!(books.token_requests[1] - books.token_requests[0] >= minutes(12));
    assert!(books.token_requests[1] - books.token_requests[0] <= minutes(12) + seconds(30));
}

#[tokio::test(start_paused = true)]
async fn a_hanging_token_endpoint_delays_no_ping_while_a_token_lives() {
    let mut world = World::new(Issuing::Fresh, hours(1));
    world.token_trouble = between(minutes(1), hours(2), Trouble::Hangs);
    let world = Arc::new(world);
    live(&world, target(seconds(10)), minutes(50)).await;
    let books = world.books();
    assert_eq!(books.failures(), []);
    assert_eq!(books.skipped, 0);
    let gaps = books.pings.windows(2).skip(1).map(|pair| pair[1] - pair[0]);
    // Simulated timers have a resolution of a millisecond.
    let jitter = Duration::from_millis(2);
    assert!(gaps.into_iter().all(|gap| gap.abs_diff(seconds(10)) < jitter), "pings keep their rhythm");
}

#[tokio::test(start_paused = true)]
async fn a_hanging_refresh_in_the_last_interval_leaves_time_for_the_ping() {
    let mut world = World::new(Issuing::Fresh, seconds(95));
    world.token_trouble = between(seconds(45), hours(2), Trouble::Hangs);
    let world = Arc::new(world);
    let mut target = target(seconds(10));
    target.timeout = seconds(10);
    live(&world, target, seconds(90)).await;
    assert_eq!(world.books().failures(), []);
}

#[tokio::test(start_paused = true)]
async fn a_cycle_ends_before_the_next_one_starts_whatever_hangs() {
    let mut world = World::new(Issuing::Fresh, hours(1));
    world.token_trouble = Box::new(|now| if now > minutes(3) { Trouble::Hangs } else { Trouble::None });
    world.ping_trouble = Box::new(|now| if now > minutes(2) { Trouble::Hangs } else { Trouble::None });
    let world = Arc::new(world);
    live(&world, target(seconds(5)), hours(2)).await;
    let books = world.books();
    assert_eq!(books.skipped, 0);
    assert_eq!(books.reports.len(), 1440);
    assert!(books.lags.iter().all(|lag| *lag < Duration::from_millis(2)), "the schedule does not drift");
}

#[tokio::test(start_paused = true)]
async fn an_unstated_lifetime_is_assumed_and_extended_while_the_token_stays_the_same() {
    let world = Arc::new(World::new(Issuing::UnstatedForEver, hours(1)));
    live(&world, target(seconds(30)), hours(3)).await;
    let books = world.books();
    assert_eq!(books.failures(), []);
    assert_eq!(books.refreshes(Trigger::Initial), 1);
    let report = &books.reports.last().unwrap().1;
    assert_eq!(report.token.expires_in_missing, Some(true));
    assert_eq!(report.token.held.unwrap().lifetime, minutes(10));
    assert!(report.token.held.unwrap().expiry.moment > report.ended.moment);
}

#[tokio::test(start_paused = true)]
async fn unstated_lifetimes_of_changing_tokens_are_assumed_anew() {
    let world = Arc::new(World::new(Issuing::Unstated, hours(1)));
    live(&world, without_max_age(target(seconds(30))), hours(3)).await;
    let books = world.books();
    assert_eq!(books.failures(), []);
    // Ten minutes less the margin of one, and the cycle that comes next.
    assert_eq!(books.token_requests.len(), 19);
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_expired_when_it_arrives_is_never_sent() {
    let world = Arc::new(World::new(Issuing::Fresh, Duration::ZERO));
    live(&world, target(seconds(30)), minutes(30)).await;
    let books = world.books();
    assert_eq!(books.pings.len(), 0);
    assert!(books.failures().iter().all(|(_, reason)| *reason == Reason::BadResponse));
    assert!(books.token_requests.len() < 40, "{} requests", books.token_requests.len());
}

#[tokio::test(start_paused = true)]
async fn a_token_that_expired_during_suspend_is_not_sent_afterwards() {
    let world = Arc::new(World::new(Issuing::Fresh, hours(1)));
    let _fleet = live(&world, target(seconds(30)), minutes(10)).await;
    world.clock.suspend(hours(8));
    tokio::time::sleep(minutes(2)).await;
    let books = world.books();
    assert_eq!(books.expired_pings, 0);
    assert_eq!(books.failures(), []);
    assert!(books.skipped > 900, "the cycles that were slept through are counted");
}
