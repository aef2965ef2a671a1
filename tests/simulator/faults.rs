//! Each fault, as it arrives at a client.

use std::time::Duration;

use oauth_probe_exporter::simulator::{
    Answer, ClientSettings, Event, Fault, HeaderName, PING_PATH, Refusal, Server, Simulator, StatusCode, Whom,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::wire::{End, Reply, ask, basic, get, ping, simulator, simulator_with};

/// A token request under `faults` of the client.
async fn ask_under(simulator: &Simulator, faults: impl IntoIterator<Item = Fault>) -> Reply {
    simulator.control().set_faults(Server::Authorization, Whom::client("acme"), faults);
    ask(simulator, "acme", "s3cret").await
}

async fn ask_under_one(fault: Fault) -> Reply {
    ask_under(&simulator().await, [fault]).await
}

#[tokio::test]
async fn a_delay_passes_before_the_answer() {
    let (simulator, start) = (simulator().await, Instant::now());
    assert_eq!(ask_under(&simulator, [Fault::Delay(Duration::from_millis(300))]).await.status(), 200);
    assert!(start.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn a_delay_and_a_status_add_up() {
    let (simulator, start) = (simulator().await, Instant::now());
    let faults = [Fault::Delay(Duration::from_millis(200)), Fault::status(StatusCode::SERVICE_UNAVAILABLE)];
    assert_eq!(ask_under(&simulator, faults).await.status(), 503);
    assert!(start.elapsed() >= Duration::from_millis(200));
    let counts = simulator.control().counts("acme");
    assert_eq!((counts.token_requests, counts.tokens_issued), (1, 0));
}

#[tokio::test]
async fn a_hanging_server_keeps_the_connection_and_says_nothing() {
    let reply = ask_under_one(Fault::Hang).await;
    assert_eq!((reply.bytes.as_str(), reply.end), ("", End::StillOpen));
}

#[tokio::test]
async fn a_connection_is_closed_without_an_answer() {
    let reply = ask_under_one(Fault::Close).await;
    assert_eq!((reply.bytes.as_str(), reply.end), ("", End::Closed));
}

#[tokio::test]
async fn a_connection_is_reset_without_an_answer() {
    let reply = ask_under_one(Fault::Reset).await;
    assert_eq!((reply.bytes.as_str(), reply.end), ("", End::Reset));
}

#[tokio::test]
async fn garbage_is_not_http() {
    let reply = ask_under_one(Fault::Garbage).await;
    assert!(reply.bytes.starts_with("SSH-"), "{reply:?}");
    assert_eq!(reply.end, End::Closed);
}

#[tokio::test]
async fn a_body_is_cut_stalled_or_late_after_its_first_half() {
    let length = |reply: &Reply| reply.header("content-length").and_then(|length| length.parse::<usize>().ok());
    for (fault, end) in [(Fault::CutBody, End::Closed), (Fault::StallBody, End::StillOpen)] {
        let reply = ask_under_one(fault).await;
        assert_eq!((reply.status(), reply.end), (200, end));
        assert_eq!(Some(reply.body().len()), length(&reply).map(|length| length / 2));
    }
    let start = Instant::now();
    let late = ask_under_one(Fault::LateBody(Duration::from_millis(200))).await;
    assert!(start.elapsed() >= Duration::from_millis(200));
    assert_eq!((Some(late.body().len()), late.end), (length(&late), End::Closed));
    assert!(!late.access_token().is_empty());
}

#[tokio::test]
async fn statuses_come_with_their_headers_and_bodies() {
    let limited = ask_under_one(Fault::rate_limited("7")).await;
    assert_eq!((limited.status(), limited.header("retry-after")), (429, Some("7")));
    let moved = ask_under_one(Fault::redirect("https://elsewhere.example/")).await;
    assert_eq!((moved.status(), moved.header("location")), (302, Some("https://elsewhere.example/")));
    let refused = ask_under_one(Fault::oauth_error(StatusCode::BAD_REQUEST, "unauthorized_client")).await;
    assert_eq!((refused.status(), &refused.json()["error"]), (400, &json!("unauthorized_client")));
    for status in [StatusCode::FORBIDDEN, StatusCode::NOT_FOUND, StatusCode::BAD_GATEWAY] {
        assert_eq!(ask_under_one(Fault::status(status)).await.status(), status.as_u16());
    }
    let odd = Answer::text(StatusCode::OK, "text/plain", "teapot")
        .with_header(HeaderName::from_static("date"), "Thu, 01 Jan 1970 00:00:00 GMT");
    let odd = ask_under_one(Fault::Answer(odd)).await;
    assert_eq!((odd.body(), odd.header("date")), ("teapot", Some("Thu, 01 Jan 1970 00:00:00 GMT")));
}

#[tokio::test]
async fn login_page_is_html_with_status_200() {
    let page = ask_under_one(Fault::login_page()).await;
    assert_eq!((page.status(), page.header("content-type")), (200, Some("text/html;charset=UTF-8")));
    assert!(page.body().starts_with("<!doctype html>"));
}

#[tokio::test]
async fn a_body_can_be_longer_than_a_mebibyte() {
    let reply = ask_under_one(Fault::too_long()).await;
    assert!(reply.body().len() > 1024 * 1024);
    assert!(reply.json().is_string());
}

#[tokio::test]
async fn members_of_a_good_answer_are_overwritten_or_removed() {
    let body = |patch: Value| async move { ask_under_one(Fault::Patch(patch)).await.json() };
    assert_eq!(body(json!({"expires_in": -1})).await["expires_in"], -1);
    assert_eq!(body(json!({"token_type": "mac"})).await["token_type"], "mac");
    assert_eq!(body(json!({"access_token": null})).await.get("access_token"), None);
}

#[tokio::test]
async fn a_patched_ping_is_json_but_not_pong() {
    let simulator = simulator().await;
    let token = ask(&simulator, "acme", "s3cret").await.access_token();
    simulator.control().set_faults(Server::Api, Whom::Everyone, [Fault::Patch(json!({"status": 0}))]);
    assert_eq!(ping(&simulator, &token).await.json(), json!({"info": "pong", "status": 0}));
}

#[tokio::test]
async fn a_right_secret_is_refused_on_demand_and_after_a_change() {
    let simulator = simulator().await;
    assert_eq!(ask_under(&simulator, [Fault::RefuseSecret]).await.status(), 401);
    simulator.control().clear_faults();
    assert_eq!(ask(&simulator, "acme", "s3cret").await.status(), 200);
    simulator.control().change_secret("acme", "n3w");
    assert_eq!(ask(&simulator, "acme", "s3cret").await.status(), 401);
    assert_eq!(ask(&simulator, "acme", "n3w").await.status(), 200);
}

#[tokio::test]
async fn revoked_tokens_are_refused_and_new_ones_accepted() {
    let simulator = simulator().await;
    let old = ask(&simulator, "acme", "s3cret").await.access_token();
    simulator.control().revoke_tokens("acme");
    assert_eq!(ping(&simulator, &old).await.status(), 401);
    let new = ask(&simulator, "acme", "s3cret").await.access_token();
    assert_eq!(ping(&simulator, &new).await.status(), 200);
}

#[tokio::test]
async fn even_new_tokens_are_refused_on_demand() {
    let simulator = simulator().await;
    simulator.control().set_faults(Server::Api, Whom::client("acme"), [Fault::RefuseTokens]);
    let token = ask(&simulator, "acme", "s3cret").await.access_token();
    let answer = ping(&simulator, &token).await;
    assert_eq!((answer.status(), &answer.json()["error"]), (401, &json!("invalid_token")));
    let last = simulator.control().journal("acme").pop().map(|entry| entry.event);
    assert_eq!(last, Some(Event::PingRefused(Refusal::Simulated)));
}

#[tokio::test]
async fn api_key_opens_the_api_without_a_token_and_counts_for_nobody() {
    let key = ClientSettings { api_key: Some("k3y".to_owned()), ..ClientSettings::new("acme", "s3cret") };
    let simulator = simulator_with(key).await;
    assert_eq!(get(&simulator, PING_PATH, &basic("k3y", "")).await.status(), 200);
    for wrong in [basic("other", ""), basic("k3y", "password"), basic("acme", "s3cret")] {
        assert_eq!(get(&simulator, PING_PATH, &wrong).await.status(), 401, "{wrong}");
    }
    let strangers = simulator.control().counts_of_strangers();
    assert_eq!((strangers.pings_accepted, strangers.pings_refused), (1, 3));
    assert_eq!(simulator.control().counts("acme").ping_requests, 0);
    simulator.control().set_faults(Server::Api, Whom::client("acme"), [Fault::RefuseTokens]);
    assert_eq!(get(&simulator, PING_PATH, &basic("k3y", "")).await.status(), 200, "a key is no token");
    simulator.control().set_faults(Server::Api, Whom::client("acme"), [Fault::status(StatusCode::BAD_GATEWAY)]);
    assert_eq!(get(&simulator, PING_PATH, &basic("k3y", "")).await.status(), 502);
}

#[tokio::test]
async fn calls_without_a_token_or_with_any_are_accepted_on_demand() {
    let simulator = simulator().await;
    let statuses =
        async || [get(&simulator, PING_PATH, "").await.status(), ping(&simulator, "never-issued").await.status()];
    assert_eq!(statuses().await, [401, 401]);
    simulator.control().set_faults(Server::Api, Whom::Everyone, [Fault::AcceptNoToken]);
    assert_eq!(statuses().await, [200, 401]);
    simulator.control().set_faults(Server::Api, Whom::Everyone, [Fault::AcceptAnyToken]);
    assert_eq!(statuses().await, [401, 200]);
}

#[tokio::test]
async fn a_fault_of_one_client_or_server_is_no_concern_of_another() {
    let simulator = simulator().await;
    assert_eq!(ask_under(&simulator, [Fault::Close]).await.end, End::Closed);
    let token = ask(&simulator, "other", "0ther").await.access_token();
    assert_eq!(ping(&simulator, &token).await.status(), 200);
}

#[tokio::test]
async fn a_fault_of_everyone_reaches_strangers_too() {
    let simulator = simulator().await;
    let down = Fault::status(StatusCode::SERVICE_UNAVAILABLE);
    simulator.control().set_faults(Server::Authorization, Whom::Everyone, [down]);
    assert_eq!(ask(&simulator, "acme", "s3cret").await.status(), 503);
    assert_eq!(ask(&simulator, "nobody", "s3cret").await.status(), 503);
    simulator.control().clear_faults();
    assert_eq!(ask(&simulator, "acme", "s3cret").await.status(), 200);
}

#[tokio::test]
#[should_panic(expected = "no simulated client has the id \"acmee\"")]
async fn a_fault_for_a_client_that_does_not_exist_is_a_mistake() {
    simulator().await.control().set_faults(Server::Api, Whom::client("acmee"), [Fault::Hang]);
}
