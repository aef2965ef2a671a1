//! What is shown to Prometheus and in the log: every metric family, the numbers of every target, the exposition.

pub mod catalogue;
mod exposition;
mod family;
mod histogram;
mod history;
mod log_thread;
pub mod logging;
mod metrics;
mod native;
mod own;
mod panics;
mod protobuf;
mod readings;
mod samples;
pub mod settings;
pub mod status;
mod target;
mod text;
mod view;

pub use exposition::{Exposition, ProtobufExposition};
pub use family::{Family, Kind};
pub use metrics::{Metrics, Shown};
pub use target::TargetMetrics;
