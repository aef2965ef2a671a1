//! What is said of a panic. Alone in its process, since all threads of one share what is done then.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::io::Seek as _;
use std::panic::{catch_unwind, set_hook, take_hook};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;

use oauth_probe_exporter::telemetry::logging::{LogFormat, log_panics, subscriber};
use tracing::Level;
use tracing::subscriber::with_default;

static SAID_AS_BEFORE: AtomicUsize = AtomicUsize::new(0);

/// What a thread of this name logs when it panics.
fn logged_by(name: &str) -> String {
    let written = Arc::new(tempfile::tempfile().unwrap());
    let subscriber = subscriber(LogFormat::Json, Level::ERROR, Arc::clone(&written));
    let dies = || with_default(subscriber, || assert!(catch_unwind(|| panic!("it\nbroke {}", 3)).is_err()));
    thread::scope(|scope| thread::Builder::new().name(name.to_owned()).spawn_scoped(scope, dies).unwrap().join())
        .unwrap();
    (&*written).rewind().unwrap();
    std::io::read_to_string(&*written).unwrap()
}

#[test]
fn panic_is_one_line_in_the_form_of_the_log_unless_the_log_itself_panics() {
    set_hook(Box::new(|_panic| _ = SAID_AS_BEFORE.fetch_add(1, SeqCst)));
    log_panics();
    let [of_others, of_log] = ["probing-0", "log"].map(logged_by);
    // What fails from here on is to be seen.
    drop(take_hook());
    assert_eq!(of_others.lines().count(), 1, "{of_others}");
    let line: serde_json::Value = serde_json::from_str(&of_others).unwrap();
    assert_eq!(line["level"], "error");
    assert_eq!(line["msg"], "a thread panicked; this is a bug of the exporter");
    assert_eq!((&line["panic"], &line["thread"]), (&"it\nbroke 3".into(), &"probing-0".into()));
    assert!(line["location"].as_str().unwrap().starts_with("tests/panics.rs:"), "{line}");
    assert_eq!((of_log.as_str(), SAID_AS_BEFORE.load(SeqCst)), ("", 1));
}
