//! Which targets are listed, in which order, and how they are counted.

use std::borrow::Cow;

use oauth_probe_exporter::model::fault::Reason;
use oauth_probe_exporter::model::fault::Request::{Ping, Token};
use oauth_probe_exporter::model::target::Target;
use oauth_probe_exporter::telemetry::Metrics;
use oauth_probe_exporter::telemetry::status::{InvalidSelection, Selection, Standing, State};

use super::reports::{at, cause, config, cycle, held};
use super::{bad, good, named, quiet, target};

/// One of each rank, named so that the alphabet would order them otherwise.
fn fleet() -> Metrics {
    let labelled = |name: &str, value: &str| {
        let labels = [("environment".to_owned(), value.to_owned())].into();
        Target { labels, ..named(name) }
    };
    let warned = Target { client_secret_expires: Some(at(0.0).wall), ..labelled("b-warned", "test") };
    let targets = vec![
        labelled("a-works", "production"),
        warned,
        named("c-pending"),
        labelled("e-fails", "production"),
        named("d-fails"),
    ];
    let metrics = Metrics::new(&config(targets), at(0.0));
    for (name, report) in
        [("a-works", good(0.0)), ("b-warned", good(0.0)), ("d-fails", bad(0.0)), ("e-fails", bad(0.0))]
    {
        metrics.target(name).unwrap().record(&quiet(report));
    }
    metrics
}

fn listed(query: &str) -> (usize, Vec<String>) {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let selection = Selection::of_query(pairs.map(|(key, value)| (Cow::from(key), Cow::from(value)))).unwrap();
    let listing = fleet().status(at(1.0)).list(&selection);
    (listing.matching, listing.targets().map(|target| target.target).collect())
}

#[test]
fn those_that_need_a_person_come_first_and_equals_by_name() {
    let all = ["d-fails", "e-fails", "b-warned", "c-pending", "a-works"];
    assert_eq!(listed(""), (5, all.map(str::to_owned).to_vec()));
    assert_eq!(listed("offset=1&limit=2"), (5, vec!["e-fails".to_owned(), "b-warned".to_owned()]));
    assert_eq!(listed("offset=9"), (5, vec![]));
    let counts = serde_json::to_value(fleet().status(at(1.0)).fleet().counts).unwrap();
    let expected = serde_json::json!({
        "failing": 2, "pending": 1, "working": 2, "total": 5, "warned": 1, "unscheduled": 0
    });
    assert_eq!(counts, expected);
}

#[test]
fn selection_is_by_state_labels_and_text() {
    let names = |query| listed(query).1.join(" ");
    assert_eq!(names("state=failing"), "d-fails e-fails");
    assert_eq!(names("state=warned"), "b-warned");
    assert_eq!(names("state=working"), "b-warned a-works");
    assert_eq!(names("state=pending&q="), "c-pending");
    assert_eq!(names("reason=server_error"), "d-fails e-fails");
    assert_eq!(names("request=ping&fault=resource_server&label=environment=production"), "e-fails");
    assert_eq!(names("request=token"), "");
    assert_eq!(names("fault=network&state=failing"), "");
    assert_eq!(names("label=environment=production"), "e-fails a-works");
    assert_eq!(names("label=environment=production&label=environment=test"), "");
    assert_eq!(names("q=FAIL"), "d-fails e-fails");
    assert_eq!(names("q=production&state=working"), "a-works");
    assert_eq!(names("q=auth.example.com&limit=1"), "d-fails");
    assert_eq!(names("q=secret"), "", "no setting but those that are shown in the list");
}

#[test]
fn text_is_found_whatever_its_letters_case() {
    let metrics = Metrics::new(&config(vec![named("Öresund"), named("EU-West")]), at(0.0));
    for (text, found) in [("ö", 1), ("RES", 1), ("öR", 1), ("eu-w", 1), ("EU-W", 1), ("y", 0)] {
        let query = [(Cow::from("q"), Cow::from(text))].into_iter();
        let selection = Selection::of_query(query).unwrap();
        assert_eq!(metrics.status(at(0.0)).list(&selection).matching, found, "{text}");
    }
}

#[test]
fn parameter_that_means_nothing_is_refused() {
    let refused = |key: &'static str, value: &'static str| {
        Selection::of_query([(Cow::from(key), Cow::from(value))].into_iter()).unwrap_err()
    };
    assert_eq!(refused("state", "broken"), InvalidSelection::State("broken".to_owned()));
    assert_eq!(refused("label", "environment"), InvalidSelection::Label("environment".to_owned()));
    assert_eq!(refused("limit", "-1"), InvalidSelection::Number { key: "limit", value: "-1".to_owned() });
    let parameter = |name: &'static str| refused(name, "failing").to_string();
    assert_eq!(parameter("sate"), "unknown parameter \"sate\"; did you mean state?");
    assert!(parameter("verbose").ends_with("; there are state, request, reason, fault, label, q, limit, offset"));
    refused("sate", "");
    let said = refused("reason", "broken").to_string();
    assert!(Reason::ALL.iter().all(|reason| said.contains(reason.as_str())), "{said}");
    let said = refused("state", "broken").to_string();
    assert!(Standing::ALL.iter().all(|standing| said.contains(standing.as_str())), "{said}");
}

#[test]
fn numbers_list_and_causes_are_of_one_moment() {
    let metrics = Metrics::new(&config(vec![target()]), at(0.0));
    let numbers = metrics.target("tested").unwrap();
    let status = metrics.status(at(10.0));
    assert_eq!((status.fleet().counts.pending, status.fleet().counts.failing), (1, 0));
    numbers.record(&bad(5.0));
    let failing = Selection { standing: Some(Standing::In(State::Failing)), ..Selection::default() };
    assert_eq!((status.list(&failing).matching, status.causes()), (0, vec![]));
    assert_eq!(metrics.status(at(10.0)).list(&failing).matching, 1);
}

#[test]
fn causes_are_counted_the_most_frequent_first() {
    let metrics = Metrics::new(&config(["a", "b", "c", "d"].map(named).into()), at(0.0));
    let down = cycle(0.0, 0.1, Err(cause(Token, Reason::Dns)), Vec::new(), held(0.0, 600.0));
    for (name, report) in [("a", bad(0.0)), ("b", down.clone()), ("c", down), ("d", good(0.0))] {
        metrics.target(name).unwrap().record(&report);
    }
    let expected = [(cause(Token, Reason::Dns), 2), (cause(Ping, Reason::ServerError), 1)];
    assert_eq!(metrics.status(at(1.0)).causes(), expected);
}
