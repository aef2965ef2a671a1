//! What several commands begin with: the configuration and the runtime.

use tokio::runtime::{Builder, Runtime};

use crate::config;
use crate::model::target::Config;

use super::arguments::Common;
use super::stop::Stop;

/// The configuration from the file that is named, else from the environment.
pub(super) fn load_config(common: &Common) -> Result<Config, Stop> {
    let environment = |name: &str| std::env::var(name).ok();
    let loaded = match &common.config_file {
        Some(path) => config::load(path, &environment),
        None => config::from_environment(&environment),
    };
    loaded.map_err(Stop::usage)
}

pub(super) fn runtime() -> Result<Runtime, Stop> {
    Builder::new_multi_thread().enable_all().thread_name("oauth-probe").build().map_err(Stop::failed)
}
