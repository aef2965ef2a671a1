//! Plays a story: the real scheduler and engine between two servers, a clock and a secret that follow it.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use oauth_probe_exporter::client::{CheckCredential, CheckExchange, PingExchange, TokenExchange, Wire};
use oauth_probe_exporter::clock::Clock;
use oauth_probe_exporter::model::check::CheckOutcome;
use oauth_probe_exporter::model::fault::{Failure, Reason};
use oauth_probe_exporter::model::report::{CycleReport, Trace};
use oauth_probe_exporter::model::response::{TokenAnswer, judge_token};
use oauth_probe_exporter::model::secret::{AccessToken, Fingerprint};
use oauth_probe_exporter::model::target::Target;
use oauth_probe_exporter::model::time::Stamp;
use oauth_probe_exporter::probe::{Fleet, Job, Observer};

use super::record::{Answer, Call, Entry, Record};
use super::simulated::{SimClock, seconds, target};
use super::story::{AtTheEnd, Event, ExpiresIn, Millis, PingAct, Spell, Story, TokenAct};

/// How the servers behave once the story is over.
const CALM: Spell = Spell {
    tenths_of_intervals: 0,
    token: TokenAct::Another(ExpiresIn::Number(3600)),
    token_takes: 40,
    ping: PingAct::Accepts,
    ping_takes: 40,
    secret: 0,
    then: None,
};

/// The longest that recovery can take and a little more, so that a longer one is seen: both caps of CONTRACT §3.
const LONGEST_RECOVERY: Duration = seconds(15 * 60 + 60);

/// What happened, from the start until the calm after the story was long enough to tell.
pub(crate) fn play(story: &Story) -> Record {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(perform(story))
}

async fn perform(story: &Story) -> Record {
    let stage = Arc::new(Stage { story: story.clone(), clock: SimClock::start(), play: Mutex::default() });
    let actor = Actor(Arc::clone(&stage));
    let mut fleet = Fleet::default();
    let target = Arc::new(target_of(story));
    let random = fastrand::Rng::with_seed(story.seed);
    let job = Job { target, wire: actor.clone(), observer: actor, random };
    fleet.spawn(job, stage.clock.clone(), stage.clock.now().moment);
    let prober = fleet.prober();
    for spell in &story.spells {
        tokio::time::sleep(spell.length(story.settings.interval)).await;
        match spell.then {
            Some(Event::Ask) => {
                stage.note(Entry::Asked);
                tokio::spawn(prober.ask("tested").expect("the target"));
            }
            Some(event) => stage.undergo(event),
            None => {}
        }
    }
    if story.tokens_at_the_end == AtTheEnd::Revoked {
        stage.undergo(Event::Revoke);
    }
    stage.note(Entry::CalmBegins);
    stage.wait_for_recovery().await;
    drop(fleet);
    std::mem::take(&mut stage.play.lock().unwrap().record)
}

/// The target of a story.
pub(crate) fn target_of(story: &Story) -> Target {
    let settings = story.settings;
    let mut target = target(settings.interval);
    target.timeout = settings.timeout;
    target.token.policy.max_age = settings.max_age;
    target.token.policy.refresh_margin = settings.refresh_margin;
    target.token.policy.default_lifetime = settings.default_lifetime;
    target
}

struct Stage {
    story: Story,
    clock: SimClock,
    play: Mutex<Play>,
}

/// The servers' side, and what is noted.
#[derive(Default)]
struct Play {
    record: Record,
    serial: u64,
    revoked: HashSet<u64>,
    /// What a server that re-issues its token gives, and when that expires.
    legacy: Option<(u64, Duration)>,
    recovered: bool,
}

impl Stage {
    fn note(&self, entry: Entry) {
        self.play.lock().unwrap().record.note(self.clock.elapsed(), entry);
    }

    fn undergo(&self, event: Event) {
        match event {
            Event::Suspend(length) => self.clock.suspend(seconds(length)),
            Event::SetWallClock(by) => self.clock.step_wall(by),
            Event::Revoke => {
                let mut play = self.play.lock().unwrap();
                play.legacy = None;
                let issued = 1..=play.serial;
                play.revoked.extend(issued);
            }
            Event::Ask => {}
        }
        self.note(Entry::Happened(event));
    }

    /// Until a cycle succeeded and the next token came due by `max_age`; or until that took too long.
    async fn wait_for_recovery(&self) {
        let interval = self.story.settings.interval;
        let began = tokio::time::Instant::now();
        while !self.play.lock().unwrap().recovered && began.elapsed() < LONGEST_RECOVERY + interval * 3 {
            tokio::time::sleep(interval).await;
        }
        tokio::time::sleep(self.story.settings.max_age.unwrap_or_default() + interval * 2).await;
    }

    /// How the servers behave at this time, suspend not counted.
    fn spell(&self) -> Spell {
        let mut left = self.clock.awake();
        for spell in &self.story.spells {
            let length = spell.length(self.story.settings.interval);
            if left < length {
                return *spell;
            }
            left -= length;
        }
        CALM
    }

    fn issue(&self, act: TokenAct) -> Result<(Option<u64>, TokenAnswer), Failure> {
        let now = self.clock.elapsed();
        let mut play = self.play.lock().unwrap();
        let (serial, expires_in) = match act {
            TokenAct::Another(expires_in) => (play.another(), expires_in),
            TokenAct::Same(expires_in) if play.serial == 0 => (play.another(), expires_in),
            TokenAct::Same(expires_in) => (play.serial, expires_in),
            TokenAct::Legacy(lifetime) => {
                let (serial, expiry) = match play.legacy {
                    Some((serial, expiry)) if now < expiry => (serial, expiry),
                    _ => (play.another(), now + seconds(lifetime)),
                };
                play.legacy = Some((serial, expiry));
                (serial, ExpiresIn::Number((expiry - now).as_secs()))
            }
            TokenAct::Fails(reason) => return Err(reason.into()),
            TokenAct::RateLimited(after) => {
                return Err(Failure { reason: Reason::RateLimited, retry_after: Some(seconds(after)) });
            }
            TokenAct::Hangs => return Err(Reason::ResponseTimeout.into()),
        };
        let answer = judge_token(200, body(serial, expires_in).as_bytes())?;
        Ok((Some(serial), answer))
    }

    fn judge(&self, act: PingAct, serial: u64) -> Result<(), Failure> {
        match act {
            PingAct::Accepts if self.play.lock().unwrap().revoked.contains(&serial) => {
                Err(Reason::TokenRejected.into())
            }
            PingAct::Accepts => Ok(()),
            PingAct::Refuses => Err(Reason::TokenRejected.into()),
            PingAct::Fails(reason) => Err(reason.into()),
            PingAct::Hangs => Err(Reason::ResponseTimeout.into()),
        }
    }
}

impl Play {
    fn another(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }
}

fn body(serial: u64, expires_in: ExpiresIn) -> String {
    let lifetime = match expires_in {
        ExpiresIn::Missing => String::new(),
        ExpiresIn::Number(seconds) => format!(r#","expires_in":{seconds}"#),
        ExpiresIn::Written(text) => format!(r#","expires_in":{text}"#),
    };
    format!(r#"{{"access_token":"{serial}","token_type":"Bearer"{lifetime}}}"#)
}

/// Sends the requests and is told of the cycles.
#[derive(Clone)]
struct Actor(Arc<Stage>);

impl Actor {
    /// Whether an answer came within the bound; either way it took as long as it does.
    async fn wait(&self, takes: Millis, bound: Duration, hangs: bool) -> Result<(), Failure> {
        let takes = Duration::from_millis(takes);
        let late = hangs || takes >= bound;
        tokio::time::sleep(if late { bound } else { takes }).await;
        if late { Err(Reason::ResponseTimeout.into()) } else { Ok(()) }
    }

    fn trace(&self, started: Stamp) -> Trace {
        let duration = started.moment.until(self.0.clock.now().moment);
        Trace { duration, sent: true, connections_opened: 1, ..Trace::unsent(started) }
    }
}

impl Wire for Actor {
    async fn secret(&self, _: Duration) -> Option<Fingerprint> {
        let spell = self.0.spell();
        let readable = spell.token != TokenAct::Fails(Reason::SecretUnavailable);
        let secret = readable.then_some(spell.secret);
        self.0.note(Entry::LookedAtSecret(secret));
        secret.map(Fingerprint)
    }

    async fn request_token(&self, bound: Duration) -> TokenExchange {
        let (started, sent) = (self.0.clock.now(), self.0.clock.elapsed());
        let spell = self.0.spell();
        let unreadable = spell.token == TokenAct::Fails(Reason::SecretUnavailable);
        let secret = (!unreadable).then_some(spell.secret);
        // Issued as early as can be: all of the latency is on the way back.
        let issued = self.0.issue(spell.token);
        let waited = self.wait(spell.token_takes, bound, spell.token == TokenAct::Hangs).await;
        let result = waited.and(issued);
        let answer = match &result {
            Ok((serial, answer)) => Answer::Token { serial: serial.unwrap(), expires_in: answer.expires_in },
            Err(failure) => Answer::Failed(*failure),
        };
        self.0.note(Entry::Token(Call { sent, arrived: self.0.clock.elapsed(), answer }, secret));
        let result = result.map(|(_, answer)| answer);
        TokenExchange { trace: self.trace(started), secret: secret.map(Fingerprint), result }
    }

    async fn ping(&self, token: &AccessToken, bound: Duration) -> PingExchange {
        let (started, sent) = (self.0.clock.now(), self.0.clock.elapsed());
        let spell = self.0.spell();
        let serial: u64 = token.secret().expose().parse().unwrap();
        let waited = self.wait(spell.ping_takes, bound, spell.ping == PingAct::Hangs).await;
        let result = waited.and(self.0.judge(spell.ping, serial));
        self.0.note(Entry::Ping(Call { sent, arrived: self.0.clock.elapsed(), answer: result }, serial));
        PingExchange { trace: self.trace(started), result }
    }

    async fn check(&self, _: CheckCredential<'_>, _: Duration) -> CheckExchange {
        unreachable!("no check is configured")
    }
}

impl Observer for Actor {
    fn cycle_started(&self, lag: Duration) {
        self.0.note(Entry::Started { due: self.0.clock.elapsed().checked_sub(lag) });
    }

    fn cycle_ended(&self, report: &CycleReport) {
        self.0.note(Entry::Ended(Box::new(report.clone())));
        let mut play = self.0.play.lock().unwrap();
        play.recovered |= play.record.is_calm() && report.verdict.is_ok();
    }

    fn check_made(&self, _: &CheckOutcome) {
        unreachable!("no check is configured")
    }

    fn cycles_skipped(&self, count: u64) {
        self.0.note(Entry::Skipped(count));
    }
}
