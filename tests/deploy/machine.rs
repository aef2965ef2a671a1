//! A machine whose first process is a real systemd: a container of systemd-nspawn, with this system's `/usr` and nothing
//! else of it, and a network of its own in which there is only loopback.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use super::{PROGRAM, Said, as_root, run};

/// A minute of patience.
const TRIES: usize = 1200;
const PAUSE: Duration = Duration::from_millis(50);
pub(crate) const INSTALLED: &str = "/usr/local/bin/oauth-probe-exporter";

/// It is gone with its value.
pub(crate) struct Machine {
    nspawn: Child,
    /// Its first process, as this system counts.
    leader: u32,
}

/// Servers that play in the machine's network.
pub(crate) struct Demo {
    process: Child,
    pub(crate) authorization_server: String,
    pub(crate) resource_server: String,
}

impl Machine {
    /// Boots it, with the exporter installed and these files of ours where they are said to be.
    pub(crate) fn boot(files: &[(&Path, &str)]) -> Self {
        // The container ends with the test, also where that is killed.
        let mut command = as_root("setpriv");
        command.args(["--pdeathsig", "TERM", "systemd-nspawn", "--quiet", "--register=no", "--keep-unit"]);
        command.args(["--private-network", "--directory=/", "--volatile=yes", "--tmpfs=/usr/local/bin:mode=755"]);
        command.arg(format!("--bind-ro={PROGRAM}:{INSTALLED}"));
        for (file, place) in files {
            command.arg(format!("--bind={}:{place}", file.display()));
        }
        command.args(["--boot", "systemd.unit=basic.target", "systemd.firstboot=off"]);
        // Nobody waits for a network that there is not.
        command.arg("systemd.mask=systemd-networkd-wait-online.service");
        let nspawn = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let nspawn = nspawn.expect("setpriv and systemd-nspawn: tests/run.sh --only-setup installs them");
        let mut machine = Self { nspawn, leader: 0 };
        machine.wait_until("the machine has a first process", |machine| {
            let nspawn = descendant(machine.nspawn.id(), "systemd-nspawn");
            machine.leader = nspawn.and_then(|nspawn| descendant(nspawn, "systemd")).unwrap_or_default();
            machine.leader != 0
        });
        machine.wait_until("the machine has booted", |machine| {
            machine.run(&["systemctl", "is-active", "basic.target"]).text == "active\n"
        });
        machine
    }

    /// Runs a program in it, as root.
    pub(crate) fn run(&self, arguments: &[&str]) -> Said {
        run(as_root("nsenter").args(["--all", "--target", &self.leader.to_string()]).args(arguments))
    }

    /// The answer of the exporter in it.
    pub(crate) fn get(&self, path: &str) -> String {
        let ask = format!(
            "exec 3<>/dev/tcp/127.0.0.1/10917 && printf 'GET {path} HTTP/1.0\\r\\nHost: x\\r\\n\\r\\n' >&3 && cat <&3"
        );
        self.run(&["bash", "-c", &ask]).text
    }

    /// Waits until the exporter's metrics have this line.
    pub(crate) fn until_metrics_have(&mut self, line: &str) {
        let found = |machine: &mut Self| machine.get("/metrics").lines().any(|found| found == line);
        self.wait_until(line, found);
    }

    pub(crate) fn wait_until(&mut self, what: &str, is_met: impl Fn(&mut Self) -> bool) {
        for _ in 0..TRIES {
            if is_met(self) {
                return;
            }
            std::thread::sleep(PAUSE);
        }
        let journal = self.run(&["journalctl", "--no-pager", "--lines=50"]).text;
        panic!("never came: {what}\n{journal}\n{}", self.get("/metrics"));
    }

    /// Starts `demo` in the machine's network.
    pub(crate) fn start_demo(&self) -> Demo {
        let mut command = as_root("nsenter");
        command.args(["--net", "--target", &self.leader.to_string(), PROGRAM, "demo"]);
        command.args(["--web.listen-address=127.0.0.1:10918"]);
        let mut process = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut urls = BufReader::new(process.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok)
            .filter_map(|line| Some(line[line.find("http://")?..].to_owned()));
        let (authorization_server, resource_server) = (urls.next().unwrap(), urls.next().unwrap());
        Demo { process, authorization_server, resource_server }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if self.leader != 0 {
            run(as_root("kill").args(["-KILL", &self.leader.to_string()]));
        }
        let _ = self.nspawn.wait();
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        run(as_root("kill").arg(self.process.id().to_string()));
        let _ = self.process.wait();
    }
}

/// `process` itself or the first below it that has this name.
fn descendant(process: u32, name: &str) -> Option<u32> {
    let status = |process: u32| std::fs::read_to_string(format!("/proc/{process}/status")).ok();
    if status(process)?.lines().next()?.split_whitespace().nth(1) == Some(name) {
        return Some(process);
    }
    let parent = format!("PPid:\t{process}");
    let all = std::fs::read_dir("/proc").ok()?.filter_map(Result::ok);
    let mut processes = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let child =
        processes.find(|child| status(*child).is_some_and(|status| status.lines().any(|line| line == parent)))?;
    descendant(child, name)
}

/// For commands that change nothing outside of the machine's files.
pub(crate) fn change_group(group: &str, paths: &[&Path]) {
    let changed = run(as_root("chgrp").arg(group).args(paths));
    assert!(changed.success, "{}", changed.text);
}
