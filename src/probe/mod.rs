//! The engine: one cycle, and the loops that start cycles. It records nothing and knows no HTTP.

mod asking;
mod checks;
mod cycle;
mod scheduler;
mod threads;

pub use checks::CheckRound;
pub use cycle::{Tools, run_cycle};
pub use scheduler::{Fleet, Job, Observer, Prober, TaskDied};
pub use threads::ProbeThreads;
