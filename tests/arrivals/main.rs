//! From a fault to the people whom it concerns: faults are caused, real exporters see them, a real Prometheus with the
//! shipped rules and a real Alertmanager with the shipped routing say so, and what arrives is held against
//! `alerts/faults.md`.
//!
//! Everything is played at once, faster than in production: durations shrink, expressions stay (`support/pace.rs`).
//! `cargo test --test arrivals -- --nocapture` shows what arrived and how long it took.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod cast;
mod certificates;
mod cycles;
mod dates;
#[path = "../exporter/mod.rs"]
mod exporter;
mod exporters;
mod front;
mod page;
#[path = "../dashboards/promql.rs"]
#[allow(dead_code, reason = "shared with the dashboard's tests, which read more of a query")]
mod promql;
#[path = "../raw_server/mod.rs"]
mod raw_server;
mod record;
mod rules;
mod servers;
mod stage;
mod stalls;
#[path = "../support/mod.rs"]
mod support;
mod table;
mod verdict;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use cast::{Cast, configuration};
use cycles::Separate;
use stage::Stage;
use table::{Row, What};

/// The incidents of the table, and the target or job that each is about.
const INCIDENTS: [(&str, &str); 26] = [
    ("The secret is refused while a token lives", servers::REFUSED),
    ("The secret is refused, and the token runs out", servers::REFUSED_LATE),
    ("The token cannot be refreshed", servers::NO_REFRESH),
    ("The token cannot be refreshed, and is about to run out", servers::NO_REFRESH_LATE),
    ("A token is revoked, and then one after the other", servers::REVOKED),
    ("An expected scope is not granted", servers::SCOPES),
    ("The API is slow", servers::SLOW),
    ("The API's clock is wrong", servers::CLOCK),
    ("The client secret expires within 30 days", exporters::SECRET_WITHIN_30_DAYS),
    ("The client secret expires within 3 days", exporters::SECRET_WITHIN_3_DAYS),
    ("One of two vantage points fails", exporters::VANTAGES),
    ("The exporter reaches none of its hosts", exporters::NETWORK),
    ("The exporter is killed", exporters::KILLED),
    ("The exporter is killed and restarted every half minute", exporters::RESTARTED_OFTEN),
    ("The exporter is killed and restarted every 3 min", exporters::RESTARTED_SELDOM),
    ("The exporter is stopped (SIGSTOP), and later continues", exporters::STOPPED),
    ("The exporter answers scrapes, but its engine hangs", exporters::HANGING),
    ("Service discovery loses the only exporter", exporters::ABSENT),
    ("Service discovery loses one exporter of several", exporters::LOST),
    ("The API accepts calls without a token", servers::NOT_ENFORCED),
    ("The API refuses the API key", servers::API_KEY),
    ("A server certificate expires within 14 days", certificates::SERVER_WITHIN_14_DAYS),
    ("A server certificate expires within 3 days", certificates::SERVER_WITHIN_3_DAYS),
    ("Our client certificate expires within 14 days", certificates::OURS_WITHIN_14_DAYS),
    ("Our client certificate expires within 3 days", certificates::OURS_WITHIN_3_DAYS),
    ("A reload of the configuration fails", exporters::RELOAD),
];

fn scope(row: &Row) -> String {
    match &row.what {
        What::Cycle { request, reason, .. } => cycles::name(*request, *reason),
        What::Incident(words) => {
            let incident = INCIDENTS.iter().find(|(known, _)| known == words);
            incident.unwrap_or_else(|| panic!("nobody plays {words:?}")).1.to_owned()
        }
    }
}

#[test]
fn table_has_every_request_with_every_reason_that_it_can_have_and_their_fault() {
    let rows: Vec<_> = table::rows().into_iter().map(|row| row.what).collect();
    for cycle in cycles::all() {
        let fault = cycle.reason.fault(cycle.request).as_str().to_owned();
        let row = What::Cycle { request: cycle.request, reason: cycle.reason, fault };
        assert!(rows.contains(&row), "{row:?}");
    }
    assert_eq!(rows.len(), cycles::all().len() + INCIDENTS.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_brings_its_alerts_and_no_others_and_all_are_resolved() {
    let rows = table::rows();
    let order: Vec<_> = rows.iter().map(scope).collect();
    let rows: BTreeMap<_, _> = order.iter().cloned().zip(rows).collect();
    assert_eq!(rows.len(), order.len(), "a scope for each row");

    let (stage, cast) = tokio::join!(Stage::set(rows), gather());
    let (stage, cast) = (Arc::new(stage), Arc::new(cast));
    play_everything(&stage, &cast).await;

    let (record, rules) = (stage.record(), rules::all(&stage).await);
    println!("{}", verdict::report(&stage, &record, &rules, &order));
    let mut mistakes = verdict::mistakes(&stage, &record);
    mistakes.extend(unfulfilled_cycles(&stage).await);
    mistakes.extend(rules::unseen_alerts(&record, &rules));
    mistakes.extend(rules::unmatched_selectors(&stage, &rules).await);
    assert!(mistakes.is_empty(), "{}", mistakes.join("\n"));
}

async fn gather() -> Cast {
    let cycles = cycles::all();
    let mut clients: Vec<_> = cycles.iter().map(cycles::CycleFault::client).collect();
    clients.extend(servers::clients());
    clients.extend(certificates::clients());
    clients.extend(exporters::clients());
    let own = cycles.iter().filter(|cycle| cycle.needs_a_server_of_its_own()).map(|cycle| cycle.name.as_str());
    Cast::gather(&clients, &own.chain([servers::NOT_ENFORCED, exporters::NETWORK]).collect::<Vec<_>>()).await
}

async fn play_everything(stage: &Arc<Stage>, cast: &Arc<Cast>) {
    tokio::join!(
        play_rows(stage, cast),
        cycles::play_descriptors(stage, cast),
        cycles::play_configuration(stage, cast),
        exporters::play_secrets(stage, cast),
        exporters::play_vantages(stage, cast),
        exporters::play_network(stage, cast),
        exporters::play_killed(stage, cast),
        exporters::play_restarted(stage, cast, exporters::RESTARTED_OFTEN, Duration::from_secs(30)),
        exporters::play_restarted(stage, cast, exporters::RESTARTED_SELDOM, Duration::from_secs(3 * 60)),
        exporters::play_stopped(stage, cast),
        exporters::play_hanging(stage, cast),
        exporters::play_absent(stage, cast),
        exporters::play_lost(stage, cast),
        exporters::play_reload(stage, cast),
        certificates::play(stage, cast),
    );
}

/// One exporter whose targets all have troubles of their own.
async fn play_rows(stage: &Arc<Stage>, cast: &Arc<Cast>) {
    let separate = Separate::prepare(cast).await;
    let targets = separate.targets.iter().cloned().chain(servers::targets(cast));
    stage.keep(stage.exporter("rows", &configuration(targets)).await);
    tokio::join!(separate.play(stage, cast), servers::play(stage, cast));
}

/// Cycles that never failed in the way that the table says.
async fn unfulfilled_cycles(stage: &Stage) -> Vec<String> {
    let mut unfulfilled = Vec::new();
    for (scope, row) in &stage.rows {
        let What::Cycle { request, reason, fault } = &row.what else { continue };
        let (request, reason) = (request.as_str(), reason.as_str());
        let labels = format!("target='{scope}',request='{request}',reason='{reason}',fault='{fault}'");
        let query = format!("count_over_time(oauth_probe_cycle_failure_info{{{labels}}}[10m])");
        if stage.prometheus.query(&query).await == serde_json::json!([]) {
            unfulfilled.push(format!("{}: no cycle failed so", row.what.in_words()));
        }
    }
    unfulfilled
}
