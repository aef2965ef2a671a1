//! Networks of a test's own, so that it can break them: the test runs again, alone, in namespaces of its own.
#![allow(unreachable_pub, dead_code, reason = "shared by several test binaries, each of which uses a part")]

use std::process::Command;

const INSIDE: &str = "INSIDE_NAMESPACE";

/// Whether this is that other run.
pub fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Runs the test of this name again, alone, on a network that has what this shell script sets up. What it mounts is gone
/// with it, too.
pub fn run_inside(name: &str, set_up: &str) {
    let script = format!("set -e\n{set_up}\nexec \"$@\"");
    let output = Command::new("unshare")
        .args(["--map-root-user", "--net", "--mount", "sh", "-c", &script, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .expect("unshare (Debian: util-linux) and ip (iproute2); tests/run.sh installs them");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// Runs a shell script, which must not fail.
pub fn shell(script: &str) {
    let output = Command::new("sh").args(["-ec", script]).output().unwrap();
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
}
