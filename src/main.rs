//! Arguments in, exit code out.

use std::process::ExitCode;

use clap::Parser as _;
use oauth_probe_exporter::cli;

fn main() -> ExitCode {
    cli::run(&cli::Arguments::parse())
}
