//! Networks and clocks of a test's own, so that it can break them: the test runs again, alone, in namespaces of its own.
#![allow(unreachable_pub, dead_code, reason = "shared by several test binaries, each of which uses a part")]

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

const INSIDE: &str = "INSIDE_NAMESPACE";

/// Whether this is that other run.
pub fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Runs the test of this name again, alone, on a network that has what this shell script sets up. What it mounts is gone
/// with it, too.
pub fn run_inside(name: &str, set_up: &str) {
    run_again(name, &["--net", "--mount"], set_up);
}

/// Runs the test of this name again, alone, on a machine that has slept for so long since its boot.
pub fn run_after_sleep(name: &str, slept: Duration) {
    run_again(name, &["--time", "--fork", "--boottime", &slept.as_secs().to_string()], "");
}

fn run_again(name: &str, namespaces: &[&str], set_up: &str) {
    let script = format!("set -e\n{set_up}\nexec \"$@\"");
    let output = Command::new("unshare")
        .arg("--map-root-user")
        .args(namespaces)
        .args(["sh", "-c", &script, "sh"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(INSIDE, "1")
        .output()
        .expect("unshare (Debian: util-linux) and ip (iproute2); tests/run.sh installs them");
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

/// Makes a port of loopback reachable at `address`, for as long as the test runs.
pub async fn outside(address: &str, port: u16) -> SocketAddr {
    let listener = TcpListener::bind((address, 0)).await.unwrap();
    let outer = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut client, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut server = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    outer
}

/// Runs a shell script, which must not fail.
pub fn shell(script: &str) {
    let output = Command::new("sh").args(["-ec", script]).output().unwrap();
    assert!(output.status.success(), "{script}\n{}", String::from_utf8_lossy(&output.stderr));
}
