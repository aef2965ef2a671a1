//! The target that needs no file: `default`, made of the variables that the provider's guide uses.

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use super::mistake::{ConfigError, Owner, Report};
use super::raw::{RawSecret, RawTarget};
use super::resolve::Resolver;
use super::setting::{Given, Layer, Origin, Setting};
use super::{Environment, address, document, scalars};
use crate::model::target::Config;

const ORIGIN: Origin = Origin { line: None, layer: Layer::Target };

const EXAMPLE: &str =
    "Set the four variables of the provider's guide, or name a configuration file with --config.file.";

const NOTHING: &str = "none of the provider's variables is set, and --config.file names no file";

const FIRST_STEPS: &str = "
Either set the four variables of the provider's guide:

export AUTHORIZATION_SERVER=https://auth.example.com     # issues the tokens
export RESOURCE_SERVER=https://api.example.com           # the API
export PARTNER_OA_CLIENT_ID=acme
export PARTNER_OA_SECRET_FILE=/run/secrets/acme          # or the secret itself in PARTNER_OA_SECRET

or name a file with --config.file, of which this is the smallest:

targets:
  - name: production
    authorization_server: https://auth.example.com
    resource_server: https://api.example.com
    client_id: acme
    client_secret_file: /run/secrets/acme

Then `oauth-probe-exporter check` tries them once. `oauth-probe-exporter demo` needs neither.";

/// Names that people give to the variables, and the variables that they mean.
const LOOKALIKES: [(&str, &[&str]); 5] = [
    ("AUTHORIZATION_SERVER", &["AUTHORIZATION_SERVER_URL", "AUTHORIZATION_URL", "AUTH_SERVER"]),
    ("RESOURCE_SERVER", &["RESOURCE_SERVER_URL", "RESOURCE_URL", "API_SERVER"]),
    ("PARTNER_OA_CLIENT_ID", &["PARTNER_OA_ID", "PARTNER_CLIENT_ID", "OA_CLIENT_ID"]),
    ("PARTNER_OA_SECRET", &["PARTNER_OA_CLIENT_SECRET", "PARTNER_SECRET", "OA_SECRET"]),
    ("PARTNER_OA_SECRET_FILE", &["PARTNER_OA_CLIENT_SECRET_FILE", "PARTNER_OA_SECRET_PATH"]),
];

/// The configuration with the one target `default`.
pub(super) fn read(environment: Environment<'_>) -> Result<Config, ConfigError> {
    let mut report = Report::default();
    let mut variables = Variables { environment, report: &mut report };
    if !variables.any_is_set() {
        return Err(ConfigError::with_example("environment", NOTHING, FIRST_STEPS));
    }
    variables.notice_lookalikes();
    let raw = variables.read();
    let directory = Path::new("");
    let owner = Owner::Environment;
    let mut resolver = Resolver { owner, line: None, directory, environment, report: &mut report };
    let target = resolver.resolve("default", &raw);
    report.show_example(EXAMPLE);
    report.finish("environment")?;
    Ok(document::config_of(target.map(Arc::new).into_iter().collect()))
}

struct Variables<'e> {
    environment: Environment<'e>,
    report: &'e mut Report,
}

impl Variables<'_> {
    fn any_is_set(&self) -> bool {
        LOOKALIKES.iter().any(|(name, lookalikes)| {
            self.value(name).is_some() || lookalikes.iter().any(|name| self.value(name).is_some())
        })
    }

    /// One that is set in the place of the right one is a mistake; beside it, it is somebody else's.
    fn notice_lookalikes(&mut self) {
        let is_secret = |name: &str| name.starts_with("PARTNER_OA_SECRET");
        let has_secret = LOOKALIKES.iter().any(|(name, _)| is_secret(name) && self.value(name).is_some());
        for (name, lookalikes) in LOOKALIKES {
            if self.value(name).is_some() || (is_secret(name) && has_secret) {
                continue;
            }
            if let Some(lookalike) = lookalikes.iter().find(|name| self.value(name).is_some()) {
                let what = format_args!("is set but never read; did you mean {name}?");
                self.report.add(None, Owner::Environment, lookalike, what);
            }
        }
    }

    fn read(mut self) -> RawTarget {
        RawTarget {
            authorization_server: self.take("AUTHORIZATION_SERVER", address::server),
            resource_server: self.take("RESOURCE_SERVER", address::server),
            client_id: self.take("PARTNER_OA_CLIENT_ID", scalars::checked_text),
            secret: self.secret(),
            ..RawTarget::default()
        }
    }

    fn secret(&mut self) -> Setting<RawSecret> {
        let inline = self.take("PARTNER_OA_SECRET", |text| {
            scalars::inline_secret(text).map(RawSecret::Inline).ok_or("is empty; set it to the client's secret")
        });
        let file = self.take("PARTNER_OA_SECRET_FILE", |text| scalars::checked_file_name(text).map(RawSecret::File));
        if !inline.is_absent() && !file.is_absent() {
            let what = "a second source of the secret beside PARTNER_OA_SECRET; unset one of them";
            self.report.add(None, Owner::Environment, "PARTNER_OA_SECRET_FILE", what);
            return Setting::Refused;
        }
        if inline.is_absent() { file } else { inline }
    }

    fn take<T>(&mut self, name: &str, read: impl FnOnce(&str) -> Result<T, &'static str>) -> Setting<T> {
        let Some(value) = self.value(name) else { return Setting::Absent };
        let text = value.to_str().ok_or("is set, but not to UTF-8 text; set it to that");
        // A line end behind the value is what `$(cat file)` in some tools and `echo` in others leave.
        match text.and_then(|text| outside_quotes(text.trim_end_matches(['\r', '\n']))).and_then(read) {
            Ok(value) => Setting::Given(Given { value, origin: ORIGIN }),
            Err(what) => {
                self.report.add(None, Owner::Environment, name, what);
                Setting::Refused
            }
        }
    }

    /// An empty variable is one that is not set: that is how compose files and units leave them out.
    fn value(&self, name: &str) -> Option<OsString> {
        (self.environment)(name).filter(|value| !value.to_string_lossy().trim().is_empty())
    }
}

/// A shell takes quotes away; `docker run --env-file` and others hand them on as part of the value.
fn outside_quotes(text: &str) -> Result<&str, &'static str> {
    let quoted = |quote: char| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote);
    if quoted('"') || quoted('\'') {
        return Err("has quotes around it, and whatever set it left them in the value; write it without them");
    }
    Ok(text)
}
