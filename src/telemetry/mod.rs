//! What is shown to Prometheus and in the log.

pub mod logging;
