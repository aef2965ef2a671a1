//! The web configuration: from its file to what protects the exporter's own port.

use std::path::Path;
use std::sync::Arc;

use crate::config;
use crate::server::{Security, WebSource};

use super::stop::Stop;

/// What `file` says, now and whenever it changes; nothing protects the port without one.
pub(super) fn security(file: Option<&Path>) -> Result<Security, Stop> {
    let Some(path) = file.map(Path::to_owned) else { return Ok(Security::none()) };
    let shown = path.display().to_string();
    let read = Arc::new(move || config::load_web(&path).map_err(|mistakes| mistakes.to_string()));
    Security::load(WebSource { shown, read }).map_err(Stop::usage)
}
