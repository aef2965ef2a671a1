//! Which targets are listed, and in which order: those that fail first, then by name.

use std::borrow::Cow;

use crate::model::fault::{Cause, Fault, Reason, Request};
use crate::model::suggest::nearest;
use crate::model::target::Target;
use crate::telemetry::target::TargetMetrics;

use super::reading::{Rank, Reading};
use super::summary::State;

/// Which targets are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Those in this state alone.
    pub standing: Option<Standing>,
    /// Those that fail for this.
    pub blamed: Blamed,
    /// Those that have all of these labels, by name and value.
    pub labels: Vec<(String, String)>,
    /// Those in whose name, labels, client or hosts this text occurs, small and capital letters alike.
    pub text: String,
    /// So many of them are passed over.
    pub offset: usize,
    /// At most so many are listed; `None`: all.
    pub limit: Option<usize>,
}

/// What can be asked for as `state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// In this state.
    In(State),
    /// Not failing, but with a warning.
    Warned,
}

/// What targets fail for; a part that is `None` may be anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Blamed {
    /// The request that fails.
    pub request: Option<Request>,
    /// Why.
    pub reason: Option<Reason>,
    /// Whose fault it is.
    pub fault: Option<Fault>,
}

/// What was asked for cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSelection {
    /// There is no such parameter.
    #[error("unknown parameter {name:?}; {}", hint(.meant))]
    Parameter {
        /// What was written.
        name: String,
        /// What was probably meant.
        meant: Option<&'static str>,
    },
    /// There is no such state.
    #[error("state={0:?} is none; write failing, warned, pending or working")]
    State(String),
    /// No label of the metrics has this value.
    #[error("{key}={value:?} is none; write {known}")]
    Name {
        /// Which parameter.
        key: &'static str,
        /// What was written.
        value: String,
        /// All that can be.
        known: String,
    },
    /// No `=` in it.
    #[error(
        "{0:?} is no label with a value; write NAME=VALUE, such as environment=production (in the address: label=NAME=VALUE)"
    )]
    Label(String),
    /// No number.
    #[error("{key}={value:?} is no whole number")]
    Number {
        /// Which parameter.
        key: &'static str,
        /// What was written.
        value: String,
    },
}

/// Every parameter.
const PARAMETERS: [&str; 8] = ["state", "request", "reason", "fault", "label", "q", "limit", "offset"];

fn hint(meant: &Option<&'static str>) -> String {
    meant.map_or_else(|| format!("there are {}", PARAMETERS.join(", ")), |meant| format!("did you mean {meant}?"))
}

impl Standing {
    /// Every member, those that need a person first.
    pub const ALL: [Self; 4] =
        [Self::In(State::Failing), Self::Warned, Self::In(State::Pending), Self::In(State::Working)];

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::In(state) => state.as_str(),
            Self::Warned => "warned",
        }
    }
}

impl Blamed {
    /// This very cause.
    #[must_use]
    pub const fn on(cause: Cause) -> Self {
        Self { request: Some(cause.request), reason: Some(cause.reason), fault: None }
    }

    /// The parts that are not left open: names of parameters, and their values.
    pub fn parts(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let parts = [
            ("request", self.request.map(Request::as_str)),
            ("reason", self.reason.map(Reason::as_str)),
            ("fault", self.fault.map(Fault::as_str)),
        ];
        parts.into_iter().filter_map(|(key, value)| Some((key, value?)))
    }

    /// The same with the part of this name left open.
    #[must_use]
    pub fn without(self, key: &str) -> Self {
        match key {
            "request" => Self { request: None, ..self },
            "reason" => Self { reason: None, ..self },
            "fault" => Self { fault: None, ..self },
            _ => self,
        }
    }

    fn fits(self, reading: &Reading) -> bool {
        let is = |cause: Cause| {
            self.request.is_none_or(|request| request == cause.request)
                && self.reason.is_none_or(|reason| reason == cause.reason)
                && self.fault.is_none_or(|fault| fault == cause.fault())
        };
        self == Self::default() || reading.cause().is_some_and(is)
    }
}

impl Selection {
    /// By the parameters of a query, decoded; empty ones are passed over.
    ///
    /// # Errors
    /// When one of them has a name or a value that means nothing: what was misspelt must not look as if all targets fit.
    pub fn of_query<'a>(pairs: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>) -> Result<Self, InvalidSelection> {
        let mut selection = Self::default();
        for (key, value) in pairs {
            match &*key {
                known if value.is_empty() && PARAMETERS.contains(&known) => {}
                "state" => {
                    let named = Standing::ALL.into_iter().find(|standing| standing.as_str() == value);
                    selection.standing = Some(named.ok_or_else(|| InvalidSelection::State(value.into_owned()))?);
                }
                "request" => selection.blamed.request = Some(named("request", &value, &Request::ALL, Request::as_str)?),
                "reason" => selection.blamed.reason = Some(named("reason", &value, &Reason::ALL, Reason::as_str)?),
                "fault" => selection.blamed.fault = Some(named("fault", &value, &Fault::ALL, Fault::as_str)?),
                "label" => {
                    let (name, wanted) =
                        value.split_once('=').ok_or_else(|| InvalidSelection::Label(value.clone().into_owned()))?;
                    selection.labels.push((name.to_owned(), wanted.to_owned()));
                }
                "q" => selection.text = value.trim().to_lowercase(),
                "offset" => selection.offset = number("offset", &value)?,
                "limit" => selection.limit = Some(number("limit", &value)?),
                unknown => {
                    let meant = nearest(unknown, &PARAMETERS);
                    return Err(InvalidSelection::Parameter { name: unknown.to_owned(), meant });
                }
            }
        }
        Ok(selection)
    }

    pub(super) fn fits(&self, reading: &Reading) -> bool {
        let stands = match self.standing {
            None => true,
            Some(Standing::In(wanted)) => wanted == reading.state(),
            Some(Standing::Warned) => reading.rank() == Rank::Warned,
        };
        stands
            && self.blamed.fits(reading)
            && self.fits_labels(&reading.target.probed)
            && self.fits_text(&reading.target)
    }

    fn fits_labels(&self, target: &Target) -> bool {
        self.labels.iter().all(|(name, value)| target.labels.get(name) == Some(value))
    }

    fn fits_text(&self, target: &TargetMetrics) -> bool {
        let TargetMetrics { probed, constants, .. } = target;
        let mut texts =
            [&*probed.name, &probed.token.client_id, &constants.authorization_server, &constants.resource_server]
                .into_iter()
                .chain(probed.labels.values().map(String::as_str));
        self.text.is_empty() || texts.any(|text| occurs(&self.text, text))
    }
}

/// Whether `sought`, in small letters, occurs in `text`.
fn occurs(sought: &str, text: &str) -> bool {
    if sought.is_ascii() && text.is_ascii() {
        return text.as_bytes().windows(sought.len()).any(|part| part.eq_ignore_ascii_case(sought.as_bytes()));
    }
    text.to_lowercase().contains(sought)
}

fn named<T: Copy>(
    key: &'static str,
    value: &str,
    all: &[T],
    name: impl Fn(T) -> &'static str,
) -> Result<T, InvalidSelection> {
    all.iter().copied().find(|&member| name(member) == value).ok_or_else(|| {
        let known: Vec<_> = all.iter().map(|&member| name(member)).collect();
        InvalidSelection::Name { key, value: value.to_owned(), known: known.join(", ") }
    })
}

fn number(key: &'static str, value: &str) -> Result<usize, InvalidSelection> {
    value.parse().map_err(|_| InvalidSelection::Number { key, value: value.to_owned() })
}
