//! The same cycle reports, counted in families of the `prometheus` crate and written by its encoder.
#![allow(unreachable_pub, reason = "a module of a test binary")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use oauth_probe_exporter::model::check::{CheckOutcome, CheckResult};
use oauth_probe_exporter::model::fault::{Cause, Fault, Request};
use oauth_probe_exporter::model::report::{Achievement, Attempt, CycleReport};
use oauth_probe_exporter::model::target::{Config, Target};
use oauth_probe_exporter::model::time::{Stamp, unix_seconds};
use oauth_probe_exporter::model::token::{TokenView, Trigger};
use oauth_probe_exporter::telemetry::catalogue::families;
use prometheus::{CounterVec, Encoder, GaugeVec, HistogramOpts, HistogramVec, Opts, Registry, TextEncoder};

/// What the crate makes of all targets, the reports and checks of each given by its position, scraped at `now`.
pub fn encode(
    config: &Config,
    past: &dyn Fn(usize) -> Vec<CycleReport>,
    made: &dyn Fn(usize) -> Vec<CheckOutcome>,
    now: Stamp,
) -> String {
    let judge = Judge::new(config);
    for (position, target) in config.targets.iter().enumerate() {
        let of = judge.of(target, config);
        of.constants();
        of.zeros();
        let reports = past(position);
        reports.iter().for_each(|report| of.count(report));
        of.gauges(&reports, now);
        of.checks(&made(position));
        of.add("skipped_cycles_total", &[], position as f64);
    }
    let mut text = Vec::new();
    TextEncoder::new().encode(&judge.registry.gather(), &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

struct Judge {
    registry: Registry,
    counters: Vec<(String, CounterVec)>,
    gauges: Vec<(String, GaugeVec)>,
    duration: HistogramVec,
}

struct Of<'a> {
    judge: &'a Judge,
    target: &'a Target,
    common: [&'a str; 3],
}

impl Judge {
    fn new(config: &Config) -> Self {
        let registry = Registry::new();
        let (mut counters, mut gauges, mut duration) = (Vec::new(), Vec::new(), None);
        for family in families() {
            let labels: Vec<_> = ["target", "environment", "vantage"].iter().chain(family.labels).copied().collect();
            let name = family.name.trim_start_matches("oauth_probe_").to_owned();
            let opts = Opts::new(family.name, family.help);
            match family.kind.as_str() {
                "counter" => counters.push((name, CounterVec::new(opts, &labels).unwrap())),
                "gauge" => gauges.push((name, GaugeVec::new(opts, &labels).unwrap())),
                _ if name == "request_duration_seconds" => {
                    let mut buckets = config.latency_buckets.clone();
                    buckets.push(config.targets[0].latency_objective.as_secs_f64());
                    buckets.sort_by(f64::total_cmp);
                    let opts = HistogramOpts::from(opts).buckets(buckets);
                    duration = Some(HistogramVec::new(opts, &labels).unwrap());
                }
                _ => {}
            }
        }
        counters.iter().for_each(|(_, family)| registry.register(Box::new(family.clone())).unwrap());
        gauges.iter().for_each(|(_, family)| registry.register(Box::new(family.clone())).unwrap());
        let duration = duration.unwrap();
        registry.register(Box::new(duration.clone())).unwrap();
        Self { registry, counters, gauges, duration }
    }

    fn of<'a>(&'a self, target: &'a Target, config: &'a Config) -> Of<'a> {
        let common = [&*target.name, &*target.labels["environment"], config.vantage.as_deref().unwrap()];
        Of { judge: self, target, common }
    }
}

impl Of<'_> {
    fn add(&self, name: &str, labels: &[&str], amount: f64) {
        let (_, family) = self.judge.counters.iter().find(|(known, _)| known == name).unwrap();
        family.with_label_values(&[&self.common, labels].concat()).inc_by(amount);
    }

    fn set(&self, name: &str, labels: &[&str], value: f64) {
        let (_, family) = self.judge.gauges.iter().find(|(known, _)| known == name).unwrap();
        family.with_label_values(&[&self.common, labels].concat()).set(value);
    }

    fn duration(&self, request: Request) -> prometheus::Histogram {
        self.judge.duration.with_label_values(&[&self.common[..], &[request.as_str()]].concat())
    }

    fn constants(&self) {
        let target = self.target;
        self.set("target_info", &[&target.authorization_host(), &target.resource_host()], 1.0);
        self.set("interval_seconds", &[], target.interval.as_secs_f64());
        self.set("timeout_seconds", &[], target.timeout.as_secs_f64());
        self.set("token_max_age_seconds", &[], target.token.policy.max_age.unwrap().as_secs_f64());
        self.set("client_secret_expiry_timestamp_seconds", &[], millis(target.client_secret_expires.unwrap()));
        for request in ["token", "ping"] {
            self.set("latency_objective_seconds", &[request], target.latency_objective.as_secs_f64());
        }
    }

    fn zeros(&self) {
        for name in ["skipped_cycles_total", "token_unchanged_total", "token_rejected_early_total"] {
            self.add(name, &[], 0.0);
        }
        for result in ["success", "failure"] {
            self.add("cycles_total", &[result], 0.0);
        }
        for fault in Fault::ALL {
            self.add("cycle_failures_total", &[fault.as_str()], 0.0);
        }
        for trigger in Trigger::ALL {
            self.add("token_refreshes_total", &[trigger.as_str()], 0.0);
        }
        for request in Request::ALL {
            self.add("requests_total", &[request.as_str()], 0.0);
            self.add("sent_requests_total", &[request.as_str()], 0.0);
            self.add("slow_requests_total", &[request.as_str()], 0.0);
            self.add("connections_opened_total", &[request.as_str()], 0.0);
            for fault in request.faults() {
                self.add("request_failures_total", &[request.as_str(), fault.as_str()], 0.0);
            }
            self.duration(request);
        }
    }

    fn count(&self, report: &CycleReport) {
        match report.verdict {
            Ok(()) => self.add("cycles_total", &["success"], 1.0),
            Err(cause) => {
                self.add("cycles_total", &["failure"], 1.0);
                self.add("cycle_failures_total", &[cause.fault().as_str()], 1.0);
            }
        }
        report.attempts.iter().for_each(|attempt| self.count_attempt(attempt));
    }

    fn count_attempt(&self, attempt: &Attempt) {
        let request = attempt.request.as_str();
        self.add("requests_total", &[request], 1.0);
        self.add("connections_opened_total", &[request], attempt.trace.connections_opened.into());
        self.add("token_rejected_early_total", &[], f64::from(u8::from(attempt.rejected_early)));
        if attempt.trace.sent {
            let slow = attempt.trace.duration > self.target.latency_objective;
            self.add("sent_requests_total", &[request], 1.0);
            self.add("slow_requests_total", &[request], f64::from(u8::from(slow)));
            self.duration(attempt.request).observe(attempt.trace.duration.as_secs_f64());
        }
        match attempt.result {
            Ok(Achievement::TokenRefreshed(trigger)) => self.add("token_refreshes_total", &[trigger.as_str()], 1.0),
            Ok(Achievement::TokenUnchanged) => self.add("token_unchanged_total", &[], 1.0),
            Ok(Achievement::Ponged) => {}
            Err(failure) => {
                let fault = failure.reason.fault(attempt.request);
                self.add("request_failures_total", &[request, fault.as_str()], 1.0);
            }
        }
    }

    fn gauges(&self, reports: &[CycleReport], now: Stamp) {
        let Some(last) = reports.last() else {
            // `Metrics` was made at this time; nothing else is known.
            return self.set("last_cycle_timestamp_seconds", &[], crate::reports::EPOCH);
        };
        self.set("last_cycle_timestamp_seconds", &[], millis(last.ended.wall));
        self.set("success", &[], f64::from(u8::from(last.verdict.is_ok())));
        for fault in Fault::ALL {
            let blamed = last.verdict.is_err_and(|cause| cause.fault() == fault);
            self.set("cycle_fault", &[fault.as_str()], f64::from(u8::from(blamed)));
        }
        if let Err(cause) = last.verdict {
            self.info("cycle_failure_info", cause);
        }
        if let Some(success) = reports.iter().rfind(|report| report.verdict.is_ok()) {
            self.set("last_success_timestamp_seconds", &[], millis(success.ended.wall));
        }
        let attempts = || reports.iter().flat_map(|report| &report.attempts);
        if let Some(expiry) = attempts().filter_map(|attempt| attempt.trace.client_certificate_expiry).min() {
            self.set("client_certificate_expiry_timestamp_seconds", &[], millis(expiry));
        }
        for request in Request::ALL {
            self.request_gauges(request, reports);
        }
        self.token_gauges(&last.token, now);
    }

    fn request_gauges(&self, request: Request, reports: &[CycleReport]) {
        let attempts = || reports.iter().flat_map(|report| &report.attempts).filter(|made| made.request == request);
        if let Some(success) = attempts().rfind(|attempt| attempt.result.is_ok()) {
            let ended = success.trace.started.wall + success.trace.duration;
            self.set("request_last_success_timestamp_seconds", &[request.as_str()], millis(ended));
        }
        if let Some(chain) = attempts().rev().find_map(|attempt| attempt.trace.server_chain) {
            let name = "tls_certificate_expiry_timestamp_seconds";
            self.set(name, &[request.as_str(), "leaf"], millis(chain.leaf));
            self.set(name, &[request.as_str(), "earliest"], millis(chain.earliest));
        }
        let Some(last) = attempts().next_back() else { return };
        for (phase, duration) in last.trace.phases.happened() {
            self.set("phase_duration_seconds", &[request.as_str(), phase.as_str()], duration.as_secs_f64());
        }
        if let Some(skew) = last.trace.clock_skew {
            self.set("clock_skew_seconds", &[request.as_str()], skew);
        }
        self.set("http_status_code", &[request.as_str()], last.trace.status.unwrap_or(0).into());
        let pinged = reports.last().unwrap().attempts.iter().any(|attempt| attempt.request == Request::Ping);
        if request == Request::Ping && !pinged {
            return;
        }
        self.set("request_success", &[request.as_str()], f64::from(u8::from(last.result.is_ok())));
        if let Err(failure) = last.result {
            self.info("request_failure_info", Cause { request, reason: failure.reason });
        }
    }

    fn token_gauges(&self, token: &TokenView, now: Stamp) {
        if let Some(next) = token.next_request {
            self.set("next_token_request_timestamp_seconds", &[], millis(next.wall));
        }
        if let Some(missing) = token.expires_in_missing {
            self.set("token_expires_in_missing", &[], f64::from(u8::from(missing)));
        }
        if let Some(missing) = &token.scopes_missing {
            self.set("token_scopes_missing", &[], missing.len() as f64);
        }
        let Some(held) = token.held else { return self.set("token_held", &[], 0.0) };
        self.set("token_held", &[], f64::from(u8::from(now.moment < held.expiry.moment)));
        self.set("token_age_seconds", &[], held.issued.moment.seconds_until(now.moment));
        self.set("token_expires_in_seconds", &[], now.moment.seconds_until(held.expiry.moment));
        self.set("token_issued_timestamp_seconds", &[], millis(held.issued.wall));
        self.set("token_expiry_timestamp_seconds", &[], millis(held.expiry.wall));
        self.set("token_lifetime_seconds", &[], held.lifetime.as_secs_f64());
        self.set("token_refresh_margin_seconds", &[], held.margin.as_secs_f64());
    }

    fn checks(&self, outcomes: &[CheckOutcome]) {
        for outcome in outcomes {
            for result in CheckResult::ALL {
                let is_it = f64::from(u8::from(result == outcome.result));
                self.set("check_result", &[outcome.check.as_str(), result.as_str()], is_it);
            }
        }
    }

    fn info(&self, name: &str, cause: Cause) {
        self.set(name, &[cause.request.as_str(), cause.reason.as_str(), cause.fault().as_str()], 1.0);
    }
}

/// Timestamps are exact to the millisecond.
fn millis(wall: std::time::SystemTime) -> f64 {
    (unix_seconds(wall) * 1000.0).round() / 1000.0
}
