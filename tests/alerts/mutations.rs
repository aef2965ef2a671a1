//! The tests of `alerts/tests/` notice when a rule is wrong. A mutant is a rule with one thing wrong; each must make
//! a case of its group's test files fail, but for those in [`EQUIVALENT`], which nobody could tell from the rule.
//!
//! The test command makes the mutants of conditions. `MUTANTS= cargo test --test alerts mutants_of_rules` makes all of
//! them, and `MUTANTS=Budget …` those whose names contain that.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::conventions::is_wrong_about_another_window;
use super::mutants::{self, Kind, Mutant};
use super::rules::{self, Group, Rule, names_read};
use super::{files_in, judge, side_by_side};

/// Mutants that nobody could tell from the rule, and why.
const EQUIVALENT: [(&str, &str); 25] = [
    (r#"instance_target:oauth_probe_success:seen: without result="failure""#, SAME_LABELS),
    (r#"instance_target:oauth_probe_success:seen: without result="failure" (#2)"#, SAME_LABELS),
    (
        "instance_target:oauth_probe_cycle_fault:seen: oauth_probe_cycle_fault[5m] is oauth_probe_cycle_fault[20m]",
        "It is joined with what is at most 5 min old.",
    ),
    ("instance:oauth_probe_network:down: max is min", "An exporter has one number of hosts."),
    (
        "instance:oauth_probe_network:down: oauth_probe_hosts[5m] is oauth_probe_hosts[20m]",
        "It is joined with what is at most 5 min old.",
    ),
    (r#"instance_target:oauth_probe_token_request_failures:count40m: without request="token""#, SAME_LABELS),
    (r#"instance_target:oauth_probe_token_request_failures:count40m: without request="token" (#2)"#, SAME_LABELS),
    (r#"instance_target:oauth_probe_token_request_auth_failures:count20m: without request="token""#, SAME_LABELS),
    (r#"instance_target:oauth_probe_token_request_auth_failures:count20m: without request="token" (#2)"#, SAME_LABELS),
    (r#"instance_target:oauth_probe_token_request_auth_failures:count20m: without fault="auth""#, SAME_LABELS),
    (r#"instance_target:oauth_probe_token_request_auth_failures:count20m: without fault="auth" (#2)"#, SAME_LABELS),
    ("instance_target:oauth_probe_token_request_auth_failures:count20m: sum is max", "One fault is selected."),
    (r#"instance_target:oauth_probe_token_refresh:failing: without request="token""#, SAME_LABELS),
    ("target:oauth_probe_token_expiring_soon:majority: 0 is 1", "No token has less than a second left for a minute."),
    ("OAuthProbeSecretUnavailable (warning): max is min", ALWAYS_1),
    ("OAuthProbeTokenRejectedEarly (critical): max_over_time is min_over_time", ALWAYS_1),
    ("instance:oauth_probe_exporter:down: max is min", ALWAYS_1),
    ("instance:oauth_probe_exporter:down: max_over_time is min_over_time", ALWAYS_1),
    (
        "instance:oauth_probe_exporter_restarts:count15m: oauth_probe_build_info[15m] is oauth_probe_build_info[1h]",
        "It is joined with what was scraped together with it, at most 15 min ago.",
    ),
    ("job_target:oauth_probe_target:last_seen: max is min", "Exporters of a job are scraped within the same minute."),
    ("OAuthProbeTargetDisappeared (warning): max is min (#2)", ALWAYS_1),
    (
        "OAuthProbeTargetDisappeared (warning): oauth_probe_config_last_reload_success_timestamp_seconds[6h] is \
         oauth_probe_config_last_reload_success_timestamp_seconds[1d]",
        THERE_NOW,
    ),
    (
        "OAuthProbeTargetDisappeared (warning): oauth_probe_config_last_reload_success_timestamp_seconds[6h] is \
         oauth_probe_config_last_reload_success_timestamp_seconds[1h30m]",
        THERE_NOW,
    ),
    ("OAuthProbeWatchdog (none): 1 is 0", "An alert's value is shown by nothing but its description."),
    ("OAuthProbeWatchdog (none): 1 is 2", "An alert's value is shown by nothing but its description."),
];
const SAME_LABELS: &str = "The other operand has these labels alone, and operands meet by equal labels.";
const ALWAYS_1: &str = "These series are always 1.";
const THERE_NOW: &str = "An exporter of the job is there, and with it the time of its last load.";

/// How a line begins that says which alert fires.
const EXPECTED: &str = "- { labels: '{alertname=\"";

#[test]
fn mutants_of_rules_are_noticed() {
    let only = std::env::var("MUTANTS").ok();
    let courts: Vec<Court> = rules::shipped().into_iter().map(|group| Court::of(&group.name)).collect();
    let suspects: Vec<_> =
        courts.iter().flat_map(|court| court.suspects().into_iter().map(move |suspect| (court, suspect))).collect();
    for (name, _) in EQUIVALENT {
        let end = format!(": {name}");
        assert!(suspects.iter().any(|(_, suspect)| suspect.name.ends_with(&end)), "no mutant is {name}");
    }
    let is_asked = |suspect: &Suspect| match &only {
        Some(only) => suspect.name.contains(only),
        None => suspect.is_in_the_test_command,
    };
    let total = suspects.len() - courts.len();
    let (count, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    side_by_side(suspects.into_iter().filter(|(_, suspect)| is_asked(suspect)), |(court, suspect)| {
        count.fetch_add(1, Ordering::Relaxed);
        let noticed = court.notices(&suspect);
        if noticed != suspect.is_wrong {
            let what = if noticed { "is noticed" } else { "is not noticed" };
            wrong.lock().unwrap().push(format!("{} {what}", suspect.name));
        }
    });
    let (count, wrong) = (count.into_inner(), wrong.into_inner().unwrap());
    println!("{count} asked; there are {total} mutants, {} of them equivalent", EQUIVALENT.len());
    assert!(wrong.is_empty(), "{} of {count}:\n{}", wrong.len(), wrong.join("\n"));
}

/// Rules that may be wrong.
struct Suspect {
    /// The group, the rule and what is wrong with it.
    name: String,
    /// The rules' file.
    rules: String,
    /// Whether it can be noticed.
    is_wrong: bool,
    is_in_the_test_command: bool,
    /// The rule's name and the names of those that read what it says.
    concerns: BTreeSet<String>,
}

/// What judges the rules of one group: its test files, and the rules that it needs.
struct Court {
    /// The rules of other groups that it reads, and last the group itself.
    groups: Vec<Group>,
    cases: Vec<Case>,
    /// Cases in the order in which they are asked: those first that noticed something lately.
    order: Mutex<Vec<usize>>,
}

/// One case of a test file.
struct Case {
    /// The file's head, on which the length of a step depends.
    head: String,
    text: String,
    /// The alerts that fire in it.
    expects: BTreeSet<String>,
}

impl Court {
    fn of(group: &str) -> Self {
        let groups = needed(group);
        let alerts: BTreeSet<_> = groups.iter().flat_map(|group| &group.rules).map(Rule::name).collect();
        let stem = group.strip_prefix("oauth-probe-").unwrap();
        let cases: Vec<_> = files_in("alerts/tests")
            .iter()
            .filter(|path| path.file_stem().unwrap().to_str().unwrap().split('_').next() == Some(stem))
            .flat_map(|path| cases(path, &alerts))
            .collect();
        assert!(!cases.is_empty(), "{group} has no test file alerts/tests/{stem}.yml");
        Self { order: Mutex::new((0..cases.len()).collect()), groups, cases }
    }

    /// The mutants of the group, and before them the rules as they are: what a mutant fails of is what is wrong with it,
    /// and not how it was printed.
    fn suspects(&self) -> Vec<Suspect> {
        let mut groups = self.groups.clone();
        for rule in groups.iter_mut().flat_map(|group| &mut group.rules) {
            *rule = rule.with_expression(&rule.expression());
        }
        let group = self.groups.last().unwrap();
        let name = format!("{}: as it is", group.name);
        let rules = rules::file(&groups);
        let concerns = BTreeSet::new();
        let mut suspects = vec![Suspect { name, rules, is_wrong: false, is_in_the_test_command: true, concerns }];
        for (at, rule) in group.rules.iter().enumerate() {
            let concerns = readers(rule, &group.rules);
            let judged_by_form = |mutant: &Mutant| is_wrong_about_another_window(rule, &mutant.rule);
            for mutant in mutants::of(rule).into_iter().filter(|mutant| !judged_by_form(mutant)) {
                let mut groups = self.groups.clone();
                groups.last_mut().unwrap().rules[at] = mutant.rule;
                let is_wrong = EQUIVALENT.iter().all(|(name, _)| *name != mutant.name);
                let name = format!("{}: {}", group.name, mutant.name);
                let is_in_the_test_command = is_wrong && mutant.kind == Kind::Condition;
                let (rules, concerns) = (rules::file(&groups), concerns.clone());
                suspects.push(Suspect { name, rules, is_wrong, is_in_the_test_command, concerns });
            }
        }
        suspects
    }

    /// Asks one case, then two more, four more and so on until some case fails; those first that expect an alert that
    /// the suspect has a part in.
    fn notices(&self, suspect: &Suspect) -> bool {
        let mut order = self.order.lock().unwrap().clone();
        order.sort_by_key(|&case| self.cases[case].expects.is_disjoint(&suspect.concerns));
        let (mut from, mut size) = (0, 1);
        while from < order.len() {
            let asked = &order[from..order.len().min(from + size)];
            if let Err(said) = self.ask(&suspect.rules, asked) {
                assert!(!said.contains("parse error"), "{}: {said}", suspect.name);
                self.order.lock().unwrap().sort_by_key(|case| !asked.contains(case));
                return true;
            }
            from += size;
            size *= 2;
        }
        false
    }

    fn ask(&self, rules: &str, cases: &[usize]) -> Result<(), String> {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("rules.yml"), rules).unwrap();
        let heads: BTreeSet<_> = cases.iter().map(|&case| &self.cases[case].head).collect();
        let files = heads.into_iter().enumerate().map(|(number, head)| {
            let cases = cases.iter().map(|&case| &self.cases[case]).filter(|case| case.head == *head);
            let file = directory.path().join(format!("test{number}.yml"));
            fs::write(&file, head.clone() + &cases.map(|case| case.text.as_str()).collect::<String>()).unwrap();
            file
        });
        judge("promtool", &["test", "rules"], &files.collect::<Vec<_>>())
    }
}

/// The name of a rule and, one after the other, of those of its group that read what one of these says.
fn readers(rule: &Rule, group: &[Rule]) -> BTreeSet<String> {
    let mut names = BTreeSet::from([rule.name().to_owned()]);
    // Rules read only what stands before them.
    for other in group {
        if !names_read(&other.expression()).is_disjoint(&names) {
            names.insert(other.name().to_owned());
        }
    }
    names
}

/// A group, and before it the rules of other groups that it cannot do without.
fn needed(name: &str) -> Vec<Group> {
    let mut groups = rules::shipped();
    let last = groups.iter().position(|group| group.name == name).unwrap();
    let own = groups.remove(last);
    let read =
        |group: &Group| group.rules.iter().flat_map(|rule| names_read(&rule.expression())).collect::<BTreeSet<_>>();
    let mut wanted = read(&own);
    // Rules read only what stands before them.
    for group in groups.iter_mut().rev() {
        let mut kept = Vec::new();
        for rule in group.rules.drain(..).rev() {
            if wanted.contains(rule.name()) {
                wanted.extend(names_read(&rule.expression()));
                kept.insert(0, rule);
            }
        }
        group.rules = kept;
    }
    groups.retain(|group| !group.rules.is_empty());
    groups.push(own);
    groups
}

/// The cases of a test file, without what they expect of alerts that are none of `alerts`.
fn cases(path: &Path, alerts: &BTreeSet<&str>) -> Vec<Case> {
    let text = fs::read_to_string(path).unwrap();
    let (head, body) = text.split_once("tests:\n").unwrap();
    let head = head.replace("../rules.yml", "rules.yml") + "tests:\n";
    let concerns = |line: &&str| match line.trim().strip_prefix(EXPECTED) {
        Some(expected) => alerts.contains(expected.split('"').next().unwrap()),
        None => true,
    };
    let lines = body.lines().filter(concerns).fold(String::new(), |text, line| text + line + "\n");
    let expected = |text: &str| {
        let alerts = text.lines().filter_map(|line| line.trim().strip_prefix(EXPECTED)?.split('"').next());
        alerts.map(str::to_owned).collect()
    };
    let case = |text: &str| Case { head: head.clone(), text: format!("  - name:{text}"), expects: expected(text) };
    lines.split("  - name:").skip(1).map(case).collect()
}
