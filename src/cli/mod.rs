//! The command line: what may be said, and the commands that carry it out.

mod arguments;
mod cautions;
mod check;
mod check_log;
mod check_text;
mod config_check;
mod demo;
mod grouped;
mod healthcheck;
mod loader;
mod man;
mod observer;
mod rates;
mod reload;
mod secret_file;
mod serve;
mod setup;
mod shell;
mod signals;
mod stop;
mod supervisor;
mod web;
mod wires;

use std::process::ExitCode;

use clap::CommandFactory as _;

pub use arguments::Arguments;
use arguments::Command;

/// Carries out what `arguments` say.
#[must_use]
pub fn run(arguments: &Arguments) -> ExitCode {
    let common = &arguments.common;
    let outcome = match &arguments.command {
        Some(Command::Check(check)) => check::run(common, check),
        Some(Command::Healthcheck(healthcheck)) => healthcheck::run(healthcheck),
        Some(Command::Demo(demo)) => demo::run(common, demo),
        Some(Command::Completions { shell }) => man::print_completions(Arguments::command(), *shell),
        Some(Command::Man) => man::print_page(&Arguments::command()),
        Some(Command::Serve(serve)) => serve::run(common, serve),
        None => serve::run(common, &arguments.serve),
    };
    outcome.unwrap_or_else(|stop| stop.report())
}
