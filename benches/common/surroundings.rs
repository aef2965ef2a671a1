//! Where and when something was measured.

use std::fs;
use std::thread::available_parallelism;

use oauth_probe_exporter::clock::{BootClock, Clock};

/// Noted before anything is measured, and printed after everything was.
pub(crate) struct Surroundings {
    date: String,
    load: String,
}

impl Surroundings {
    pub(crate) fn note() -> Self {
        Self { date: httpdate::fmt_http_date(BootClock.now().wall), load: load() }
    }

    /// `beside` is who else was measured, with its version.
    pub(crate) fn print(&self, beside: &[String]) {
        println!("{}", self.date);
        let versions = [&[format!("{} {}", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"))], beside].concat();
        println!("{}", versions.join(", "));
        let cores = available_parallelism().map_or(0, usize::from);
        println!("{cores} cores ({}), Linux {}", processor(), read("/proc/sys/kernel/osrelease"));
        println!("Load average (1, 5, 15 min) before {}, after {}.", self.load, load());
        if cfg!(debug_assertions) {
            println!("THIS IS A DEBUG BUILD: its figures mean nothing.");
        }
    }
}

fn load() -> String {
    read("/proc/loadavg").split(' ').take(3).collect::<Vec<_>>().join(" ")
}

fn processor() -> String {
    let information = read("/proc/cpuinfo");
    let model = information.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    model.map_or_else(|| "unknown".to_owned(), |(_, model)| model.to_owned())
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}
