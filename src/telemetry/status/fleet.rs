//! The exporter as a whole: what runs since when, with which configuration, and how many targets are how.

use serde::Serialize;

use super::values::Timestamp;

/// What is shown above the targets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FleetStatus {
    /// Of the program.
    pub version: &'static str,
    /// Where this exporter stands, if the configuration says so.
    pub vantage: Option<String>,
    /// When all of this was read.
    pub now: Timestamp,
    /// When the exporter started.
    pub started: Timestamp,
    /// When the configuration in force was loaded.
    pub config_loaded: Timestamp,
    /// What came of the last attempt to load one.
    pub last_reload: LastLoad,
    /// How many targets are how.
    pub counts: Counts,
}

/// What came of the last attempt to load a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LastLoad {
    /// It is in force.
    Successful,
    /// It was of no use: the one before is still in force.
    Failed,
}

/// How many targets are how. The first three add up to the total.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Their last cycle failed.
    pub failing: usize,
    /// No cycle has ended yet.
    pub pending: usize,
    /// Their last cycle succeeded.
    pub working: usize,
    /// All of them.
    pub total: usize,
    /// Those that do not fail, but have a warning.
    pub warned: usize,
    /// Those whose schedule is off.
    pub unscheduled: usize,
}
