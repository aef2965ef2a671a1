//! What happened, entry by entry, as the rules read it and as a person is told it.

use std::fmt::{self, Write};
use std::time::Duration;

use oauth_probe_exporter::model::fault::Failure;
use oauth_probe_exporter::model::report::CycleReport;

use super::story::Event;

/// Everything that happened, in the order in which it ended.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// With the time since the start, suspend included.
    pub(crate) entries: Vec<(Duration, Entry)>,
}

#[derive(Debug)]
pub(crate) enum Entry {
    /// A cycle of the schedule starts; `due`: the start on the grid, if that is not before the simulation began.
    Started {
        due: Option<Duration>,
    },
    LookedAtSecret(Option<u64>),
    /// With the secret that was sent.
    Token(Call<Answer>, Option<u64>),
    /// With the token that was sent.
    Ping(Call<Result<(), Failure>>, u64),
    Ended(Box<CycleReport>),
    Skipped(u64),
    Asked,
    Happened(Event),
    CalmBegins,
}

#[derive(Debug)]
pub(crate) struct Call<A> {
    pub(crate) sent: Duration,
    pub(crate) arrived: Duration,
    pub(crate) answer: A,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Answer {
    Token { serial: u64, expires_in: Option<Duration> },
    Failed(Failure),
}

impl Record {
    pub(crate) fn note(&mut self, at: Duration, entry: Entry) {
        self.entries.push((at, entry));
    }

    pub(crate) fn is_calm(&self) -> bool {
        self.entries.iter().rev().any(|(_, entry)| matches!(entry, Entry::CalmBegins))
    }

    /// What led to the entry of this number.
    pub(crate) fn told_up_to(&self, number: usize) -> String {
        const TOLD: usize = 40;
        let first = (number + 1).saturating_sub(TOLD);
        let mut told = if first > 0 { format!("  … {first} earlier entries\n") } else { String::new() };
        for (at, entry) in &self.entries[first..=number.min(self.entries.len() - 1)] {
            let _ = writeln!(told, "  {:>12.3} s  {entry}", at.as_secs_f64());
        }
        told
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Started { due: Some(due) } => write!(f, "── cycle, due at {:.3} s", due.as_secs_f64()),
            Self::Started { due: None } => write!(f, "── cycle, due before the beginning"),
            Self::LookedAtSecret(Some(secret)) => write!(f, "   looked at the secret: number {secret}"),
            Self::LookedAtSecret(None) => write!(f, "   looked at the secret: unreadable"),
            Self::Token(call, secret) => {
                write!(f, "   token request at {:.3} s with secret {secret:?}: ", call.sent.as_secs_f64())?;
                match call.answer {
                    Answer::Token { serial, expires_in } => write!(f, "token {serial}, expires_in {expires_in:?}"),
                    Answer::Failed(failure) => write!(f, "{failure:?}"),
                }
            }
            Self::Ping(call, token) => {
                let sent = call.sent.as_secs_f64();
                write!(f, "   ping at {sent:.3} s with token {token}: {:?}", call.answer.map_err(|bad| bad.reason))
            }
            Self::Ended(report) => {
                let held = report.token.held.map(|held| held.expiry.moment);
                write!(f, "   cycle ended: {:?}; holds a token until {held:?}", report.verdict)
            }
            Self::Skipped(count) => write!(f, "   {count} starts were skipped"),
            Self::Asked => write!(f, "   somebody asks for a cycle"),
            Self::Happened(event) => write!(f, "!! {event:?}"),
            Self::CalmBegins => write!(f, "!! from now on both servers behave well"),
        }
    }
}
