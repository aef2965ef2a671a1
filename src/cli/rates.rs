//! How often each server would be asked, for whoever has to answer for it.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use crate::model::target::{ScheduleMode, Target};

/// Servers shown, those that are asked most.
const SHOWN: usize = 10;

/// Requests a minute to one host.
#[derive(Clone, Copy, Default)]
struct Rate {
    /// As `token.max_age` wants them.
    tokens: f64,
    pings: f64,
    checks: f64,
}

/// By host.
pub(super) struct Rates(BTreeMap<String, Rate>);

impl Rates {
    /// Of those that run on schedules of their own.
    pub(super) fn of(targets: &[Arc<Target>]) -> Self {
        let mut rates: BTreeMap<String, Rate> = BTreeMap::new();
        for target in targets.iter().filter(|target| target.schedule == ScheduleMode::On) {
            let pings = per_minute(target.interval);
            let authorization = rates.entry(target.authorization_host()).or_default();
            authorization.tokens += target.token.policy.max_age.map_or(0.0, per_minute).min(pings);
            let resource = rates.entry(target.resource_host()).or_default();
            resource.pings += pings;
            let checks = u32::try_from(target.checks.checks.len()).unwrap_or(u32::MAX);
            resource.checks += pings * f64::from(checks) / f64::from(target.checks.every.get());
        }
        Self(rates)
    }

    /// A line for each host, or a line for all that are left.
    pub(super) fn write(&self, text: &mut String) -> fmt::Result {
        let mut rows: Vec<_> = self.0.iter().collect();
        rows.sort_by(|(_, one), (_, other)| other.in_all().total_cmp(&one.in_all()));
        let width = rows.iter().take(SHOWN).map(|(host, _)| host.chars().count()).max().unwrap_or_default();
        for (host, rate) in rows.iter().take(SHOWN) {
            writeln!(text, "  {host:<width$}  {rate}")?;
        }
        if rows.len() > SHOWN {
            let rest = rows.iter().skip(SHOWN).map(|(_, rate)| rate.in_all()).sum();
            writeln!(text, "  {} more hosts, {} in all", rows.len() - SHOWN, Number(rest))?;
        }
        Ok(())
    }
}

impl Rate {
    fn in_all(&self) -> f64 {
        self.tokens + self.pings + self.checks
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (number, what) in [(self.pings, "pings"), (self.checks, "checks"), (self.tokens, "token requests")] {
            if number > 0.0 {
                write!(f, "{separator}{} {what}", Number(number))?;
                separator = ", ";
            }
        }
        // Neither pings nor `max_age`: tokens are asked for as they expire.
        if separator.is_empty() { f.write_str("a token request whenever one expires") } else { Ok(()) }
    }
}

fn per_minute(interval: Duration) -> f64 {
    60.0 / interval.as_secs_f64()
}

/// As precise as a person wants it.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 >= 10.0 {
            return write!(f, "{:.0}", self.0);
        }
        let digits = format!("{:.2}", self.0);
        f.write_str(digits.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn shown(targets: &str) -> String {
        let config = config::parse(targets, "test", &|_| None).expect("a configuration");
        let mut text = String::new();
        Rates::of(&config.targets).write(&mut text).expect("writing to a string cannot fail");
        text
    }

    const DEFAULTS: &str = "defaults: { authorization_server: 'https://auth.example', \
                            resource_server: 'https://api.example', client_id: c, client_secret: s }\n";

    #[test]
    fn rates_of_one_target_follow_from_interval_max_age_and_checks() {
        let targets = "targets: [{ name: x, checks: [no_token, bad_token], checks_every: 4 }]";
        let expected = "  api.example   2 pings, 1 checks\n  auth.example  0.2 token requests\n";
        assert_eq!(shown(&format!("{DEFAULTS}{targets}")), expected);
    }

    #[test]
    fn tokens_are_not_asked_for_more_often_than_cycles_start() {
        let targets = "targets: [{ name: x, interval: 10m }]";
        assert!(shown(&format!("{DEFAULTS}{targets}")).contains("0.1 token requests"));
        let targets = "targets: [{ name: x, token: { max_age: off } }]";
        assert!(shown(&format!("{DEFAULTS}{targets}")).contains("auth.example  a token request whenever one expires"));
    }

    #[test]
    fn rates_of_one_host_add_up_and_unscheduled_targets_count_for_nothing() {
        let mut targets = "targets:\n".to_owned();
        for index in 0..500 {
            let _ = writeln!(targets, "  - {{ name: t{index}, resource_server: 'https://api{}.example' }}", index % 12);
        }
        targets.push_str("  - { name: off, schedule: off, resource_server: 'https://off.example' }\n");
        let text = shown(&format!("{DEFAULTS}{targets}"));
        assert!(text.starts_with("  auth.example   100 token requests\n  api0.example   84 pings\n"), "{text}");
        assert!(text.ends_with("  3 more hosts, 246 in all\n") && !text.contains("off.example"), "{text}");
    }
}
