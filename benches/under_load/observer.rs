//! What is noted of every cycle, beside what the exporter itself does with a report.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use oauth_probe_exporter::model::check::CheckOutcome;
use oauth_probe_exporter::model::fault::Request;
use oauth_probe_exporter::model::report::CycleReport;
use oauth_probe_exporter::probe::Observer;
use oauth_probe_exporter::telemetry::{Metrics, TargetMetrics};

/// Of one target.
pub(crate) struct Recorder {
    metrics: Arc<Metrics>,
    numbers: Arc<TargetMetrics>,
    pings: Arc<Pings>,
}

/// In the order in which they were made.
#[derive(Default)]
pub(crate) struct Pings {
    pub(crate) measured: Mutex<Vec<Measured>>,
    pub(crate) lags: Mutex<Vec<Duration>>,
}

/// What was measured of one ping.
#[derive(Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) succeeded: bool,
    pub(crate) duration: Duration,
    /// Processing and transfer.
    pub(crate) answer: Duration,
}

impl Recorder {
    pub(crate) fn new(metrics: Arc<Metrics>, numbers: Arc<TargetMetrics>, pings: Arc<Pings>) -> Self {
        Self { metrics, numbers, pings }
    }
}

impl Observer for Recorder {
    fn cycle_started(&self, lag: Duration) {
        self.metrics.observe_schedule_lag(lag);
        self.pings.lags.lock().unwrap().push(lag);
    }

    fn cycle_ended(&self, report: &CycleReport) {
        self.numbers.record(report);
        let mut measured = self.pings.measured.lock().unwrap();
        for attempt in report.attempts.iter().filter(|attempt| attempt.request == Request::Ping) {
            let phases = attempt.trace.phases;
            measured.push(Measured {
                succeeded: attempt.result.is_ok(),
                duration: attempt.trace.duration,
                answer: phases.processing.unwrap_or_default() + phases.transfer.unwrap_or_default(),
            });
        }
    }

    fn check_made(&self, _: &CheckOutcome) {}

    fn cycles_skipped(&self, count: u64) {
        self.numbers.record_skipped(count);
    }
}
