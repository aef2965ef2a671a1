//! YAML as the programs that read it see it.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::{root, test_dep};

/// What else is wanted of the documents.
#[derive(Clone, Copy)]
pub(crate) enum Judge {
    /// Nothing.
    None,
    /// That Kubernetes would take them.
    Kubernetes,
}

/// The documents in `text`.
///
/// # Errors
/// What is wrong with them.
pub(crate) fn documents(text: &str, judge: Judge) -> Result<Vec<Value>, String> {
    let mut command = Command::new(test_dep("judges/bin/python"));
    command.arg(root("tests/deploy/judges/documents.py"));
    if matches!(judge, Judge::Kubernetes) {
        command.arg("kubernetes");
    }
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a Python");
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    if output.status.success() {
        Ok(serde_json::from_slice(&output.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// The only document in `text`.
pub(crate) fn document(text: &str) -> Value {
    let mut documents = documents(text, Judge::None).unwrap_or_else(|problem| panic!("{problem}"));
    assert_eq!(documents.len(), 1);
    documents.remove(0)
}
