//! What happens to one target: its settings, spells in which the servers behave in one way or another, and events.

use std::time::Duration;

use oauth_probe_exporter::model::fault::Reason;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

/// Everything that a run depends on.
#[derive(Clone, Debug)]
pub(crate) struct Story {
    pub(crate) settings: Settings,
    pub(crate) spells: Vec<Spell>,
    pub(crate) tokens_at_the_end: AtTheEnd,
    /// Of the random numbers that spread back-offs.
    pub(crate) seed: u64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) interval: Duration,
    pub(crate) timeout: Duration,
    pub(crate) max_age: Option<Duration>,
    pub(crate) refresh_margin: Option<Duration>,
    pub(crate) default_lifetime: Duration,
}

/// For so long both servers behave like this.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spell {
    pub(crate) tenths_of_intervals: u32,
    pub(crate) token: TokenAct,
    pub(crate) token_takes: Millis,
    pub(crate) ping: PingAct,
    pub(crate) ping_takes: Millis,
    /// Which of a few secrets the client finds.
    pub(crate) secret: u64,
    /// What happens at its end.
    pub(crate) then: Option<Event>,
}

pub(crate) type Millis = u64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenAct {
    /// Another token at each request.
    Another(ExpiresIn),
    /// The token that was issued last, whatever is said about its life.
    Same(ExpiresIn),
    /// The same token until it expires, with what is left of so many seconds rounded down.
    Legacy(u64),
    Fails(Reason),
    RateLimited(u64),
    Hangs,
}

/// As it is written into the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExpiresIn {
    Missing,
    Number(u64),
    /// A string, or a float.
    Written(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PingAct {
    /// Takes every token that was not revoked.
    Accepts,
    Refuses,
    Fails(Reason),
    Hangs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The machine sleeps for so many seconds.
    Suspend(u64),
    /// Somebody sets the wall clock by so many seconds.
    SetWallClock(i64),
    /// Every token that was issued so far is revoked.
    Revoke,
    /// Somebody asks for a cycle.
    Ask,
}

/// Whether the tokens of the story are good for the servers that behave well after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AtTheEnd {
    Good,
    Revoked,
}

impl Spell {
    pub(crate) fn length(&self, interval: Duration) -> Duration {
        interval * self.tenths_of_intervals / 10
    }
}

pub(crate) fn stories() -> impl Strategy<Value = Story> {
    let end = prop_oneof![Just(AtTheEnd::Good), Just(AtTheEnd::Revoked)];
    (settings(), vec(spells(), 0..12), end, 0..1000_u64).prop_map(|(settings, spells, tokens_at_the_end, seed)| Story {
        settings,
        spells,
        tokens_at_the_end,
        seed,
    })
}

fn settings() -> impl Strategy<Value = Settings> {
    let interval = prop_oneof![Just(1_000_u64), 1_000..5_000_u64, Just(10_000_u64), Just(30_000), 1_000..60_000_u64];
    let max_age = option::of(prop_oneof![Just(300_u64), 1..600_u64]);
    let margin = option::weighted(0.3, 0..900_u64);
    let lifetime = prop_oneof![Just(600_u64), 1..600_u64];
    (interval, 1..=10_u32, max_age, margin, lifetime).prop_map(|(interval, tenths, max_age, margin, lifetime)| {
        let interval = Duration::from_millis(interval);
        Settings {
            interval,
            timeout: interval * tenths / 10,
            max_age: max_age.map(Duration::from_secs),
            refresh_margin: margin.map(Duration::from_secs),
            default_lifetime: Duration::from_secs(lifetime),
        }
    })
}

fn spells() -> impl Strategy<Value = Spell> {
    let length = prop_oneof![1..40_u32, 10..400_u32];
    (length, token_acts(), latencies(), ping_acts(), latencies(), 0..4_u64, option::weighted(0.4, events())).prop_map(
        |(tenths_of_intervals, token, token_takes, ping, ping_takes, secret, then)| Spell {
            tenths_of_intervals,
            token,
            token_takes,
            ping,
            ping_takes,
            secret,
            then,
        },
    )
}

fn token_acts() -> impl Strategy<Value = TokenAct> {
    prop_oneof![
        3 => lifetimes().prop_map(TokenAct::Another),
        2 => lifetimes().prop_map(TokenAct::Same),
        2 => prop_oneof![1..100_u64, 1..4000_u64].prop_map(TokenAct::Legacy),
        2 => reasons(&TOKEN_FAILURES).prop_map(TokenAct::Fails),
        1 => prop_oneof![0..60_u64, 0..4000_u64, Just(u64::MAX)].prop_map(TokenAct::RateLimited),
        1 => Just(TokenAct::Hangs),
    ]
}

fn lifetimes() -> impl Strategy<Value = ExpiresIn> {
    let written = ["3600.0", "\"600\"", "1e400", "-1", "1.5", "\"soon\"", "null", "0", "1", "2"];
    prop_oneof![
        2 => Just(ExpiresIn::Number(3600)),
        3 => prop_oneof![0..5_u64, 0..100_u64, 0..4000_u64, Just(u64::MAX)].prop_map(ExpiresIn::Number),
        1 => Just(ExpiresIn::Missing),
        1 => proptest::sample::select(written.to_vec()).prop_map(ExpiresIn::Written),
    ]
}

fn ping_acts() -> impl Strategy<Value = PingAct> {
    prop_oneof![
        4 => Just(PingAct::Accepts),
        2 => Just(PingAct::Refuses),
        1 => reasons(&PING_FAILURES).prop_map(PingAct::Fails),
        1 => Just(PingAct::Hangs),
    ]
}

fn latencies() -> impl Strategy<Value = Millis> {
    prop_oneof![4 => Just(40_u64), 1 => 0..20_000_u64]
}

fn events() -> impl Strategy<Value = Event> {
    prop_oneof![
        prop_oneof![0..100_u64, 0..20_000_u64].prop_map(Event::Suspend),
        (-100_000_000..100_000_000_i64).prop_map(Event::SetWallClock),
        Just(Event::Revoke),
        Just(Event::Ask),
    ]
}

fn reasons(of: &[Reason]) -> impl Strategy<Value = Reason> + use<> {
    proptest::sample::select(of.to_vec())
}

/// All that a token request can fail with.
const TOKEN_FAILURES: [Reason; 21] = [
    Reason::ServerError,
    Reason::InvalidClient,
    Reason::SecretUnavailable,
    Reason::LocalError,
    Reason::Proxy,
    Reason::Dns,
    Reason::Connect,
    Reason::ConnectTimeout,
    Reason::Tls,
    Reason::Certificate,
    Reason::ClientCertificate,
    Reason::ConnectionClosed,
    Reason::ProtocolError,
    Reason::Redirected,
    Reason::Forbidden,
    Reason::UnauthorizedClient,
    Reason::InvalidScope,
    Reason::UnsupportedGrantType,
    Reason::BadRequest,
    Reason::UnexpectedStatus,
    Reason::BadResponse,
];

/// Some that a ping can fail with; the engine tells only `TokenRejected` and time from the others.
const PING_FAILURES: [Reason; 5] =
    [Reason::ServerError, Reason::Connect, Reason::Forbidden, Reason::BadResponse, Reason::UnexpectedBody];
