//! Why a token is asked for: the closed set behind the label `trigger`.

/// Why a token is asked for; the label `trigger`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// There was none yet.
    Initial,
    /// The last answer is `max_age` old.
    Age,
    /// It expires within the margin, or has expired.
    Expiry,
    /// The API answered 401 to it.
    Rejected,
    /// The secret changed during a back-off.
    SecretChanged,
}

impl Trigger {
    /// Every member.
    pub const ALL: [Self; 5] = [Self::Initial, Self::Age, Self::Expiry, Self::Rejected, Self::SecretChanged];

    /// The label value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Initial => "initial",
            Self::Age => "age",
            Self::Expiry => "expiry",
            Self::Rejected => "rejected",
            Self::SecretChanged => "secret_changed",
        }
    }

    /// Where it stands in [`Trigger::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}
