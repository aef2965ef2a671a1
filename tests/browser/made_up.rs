//! Fleets that never were, for what takes days or ten thousand targets to be seen: reports made by hand and served by
//! the server of the program, at a moment that stands still.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use oauth_probe_exporter::model::fault::{Cause, Reason, Request};
use oauth_probe_exporter::model::report::{Achievement, Attempt, ChainExpiry, CycleReport, Phase, Phases};
use oauth_probe_exporter::model::target::{Config, Target};
use oauth_probe_exporter::model::token::{TokenView, Trigger};
use oauth_probe_exporter::server::{App, Bound, WebSettings};
use oauth_probe_exporter::telemetry::Metrics;
use tokio::task::JoinHandle;

use super::reports::{answered, at, cause, config, cycle, failed, held, unsent};
use super::targets;

/// Between two cycles, in seconds.
const INTERVAL: f64 = 30.0;
/// Of every token.
const LIFETIME: f64 = 3600.0;
/// Token requests happen at least this often.
const MAX_AGE: f64 = 300.0;

/// What a target has been through.
pub(crate) struct Life {
    pub(crate) target: Target,
    /// How many seconds the fleet was seen for before now.
    age: f64,
    /// Usual durations of token request and ping, in seconds.
    usual: [f64; 2],
    /// From how long ago to how long ago what failed how.
    troubles: Vec<(f64, f64, Cause, Option<u16>)>,
}

impl Life {
    pub(crate) fn new(name: &str, labels: &[(&str, &str)]) -> Self {
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let mut target = Target { name: name.to_owned(), labels, ..targets::target("https://auth.example.com") };
        target.ping.endpoint = "https://api.example.com/api/v1/deliveryexperience/ping".parse().unwrap();
        Self { target, age: 6000.0, usual: [0.12, 0.08], troubles: Vec::new() }
    }

    /// For so many seconds.
    pub(crate) fn seen_for(self, age: f64) -> Self {
        Self { age, ..self }
    }

    pub(crate) fn usually(self, token: f64, ping: f64) -> Self {
        Self { usual: [token, ping], ..self }
    }

    /// From so many seconds ago to so many seconds ago.
    pub(crate) fn failing(mut self, from: f64, to: f64, request: Request, reason: Reason, status: Option<u16>) -> Self {
        self.troubles.push((from, to, cause(request, reason), status));
        self
    }

    fn trouble(&self, ago: f64, request: Request) -> Option<(Reason, Option<u16>)> {
        let fits = |(from, to, cause, _): &&(f64, f64, Cause, _)| *from >= ago && ago > *to && cause.request == request;
        self.troubles.iter().find(fits).map(|(_, _, cause, status)| (cause.reason, *status))
    }

    /// Its cycles, the last of which ends now.
    fn reports(&self, now: f64) -> Vec<CycleReport> {
        let mut random = fastrand::Rng::with_seed(self.target.name.bytes().map(u64::from).sum());
        // Not all of them ask at the same time.
        let mut asked = now - self.age - INTERVAL * f64::from(random.u8(1..9));
        let mut issued = Some(asked).filter(|_| self.trouble(self.age, Request::Token).is_none());
        let mut spread = |usual: f64| usual * (0.85 + 0.4 * random.f64() * random.f64() + 0.6 * random.f64().powi(12));
        let mut reports = Vec::new();
        let mut ago = self.age;
        while ago > 0.0 {
            let started = now - ago;
            let live = issued.is_some_and(|issued| started - issued < LIFETIME);
            let mut attempts = Vec::new();
            if !live || started - asked >= MAX_AGE {
                asked = started;
                match self.trouble(ago, Request::Token) {
                    Some((reason, status)) => attempts.push(broken(Request::Token, reason, status, started)),
                    None => {
                        issued = Some(started);
                        let achievement = Achievement::TokenRefreshed(Trigger::Age);
                        attempts.push(timed(answered(Request::Token, achievement, started, spread(self.usual[0]))));
                    }
                }
            }
            let token = issued.filter(|issued| started - issued < LIFETIME);
            let mut verdict = Ok(());
            match (token, self.trouble(ago, Request::Ping)) {
                (None, _) => {
                    let (reason, _) = self.trouble(ago, Request::Token).expect("the reason why there is no token");
                    verdict = Err(cause(Request::Token, reason));
                }
                (Some(_), Some((reason, status))) => {
                    attempts.push(broken(Request::Ping, reason, status, started));
                    verdict = Err(cause(Request::Ping, reason));
                }
                (Some(_), None) => {
                    attempts.push(timed(answered(Request::Ping, Achievement::Ponged, started, spread(self.usual[1]))));
                }
            }
            let ended = started + attempts.iter().map(|attempt| attempt.trace.duration.as_secs_f64()).sum::<f64>();
            let next_request = Some(at(asked + MAX_AGE));
            let view = TokenView { next_request, ..issued.map(|issued| held(issued, LIFETIME)).unwrap_or_default() };
            reports.push(cycle(started, ended, verdict, attempts, view));
            ago -= INTERVAL;
        }
        reports
    }
}

/// With its time spread over the phases as is usual.
fn timed(mut attempt: Attempt) -> Attempt {
    let share = |share: f64| Some(attempt.trace.duration.mul_f64(share));
    attempt.trace.server_chain = Some(ChainExpiry { leaf: at(9e6).wall, earliest: at(8e6).wall });
    attempt.trace.client_certificate_expiry = None;
    attempt.trace.phases = Phases {
        resolve: share(0.02),
        connect: share(0.16),
        tls: share(0.34),
        processing: share(0.46),
        transfer: share(0.02),
    };
    attempt
}

fn broken(request: Request, reason: Reason, status: Option<u16>, started: f64) -> Attempt {
    match reason {
        Reason::SecretUnavailable => unsent(request, reason, started, 0.0),
        Reason::ConnectTimeout => {
            let mut attempt = unsent(request, reason, started, 10.0);
            attempt.trace.client_certificate_expiry = None;
            attempt.trace.broke_off_in = Some(Phase::Connect);
            attempt.trace.phases = Phases { resolve: attempt.trace.phases.resolve, ..Phases::default() };
            attempt.trace.phases.connect = Some(Duration::from_secs(10));
            attempt
        }
        Reason::ResponseTimeout => {
            let mut attempt = timed(failed(request, reason, status, started, 10.0));
            attempt.trace.broke_off_in = Some(Phase::Processing);
            let waited = Some(Duration::from_secs_f64(9.95));
            attempt.trace.phases = Phases {
                processing: waited,
                transfer: None,
                ..timed(failed(request, reason, status, started, 0.09)).trace.phases
            };
            attempt
        }
        _ => timed(failed(request, reason, status, started, 0.09)),
    }
}

/// A server of the program that shows what never was.
pub(crate) struct Shown {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Shown {
    /// Shows these targets, as seen from `vantage`, and how they were up to now.
    pub(crate) async fn start(vantage: Option<&str>, lives: &[Life]) -> Self {
        let now = LIFETIME + lives.iter().map(|life| life.age).fold(0.0, f64::max);
        let named = config(lives.iter().map(|life| life.target.clone()).collect());
        let named = Config { vantage: vantage.map(str::to_owned), ..named };
        let metrics = Arc::new(Metrics::new(&named, at(0.0)));
        for life in lives {
            let numbers = metrics.target(&life.target.name).expect("it is there");
            for report in life.reports(now) {
                numbers.record(&report);
            }
        }
        let bound = Bound::bind(&["127.0.0.1:0".parse().unwrap()]).await.unwrap();
        let address = bound.addresses()[0];
        let app = App {
            metrics,
            now: Arc::new(move || at(now + 7.0)),
            reload: Arc::new(|| Box::pin(std::future::ready(Ok("nothing".to_owned())))),
            probe: Arc::new(|_name| None),
            settings: WebSettings::default(),
        };
        let task = tokio::spawn(bound.serve(app, std::future::pending()));
        Self { address, task }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// As many targets as this, most of which work.
pub(crate) fn many(number: usize) -> Vec<Life> {
    let life = |index: usize| {
        let (environment, region) = (["production", "staging"][index % 2], ["eu", "us", "ap"][index % 3]);
        let name = format!("client-{index:05}");
        let life = Life::new(&name, &[("environment", environment), ("region", region)]).seen_for(600.0);
        match index % 500 {
            7 => life.failing(290.0, 0.0, Request::Ping, Reason::ServerError, Some(502)),
            _ => life,
        }
    };
    (0..number).map(life).collect()
}

/// What takes longest to come about.
pub(crate) const TWO_DAYS: f64 = Duration::from_secs(2 * 24 * 3600).as_secs() as f64;
