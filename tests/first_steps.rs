//! What somebody meets who has just installed the exporter: wrong files and names, `--config.check`, the first lines of
//! the log, completions and the manual page.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod exporter;
mod support;

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use oauth_probe_exporter::simulator::{ClientSettings, Settings, Simulator};
use rustix::fs::Mode;

use exporter::{Exporter, Output, run, run_with};
use support::test_dep;

const SECRET: &str = "canary-secret";
const SERVERS: &str =
    "authorization_server: 'http://127.0.0.1:9', resource_server: 'http://127.0.0.1:9', client_id: acme";

async fn simulator() -> Simulator {
    let clients = vec![ClientSettings::new("acme", SECRET)];
    Simulator::start(Settings { clients, ..Settings::default() }).await.unwrap()
}

async fn check_config(path: &Path) -> Output {
    run(&["--config.check", "--config.file", path.to_str().unwrap()]).await
}

#[tokio::test]
async fn wrong_name_of_the_configuration_is_answered_with_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let here = std::env::current_dir().unwrap();
    let table = [
        (
            directory.path().to_str().unwrap(),
            "cannot be read: is a directory, not a file; name the file in it".to_owned(),
        ),
        ("/no/such.yml", "cannot be read: No such file or directory; check --config.file".to_owned()),
        ("such.yml", format!("No such file or directory; looked for in {}", here.display())),
        ("~/no-such.yml", "no shell replaces `~` behind `=`; write `--config.file ~/…`".to_owned()),
    ];
    for (name, expected) in table {
        for command in ["serve", "check"] {
            let output = run(&[command, "--config.file", name]).await;
            assert_eq!(output.code, 2, "{name}");
            assert!(output.stderr.contains(&expected), "{expected} in\n{}", output.stderr);
        }
    }
}

#[test]
fn file_that_may_not_be_read_is_answered_with_who_may_not() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("probe.yml");
    std::fs::write(&path, "targets: []\n").unwrap();
    rustix::fs::chmod(&path, Mode::empty()).unwrap();
    // Root may read everything, and so the program takes another user's place if this one is root.
    let program = env!("CARGO_BIN_EXE_oauth-probe-exporter");
    let mut command = Command::new("setpriv");
    if rustix::process::geteuid().is_root() {
        rustix::fs::chmod(directory.path(), Mode::from_raw_mode(0o755)).unwrap();
        command.args(["--reuid=65532", "--regid=65532", "--clear-groups"]);
    }
    let output = command.args([program, "--config.file"]).arg(&path).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("permission denied; this process runs as user "), "{stderr}");
    assert!(stderr.contains("let that user read it"), "{stderr}");
}

#[tokio::test]
async fn file_with_the_line_ends_and_the_mark_of_windows_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("probe.yml");
    std::fs::write(&path, format!("\u{feff}targets:\r\n  - {{ name: x, {SERVERS}, client_secret: s }}\r\n")).unwrap();
    assert_eq!(check_config(&path).await.code, 0);
}

#[tokio::test]
async fn unknown_target_among_thousands_is_answered_in_a_line() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("probe.yml");
    std::fs::write(&path, fleet(10_000)).unwrap();
    let output = run(&["check", "nobody", "--config.file", path.to_str().unwrap()]).await;
    assert_eq!(output.code, 2);
    assert!(output.stderr.contains("no target named nobody; there are: t0, t1,"), "{}", output.stderr);
    assert!(output.stderr.contains(" and 9990 more") && output.stderr.len() < 300, "{}", output.stderr);
}

fn fleet(size: usize) -> String {
    let mut text = format!("defaults: {{ {SERVERS}, client_secret_file: none, checks: [no_token] }}\ntargets:\n");
    for index in 0..size {
        writeln!(text, "  - {{ name: t{index}, client_secret_file: none-{index} }}").unwrap();
    }
    text
}

#[tokio::test]
async fn config_check_of_one_target_says_all_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("probe.yml");
    std::fs::write(directory.path().join("secret"), "canary-secret").unwrap();
    let text = format!(
        "vantage: here\ntargets:\n  - {{ name: x, {SERVERS}, client_secret_file: secret, interval: 20s, \
         labels: {{ team: shipping }}, checks: [no_token, bad_token], checks_every: 4 }}\n"
    );
    std::fs::write(&path, text).unwrap();
    let file = ["--config.check", "--config.file", path.to_str().unwrap()];
    let places = ["--web.listen-address=:1", "--web.listen-address=127.0.0.1:2", "--web.telemetry-path=/m"];
    let output = run(&[&file[..], &places].concat()).await;
    assert_eq!(output.code, 0, "{output:?}");
    let secret_file = directory.path().join("secret");
    let expected = format!(
        "The configuration is valid. This would run:

vantage here
x
  token   POST http://127.0.0.1:9/oauth/token as client acme, by HTTP Basic, secret in {}
  ping    GET http://127.0.0.1:9/api/v1/deliveryexperience/ping, every 20s, each time on a new connection
  good    status 200 and JSON with the right /info, /status within 10s
  checks  no_token, bad_token, in one of 4 cycles
  labels  team=\"shipping\"

Requests a minute, more where tokens live shorter than token.max_age:
  127.0.0.1:9  3 pings, 1.5 checks, 0.2 token requests

Status page at http://localhost:1/ and http://127.0.0.1:2/, metrics at http://localhost:1/m and http://127.0.0.1:2/m
  no TLS; no passwords
",
        secret_file.display()
    );
    assert_eq!(output.stdout, expected);
}

#[tokio::test]
async fn config_check_says_where_page_metrics_and_probes_are() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("probe.yml");
    std::fs::write(&path, format!("targets: [{{ name: x, {SERVERS}, client_secret: s, schedule: off }}]\n")).unwrap();
    let arguments = ["--config.check", "--config.file", path.to_str().unwrap(), "--web.route-prefix=/p"];
    let output = run(&arguments).await;
    let expected = "Status page at http://localhost:10917/p/, metrics at http://localhost:10917/p/metrics
  no TLS; no passwords
  targets with schedule: off are probed by /p/probe?target=NAME; /p/sd?schedule=off lists them
";
    assert!(output.stdout.contains(expected), "{}", output.stdout);
    let output = run(&[&arguments[..], &["--web.telemetry-path=/"]].concat()).await;
    assert!(output.stdout.contains("\nMetrics at http://localhost:10917/p/\n"), "{}", output.stdout);
}

/// The example's secret is that of a file that is nowhere but in it.
#[tokio::test]
async fn config_check_says_what_the_readme_shows() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let (_, section) = readme.split_once("## Run it\n").unwrap();
    let block = |start: &str| section.split_once(start).unwrap().1.split_once("```").unwrap().0;
    let directory = tempfile::tempdir().unwrap();
    let (path, secret) = (directory.path().join("oauth-probe.yml"), directory.path().join("acme"));
    std::fs::write(&secret, "\"quoted\"\n").unwrap();
    let secret = secret.to_str().unwrap();
    std::fs::write(&path, block("```yaml\n").replace("/run/secrets/acme", secret)).unwrap();
    let output = check_config(&path).await;
    assert_eq!(output.stdout.replace(secret, "/run/secrets/acme"), block("writes:\n\n```\n"), "{}", output.stderr);
}

#[tokio::test]
async fn config_check_of_ten_thousand_targets_fits_on_two_screens() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("probe.yml");
    std::fs::write(&path, fleet(10_000)).unwrap();
    let output = check_config(&path).await;
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert!(output.stdout.lines().count() < 70, "{}", output.stdout);
    let rates = "  127.0.0.1:9  20000 pings, 2000 checks, 2000 token requests\n";
    for expected in ["t0: client acme, every 30s", "… and 9980 more, 10000 in all", rates, "and 9980 more\n"] {
        assert!(output.stdout.contains(expected), "{expected} in\n{}", output.stdout);
    }
}

#[tokio::test]
async fn config_check_asks_whether_what_is_allowed_is_meant() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("line"), "PARTNER_OA_SECRET=canary-secret\n").unwrap();
    let path = directory.path().join("probe.yml");
    let https = "authorization_server: 'https://a.example', resource_server: 'https://b.example', client_id: c";
    let http = https.replace("https://a", "http://a");
    let text = format!(
        "targets:
  - {{ name: plain, {http}, client_secret: s, allow_plaintext: true, client_secret_expires: 2020-01-01 }}
  - {{ name: skip, {https}, client_secret: '\"canary-secret\"', tls: {{ insecure_skip_verify: true }} }}
  - {{ name: line, {https}, client_secret_file: line, interval: 5m }}
  - {{ name: none, {https}, client_secret_file: none }}
  - {{ name: other, {https}, client_secret_file: none }}
  - {{ name: fine, {https}, client_secret: s }}
"
    );
    std::fs::write(&path, text).unwrap();
    let output = check_config(&path).await;
    assert_eq!(output.code, 0, "{}", output.stderr);
    let (_, cautions) = output.stdout.split_once("Is this meant?\n").unwrap();
    for expected in [
        "target plain: credentials go in plain text to a.example",
        "target plain: the secret expired at 2020-01-01T00:00:00Z",
        "target skip: credentials go to whoever answers, as insecure_skip_verify is set, in the place of a.example",
        "target skip: tokens go to whoever answers",
        "target skip: the secret has quotes around it, which are sent too",
        "target line: the secret begins with the name of a variable",
        "target line: probed every 5m",
        "targets none, other: the secret cannot be read now, and cycles fail until it can",
    ] {
        assert!(cautions.contains(expected), "{expected} in\n{cautions}");
    }
    assert!(!cautions.contains("fine") && !output.everything().contains(SECRET), "{}", output.stdout);
}

#[tokio::test]
async fn config_check_refuses_where_serve_would_not_listen() {
    let simulator = simulator().await;
    let variables = [
        ("AUTHORIZATION_SERVER", simulator.authorization_server().to_string()),
        ("RESOURCE_SERVER", simulator.resource_server().to_string()),
        ("PARTNER_OA_CLIENT_ID", "acme".to_owned()),
        ("PARTNER_OA_SECRET", SECRET.to_owned()),
    ];
    for wrong in ["--web.listen-address=10917", "--web.telemetry-path=metrics"] {
        assert_eq!(run_with(&["--config.check", wrong], &variables).await.code, 2, "{wrong}");
    }
}

#[tokio::test]
async fn check_says_what_is_odd_about_a_secret_that_is_refused() {
    let simulator = simulator().await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("secret");
    std::fs::write(&path, format!("{SECRET} \n")).unwrap();
    let variables = [
        ("AUTHORIZATION_SERVER", simulator.authorization_server().to_string()),
        ("RESOURCE_SERVER", simulator.resource_server().to_string()),
        ("PARTNER_OA_CLIENT_ID", "acme".to_owned()),
        ("PARTNER_OA_SECRET_FILE", path.to_str().unwrap().to_owned()),
    ];
    let output = run_with(&["check"], &variables).await;
    assert_eq!(output.code, 1);
    let expected = "Our secret begins or ends with a space or a tab, which is sent too.";
    assert!(output.stdout.contains("invalid_client") && output.stdout.contains(expected), "{}", output.stdout);
    std::fs::write(&path, format!("{SECRET}\r\n")).unwrap();
    assert_eq!(run_with(&["check"], &variables).await.code, 0, "a line end is no part of it");
}

#[tokio::test]
async fn first_lines_of_the_log_say_where_and_when_and_what_to_do_next() {
    let simulator = simulator().await;
    simulator.control().change_secret("acme", "another");
    let target = |name: &str, interval| {
        format!(
            "  - {{ name: {name}, authorization_server: '{}', resource_server: '{}', client_id: acme, \
             client_secret: {SECRET}, interval: {interval} }}\n",
            simulator.authorization_server(),
            simulator.resource_server()
        )
    };
    let text = format!("targets:\n{}{}", target("'so on'", "200ms"), target("late", "90s"));
    let exporter = Exporter::start_with(&text, &[], &[]).await;
    exporter.until("oauth_probe_success{target=\"so on\"} 0").await;
    simulator.control().change_secret("acme", SECRET);
    exporter.until_well("so on").await;
    simulator.control().change_secret("acme", "another");
    let address = exporter.address.clone();
    exporter.until("oauth_probe_request_success{target=\"so on\",request=\"token\"} 1").await;
    let log = exporter.terminate_and_read_log().await;
    for expected in [
        format!("address={address} status_page=http://{address}/ metrics=http://{address}/metrics"),
        "targets=2 first_cycles_within=\"1m 30s\"".to_owned(),
        "help=\"`oauth-probe-exporter check 'so on'` with the same configuration says what to do\"".to_owned(),
    ] {
        assert!(log.contains(&expected), "{expected} in\n{log}");
    }
    assert_eq!(log.matches("help=").count(), 1, "{log}");
}

async fn completions(shell: &str) -> String {
    let output = run(&["completions", shell]).await;
    assert_eq!(output.code, 0, "{output:?}");
    output.stdout
}

/// Runs a program of the test dependencies or of the system on `text` in a file, the last argument.
fn judged_by(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str], text: &str) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, text).unwrap();
    let home = directory.path();
    let output =
        Command::new(program).args(arguments).arg(&file).env("HOME", home).stdin(Stdio::null()).output().unwrap();
    Output {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[tokio::test]
async fn shells_can_read_their_completions() {
    for (shell, arguments) in
        [("bash", &["-n"][..]), ("zsh", &["-f", "-n"]), ("fish", &["--no-config", "--no-execute"])]
    {
        let program = if shell == "bash" { "/bin/bash".into() } else { test_dep(&format!("bin/{shell}")) };
        let script = completions(shell).await;
        assert!(script.contains("config.file"), "{shell}");
        let output = judged_by(&program, arguments, &script);
        assert_eq!((output.code, output.everything().as_str()), (0, ""), "{shell}");
        let output = judged_by(&program, arguments, &format!("{script}\nif true"));
        assert_ne!(output.code, 0, "{shell} reads what it is given");
    }
}

#[tokio::test]
async fn bash_completes_flags_commands_and_words() {
    const ASK: &str = r#"
complete_words() {
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
  _oauth__probe__exporter "$1" "${@: -1}" "${@: -2:1}"
  echo "${COMPREPLY[@]}"
}
complete_words oauth-probe-exporter --web.l
complete_words oauth-probe-exporter che
complete_words oauth-probe-exporter check --output ""
complete_words oauth-probe-exporter --log.level i
complete_words oauth-probe-exporter completions f
"#;
    let output = judged_by("/bin/bash", &[], &(completions("bash").await + ASK));
    assert_eq!(output.everything(), "--web.listen-address\ncheck\ntext json\ninfo\nfish\n");
}

#[tokio::test]
async fn manual_page_has_no_mistakes_and_every_section() {
    let output = run(&["man"]).await;
    assert_eq!(output.code, 0, "{output:?}");
    let page = output.stdout;
    let lint = judged_by(test_dep("bin/mandoc"), &["-T", "lint", "-W", "warning"], &page);
    // Without a date the same sources make the same page.
    let complaints: Vec<_> = lint.stdout.lines().filter(|line| !line.contains("missing date")).collect();
    assert!(complaints.is_empty(), "{complaints:?}");
    let sections: Vec<_> = page.lines().filter_map(|line| line.strip_prefix(".SH ")).collect();
    let expected = [
        "NAME",
        "SYNOPSIS",
        "DESCRIPTION",
        "OPTIONS",
        "COMMANDS",
        "EXAMPLES",
        "FILES",
        "ENVIRONMENT",
        "EXIT STATUS",
        "SIGNALS",
        "SEE ALSO",
    ];
    assert_eq!(sections, expected);
    let text = judged_by(test_dep("bin/mandoc"), &["-T", "ascii"], &page).stdout.replace('\u{8}', "");
    for hidden in ["completions <", "\n   man\n"] {
        assert!(!text.contains(hidden), "{hidden}");
    }
}

#[tokio::test]
async fn example_configuration_of_the_manual_page_is_valid() {
    let page = run(&["man"]).await.stdout;
    let (_, rest) = page.split_once(".EX\ntargets:\n").unwrap();
    let (example, _) = rest.split_once(".EE").unwrap();
    let text = format!("targets:\n{}", example.replace("\\-", "-"));
    oauth_probe_exporter::config::parse(&text, "man", &|_| None).unwrap();
}

/// The exit code 2 of `demo` stays; `healthcheck` may be given the flags of `serve`.
#[tokio::test]
async fn help_offers_a_configuration_file_where_one_is_read() {
    for (command, is_offered) in [("serve", true), ("check", true), ("demo", false), ("healthcheck", false)] {
        let help = run(&[command, "--help"]).await.stdout;
        assert_eq!(help.contains("--config.file"), is_offered, "{help}");
    }
    for arguments in [["demo", "--config.file=x"], ["--config.file=x", "demo"]] {
        let output = run(&arguments).await;
        assert!(output.code == 2 && output.stderr.contains("demo brings its own targets"), "{output:?}");
    }
    let output = run(&["healthcheck", "--config.file=x", "--web.listen-address=127.0.0.1:1"]).await;
    assert!(output.code == 1 && output.stderr.contains("not healthy"), "{output:?}");
}

#[tokio::test]
async fn help_does_not_list_what_is_needed_once() {
    let help = run(&["--help"]).await.stdout;
    let (_, commands) = help.split_once("Commands:").unwrap();
    let (commands, _) = commands.split_once("Options:").unwrap();
    assert!(!commands.contains("completions") && !commands.contains("man "), "{commands}");
    assert!(help.contains("`completions bash`"), "{help}");
}
