//! What is wrong with a configuration: collected while it is read, shown all at once, and never with a value in it.

use std::fmt;

use crate::model::suggest::nearest;

use super::web_keys;

/// Every mistake of a configuration.
///
/// No message repeats a value of the file or of the environment, but for the name of a target: people put secrets
/// where no secret is expected.
#[derive(Debug, thiserror::Error)]
pub struct ConfigError {
    file: String,
    mistakes: Vec<Mistake>,
    example: Option<&'static str>,
}

/// Sorts by line, then by text, so that the order of reading does not show.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Mistake {
    line: Option<usize>,
    text: String,
}

impl ConfigError {
    pub(super) fn single(file: &str, what: impl fmt::Display) -> Self {
        let mistakes = vec![Mistake { line: None, text: what.to_string() }];
        Self { file: file.to_owned(), mistakes, example: None }
    }

    pub(super) fn with_example(file: &str, what: &str, example: &'static str) -> Self {
        Self { example: Some(example), ..Self::single(file, what) }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (count, Mistake { line, text }) in self.mistakes.iter().enumerate() {
            let separator = if count == 0 { "" } else { "\n" };
            match line {
                Some(line) => write!(f, "{separator}{}:{line}: {text}", self.file)?,
                None => write!(f, "{separator}{}: {text}", self.file)?,
            }
        }
        self.example.map_or(Ok(()), |example| write!(f, "\n{example}"))
    }
}

/// Whose key is meant.
#[derive(Clone, Copy)]
pub(super) enum Owner<'a> {
    /// The top level of the file.
    File,
    Defaults,
    Target {
        index: usize,
        name: Option<&'a str>,
    },
    /// The target made of environment variables; its keys are shown as these.
    Environment,
    /// The file of the web configuration.
    Web,
}

impl fmt::Display for Owner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File | Self::Environment | Self::Web => Ok(()),
            Self::Defaults => f.write_str("defaults: "),
            Self::Target { index, name: None } => write!(f, "targets[{index}]: "),
            Self::Target { index, name: Some(name) } => {
                let shown: String = name.chars().take(60).collect();
                write!(f, "targets[{index}] ({}): ", shown.escape_debug())
            }
        }
    }
}

/// A key below others.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) owner: Owner<'a>,
    pub(super) line: usize,
    parent: Option<&'a Place<'a>>,
    key: &'a str,
}

impl<'a> Place<'a> {
    pub(super) const fn of(owner: Owner<'a>, line: usize) -> Self {
        Self { owner, line, parent: None, key: "" }
    }

    pub(super) const fn below(&'a self, key: &'a str, line: usize) -> Self {
        Place { owner: self.owner, line, parent: Some(self), key }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(parent) = self.parent else { return Ok(()) };
        if parent.parent.is_some() {
            write!(f, "{parent}.")?;
        }
        f.write_str(if is_showable(self.key) { self.key } else { "(key)" })
    }
}

/// Whether a key looks like one: with its `: ` forgotten or misplaced, it can hold the value.
fn is_showable(key: &str) -> bool {
    // JSON pointers begin with a slash.
    let extra: &[u8] = if key.starts_with('/') { b"/~_-" } else { b"_-" };
    let is_common = |byte: u8| byte.is_ascii_alphanumeric() || extra.contains(&byte);
    key == "<<" || (!key.is_empty() && key.len() <= 30 && key.bytes().all(is_common))
}

/// Keys of the top level, of a target, and of its sections: to recognise one that is written at another level.
const TOP_KEYS: [&str; 6] = ["vantage", "latency_buckets", "metrics", "history", "defaults", "targets"];
const TARGET_KEYS: [&str; 22] = [
    "authorization_server",
    "resource_server",
    "interval",
    "schedule",
    "timeout",
    "labels",
    "client_id",
    "client_secret_file",
    "client_secret",
    "client_secret_env",
    "client_secret_expires",
    "token",
    "ping",
    "latency_objective",
    "checks",
    "checks_every",
    "api_key_file",
    "api_key",
    "api_key_env",
    "tls",
    "proxy_url",
    "allow_plaintext",
];
const SECTION_KEYS: [&str; 23] = [
    "token.path",
    "token.auth",
    "token.basic_encoding",
    "token.jwt",
    "token.jwt.algorithm",
    "token.jwt.key_id",
    "token.scopes",
    "token.params",
    "token.max_age",
    "token.refresh_margin",
    "token.default_lifetime",
    "token.expected_scopes",
    "ping.path",
    "ping.method",
    "ping.headers",
    "ping.expect",
    "ping.expect.status",
    "ping.expect.json",
    "ping.connection",
    "tls.ca_file",
    "tls.cert_file",
    "tls.key_file",
    "tls.insecure_skip_verify",
];

/// Where a key belongs that is none where it stands.
fn elsewhere(key: &str, owner: Owner<'_>) -> Option<String> {
    if key == "<<" {
        return Some("merge keys are not part of YAML 1.2; write common keys below `defaults`".to_owned());
    }
    if matches!(owner, Owner::Web) {
        return web_keys::elsewhere(key).or_else(|| {
            let is_main = TOP_KEYS.contains(&key) || TARGET_KEYS.contains(&key);
            is_main.then(|| "belongs in the file of --config.file; this is the one of --web.config.file".to_owned())
        });
    }
    if web_keys::TOP.contains(&key) {
        return Some("belongs in the file of --web.config.file".to_owned());
    }
    if matches!(owner, Owner::File) {
        let is_target_key = TARGET_KEYS.contains(&key);
        return is_target_key
            .then(|| "unknown key at the top level; write it below `defaults` or in a target".to_owned());
    }
    if TOP_KEYS.contains(&key) {
        return Some("unknown key here; write it at the top level, beside `targets`".to_owned());
    }
    if TARGET_KEYS.contains(&key) {
        return Some("unknown key at this level; write it beside `token` and `ping`".to_owned());
    }
    let is_meant = |path: &&&str| **path == key || path.rsplit('.').next() == Some(key);
    SECTION_KEYS.iter().find(is_meant).map(|path| {
        let closing = " }".repeat(path.matches('.').count());
        format!("unknown key at this level; write such as `{}: …{closing}`", path.replace('.', ": { "))
    })
}

/// The mistakes found so far.
#[derive(Default)]
pub(super) struct Report {
    mistakes: Vec<Mistake>,
    example: Option<&'static str>,
}

impl Report {
    pub(super) fn add(
        &mut self,
        line: Option<usize>,
        owner: Owner<'_>,
        path: impl fmt::Display,
        what: impl fmt::Display,
    ) {
        let path = match owner {
            Owner::Environment => variable(&path.to_string()).to_owned(),
            _ => path.to_string(),
        };
        let separator = if path.is_empty() { "" } else { ": " };
        self.mistakes.push(Mistake { line, text: format!("{owner}{path}{separator}{what}") });
    }

    pub(super) fn add_at(&mut self, place: &Place<'_>, what: impl fmt::Display) {
        self.add(Some(place.line), place.owner, place, what);
    }

    pub(super) fn add_unknown_key(&mut self, place: &Place<'_>, known: &[&str]) {
        let key = place.key;
        if let Some(advice) = elsewhere(key, place.owner) {
            self.add_at(place, advice);
        } else if let Some(near) = nearest(key, known) {
            self.add_at(place, format_args!("unknown key; did you mean `{near}`?"));
        } else {
            self.add_at(place, format_args!("unknown key; known here: {}", known.join(", ")));
        }
    }

    /// Ends the message with what a working configuration looks like.
    pub(super) const fn show_example(&mut self, example: &'static str) {
        self.example = Some(example);
    }

    /// Nothing, if there were no mistakes.
    pub(super) fn finish(mut self, file: &str) -> Result<(), ConfigError> {
        if self.mistakes.is_empty() {
            return Ok(());
        }
        self.mistakes.sort_unstable();
        // One mistake in `defaults` is found again with each target.
        self.mistakes.dedup();
        Err(ConfigError { file: file.to_owned(), mistakes: self.mistakes, example: self.example })
    }
}

/// The variable that a key of the target `default` comes from.
fn variable(path: &str) -> &str {
    match path {
        "authorization_server" => "AUTHORIZATION_SERVER",
        "resource_server" => "RESOURCE_SERVER",
        "client_id" => "PARTNER_OA_CLIENT_ID",
        "client_secret" => "PARTNER_OA_SECRET",
        "client_secret_file" => "PARTNER_OA_SECRET_FILE",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;

    #[test]
    fn every_key_that_is_recognised_elsewhere_is_known_where_it_belongs() {
        let nested = |path: &str| path.rsplit('.').fold(String::new(), |inner, key| format!("{{ {key}: {inner} }}"));
        let in_target = TARGET_KEYS.iter().chain(&SECTION_KEYS).map(|path| format!("targets: [{}]", nested(path)));
        for text in in_target.chain(TOP_KEYS.iter().map(|key| nested(key))) {
            let message = parse(&text, "file", &|_| None).expect_err("nothing has a value").to_string();
            assert!(!message.contains("unknown key"), "{text}\n{message}");
        }
    }
}
