//! What `deploy/` ships, judged by the programs that will read it: systemd, kubectl, docker-compose, promtool, hadolint.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod compose;
mod custom_resources;
mod dockerfile;
mod documents;
mod kubernetes;
mod machine;
#[path = "../support/mod.rs"]
mod support;
mod systemd;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use support::test_dep;

const PROGRAM: &str = env!("CARGO_BIN_EXE_oauth-probe-exporter");

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What a program that ended had said, on both streams, and whether it was content.
struct Said {
    text: String,
    success: bool,
}

fn run(command: &mut Command) -> Said {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    Said { text, success: output.status.success() }
}

/// What it said on standard output.
///
/// # Panics
/// With what it said on standard error, if it was not content.
fn output_of(command: &mut Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// For what only root may do. `tests/run.sh` needs root or sudo, too.
fn as_root(program: impl AsRef<OsStr>) -> Command {
    if rustix::process::geteuid().is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("sudo");
    command.args(["-n", "--"]).arg(program);
    command
}
