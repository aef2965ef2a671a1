//! Real parts for integration tests and benchmarks: authorization servers that nobody here wrote, a real Prometheus and
//! Alertmanager, and the exporter that this one is compared with.
//!
//! Each is a process on loopback that lives as long as its value, and its programs come from `.test-deps/`, which
//! `tests/run.sh --only-setup` fills. A missing program is a panic that says so, never a skipped test.
//!
//! They run on real time: a test that pauses tokio's clock cannot use them.

#![allow(dead_code, unused_imports, reason = "each test binary uses its own part of this module")]

mod alertmanager;
mod blackbox;
pub(crate) mod http;
mod monitoring;
mod pace;
mod process;
mod prometheus;
mod real_server;
mod webhook;

pub(crate) use alertmanager::Alertmanager;
pub(crate) use blackbox::Blackbox;
pub(crate) use pace::Pace;
pub(crate) use process::{Process, test_dep};
pub(crate) use prometheus::Prometheus;
pub(crate) use real_server::{RealServer, Stats};
pub(crate) use webhook::{Alert, Notification, WebhookReceiver};
