//! When checks are made, and that they change nothing of what a target's cycles do and find. Simulated time.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod simulated;
mod targets;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use oauth_probe_exporter::clock::Clock;
use oauth_probe_exporter::model::check::Check::{ApiKey, BadToken, ExpiredToken, NoToken};
use oauth_probe_exporter::model::check::{Check, CheckResult, CheckSettings};
use oauth_probe_exporter::model::fault::Reason;
use oauth_probe_exporter::model::response::TokenAnswer;
use oauth_probe_exporter::model::secret::AccessToken;
use oauth_probe_exporter::model::target::Target;
use oauth_probe_exporter::model::time::{Moment, Stamp};
use oauth_probe_exporter::model::token::{Asked, TokenState};
use oauth_probe_exporter::probe::{Tools, run_cycle};

use simulated::{Issuing, SimWire, Trouble, World, hours, live, minutes, seconds, target, without_max_age};

const TEN_MINUTES: Duration = minutes(10);

fn with_checks(target: Target, checks: &[Check], every: u32) -> Target {
    let every = NonZeroU32::new(every).unwrap();
    Target { checks: CheckSettings { checks: checks.to_vec(), every, api_key: None }, ..target }
}

async fn lived(world: World, target: Target, length: Duration) -> Arc<World> {
    let world = Arc::new(world);
    live(&world, target, length).await;
    world
}

/// Trouble from a time on.
fn from(begin: Duration, trouble: Trouble) -> Box<dyn Fn(Duration) -> Trouble + Send + Sync> {
    Box::new(move |now| if now < begin { Trouble::None } else { trouble })
}

fn troubled(trouble: impl FnOnce(&mut World)) -> World {
    let mut world = World::new(Issuing::Fresh, hours(2));
    trouble(&mut world);
    world
}

#[tokio::test(start_paused = true)]
async fn checks_follow_the_ping_of_the_first_cycle_and_of_every_tenth() {
    let target = with_checks(target(seconds(30)), &[NoToken, BadToken], 10);
    let world = lived(World::new(Issuing::Fresh, hours(2)), target, hours(1)).await;
    let books = world.books();
    for check in [NoToken, BadToken] {
        let times = books.times_of(check);
        assert_eq!(times.len(), 12);
        for (time, ping) in times.iter().zip(books.pings.iter().step_by(10)) {
            assert!(time > ping && *time - *ping < seconds(1), "{check:?} at {time:?}, ping at {ping:?}");
        }
    }
    assert_eq!(books.checks.len(), 24, "and no others");
    assert!(books.check_outcomes.iter().all(|(_, outcome)| outcome.result == CheckResult::Refused));
}

#[tokio::test(start_paused = true)]
async fn checks_change_nothing_of_what_the_cycles_do_and_find() {
    let troubles = || {
        [
            (Trouble::None, Trouble::None),
            (Trouble::Fails(Reason::ServerError), Trouble::None),
            (Trouble::Hangs, Trouble::None),
            (Trouble::None, Trouble::Refuses),
            (Trouble::None, Trouble::Hangs),
        ]
    };
    for (token_trouble, ping_trouble) in troubles() {
        for check_trouble in [Trouble::None, Trouble::Hangs, Trouble::Fails(Reason::TokenRejected)] {
            let world = || {
                troubled(|world| {
                    world.lifetime = minutes(15);
                    world.token_trouble = from(minutes(20), token_trouble);
                    world.ping_trouble = from(minutes(25), ping_trouble);
                    world.check_trouble = from(Duration::ZERO, check_trouble);
                })
            };
            // A request may take the whole interval.
            let plain = target(seconds(10));
            let checked = with_checks(plain.clone(), &Check::ALL, 1);
            let without = lived(world(), plain, hours(1)).await;
            let with = lived(world(), checked, hours(1)).await;
            let (without, with) = (without.books(), with.books());
            let case = format!("{token_trouble:?} {ping_trouble:?} {check_trouble:?}");
            assert!(with.checks.len() > 100, "{case}: {}", with.checks.len());
            assert_eq!(with.pings, without.pings, "{case}");
            assert_eq!(with.token_requests, without.token_requests, "{case}");
            let verdicts = |books: &simulated::Books| {
                books.reports.iter().map(|(at, report)| (*at, report.verdict)).collect::<Vec<_>>()
            };
            assert_eq!(verdicts(&with), verdicts(&without), "{case}");
            assert_eq!((with.skipped, &with.lags), (0, &without.lags), "{case}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn checks_that_hang_take_turns() {
    let world = troubled(|world| world.check_trouble = from(Duration::ZERO, Trouble::Hangs));
    let world = lived(world, with_checks(target(seconds(10)), &[NoToken, BadToken, ApiKey], 1), hours(1)).await;
    let books = world.books();
    for check in [NoToken, BadToken, ApiKey] {
        assert_eq!(books.times_of(check).len(), 120, "{check:?}: one hangs for the rest of its cycle");
    }
    assert!(books.check_outcomes.iter().all(|(_, outcome)| outcome.result == CheckResult::Inconclusive));
}

#[tokio::test(start_paused = true)]
async fn control_is_made_in_the_cycle_in_which_a_target_begins_to_fail() {
    let begin = minutes(32);
    let world = troubled(|world| world.ping_trouble = from(begin, Trouble::Refuses));
    let world = lived(world, with_checks(target(seconds(30)), &[NoToken, ApiKey], 10), hours(1)).await;
    let books = world.books();
    let first_failure = books.failures()[0].0;
    let next = |check| books.times_of(check).into_iter().find(|at| *at >= begin).unwrap();
    assert!(next(ApiKey) - first_failure < seconds(1), "{:?} after {first_failure:?}", next(ApiKey));
    assert!(next(NoToken) - first_failure > seconds(30), "the others keep their rhythm");
    let while_failing = books.times_of(ApiKey).into_iter().filter(|at| *at >= begin).count();
    assert!((5..=7).contains(&while_failing), "{while_failing} in 28 minutes");
}

#[tokio::test(start_paused = true)]
async fn checks_need_no_token() {
    let world = troubled(|world| world.token_trouble = from(Duration::ZERO, Trouble::Hangs));
    let world = lived(world, with_checks(target(seconds(30)), &[NoToken, ApiKey], 10), minutes(10)).await;
    let books = world.books();
    assert_eq!((books.pings.len(), books.times_of(NoToken).len(), books.times_of(ApiKey).len()), (0, 2, 2));
}

#[tokio::test(start_paused = true)]
async fn expired_token_is_sent_ten_minutes_past_its_stated_expiry_and_by_nothing_else() {
    for issuing in [Issuing::Fresh, Issuing::Legacy] {
        let target = with_checks(target(seconds(30)), &[ExpiredToken], 1);
        let world = lived(World::new(issuing, minutes(20)), target, hours(40)).await;
        let books = world.books();
        let shortest = *books.expired_for.iter().min().unwrap();
        // The client counts from before its request, the server from its arrival; Legacy rounds down to seconds.
        assert!(shortest >= TEN_MINUTES - seconds(1) && shortest < TEN_MINUTES + minutes(1), "{shortest:?}");
        assert!(*books.expired_for.iter().max().unwrap() < hours(25), "one that is too old is replaced");
        assert_eq!(books.expired_pings, 0, "{issuing:?}");
        let first = books.times_of(ExpiredToken)[0];
        assert!(first >= minutes(30) && first < minutes(32), "{issuing:?} {first:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn token_whose_expiry_is_only_assumed_is_never_sent_as_an_expired_one() {
    for issuing in [Issuing::Unstated, Issuing::UnstatedForEver] {
        let target = with_checks(target(seconds(30)), &[ExpiredToken, NoToken], 1);
        let world = lived(World::new(issuing, minutes(20)), target, hours(10)).await;
        let books = world.books();
        assert_eq!(books.times_of(ExpiredToken), [], "{issuing:?}");
        assert_eq!(books.times_of(NoToken).len(), 1200);
    }
}

#[tokio::test(start_paused = true)]
async fn expired_token_is_kept_only_for_the_check() {
    for (checks, kept) in [(&[NoToken][..], false), (&[ExpiredToken], true)] {
        let world = Arc::new(World::new(Issuing::Fresh, minutes(2)));
        let (wire, target) = (SimWire(Arc::clone(&world)), with_checks(target(seconds(30)), checks, 10));
        let (mut state, mut random) = (TokenState::default(), fastrand::Rng::with_seed(7));
        for _ in 0..60 {
            let tools = Tools { wire: &wire, clock: &world.clock, random: &mut random };
            let deadline = world.clock.now().moment.plus(seconds(29));
            run_cycle(&target, &mut state, deadline, tools).await;
            tokio::time::sleep(seconds(30)).await;
        }
        assert_eq!(state.expired_token(world.clock.now().moment).is_some(), kept);
    }
}

#[tokio::test(start_paused = true)]
async fn token_that_the_api_refused_while_it_lived_is_not_kept() {
    let world = Arc::new(World::new(Issuing::Fresh, minutes(20)));
    let target = without_max_age(with_checks(target(seconds(30)), &[ExpiredToken], 1));
    let _fleet = live(&world, target, minutes(5)).await;
    world.revoke_all();
    tokio::time::sleep(hours(1)).await;
    // The first one would be usable after 30 minutes; the second, 5 minutes younger, after 35.
    let first = world.books().times_of(ExpiredToken)[0];
    assert!(first >= minutes(35) && first < minutes(37), "{first:?}");
}

#[test]
fn token_that_is_issued_again_is_no_expired_one() {
    let at = |seconds| Moment::since_boot(Duration::from_secs(seconds));
    let settings = target(seconds(30)).token;
    let mut state = TokenState::default();
    for (name, asked, lifetime) in [("a", 0, 60), ("b", 50, 60), ("a", 100, 3600)] {
        let access_token = AccessToken::parse(name.to_owned()).unwrap();
        let answer = TokenAnswer { access_token, expires_in: Some(seconds(lifetime)), scopes: None };
        let asked_at = Stamp { moment: at(asked), wall: UNIX_EPOCH };
        state.answered(Asked { at: asked_at, secret: None }, at(asked), answer, &settings);
    }
    let expired = state.expired_token(at(900)).map(|token| token.secret().expose().to_owned());
    assert_eq!(expired.as_deref(), Some("b"));
}
