//! The shipped alerting on a faster clock: its durations shortened, its expressions untouched.

use std::fs;
use std::path::Path;
use std::time::Duration;

use humantime::parse_duration;

/// What these keys hold is a duration.
const DURATIONS: [&str; 6] =
    ["for:", "keep_firing_for:", "interval:", "group_wait:", "group_interval:", "repeat_interval:"];

/// Windows of hours and days, against budgets in seconds: nothing that a test could wait for. `promtool` covers them.
const LEFT_ALONE: &str = "oauth-probe-slo";

/// How fast a test's alerting runs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// What a minute shrinks to.
    pub(crate) minute: Duration,
}

impl Pace {
    /// `alerts/rules.yml`, its durations and ranges shortened. Numbers in expressions stay, as they are facts about the
    /// world (a clock is 5 s off, a certificate has 3 days left), unless they are seconds that repeat the range beside
    /// them.
    pub(crate) fn rules(self) -> String {
        let mut group = String::new();
        let mut rules = String::new();
        for line in shipped("rules.yml").lines() {
            if let Some(name) = line.trim_start().strip_prefix("- name:") {
                name.trim().clone_into(&mut group);
            }
            rules += &if group == LEFT_ALONE { line.to_owned() } else { self.ranges(&self.setting(line)) };
            rules.push('\n');
        }
        rules
    }

    /// `alerts/alertmanager.example.yml`, its durations shortened, with receivers at this URL.
    pub(crate) fn routing(self, receivers: &str) -> String {
        let lines = shipped("alertmanager.example.yml");
        let mut routing: String = lines.lines().map(|line| self.setting(line) + "\n").collect();
        let example = "http://127.0.0.1:9095";
        assert!(routing.contains(example), "{routing}");
        routing = routing.replace(example, receivers);
        routing
    }

    /// How long what takes so long in production takes in the test.
    pub(crate) fn of(self, duration: Duration) -> Duration {
        duration.mul_f64(self.minute.as_secs_f64() / 60.0)
    }

    fn setting(self, line: &str) -> String {
        let Some(key) = DURATIONS.into_iter().find(|key| line.trim_start().starts_with(key)) else {
            return line.to_owned();
        };
        let (before, value) = line.split_once(key).expect("it is there");
        let value = parse_duration(value.trim()).unwrap_or_else(|error| panic!("{line}: {error}"));
        format!("{before}{key} {}", milliseconds(self.of(value)))
    }

    fn ranges(self, line: &str) -> String {
        let mut shortened = String::new();
        let mut seconds = Vec::new();
        let mut rest = line;
        while let Some((before, after)) = rest.split_once('[') {
            shortened = shortened + before + "[";
            rest = after;
            if let Some((range, after)) = after.split_once(']')
                && let Ok(range) = parse_duration(range)
            {
                shortened = shortened + &milliseconds(self.of(range)) + "]";
                seconds.push(range);
                rest = after;
            }
        }
        shortened += rest;
        for range in seconds {
            let repeated = format!(" * {}", range.as_secs());
            if let Some(before) = shortened.strip_suffix(&repeated) {
                shortened = format!("{before} * {}", self.of(range).as_secs_f64());
            }
        }
        shortened
    }
}

fn milliseconds(duration: Duration) -> String {
    format!("{}ms", duration.as_millis())
}

fn shipped(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("alerts").join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn durations_and_ranges_shrink_and_facts_stay() {
    let pace = Pace { minute: Duration::from_secs(2) };
    let shrink = |line: &str| pace.ranges(&pace.setting(line));
    for (line, expected) in [
        ("    for: 5m", "    for: 10000ms"),
        ("    keep_firing_for: 90s", "    keep_firing_for: 3000ms"),
        ("  group_wait: 0s", "  group_wait: 0ms"),
        ("last_over_time(a[75s]) + changes(b[1h])", "last_over_time(a[2500ms]) + changes(b[120000ms])"),
        ("abs(last_over_time(a[5m])) > 5", "abs(last_over_time(a[10000ms])) > 5"),
        ("increase(a[30m]) * b > 0.1 * 1800", "increase(a[60000ms]) * b > 0.1 * 60"),
        ("a < 3 * 86400", "a < 3 * 86400"),
        (r#"label_replace(a, "le", "$1", "le", "(.+)[.]0")"#, r#"label_replace(a, "le", "$1", "le", "(.+)[.]0")"#),
    ] {
        assert_eq!(shrink(line), expected);
    }
}
