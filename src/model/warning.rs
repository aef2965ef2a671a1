//! What is worth a person's look while cycles still succeed: what is found out of what is known, and words for it.

use std::time::{Duration, SystemTime};

use super::advice::Advice;
use super::check::CheckOutcome;
use super::fault::{Cause, Request};
use super::target::{ScheduleMode, Target};

/// A certificate that expires within this time is renewed now, or in a hurry; as the alerts have it.
const CERTIFICATE_SOON: Duration = Duration::from_secs(14 * 86_400);

/// The same of a secret, which takes longer: somebody else has to give a new one.
pub const CLIENT_SECRET_SOON: Duration = Duration::from_secs(30 * 86_400);

/// How long a token that was refused early is worth mentioning.
const LATELY: Duration = Duration::from_secs(3600);

/// One slow request is chance.
const SLOW_IN_A_ROW: u32 = 3;

/// Between the expiry of a token that could not be refreshed and the cycle that fails for it.
const EXPIRED_UNREFRESHED: Advice = Advice {
    meaning: "The token cannot be refreshed, and the one that is held has expired: the next cycle fails unless a new one comes.",
    remedy: "Mend the token request now.",
};

/// Where the schedule is off, and cycles come from `/probe` alone.
const UNASKED: Advice = Advice {
    meaning: "Nobody has asked /probe for longer than three intervals and a timeout: nothing here is current.",
    remedy: "Look at Prometheus' job, and at what /sd lists.",
};

/// A warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warning {
    /// No cycle has ended since this time, so that nothing that is known is current.
    Stalled(SystemTime, ScheduleMode),
    /// The token cannot be refreshed for this reason, and this is left of it.
    TokenRefresh(Cause, Leftover),
    /// The API refused a token that should still have lived, at this time.
    TokenRejectedEarly(SystemTime),
    /// This request succeeds, but again and again takes longer than the objective.
    Slow(Request),
    /// Expected scopes were not granted.
    ScopesMissing,
    /// A check found the opposite of what it must.
    Check(CheckOutcome, Advice),
    /// A certificate of the server that this request asks expires at this time.
    CertificateExpiry(Request, SystemTime),
    /// Ours does.
    ClientCertificateExpiry(SystemTime),
    /// The client's secret does.
    ClientSecretExpiry(SystemTime),
}

/// What is left of a token that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leftover {
    /// It still lives.
    Live,
    /// It has expired: the next cycle cannot use it.
    Expired,
}

/// Kinds of warnings, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarningKind {
    /// [`Warning::Stalled`]
    Stalled,
    /// [`Warning::TokenRefresh`]
    TokenRefresh,
    /// [`Warning::Check`]
    Check,
    /// [`Warning::TokenRejectedEarly`]
    TokenRejectedEarly,
    /// [`Warning::Slow`]
    Slow,
    /// [`Warning::ScopesMissing`]
    ScopesMissing,
    /// [`Warning::ClientSecretExpiry`]
    ClientSecretExpiry,
    /// [`Warning::ClientCertificateExpiry`]
    ClientCertificateExpiry,
    /// [`Warning::CertificateExpiry`]
    CertificateExpiry,
}

/// What warnings are read from.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signs<'a> {
    /// Since when no cycle has ended; `None` if none has to.
    pub silence: Option<Silence>,
    /// Why the token that is held cannot be refreshed, and what is left of it.
    pub refresh_failure: Option<(Cause, Leftover)>,
    /// When a token was last refused that should still have lived.
    pub rejected_early: Option<SystemTime>,
    /// How many attempts in a row took longer than the objective, by [`Request::index`].
    pub slow_in_a_row: [u32; Request::ALL.len()],
    /// How many expected scopes the last answer did not grant.
    pub scopes_missing: usize,
    /// The last outcome of each check.
    pub checks: &'a [CheckOutcome],
    /// When the first certificate of each server's chain expires, by [`Request::index`].
    pub certificates: [Option<SystemTime>; Request::ALL.len()],
    /// When ours does.
    pub client_certificate: Option<SystemTime>,
    /// When the client's secret does.
    pub client_secret: Option<SystemTime>,
}

/// That no cycle has ended lately.
#[derive(Clone, Copy, Debug)]
pub struct Silence {
    /// When the last one ended, or when probing began.
    pub since: SystemTime,
    /// Longer than this is too long.
    pub tolerated: Duration,
    /// Who starts cycles.
    pub schedule: ScheduleMode,
}

impl Silence {
    /// How long no cycle may end, as the alert `OAuthProbeStalled` has it: one can take an interval, and two more and a
    /// timeout are waited for.
    #[must_use]
    pub fn tolerated(target: &Target) -> Duration {
        target.interval.saturating_mul(3).saturating_add(target.timeout)
    }
}

impl Signs<'_> {
    /// What is worth a look at `now`, the most urgent first.
    #[must_use]
    pub fn warnings(&self, now: SystemTime) -> Vec<Warning> {
        let within = |span: Duration| move |expiry: &SystemTime| *expiry < now + span;
        let soon = within(CERTIFICATE_SOON);
        let lately = |at: &SystemTime| now.duration_since(*at).is_ok_and(|past| past < LATELY);
        let is_long = |silence: &Silence| now.duration_since(silence.since).is_ok_and(|past| past > silence.tolerated);
        let stalled = |silence: Silence| Warning::Stalled(silence.since, silence.schedule);
        let mut found: Vec<_> = self.silence.filter(is_long).map(stalled).into_iter().collect();
        found.extend(self.refresh_failure.map(|(cause, left)| Warning::TokenRefresh(cause, left)));
        found.extend(
            self.checks.iter().filter_map(|outcome| outcome.finding().map(|advice| Warning::Check(*outcome, advice))),
        );
        found.extend(self.rejected_early.filter(lately).map(Warning::TokenRejectedEarly));
        let slow = |&request: &Request| self.slow_in_a_row[request.index()] >= SLOW_IN_A_ROW;
        found.extend(Request::ALL.into_iter().filter(slow).map(Warning::Slow));
        found.extend((self.scopes_missing > 0).then_some(Warning::ScopesMissing));
        found.extend(self.client_secret.filter(within(CLIENT_SECRET_SOON)).map(Warning::ClientSecretExpiry));
        found.extend(self.client_certificate.filter(soon).map(Warning::ClientCertificateExpiry));
        for (request, expiry) in Request::ALL.into_iter().zip(self.certificates) {
            found.extend(expiry.filter(soon).map(|expiry| Warning::CertificateExpiry(request, expiry)));
        }
        found
    }
}

impl WarningKind {
    /// Every member.
    pub const ALL: [Self; 9] = [
        Self::Stalled,
        Self::TokenRefresh,
        Self::Check,
        Self::TokenRejectedEarly,
        Self::Slow,
        Self::ScopesMissing,
        Self::ClientSecretExpiry,
        Self::ClientCertificateExpiry,
        Self::CertificateExpiry,
    ];

    /// Its name in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Stalled => "stalled",
            Self::TokenRefresh => "token_refresh",
            Self::Check => "check",
            Self::TokenRejectedEarly => "token_rejected_early",
            Self::Slow => "slow",
            Self::ScopesMissing => "scopes_missing",
            Self::ClientSecretExpiry => "client_secret_expiry",
            Self::ClientCertificateExpiry => "client_certificate_expiry",
            Self::CertificateExpiry => "certificate_expiry",
        }
    }

    /// What it means and what to do, as far as that can be said of all of its kind.
    #[must_use]
    pub const fn advice(self) -> Advice {
        let (meaning, remedy) = match self {
            Self::Stalled => (
                "No cycle has ended for longer than three intervals and a timeout: nothing here is current.",
                "Save the log, then restart the exporter.",
            ),
            Self::TokenRefresh => (
                "The token cannot be refreshed. The one that is held still works; when it expires, everything stops.",
                "Mend the token request before then.",
            ),
            Self::Check => {
                ("A check found the opposite of what it must.", "Repeat the call by hand, then tell the provider.")
            }
            Self::TokenRejectedEarly => (
                "The API refused a token that should still have lived, within the last hour.",
                "If it happens again, ask the provider whether they revoke tokens, replace signing keys or restart servers.",
            ),
            Self::Slow => (
                "The last three times or more, the answer took longer than latency_objective.",
                "See in which phase the time goes: resolve, connect and tls are the network, processing is the server; then tell whose it is.",
            ),
            Self::ScopesMissing => (
                "The last token was not granted all of token.expected_scopes.",
                "Ask the provider to grant them, or correct token.scopes and token.expected_scopes.",
            ),
            Self::ClientSecretExpiry => (
                "By client_secret_expires, the client's secret expires within 30 days, or has expired.",
                "Ask the provider for a new one, put it in place, and set client_secret_expires to its date.",
            ),
            Self::ClientCertificateExpiry => (
                "Our client certificate expires within 14 days, or has expired.",
                "Renew it, have the provider know the new one, and put it in place of tls.cert_file; no restart is needed.",
            ),
            Self::CertificateExpiry => (
                "A certificate that the server sends expires within 14 days, or has expired.",
                "Tell the provider, with host and date, unless they renew in the last days by habit.",
            ),
        };
        Advice { meaning, remedy }
    }
}

impl Warning {
    /// Its kind.
    #[must_use]
    pub const fn kind(self) -> WarningKind {
        match self {
            Self::Stalled(..) => WarningKind::Stalled,
            Self::TokenRefresh(..) => WarningKind::TokenRefresh,
            Self::Check(..) => WarningKind::Check,
            Self::TokenRejectedEarly(_) => WarningKind::TokenRejectedEarly,
            Self::Slow(_) => WarningKind::Slow,
            Self::ScopesMissing => WarningKind::ScopesMissing,
            Self::ClientSecretExpiry(_) => WarningKind::ClientSecretExpiry,
            Self::ClientCertificateExpiry(_) => WarningKind::ClientCertificateExpiry,
            Self::CertificateExpiry(..) => WarningKind::CertificateExpiry,
        }
    }

    /// What it means and what to do.
    #[must_use]
    pub const fn advice(self) -> Advice {
        match self {
            Self::Check(_, advice) => advice,
            Self::Stalled(_, ScheduleMode::Off) => UNASKED,
            Self::TokenRefresh(_, Leftover::Expired) => EXPIRED_UNREFRESHED,
            warning => warning.kind().advice(),
        }
    }
}
