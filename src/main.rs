//! Arguments in, exit code out.

use std::process::ExitCode;

use oauth_probe_exporter::cli;

fn main() -> ExitCode {
    cli::run(&cli::Arguments::of_process())
}
