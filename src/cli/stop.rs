//! Why a command stops early, and with which exit code.

use std::fmt::Display;
use std::io::Write as _;
use std::process::ExitCode;

use crate::model::seen::seen;

/// A command cannot go on.
#[derive(Debug)]
pub(super) enum Stop {
    /// Wrong arguments or configuration: exit code 2.
    Usage(String),
    /// It could not run: exit code 1.
    Failed(String),
}

impl Stop {
    pub(super) fn usage(problem: impl Display) -> Self {
        Self::Usage(problem.to_string())
    }

    pub(super) fn failed(problem: impl Display) -> Self {
        Self::Failed(problem.to_string())
    }

    /// Says so on standard error.
    pub(super) fn report(&self) -> ExitCode {
        let (code, problem) = match self {
            Self::Usage(problem) => (2, problem),
            Self::Failed(problem) => (1, problem),
        };
        // A list of mistakes begins on a line of its own, so that each of its lines is FILE:LINE: … for an editor.
        let separator = if problem.contains('\n') { '\n' } else { ' ' };
        let lines: Vec<_> = problem.split('\n').map(seen).collect();
        // Where nobody can be told, the exit code says it.
        let _ = writeln!(std::io::stderr(), "{}:{separator}{}", env!("CARGO_PKG_NAME"), lines.join("\n"));
        ExitCode::from(code)
    }
}
