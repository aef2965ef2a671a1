//! A child process that never outlives its value, nor a killed test.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use tempfile::NamedTempFile;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// A path in `.test-deps/`.
///
/// # Panics
///
/// When nothing is there.
pub(crate) fn test_dep(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(".test-deps").join(path);
    assert!(
        path.exists(),
        "{} is missing: run tests/run.sh --only-setup once, and then the tests again",
        path.display()
    );
    path
}

/// A path in `tests/servers/`.
pub(crate) fn server_file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers").join(path)
}

/// A running child. Dropping it kills it; if the test itself is killed, the child's stdin closes, which every program
/// started here takes as the order to stop.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    _stdin: ChildStdin,
    log: NamedTempFile,
}

impl Process {
    /// Starts `command`; what it writes on stderr is kept for [`log`](Self::log).
    pub(crate) fn spawn(mut command: Command) -> (Self, ChildStdout) {
        let log = NamedTempFile::new().expect("a temporary file");
        let stderr = log.reopen().expect("the temporary file again");
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdin = child.stdin.take().expect("stdin is piped");
        let stdout = child.stdout.take().expect("stdout is piped");
        (Self { child, _stdin: stdin, log }, stdout)
    }

    /// Of the child, until its end was noticed.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Whether the child has ended by itself.
    pub(crate) fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// What it has written on stderr so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap_or_else(|error| error.to_string())
    }
}
