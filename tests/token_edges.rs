//! The edges of the token's life (CONTRACT §3): dead answers, last seconds, suspend, hangs; and chaos. Simulated time.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod simulated;
mod targets;

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use oauth_probe_exporter::client::{CheckCredential, CheckExchange, PingExchange, TokenExchange, Wire};
use oauth_probe_exporter::clock::Clock;
use oauth_probe_exporter::model::fault::{Reason, Request};
use oauth_probe_exporter::model::response::TokenAnswer;
use oauth_probe_exporter::model::secret::{AccessToken, Fingerprint};
use oauth_probe_exporter::model::time::{Moment, Stamp};
use oauth_probe_exporter::model::token::{Asked, Novelty, TokenState, Trigger};
use oauth_probe_exporter::probe::{Fleet, Job, Tools, run_cycle};

use simulated::{
    Issuing, LATENCY, SimWire, Trouble, World, go_on, hours, live, minutes, seconds, target, without_max_age,
};

/// Trouble between two times.
fn between(from: Duration, to: Duration, trouble: Trouble) -> Box<dyn Fn(Duration) -> Trouble + Send + Sync> {
    Box::new(move |now| if now >= from && now < to { trouble } else { Trouble::None })
}

/// A wire on which something happens at each token request, before or after it.
struct Meddler<F>(SimWire, F);

impl<F: Fn(&World, &mut TokenExchange) + Send + Sync> Wire for Meddler<F> {
    async fn secret(&self, bound: Duration) -> Option<Fingerprint> {
        self.0.secret(bound).await
    }

    async fn request_token(&self, bound: Duration) -> TokenExchange {
        let mut exchange = self.0.request_token(bound).await;
        (self.1)(&self.0.0, &mut exchange);
        exchange
    }

    async fn ping(&self, token: &AccessToken, bound: Duration) -> PingExchange {
        self.0.ping(token, bound).await
    }

    async fn check(&self, credential: CheckCredential<'_>, bound: Duration) -> CheckExchange {
        self.0.check(credential, bound).await
    }
}

async fn live_with<W: Wire + 'static>(world: &Arc<World>, interval: Duration, wire: W, length: Duration) {
    let mut fleet = Fleet::default();
    let observer = SimWire(Arc::clone(world));
    let job = Job { target: Arc::new(target(interval)), wire, observer, random: fastrand::Rng::with_seed(7) };
    fleet.spawn(job, world.clock.clone(), world.clock.now().moment);
    go_on(&mut fleet, length).await;
}

#[tokio::test(start_paused = true)]
async fn dead_answers_are_backed_off_from_like_other_failures() {
    let world = Arc::new(World::new(Issuing::Fresh, Duration::ZERO));
    live(&world, target(seconds(1)), hours(1)).await;
    let books = world.books();
    // Each attempt asks twice, a second apart, where a cycle has the time.
    assert!(books.token_requests.len() < 200, "{} requests in an hour", books.token_requests.len());
    assert_eq!(books.pings.len(), 0);
    assert_eq!(Trigger::ALL.map(|trigger| books.refreshes(trigger)), [0; 5], "a dead token is no refresh");
}

#[tokio::test(start_paused = true)]
async fn a_dead_answer_costs_no_token_that_lives() {
    let world = Arc::new(World::new(Issuing::Fresh, hours(1)));
    let wire = Meddler(SimWire(Arc::clone(&world)), |world: &World, exchange: &mut TokenExchange| {
        if world.clock.elapsed() > minutes(10)
            && let Ok(answer) = &mut exchange.result
        {
            answer.expires_in = Some(Duration::ZERO);
        }
    });
    live_with(&world, seconds(30), wire, minutes(50)).await;
    assert_eq!(world.books().failures(), []);
}

#[tokio::test(start_paused = true)]
async fn a_changed_secret_delays_no_ping_while_a_token_lives() {
    let mut world = World::new(Issuing::Fresh, hours(1));
    world.token_trouble = between(minutes(1), hours(2), Trouble::Hangs);
    world.secret = Box::new(|now| (now.as_secs() / 120, true));
    let world = Arc::new(world);
    live(&world, target(seconds(10)), minutes(30)).await;
    let books = world.books();
    assert_eq!(books.failures(), []);
    let mut gaps = books.pings.windows(2).skip(1).map(|pair| pair[1] - pair[0]);
    assert!(gaps.all(|gap| gap.abs_diff(seconds(10)) < Duration::from_millis(2)), "pings keep their rhythm");
}

#[tokio::test(start_paused = true)]
async fn an_api_that_hangs_does_not_keep_the_token_endpoint_from_being_asked() {
    for timeout in [10, 5] {
        let mut world = World::new(Issuing::Fresh, hours(1));
        world.ping_trouble = between(minutes(1), hours(2), Trouble::Hangs);
        let world = Arc::new(world);
        let mut target = target(seconds(10));
        target.timeout = seconds(timeout);
        live(&world, target, minutes(40)).await;
        let requests = world.books().token_requests.len();
        assert!(requests >= 8, "timeout {timeout} s: {requests} token requests in 40 minutes");
    }
}

#[tokio::test(start_paused = true)]
async fn a_legacy_token_met_in_its_last_second_is_asked_for_again() {
    let world = Arc::new(World::new(Issuing::Legacy, seconds(60)));
    let wire = SimWire(Arc::clone(&world));
    // Another process has asked for it before.
    let _ = wire.request_token(seconds(5)).await;
    tokio::time::sleep(Duration::from_millis(59_500)).await;
    let deadline = world.clock.now().moment.plus(seconds(30));
    let mut random = fastrand::Rng::with_seed(7);
    let tools = Tools { wire: &wire, clock: &world.clock, random: &mut random };
    let report = run_cycle(&target(seconds(30)), &mut TokenState::default(), deadline, tools).await;
    assert_eq!(report.verdict, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn legacy_tokens_suit_short_intervals_too() {
    for (lifetime, millis) in [(60, 1000), (61, 1000), (7, 1000), (60, 1500), (61, 1500), (60, 1999), (61, 2000)] {
        let world = Arc::new(World::new(Issuing::Legacy, seconds(lifetime)));
        live(&world, without_max_age(target(Duration::from_millis(millis))), hours(2)).await;
        let books = world.books();
        let lives = hours(2).as_secs() / lifetime;
        assert_eq!(books.failures(), [], "{lifetime} s tokens every {millis} ms");
        assert_eq!(books.expired_pings, 0);
        assert!(books.token_requests.len() as u64 <= 4 * lives + 4, "{} requests", books.token_requests.len());
    }
}

#[tokio::test(start_paused = true)]
async fn legacy_tokens_suit_every_phase_between_them_and_the_cycles() {
    for (lifetime, millis) in [(5, 2000), (7, 2000), (60, 2050), (60, 1020), (65, 10_000), (61, 30_000), (3600, 30_000)]
    {
        for phase in 0..40 {
            let world = Arc::new(World::new(Issuing::Legacy, seconds(lifetime)));
            // Another process has asked before.
            let _ = SimWire(Arc::clone(&world)).request_token(seconds(5)).await;
            tokio::time::sleep(Duration::from_millis(phase * 50)).await;
            live(&world, target(Duration::from_millis(millis)), seconds(lifetime * 20)).await;
            let books = world.books();
            assert_eq!(books.failures(), [], "{lifetime} s tokens every {millis} ms, {phase} · 50 ms after the first");
            assert_eq!(books.expired_pings, 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_hangs_keeps_no_live_token_from_being_used() {
    struct SlowDisk(SimWire);
    impl Wire for SlowDisk {
        async fn secret(&self, bound: Duration) -> Option<Fingerprint> {
            tokio::time::sleep(bound).await;
            None
        }
        async fn request_token(&self, bound: Duration) -> TokenExchange {
            self.0.request_token(bound).await
        }
        async fn ping(&self, token: &AccessToken, bound: Duration) -> PingExchange {
            self.0.ping(token, bound).await
        }
        async fn check(&self, credential: CheckCredential<'_>, bound: Duration) -> CheckExchange {
            self.0.check(credential, bound).await
        }
    }
    let mut world = World::new(Issuing::Fresh, hours(1));
    world.token_trouble = between(minutes(2), hours(2), Trouble::Fails(Reason::SecretUnavailable));
    let world = Arc::new(world);
    live_with(&world, seconds(10), SlowDisk(SimWire(Arc::clone(&world))), minutes(30)).await;
    let books = world.books();
    assert_eq!((books.failures(), books.skipped), (vec![], 0));
    assert_eq!(books.pings.len(), books.reports.len());
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_can_be_read_again_is_sent_again_at_once() {
    let mut world = World::new(Issuing::Fresh, hours(1));
    world.token_trouble = between(Duration::ZERO, minutes(30), Trouble::Fails(Reason::SecretUnavailable));
    world.unreadable_until = minutes(30);
    let world = Arc::new(world);
    live(&world, target(seconds(30)), hours(1)).await;
    let recovered = world.books().successes_after(Duration::ZERO).unwrap();
    assert!(recovered - minutes(30) <= seconds(31), "{recovered:?}");
}

#[tokio::test(start_paused = true)]
async fn sleeping_between_token_and_ping_is_nobodys_fault() {
    let world = Arc::new(World::new(Issuing::Fresh, hours(1)));
    let wire = Meddler(SimWire(Arc::clone(&world)), |world: &World, _: &mut TokenExchange| {
        world.clock.suspend(minutes(20));
    });
    live_with(&world, seconds(30), wire, minutes(1)).await;
    assert_eq!(world.books().failures(), []);
}

#[tokio::test(start_paused = true)]
async fn an_api_that_gets_a_sliver_of_time_is_not_blamed() {
    let mut world = World::new(Issuing::Fresh, hours(1));
    world.ping_trouble = Box::new(|_| Trouble::Hangs);
    let world = Arc::new(world);
    let wire = Meddler(SimWire(Arc::clone(&world)), |world: &World, _: &mut TokenExchange| {
        // All but the latency of a ping, by the clock that counts.
        world.clock.suspend(Duration::from_millis(9_800) - LATENCY);
    });
    let mut fleet = Fleet::default();
    let mut target = target(seconds(10));
    target.timeout = seconds(10);
    let observer = SimWire(Arc::clone(&world));
    let job = Job { target: Arc::new(target), wire, observer, random: fastrand::Rng::with_seed(7) };
    fleet.spawn(job, world.clock.clone(), world.clock.now().moment);
    go_on(&mut fleet, seconds(12)).await;
    let report = world.books().reports[0].1.clone();
    assert_eq!(report.verdict.unwrap_err().request, Request::Token);
    assert_eq!(report.verdict.unwrap_err().reason, Reason::ResponseTimeout);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_under_a_token_outage_is_still_a_refusal() {
    let mut world = World::new(Issuing::Fresh, hours(1));
    world.token_trouble = between(minutes(2), hours(2), Trouble::Fails(Reason::ServerError));
    // The request of `max_age` has just failed, and holds the next one back for an interval and more.
    world.ping_trouble = between(minutes(5) + seconds(32), hours(2), Trouble::Refuses);
    let world = Arc::new(world);
    live(&world, target(seconds(30)), minutes(30)).await;
    let books = world.books();
    assert_eq!(books.failures()[0].1, Reason::TokenRejected);
    for (_, report) in &books.reports {
        let asked = report.attempts.iter().filter(|attempt| attempt.request == Request::Token).count();
        assert!(asked <= 1, "a failed request is not followed by another in the same cycle");
    }
}

#[test]
fn a_second_outage_begins_with_a_short_back_off_again() {
    let target = target(seconds(10));
    let policy = target.token.policy;
    let at = |count| Stamp { moment: Moment::since_boot(seconds(count)), wall: UNIX_EPOCH + seconds(count) };
    let asked = |count| Asked { at: at(count), secret: None };
    let mut state = TokenState::default();
    let answer = |token: &str| TokenAnswer {
        access_token: AccessToken::parse(token.to_owned()).unwrap(),
        expires_in: Some(hours(1)),
        scopes: None,
    };
    for _ in 0..10 {
        state.failed(asked(1_000), Reason::ServerError.into(), &policy, 0.99);
        state.back_off_rejected(at(1_000).moment, &policy, 0.99);
    }
    assert!(state.is_backing_off(at(1_100).moment));
    assert_eq!(state.answered(asked(2_000), at(2_000).moment, answer("new"), &target.token), Novelty::New);
    state.recovered();
    state.accepted();
    state.failed(asked(3_000), Reason::ServerError.into(), &policy, 0.99);
    assert!(state.is_backing_off(at(3_019).moment) && !state.is_backing_off(at(3_020).moment));
    state.recovered();
    state.back_off_rejected(at(4_000).moment, &policy, 0.99);
    assert!(state.is_backing_off(at(4_019).moment) && !state.is_backing_off(at(4_020).moment));
}

#[tokio::test(start_paused = true)]
async fn whatever_happens_no_expired_token_is_sent_and_requests_stay_bounded() {
    for seed in 0..60 {
        let mut random = fastrand::Rng::with_seed(seed);
        let interval = seconds(random.u64(1..60));
        let lifetime = seconds(random.u64(2..4000));
        let issuing = [Issuing::Fresh, Issuing::Legacy, Issuing::Unstated][random.usize(0..3)];
        // What is assumed of an unstated lifetime can be wrong; then a 401 is how it is found out.
        let lifetime = if issuing == Issuing::Unstated { lifetime.max(minutes(11)) } else { lifetime };
        let mut world = World::new(issuing, lifetime);
        world.token_trouble = chaos(seed);
        world.ping_trouble = chaos(seed + 1_000);
        let world = Arc::new(world);
        live(&world, target(interval), hours(3)).await;
        let books = world.books();
        let context = format!("seed {seed}: {issuing:?} {lifetime:?} every {interval:?}");
        assert_eq!(books.expired_pings, 0, "{context}");
        let cycles = books.reports.len();
        assert!(cycles as u64 >= hours(3).as_secs() / interval.as_secs() - 1, "{context}");
        for (_, report) in &books.reports {
            let asked = report.attempts.iter().filter(|attempt| attempt.request == Request::Token).count();
            assert!(asked <= 2, "{context}: {asked} token requests in one cycle");
        }
        // Chaos ends after two hours: from then on nothing may fail for longer than one back-off.
        let calm = hours(2) + interval * 2 + minutes(2) + minutes(15);
        assert!(books.failures().iter().all(|(at, _)| *at < calm), "{context}: {:?}", books.failures().last());
    }
}

/// Ten-minute spells of one trouble or another for two hours, the same for a seed.
fn chaos(seed: u64) -> Box<dyn Fn(Duration) -> Trouble + Send + Sync> {
    let mut random = fastrand::Rng::with_seed(seed);
    let spells: Vec<_> = (0..12)
        .map(|_| match random.u8(0..8) {
            0 => Trouble::Hangs,
            1 => Trouble::Fails(Reason::ServerError),
            2 => Trouble::Fails(Reason::Connect),
            3 => Trouble::RateLimited(seconds(random.u64(0..4000))),
            4 => Trouble::Refuses,
            _ => Trouble::None,
        })
        .collect();
    Box::new(move |now| spells.get(usize::try_from(now.as_secs() / 600).unwrap()).copied().unwrap_or(Trouble::None))
}
