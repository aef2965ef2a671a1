//! The bare system calls, in a small C program that is compiled at the start.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use url::Url;

use crate::stage::{RATE, Stage, Turn};

/// The compiled program.
pub(crate) struct BareCalls {
    program: PathBuf,
    _directory: TempDir,
}

impl BareCalls {
    pub(crate) fn compile() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("bare");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/bare.c");
        let compiled = Command::new("cc").args(["-O2", "-o"]).arg(&program).arg(source).status();
        assert!(compiled.expect("a C compiler, cc, is installed").success(), "bare.c does not compile");
        Self { program, _directory: directory }
    }

    pub(crate) async fn turn(&self, stage: &Stage) -> Turn {
        let server = stage.server(&stage.http).await;
        let port = server.urls()[0].parse::<Url>().unwrap().port().unwrap().to_string();
        let seconds = |duration: Duration| duration.as_secs().to_string();
        let output = tokio::process::Command::new(&self.program)
            .args([port, RATE.to_string(), seconds(stage.warm_up), seconds(stage.window)])
            .kill_on_drop(true)
            .output();
        let output = output.await.unwrap();
        assert!(output.status.success(), "{output:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        let (pings, microseconds) = said.trim().split_once(' ').unwrap();
        Turn {
            cpu: Duration::from_micros(microseconds.parse().unwrap()),
            pings: pings.parse().unwrap(),
            token_requests: server.token_requests(),
            pings_since_start: server.pings(),
            failed: 0,
        }
    }
}
