//! `alerts/rules.yml` as groups, rules and fields. It is read by its lines, whose form is as regular as YAML's is not.

use std::collections::BTreeSet;
use std::fs;

use promql_parser::parser::{self, Expr};

use super::promql::{self, Selector};
use super::root;

#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) name: String,
    /// The lines before the rules.
    head: String,
    pub(super) rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
pub(super) struct Rule {
    /// `expr`, `for` and the like, in their order, each with what stands behind its colon and in the lines below it.
    fields: Vec<(String, String)>,
}

/// The groups of the shipped rules.
pub(super) fn shipped() -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for line in fs::read_to_string(root("alerts/rules.yml")).unwrap().lines() {
        let indent = line.len() - line.trim_start().len();
        if let Some(name) = line.strip_prefix("  - name: ") {
            groups.push(Group { name: name.to_owned(), head: format!("{line}\n"), rules: Vec::new() });
            continue;
        }
        let Some(group) = groups.last_mut() else { continue };
        if line.starts_with("      - ") {
            group.rules.push(Rule { fields: Vec::new() });
        }
        let Some(rule) = group.rules.last_mut() else {
            group.head += &format!("{line}\n");
            continue;
        };
        if indent == 8 || line.starts_with("      - ") {
            let (key, value) = line[8..].split_once(':').unwrap();
            rule.fields.push((key.to_owned(), format!("{value}\n")));
        } else if indent > 8 {
            rule.fields.last_mut().unwrap().1 += &format!("{line}\n");
        }
    }
    groups
}

/// The file that loads these groups.
pub(super) fn file<'a>(groups: impl IntoIterator<Item = &'a Group>) -> String {
    let mut text = String::from("groups:\n");
    for group in groups {
        text += &group.head;
        for rule in &group.rules {
            let mut start = "      - ";
            for (key, value) in &rule.fields {
                text += &format!("{start}{key}:{value}");
                start = "        ";
            }
        }
    }
    text
}

impl Rule {
    pub(super) fn is_alert(&self) -> bool {
        self.field("alert").is_some()
    }

    /// What it is recorded or raised as.
    pub(super) fn name(&self) -> &str {
        self.field("alert").or_else(|| self.field("record")).unwrap()
    }

    /// Its name, and its severity where several alerts share that name.
    pub(super) fn id(&self) -> String {
        match self.severity() {
            Some(severity) => format!("{} ({severity})", self.name()),
            None => self.name().to_owned(),
        }
    }

    pub(super) fn severity(&self) -> Option<&str> {
        self.entry("labels", "severity")
    }

    /// What stands behind `key:`.
    pub(super) fn field(&self, key: &str) -> Option<&str> {
        self.fields.iter().find(|(name, _)| name == key).map(|(_, value)| value.trim())
    }

    /// What stands behind `key:` inside of a field.
    pub(super) fn entry(&self, field: &str, key: &str) -> Option<&str> {
        self.entries(field).find(|(name, _)| *name == key).map(|(_, value)| value.trim())
    }

    /// The keys inside of a field, each with what stands behind it; a text folded over several lines is its `>-` alone.
    pub(super) fn entries(&self, field: &str) -> impl Iterator<Item = (&str, &str)> {
        let lines = self.field(field).unwrap_or_default().lines();
        lines.filter(|line| !line.starts_with("            ")).filter_map(|line| line.trim().split_once(':'))
    }

    pub(super) fn expression(&self) -> Expr {
        let text = self.field("expr").unwrap().trim_start_matches('|');
        parser::parse(text).unwrap_or_else(|error| panic!("{}: {error}", self.id()))
    }

    /// The same with another expression.
    ///
    /// # Panics
    ///
    /// When that is not what it says when it is printed.
    pub(super) fn with_expression(&self, expression: &Expr) -> Self {
        let text = expression.to_string();
        let parsed = parser::parse(&text).unwrap_or_else(|error| panic!("{}: {error}: {text}", self.id()));
        assert_eq!(parsed.to_string(), text);
        self.with("expr", Some(&format!("|\n          {text}")))
    }

    /// The same with another value of a field, or without it.
    pub(super) fn with(&self, key: &str, value: Option<&str>) -> Self {
        let mut rule = self.clone();
        match value {
            Some(value) => {
                let field = rule.fields.iter_mut().find(|(name, _)| name == key).unwrap();
                field.1 = format!(" {value}\n");
            }
            None => rule.fields.retain(|(name, _)| name != key),
        }
        rule
    }
}

/// The names of the metrics that an expression reads, and of the alerts that it asks for.
pub(super) fn names_read(expression: &Expr) -> BTreeSet<String> {
    let read = promql::read(&expression.to_string()).unwrap();
    let alert = |selector: &Selector| {
        let named = selector.matchers.iter().find(|matcher| matcher.name == "alertname");
        named.filter(|_| selector.metric == "ALERTS").map(|matcher| matcher.value.clone())
    };
    read.selectors.into_iter().flat_map(|selector| alert(&selector).into_iter().chain([selector.metric])).collect()
}
