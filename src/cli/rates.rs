//! How often each server would be asked, for whoever has to answer for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use crate::model::target::{ScheduleMode, Target};

/// Servers shown, those that are asked most; of token endpoints, whose providers mind most, at least so many.
const SHOWN: usize = 10;
const TOKENS_SHOWN: usize = 3;

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

    /// A line for each host; of many hosts, one for each that is asked most, one for the others, and one for all.
    pub(super) fn write(&self, text: &mut String) -> fmt::Result {
        let mut hosts: Vec<_> = self.0.iter().map(|(host, rate)| (host.clone(), *rate)).collect();
        hosts.sort_by(|(_, one), (_, other)| other.in_all().total_cmp(&one.in_all()));
        let (mut rows, others) = shown(hosts);
        if !others.is_empty() {
            rows.push((format!("{} more hosts", others.len()), Rate::sum(&others)));
            let all = (format!("all {} hosts", self.0.len()), Rate::sum(&rows));
            rows.push(all);
        }
        let width = rows.iter().map(|(host, _)| host.chars().count()).max().unwrap_or_default();
        rows.iter().try_for_each(|(host, rate)| writeln!(text, "  {host:<width$}  {rate}"))
    }
}

/// A host, or what is said instead of several.
type Row = (String, Rate);

/// Those that get a line each, of `hosts` in the order of their rates, and the others.
fn shown(hosts: Vec<Row>) -> (Vec<Row>, Vec<Row>) {
    // A line that says "1 more host" could as well name it.
    if hosts.len() <= SHOWN + 1 {
        return (hosts, Vec::new());
    }
    let mut by_tokens: Vec<_> = (0..hosts.len()).filter(|&index| hosts[index].1.tokens > 0.0).collect();
    by_tokens.sort_by(|&one, &other| hosts[other].1.tokens.total_cmp(&hosts[one].1.tokens));
    by_tokens.truncate(TOKENS_SHOWN);
    let further = (0..hosts.len()).filter(|index| !by_tokens.contains(index)).take(SHOWN - by_tokens.len());
    let chosen: BTreeSet<_> = further.chain(by_tokens.iter().copied()).collect();
    let (shown, others): (Vec<_>, Vec<_>) =
        hosts.into_iter().enumerate().partition(|(index, _)| chosen.contains(index));
    let rows = |part: Vec<(usize, Row)>| part.into_iter().map(|(_, row)| row).collect();
    (rows(shown), rows(others))
}

impl Rate {
    fn sum(rows: &[Row]) -> Self {
        rows.iter().fold(Self::default(), |sum, (_, rate)| Self {
            tokens: sum.tokens + rate.tokens,
            pings: sum.pings + rate.pings,
            checks: sum.checks + rate.checks,
        })
    }

    fn in_all(&self) -> f64 {
        self.tokens + self.pings + self.checks
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for (number, what) in [(self.pings, "ping"), (self.checks, "check"), (self.tokens, "token request")] {
            if number > 0.0 {
                let number = Number(number).to_string();
                let plural = if number == "1" { "" } else { "s" };
                write!(f, "{separator}{number} {what}{plural}")?;
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

    fn written(targets: &str) -> String {
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
        let expected = "  api.example   2 pings, 1 check\n  auth.example  0.2 token requests\n";
        assert_eq!(written(&format!("{DEFAULTS}{targets}")), expected);
    }

    #[test]
    fn tokens_are_not_asked_for_more_often_than_cycles_start() {
        let targets = "targets: [{ name: x, interval: 10m }]";
        assert!(written(&format!("{DEFAULTS}{targets}")).contains("0.1 token requests"));
        let targets = "targets: [{ name: x, token: { max_age: off } }]";
        assert!(
            written(&format!("{DEFAULTS}{targets}")).contains("auth.example  a token request whenever one expires")
        );
    }

    #[test]
    fn rates_of_one_host_add_up_and_unscheduled_targets_count_for_nothing() {
        let mut targets = "targets:\n".to_owned();
        for index in 0..500 {
            let _ = writeln!(targets, "  - {{ name: t{index}, resource_server: 'https://api{}.example' }}", index % 12);
        }
        targets.push_str("  - { name: off, schedule: off, resource_server: 'https://off.example' }\n");
        let text = written(&format!("{DEFAULTS}{targets}"));
        assert!(text.starts_with("  auth.example   100 token requests\n  api0.example   84 pings\n"), "{text}");
        let end = "  3 more hosts   246 pings\n  all 13 hosts   1000 pings, 100 token requests\n";
        assert!(text.ends_with(end) && !text.contains("off.example"), "{text}");
    }

    #[test]
    fn authorization_servers_asked_most_are_shown_however_much_the_apis_are_pinged() {
        let mut targets = "targets:\n".to_owned();
        for index in 0..200 {
            let hosts = format!(
                "authorization_server: 'https://auth{}.example', resource_server: 'https://api{}.example'",
                index % 8,
                index % 12
            );
            let _ = writeln!(targets, "  - {{ name: t{index}, {hosts} }}");
        }
        let text = written(&format!("{DEFAULTS}{targets}"));
        assert_eq!(text.lines().filter(|line| line.contains("auth")).count(), TOKENS_SHOWN, "{text}");
        assert_eq!(text.lines().filter(|line| line.contains("api")).count(), SHOWN - TOKENS_SHOWN, "{text}");
        assert!(text.ends_with("  all 20 hosts   400 pings, 40 token requests\n"), "{text}");
    }

    #[test]
    fn last_host_is_named_where_a_line_for_the_others_would_take_as_much() {
        let mut targets = "targets:\n".to_owned();
        for index in 0..SHOWN {
            let _ = writeln!(targets, "  - {{ name: t{index}, resource_server: 'https://api{index}.example' }}");
        }
        let text = written(&format!("{DEFAULTS}{targets}"));
        assert_eq!(text.lines().count(), SHOWN + 1, "{text}");
        assert!(!text.contains("hosts"), "{text}");
    }
}
