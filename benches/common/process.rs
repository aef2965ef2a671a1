//! What another process has used and holds, as the kernel tells it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

/// `USER_HZ`: Linux counts in hundredths of a second for programs, whatever it does inside.
const TICKS_PER_SECOND: u32 = 100;

/// A process that runs.
#[derive(Clone, Debug)]
pub(crate) struct Watched(PathBuf);

/// Resident memory in bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Memory {
    pub(crate) now: f64,
    /// The most there ever was.
    pub(crate) peak: f64,
}

impl Watched {
    pub(crate) fn process(pid: u32) -> Self {
        Self(format!("/proc/{pid}").into())
    }

    /// User and system time. The kernel tells it to the nanosecond of threads that run, and to the hundredth of a second
    /// of all that there ever were: neither is too much, so that the larger one is nearer to the truth.
    pub(crate) fn cpu(&self) -> Duration {
        self.cpu_of_running_threads().max(self.cpu_of_all_threads())
    }

    fn cpu_of_running_threads(&self) -> Duration {
        let threads = fs::read_dir(self.0.join("task")).expect("the process runs").flatten();
        // A thread may end between the two readings.
        let nanoseconds = threads.filter_map(|thread| {
            fs::read_to_string(thread.path().join("schedstat")).ok()?.split(' ').next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(nanoseconds.sum())
    }

    fn cpu_of_all_threads(&self) -> Duration {
        let stat = self.read("stat");
        // The name, in parentheses, may contain anything.
        let (_, after_name) = stat.rsplit_once(')').expect("a name");
        let fields: Vec<&str> = after_name.split_whitespace().collect();
        let ticks: u32 = fields[11..=12].iter().map(|field| field.parse::<u32>().expect("ticks")).sum();
        Duration::from_secs(ticks.into()) / TICKS_PER_SECOND
    }

    pub(crate) fn memory(&self) -> Memory {
        let kib = |name| self.status(name) * 1024.0;
        Memory { now: kib("VmRSS:"), peak: kib("VmHWM:") }
    }

    pub(crate) fn threads(&self) -> f64 {
        self.status("Threads:")
    }

    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(self.0.join("fd")).expect("the process runs").count()
    }

    fn status(&self, name: &str) -> f64 {
        let status = self.read("status");
        let value = status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next()?.parse().ok());
        value.unwrap_or_else(|| panic!("no {name} in {status}"))
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.0.join(file)).expect("the process runs")
    }
}
