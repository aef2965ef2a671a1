//! Which targets are listed, and in which order: those that fail first, then by name.

use std::borrow::Cow;

use crate::model::target::Target;
use crate::telemetry::target::TargetMetrics;

use super::reading::{Rank, Reading};
use super::summary::State;

/// Which targets are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Those in this state alone.
    pub standing: Option<Standing>,
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

/// What was asked for cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSelection {
    /// There is no such state.
    #[error("state={0:?} is none; write failing, warned, pending or working")]
    State(String),
    /// No `=` in it.
    #[error("label={0:?} has no value; write label=NAME=VALUE")]
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

impl Selection {
    /// By the parameters of a query, decoded; empty ones and those of other names are passed over.
    ///
    /// # Errors
    /// When one of them has a value that means nothing.
    pub fn of_query<'a>(pairs: impl Iterator<Item = (Cow<'a, str>, Cow<'a, str>)>) -> Result<Self, InvalidSelection> {
        let mut selection = Self::default();
        for (key, value) in pairs.filter(|(_key, value)| !value.is_empty()) {
            match &*key {
                "state" => {
                    let named = Standing::ALL.into_iter().find(|standing| standing.as_str() == value);
                    selection.standing = Some(named.ok_or_else(|| InvalidSelection::State(value.into_owned()))?);
                }
                "label" => {
                    let (name, wanted) =
                        value.split_once('=').ok_or_else(|| InvalidSelection::Label(value.clone().into_owned()))?;
                    selection.labels.push((name.to_owned(), wanted.to_owned()));
                }
                "q" => selection.text = value.trim().to_lowercase(),
                "offset" => selection.offset = number("offset", &value)?,
                "limit" => selection.limit = Some(number("limit", &value)?),
                _ => {}
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
        stands && self.fits_labels(&reading.target.probed) && self.fits_text(&reading.target)
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

fn number(key: &'static str, value: &str) -> Result<usize, InvalidSelection> {
    value.parse().map_err(|_| InvalidSelection::Number { key, value: value.to_owned() })
}
