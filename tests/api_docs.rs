//! docs/api.md shows answers that the program gives. `UPDATE_DOCS=1 cargo test --test api_docs` writes them anew.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod reports;
mod targets;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use oauth_probe_exporter::model::check::Check;
use oauth_probe_exporter::model::fault::Reason;
use oauth_probe_exporter::model::fault::Request::{Ping, Token};
use oauth_probe_exporter::model::report::Achievement::{Ponged, TokenRefreshed};
use oauth_probe_exporter::model::report::{Attempt, CycleReport, Phases};
use oauth_probe_exporter::model::target::{BasicEncoding, ClientAuthentication, SecretSource, Target};
use oauth_probe_exporter::model::token::Trigger;
use oauth_probe_exporter::model::warning::WarningKind;
use oauth_probe_exporter::telemetry::Metrics;
use oauth_probe_exporter::telemetry::status::{Selection, Status};
use reports::{answered, at, cause, checked, config, cycle, failed, held, join};
use serde::Serialize;

fn target() -> Target {
    let mut target = targets::target("https://auth.example.com");
    target.name = "production".to_owned();
    target.labels = [("environment".to_owned(), "production".to_owned())].into();
    target.ping.endpoint = "https://api.example.com/api/v1/deliveryexperience/ping".parse().unwrap();
    let secret = SecretSource::File("/run/secrets/acme".into());
    target.token.authentication = ClientAuthentication::Basic { secret, encoding: BasicEncoding::Form };
    target.checks.checks = vec![Check::NoToken, Check::ApiKey];
    target.checks.api_key = Some(SecretSource::File("/run/secrets/api-key".into()));
    target
}

/// As over the internet.
fn measured(mut attempt: Attempt) -> Attempt {
    let share = |of_hundred| Some(attempt.trace.duration * of_hundred / 100);
    let phases =
        Phases { resolve: share(1), connect: share(10), tls: share(24), processing: share(62), transfer: share(1) };
    attempt.trace.phases = phases;
    attempt.trace.client_certificate_expiry = None;
    attempt
}

/// A good cycle, one whose refresh fails, and one whose ping does too.
fn cycles() -> [CycleReport; 3] {
    let token = measured(answered(Token, TokenRefreshed(Trigger::Initial), 11.0, 0.084));
    let ping = |started| measured(answered(Ping, Ponged, started, 0.112));
    let refused = measured(failed(Token, Reason::InvalidClient, Some(401), 311.2, 0.09));
    let down = measured(failed(Ping, Reason::ServerError, Some(503), 341.0, 0.05));
    [
        cycle(11.0, 11.2, Ok(()), vec![token, ping(11.1)], held(11.0, 3600.0)),
        cycle(311.0, 311.3, Ok(()), vec![ping(311.0), refused], held(11.0, 3600.0)),
        cycle(341.0, 341.1, Err(cause(Ping, Reason::ServerError)), vec![down], held(11.0, 3600.0)),
    ]
}

fn status() -> Status {
    let metrics = Metrics::new(&config(vec![target()]), at(0.0));
    let numbers = metrics.target("production").unwrap();
    for report in cycles() {
        numbers.record(&report);
    }
    numbers.record_check(&checked(Check::NoToken, Some(401)));
    numbers.record_check(&checked(Check::ApiKey, Some(503)));
    metrics.status(at(350.0))
}

fn pretty(data: impl Serialize) -> String {
    format!("```json\n{}\n```\n", serde_json::to_string_pretty(&data).unwrap())
}

/// In the order in which it is sent, unlike a value of `serde_json`.
#[derive(Serialize)]
struct Answer<T> {
    status: &'static str,
    data: T,
}

fn list() -> String {
    #[derive(Serialize)]
    struct List<F, T> {
        fleet: F,
        matching: usize,
        offset: usize,
        targets: Vec<T>,
    }
    let listing = status().list(&Selection::default());
    let targets = listing.targets().collect();
    let data = List { fleet: status().fleet(), matching: listing.matching, offset: 0, targets };
    pretty(Answer { status: "success", data })
}

/// What the list does not have.
fn further() -> String {
    let whole = pretty(status().details("production").unwrap());
    let (_, further) = whole.split_once("\n  \"checks\": [").unwrap();
    format!("```json\n{{\n  \"checks\": [{further}")
}

fn warnings() -> String {
    let mut table = String::from("\n| kind | meaning |\n| --- | --- |\n");
    for kind in WarningKind::ALL {
        writeln!(table, "| `{}` | {} |", kind.as_str(), kind.advice().meaning).unwrap();
    }
    table + "\n"
}

fn yaml() -> String {
    let text = join(status().configuration());
    format!("```yaml\n{text}```\n")
}

#[test]
fn documented_answers_are_those_of_the_program() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/api.md");
    let mut text = fs::read_to_string(&path).unwrap();
    for (name, wanted) in [("list", list()), ("warnings", warnings()), ("target", further()), ("config", yaml())] {
        let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
        let start = text.find(&begin).expect(name) + begin.len();
        let stop = text.find(&end).expect(name);
        if std::env::var_os("UPDATE_DOCS").is_some() {
            text.replace_range(start..stop, &wanted);
        } else {
            assert_eq!(&text[start..stop], wanted, "{name}: UPDATE_DOCS=1 cargo test --test api_docs");
        }
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, text).unwrap();
    }
}
