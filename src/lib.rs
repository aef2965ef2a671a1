//! `oauth-probe-exporter`: a Prometheus exporter that keeps an OAuth 2.0 client-credentials token, calls an
//! authenticated API with it on a schedule of its own, and says whether that works, how fast, and whose fault it is
//! when it does not.
//!
//! ARCHITECTURE.md has the map; [`model`] has the decisions, [`probe`] the one engine that carries them out.

pub mod cli;
pub mod client;
pub mod clock;
pub mod config;
mod files;
pub mod model;
pub mod probe;
pub mod server;
pub mod simulator;
pub mod telemetry;
mod tls;
