//! A world on simulated time: an authorization server and an API as pure bookkeeping, a clock that runs as fast as the
//! tests let it, and the real scheduler and engine between them.
#![allow(unreachable_pub, dead_code, reason = "shared by several test binaries, each of which uses a part")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use oauth_probe_exporter::client::{CheckCredential, CheckExchange, PingExchange, TokenExchange, Wire};
use oauth_probe_exporter::clock::Clock;
use oauth_probe_exporter::model::check::{Check, CheckOutcome};
use oauth_probe_exporter::model::fault::{Failure, Reason};
use oauth_probe_exporter::model::report::{Achievement, CycleReport, Trace};
use oauth_probe_exporter::model::response::TokenAnswer;
use oauth_probe_exporter::model::secret::{AccessToken, Fingerprint};
use oauth_probe_exporter::model::target::Target;
use oauth_probe_exporter::model::time::{Moment, Stamp};
use oauth_probe_exporter::model::token::Trigger;
use oauth_probe_exporter::probe::{Fleet, Job, Observer};

pub const LATENCY: Duration = Duration::from_millis(40);

/// How long the machine had been up when the simulation began.
pub const SINCE_BOOT: Duration = seconds(1_000);

pub const fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub const fn minutes(count: u64) -> Duration {
    Duration::from_secs(count * 60)
}

pub const fn hours(count: u64) -> Duration {
    Duration::from_secs(count * 3600)
}

/// Follows tokio's paused time, and can be made to jump ahead as suspend does to `CLOCK_BOOTTIME`. Its wall time can be
/// set to anything.
#[derive(Clone, Debug)]
pub struct SimClock {
    origin: tokio::time::Instant,
    suspended_millis: Arc<AtomicU64>,
    wall_ahead_seconds: Arc<AtomicI64>,
}

impl SimClock {
    pub fn start() -> Self {
        Self {
            origin: tokio::time::Instant::now(),
            suspended_millis: Arc::default(),
            wall_ahead_seconds: Arc::default(),
        }
    }

    /// Time since the start, suspend included.
    pub fn elapsed(&self) -> Duration {
        self.awake() + Duration::from_millis(self.suspended_millis.load(Ordering::SeqCst))
    }

    /// Time since the start for which the machine was awake.
    pub fn awake(&self) -> Duration {
        self.origin.elapsed()
    }

    pub fn suspend(&self, length: Duration) {
        self.suspended_millis.fetch_add(u64::try_from(length.as_millis()).unwrap(), Ordering::SeqCst);
    }

    /// Somebody sets the wall clock so many seconds forward, or back.
    pub fn step_wall(&self, by_seconds: i64) {
        self.wall_ahead_seconds.fetch_add(by_seconds, Ordering::SeqCst);
    }
}

impl Clock for SimClock {
    fn now(&self) -> Stamp {
        let elapsed = self.elapsed();
        let wall = SystemTime::UNIX_EPOCH + seconds(1_700_000_000) + elapsed;
        let ahead = self.wall_ahead_seconds.load(Ordering::SeqCst);
        let by = seconds(ahead.unsigned_abs());
        Stamp { moment: Moment::since_boot(SINCE_BOOT + elapsed), wall: if ahead < 0 { wall - by } else { wall + by } }
    }

    async fn sleep_until(&self, moment: Moment) {
        loop {
            let left = self.now().moment.until(moment);
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left).await;
        }
    }
}

/// How the authorization server issues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Issuing {
    /// Another token at each request.
    Fresh,
    /// The same token until it expires, with what is left rounded down to whole seconds.
    Legacy,
    /// Another token at each request, whose lifetime is not stated.
    Unstated,
    /// The same token for ever, whose lifetime is not stated.
    UnstatedForEver,
}

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    None,
    Fails(Reason),
    RateLimited(Duration),
    Hangs,
    /// The API refuses good tokens.
    Refuses,
}

type Script = Box<dyn Fn(Duration) -> Trouble + Send + Sync>;

/// The servers' side of one target.
pub struct World {
    pub clock: SimClock,
    pub issuing: Issuing,
    pub lifetime: Duration,
    /// What goes wrong at the token endpoint, by time since the start.
    pub token_trouble: Script,
    /// What goes wrong at the API.
    pub ping_trouble: Script,
    /// What goes wrong with checks.
    pub check_trouble: Script,
    /// The secret the client would read, and whether the server takes it, by time since the start.
    pub secret: Box<dyn Fn(Duration) -> (u64, bool) + Send + Sync>,
    /// Until then the client cannot read its secret when it looks whether that has changed.
    pub unreadable_until: Duration,
    books: Mutex<Books>,
}

#[derive(Default)]
pub struct Books {
    /// Times of token requests.
    pub token_requests: Vec<Duration>,
    /// Times of pings.
    pub pings: Vec<Duration>,
    /// Pings with a token that had expired by the server's own clock when they were sent.
    pub expired_pings: usize,
    pub refused_pings: usize,
    /// Times of checks.
    pub checks: Vec<(Duration, Check)>,
    /// For how long the token had expired by the server's own clock, at each check with one.
    pub expired_for: Vec<Duration>,
    pub check_outcomes: Vec<(Duration, CheckOutcome)>,
    issued: HashMap<String, Duration>,
    current: Option<(String, Duration)>,
    revoked_before: Duration,
    serial: u64,
    pub reports: Vec<(Duration, CycleReport)>,
    pub skipped: u64,
    pub lags: Vec<Duration>,
}

impl World {
    pub fn new(issuing: Issuing, lifetime: Duration) -> Self {
        Self {
            clock: SimClock::start(),
            issuing,
            lifetime,
            token_trouble: Box::new(|_| Trouble::None),
            ping_trouble: Box::new(|_| Trouble::None),
            check_trouble: Box::new(|_| Trouble::None),
            secret: Box::new(|_| (1, true)),
            unreadable_until: Duration::ZERO,
            books: Mutex::default(),
        }
    }

    pub fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap()
    }

    /// The API refuses every token issued so far; a legacy server forgets its own.
    pub fn revoke_all(&self) {
        let now = self.clock.elapsed();
        let mut books = self.books();
        books.revoked_before = now;
        books.current = None;
    }

    fn issue(&self, now: Duration) -> (String, Duration) {
        let mut books = self.books();
        if let (Issuing::Legacy | Issuing::UnstatedForEver, Some((token, expiry))) = (self.issuing, &books.current)
            && (now < *expiry || self.issuing == Issuing::UnstatedForEver)
        {
            return (token.clone(), *expiry);
        }
        books.serial += 1;
        let token = format!("token-{}", books.serial);
        let expiry = now + self.lifetime;
        books.issued.insert(token.clone(), now);
        books.current = Some((token.clone(), expiry));
        (token, expiry)
    }

    fn answer(&self, now: Duration) -> TokenAnswer {
        let (token, expiry) = self.issue(now);
        let stated = match self.issuing {
            Issuing::Fresh => Some(self.lifetime),
            Issuing::Legacy => Some(seconds((expiry - now).as_secs())),
            Issuing::Unstated | Issuing::UnstatedForEver => None,
        };
        TokenAnswer { access_token: AccessToken::parse(token).unwrap(), expires_in: stated, scopes: None }
    }

    /// 401 if the API does not know the token, or no longer when it arrives.
    fn authorize(&self, token: &str, sent: Duration, arrived: Duration) -> Result<(), Failure> {
        let mut books = self.books();
        let issued = *books.issued.get(token).expect("only issued tokens are sent");
        let expiry = if self.issuing == Issuing::UnstatedForEver { Duration::MAX } else { issued + self.lifetime };
        if sent >= expiry {
            books.expired_pings += 1;
        }
        if arrived >= expiry || issued < books.revoked_before {
            books.refused_pings += 1;
            return Err(Reason::TokenRejected.into());
        }
        Ok(())
    }

    async fn suffer(&self, trouble: Trouble, bound: Duration) -> Result<(), Failure> {
        match trouble {
            Trouble::Hangs => {
                tokio::time::sleep(bound).await;
                Err(Reason::ResponseTimeout.into())
            }
            other => {
                tokio::time::sleep(LATENCY.min(bound)).await;
                match other {
                    Trouble::Fails(reason) => Err(reason.into()),
                    Trouble::RateLimited(after) => {
                        Err(Failure { reason: Reason::RateLimited, retry_after: Some(after) })
                    }
                    Trouble::Refuses => Err(Reason::TokenRejected.into()),
                    Trouble::None | Trouble::Hangs => Ok(()),
                }
            }
        }
    }

    fn trace(&self, started: Stamp) -> Trace {
        let duration = started.moment.until(self.clock.now().moment);
        Trace { duration, sent: true, connections_opened: 1, ..Trace::unsent(started) }
    }
}

/// The client's side.
#[derive(Clone)]
pub struct SimWire(pub Arc<World>);

impl Wire for SimWire {
    async fn secret(&self, _: Duration) -> Option<Fingerprint> {
        let now = self.0.clock.elapsed();
        (now >= self.0.unreadable_until).then(|| Fingerprint((self.0.secret)(now).0))
    }

    async fn request_token(&self, bound: Duration) -> TokenExchange {
        let world = &self.0;
        let started = world.clock.now();
        let now = world.clock.elapsed();
        world.books().token_requests.push(now);
        let (secret, good) = (world.secret)(now);
        let suffered = world.suffer((world.token_trouble)(now), bound).await;
        let result = match suffered {
            Ok(()) if !good => Err(Reason::InvalidClient.into()),
            // Issued as early as can be: all of the latency is on the way back.
            Ok(()) => Ok(world.answer(now)),
            Err(failure) => Err(failure),
        };
        TokenExchange { trace: world.trace(started), secret: Some(Fingerprint(secret)), result }
    }

    async fn ping(&self, token: &AccessToken, bound: Duration) -> PingExchange {
        let world = &self.0;
        let started = world.clock.now();
        let now = world.clock.elapsed();
        world.books().pings.push(now);
        // Judged as late as can be: all of the latency is on the way there.
        let authorized = world.authorize(token.secret().expose(), now, now + LATENCY);
        let suffered = world.suffer((world.ping_trouble)(now), bound).await;
        PingExchange { trace: world.trace(started), result: suffered.and(authorized) }
    }

    /// The API refuses everything but the API key.
    async fn check(&self, credential: CheckCredential<'_>, bound: Duration) -> CheckExchange {
        let world = &self.0;
        let started = world.clock.now();
        let now = world.clock.elapsed();
        let (check, status) = match credential {
            CheckCredential::Nothing => (Check::NoToken, 401),
            CheckCredential::BadToken => (Check::BadToken, 401),
            CheckCredential::ExpiredToken(token) => {
                let mut books = world.books();
                let expiry = books.issued[token.secret().expose()] + world.lifetime;
                books.expired_for.push(now.checked_sub(expiry).expect("a token that has expired"));
                (Check::ExpiredToken, 401)
            }
            CheckCredential::ApiKey => (Check::ApiKey, 200),
        };
        world.books().checks.push((now, check));
        let suffered = world.suffer((world.check_trouble)(now), bound).await;
        let mut trace = world.trace(started);
        trace.status = suffered.is_ok().then_some(status);
        CheckExchange { trace, failure: suffered.err().map(|failure| failure.reason) }
    }
}

impl Observer for SimWire {
    fn cycle_started(&self, lag: Duration) {
        self.0.books().lags.push(lag);
    }

    fn cycle_ended(&self, report: &CycleReport) {
        let now = self.0.clock.elapsed();
        self.0.books().reports.push((now, report.clone()));
    }

    fn check_made(&self, outcome: &CheckOutcome) {
        let now = self.0.clock.elapsed();
        self.0.books().check_outcomes.push((now, *outcome));
    }

    fn cycles_skipped(&self, count: u64) {
        self.0.books().skipped += count;
    }
}

/// Runs the target in the world for so long.
pub async fn live(world: &Arc<World>, target: Target, length: Duration) -> Fleet {
    let mut fleet = Fleet::default();
    let wire = SimWire(Arc::clone(world));
    let job = Job { target: Arc::new(target), wire: wire.clone(), observer: wire, random: fastrand::Rng::with_seed(7) };
    fleet.spawn(job, world.clock.clone(), world.clock.now().moment);
    go_on(&mut fleet, length).await;
    fleet
}

/// Lets so much time pass for a fleet.
///
/// # Panics
/// When a task of it dies: what did not happen any more would look like what must not happen.
pub async fn go_on(fleet: &mut Fleet, length: Duration) {
    tokio::select! {
        () = tokio::time::sleep(length) => {}
        died = fleet.watch() => panic!("{died:?}"),
    }
}

impl Books {
    pub fn failures(&self) -> Vec<(Duration, Reason)> {
        self.reports.iter().filter_map(|(at, report)| Some((*at, report.verdict.err()?.reason))).collect()
    }

    pub fn count(&self, achievement: Achievement) -> usize {
        self.attempts().filter(|attempt| attempt.result == Ok(achievement)).count()
    }

    pub fn refreshes(&self, trigger: Trigger) -> usize {
        self.count(Achievement::TokenRefreshed(trigger))
    }

    pub fn early_rejections(&self) -> usize {
        self.attempts().filter(|attempt| attempt.rejected_early).count()
    }

    /// When this check was made.
    pub fn times_of(&self, check: Check) -> Vec<Duration> {
        self.checks.iter().filter(|(_, made)| *made == check).map(|(at, _)| *at).collect()
    }

    pub fn successes_after(&self, moment: Duration) -> Option<Duration> {
        self.reports.iter().find(|(at, report)| *at > moment && report.verdict.is_ok()).map(|(at, _)| *at)
    }

    fn attempts(&self) -> impl Iterator<Item = &oauth_probe_exporter::model::report::Attempt> {
        self.reports.iter().flat_map(|(_, report)| &report.attempts)
    }
}

/// A target with the contract's defaults.
pub fn target(interval: Duration) -> Target {
    let mut target = crate::targets::target("https://server.example");
    target.interval = interval;
    target.timeout = target.timeout.min(interval);
    target.token.policy.interval = interval;
    target
}

/// The target without `max_age`.
pub fn without_max_age(mut target: Target) -> Target {
    target.token.policy.max_age = None;
    target
}
