//! Panics, as lines of the log.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};
use std::thread;

use super::log_thread;

/// From now on a panic is a line of the log instead of lines of a form of its own. One of the thread that writes the log
/// goes where panics went before: nobody would write its line.
pub fn log_panics() {
    let before = panic::take_hook();
    panic::set_hook(Box::new(move |panic| if log_thread::is_this() { before(panic) } else { log(panic) }));
}

fn log(panic: &PanicHookInfo<'_>) {
    let thread = thread::current();
    // As `RUST_BACKTRACE` wants it.
    let backtrace = Backtrace::capture();
    tracing::error!(
        panic = panic.payload_as_str(),
        location = panic.location().map(ToString::to_string),
        thread = thread.name(),
        backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string()),
        "a thread panicked; this is a bug of the exporter"
    );
}
