//! The target that needs no file: `default`, made of the variables that the provider's guide uses.

use std::path::{Path, PathBuf};

use super::mistake::{ConfigError, Owner, Report};
use super::raw::{RawSecret, RawTarget};
use super::resolve::Resolver;
use super::setting::{Given, Layer, Origin, Setting};
use super::{Environment, address, document, scalars};
use crate::model::target::Config;

const ORIGIN: Origin = Origin { line: None, layer: Layer::Target };

const EXAMPLE: &str =
    "Set the four variables of the provider's guide, or name a configuration file with --config.file.";

/// The configuration with the one target `default`.
pub(super) fn read(environment: Environment<'_>) -> Result<Config, ConfigError> {
    let mut report = Report::default();
    let variables = Variables { environment, report: &mut report };
    let raw = variables.read();
    let directory = Path::new("");
    let owner = Owner::Environment;
    let mut resolver = Resolver { owner, line: None, directory, environment, report: &mut report };
    let target = resolver.resolve("default", &raw);
    report.show_example(EXAMPLE);
    report.finish("environment")?;
    Ok(document::config_of(target.into_iter().collect()))
}

struct Variables<'e> {
    environment: Environment<'e>,
    report: &'e mut Report,
}

impl Variables<'_> {
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
        let file = self.take("PARTNER_OA_SECRET_FILE", |text| Ok(RawSecret::File(PathBuf::from(text))));
        if !inline.is_absent() && !file.is_absent() {
            let what = "a second source of the secret beside PARTNER_OA_SECRET; unset one of them";
            self.report.add(None, Owner::Environment, "PARTNER_OA_SECRET_FILE", what);
            return Setting::Refused;
        }
        if inline.is_absent() { file } else { inline }
    }

    /// An empty variable is one that is not set: that is how compose files and units leave them out.
    fn take<T>(&mut self, name: &str, read: impl FnOnce(&str) -> Result<T, &'static str>) -> Setting<T> {
        let Some(text) = (self.environment)(name).filter(|text| !text.trim().is_empty()) else {
            return Setting::Absent;
        };
        // A line end behind the value is what `$(cat file)` in some tools and `echo` in others leave.
        match read(text.trim_end_matches(['\r', '\n'])) {
            Ok(value) => Setting::Given(Given { value, origin: ORIGIN }),
            Err(what) => {
                self.report.add(None, Owner::Environment, name, what);
                Setting::Refused
            }
        }
    }
}
