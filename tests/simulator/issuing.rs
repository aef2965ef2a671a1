//! What the servers do when nothing is wrong with them.

use std::time::Duration;

use oauth_probe_exporter::simulator::{
    BasicDecoding, ClientSettings, Counts, Event, ExpiresInStyle, Issuing, PING_PATH, Refusal, Settings, Simulator,
    UnauthorizedBody,
};
use serde_json::{Value, json};

use crate::wire::{ask, basic, get, ping, post_token, simulator, simulator_with};

#[tokio::test]
async fn a_token_is_issued_and_good_for_a_ping() {
    let simulator = simulator().await;
    let answer = ask(&simulator, "acme", "s3cret").await;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.json()["token_type"], "Bearer");
    assert_eq!(answer.json()["expires_in"], 3600);
    assert_eq!(answer.json()["scope"], "auth-service shiptime-service");
    let pong = ping(&simulator, &answer.access_token()).await;
    assert_eq!((pong.status(), pong.json()), (200, json!({"info": "pong", "status": 1})));
}

#[tokio::test]
async fn form_decoding_server_takes_form_encoded_credentials_only() {
    let client = ClientSettings::new("a:c me", "p+%41/=");
    let simulator = simulator_with(client).await;
    assert_eq!(ask(&simulator, "a%3Ac+me", "p%2B%2541%2F%3D").await.status(), 200);
    assert_eq!(ask(&simulator, "a%3Ac+me", "p+%41/=").await.status(), 401);
}

#[tokio::test]
async fn raw_server_takes_credentials_as_they_are_only() {
    let clients = vec![ClientSettings::new("acme", "p+%41/=")];
    let settings = Settings { clients, basic: BasicDecoding::Raw, ..Settings::default() };
    let simulator = Simulator::start(settings).await.expect("two ports");
    assert_eq!(ask(&simulator, "acme", "p+%41/=").await.status(), 200);
    assert_eq!(ask(&simulator, "acme", "p%2B%2541%2F%3D").await.status(), 401);
}

#[tokio::test]
async fn credentials_may_stand_in_the_form_but_not_in_both_places() {
    let simulator = simulator().await;
    let form = "grant_type=client_credentials&client_id=acme&client_secret=s3cret";
    assert_eq!(post_token(&simulator, "", form).await.status(), 200);
    let twice = post_token(&simulator, &basic("acme", "s3cret"), form).await;
    assert_eq!((twice.status(), &twice.json()["error"]), (400, &json!("invalid_request")));
}

#[tokio::test]
async fn wrong_secret_gets_the_error_page_of_spring_boot() {
    let simulator = simulator().await;
    let answer = ask(&simulator, "acme", "wrong").await;
    assert_eq!(answer.status(), 401);
    assert!(answer.header("www-authenticate").is_some_and(|value| value.starts_with("Basic ")));
    let mut body = answer.json();
    assert!(body["timestamp"].take().is_string());
    let error = "Unauthorized";
    let page = json!({"timestamp": null, "status": 401, "error": error, "message": error, "path": "/oauth/token"});
    assert_eq!(body, page);
    assert_eq!(simulator.control().counts("acme").bad_credentials, 1);
}

#[tokio::test]
async fn wrong_secret_can_get_the_error_of_rfc_6749() {
    let clients = vec![ClientSettings::new("acme", "s3cret")];
    let settings = Settings { clients, unauthorized: UnauthorizedBody::Rfc, ..Settings::default() };
    let simulator = Simulator::start(settings).await.expect("two ports");
    let answer = ask(&simulator, "acme", "wrong").await;
    assert_eq!((answer.status(), &answer.json()["error"]), (401, &json!("invalid_client")));
}

#[tokio::test]
async fn requests_that_break_the_grant_are_refused_by_code() {
    let simulator = simulator().await;
    for (form, code) in [
        ("scope=auth-service", "invalid_request"),
        ("grant_type=password", "unsupported_grant_type"),
        ("grant_type=client_credentials&scope=auth-service+admin", "invalid_scope"),
    ] {
        let answer = post_token(&simulator, &basic("acme", "s3cret"), form).await;
        assert_eq!((answer.status(), &answer.json()["error"]), (400, &json!(code)), "{form}");
    }
}

#[tokio::test]
async fn requested_scope_is_the_granted_one() {
    let simulator = simulator().await;
    let form = "grant_type=client_credentials&scope=auth-service";
    let answer = post_token(&simulator, &basic("acme", "s3cret"), form).await;
    assert_eq!(answer.json()["scope"], "auth-service");
}

#[tokio::test]
async fn expires_in_is_written_in_the_style_of_the_client() {
    for (style, written) in [
        (ExpiresInStyle::Seconds, Some("3600")),
        (ExpiresInStyle::Float, Some("3600.0")),
        (ExpiresInStyle::Text, Some("\"3600\"")),
        (ExpiresInStyle::Null, Some("null")),
        (ExpiresInStyle::Missing, None),
    ] {
        let client = ClientSettings { expires_in: style, ..ClientSettings::new("acme", "s3cret") };
        let simulator = simulator_with(client).await;
        let answer = ask(&simulator, "acme", "s3cret").await;
        assert_eq!(answer.json().get("expires_in").map(Value::to_string).as_deref(), written, "{style:?}");
    }
}

#[tokio::test]
async fn legacy_server_issues_the_same_token_with_expires_in_shrinking_to_zero_and_then_a_new_one() {
    let lifetime = Duration::from_millis(1_200);
    let client = ClientSettings { issuing: Issuing::Legacy, lifetime, ..ClientSettings::new("acme", "s3cret") };
    let simulator = simulator_with(client).await;
    let first = ask(&simulator, "acme", "s3cret").await;
    assert_eq!(first.json()["expires_in"], 1);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let again = ask(&simulator, "acme", "s3cret").await;
    assert_eq!((again.access_token(), &again.json()["expires_in"]), (first.access_token(), &json!(0)));
    tokio::time::sleep(Duration::from_millis(750)).await;
    assert_ne!(ask(&simulator, "acme", "s3cret").await.access_token(), first.access_token());
    let counts = simulator.control().counts("acme");
    assert_eq!((counts.tokens_issued, counts.tokens_reissued), (2, 1));
}

#[tokio::test]
async fn refused_token_is_repeated_in_body_and_header() {
    let simulator = simulator().await;
    let answer = ping(&simulator, "n0t-a-token=").await;
    assert_eq!(answer.status(), 401);
    let description = "Invalid access token: n0t-a-token=";
    assert_eq!(answer.json(), json!({"error": "invalid_token", "error_description": description}));
    let challenge = format!(r#"Bearer error="invalid_token", error_description="{description}""#);
    assert_eq!(answer.header("www-authenticate"), Some(challenge.as_str()));
}

#[tokio::test]
async fn ping_without_a_token_is_challenged_without_an_error_code() {
    let simulator = simulator().await;
    let answer = get(&simulator, PING_PATH, "").await;
    assert_eq!(answer.status(), 401);
    assert_eq!(answer.header("www-authenticate"), Some(r#"Bearer realm="oauth2/resource""#));
    assert_eq!(get(&simulator, "/elsewhere", "").await.status(), 404);
    let strangers = simulator.control().counts_of_strangers();
    assert_eq!((strangers.ping_requests, strangers.pings_refused), (1, 1));
}

#[tokio::test]
async fn expired_token_is_refused_and_counted_as_such() {
    let client = ClientSettings { lifetime: Duration::from_millis(50), ..ClientSettings::new("acme", "s3cret") };
    let simulator = simulator_with(client).await;
    let token = ask(&simulator, "acme", "s3cret").await.access_token();
    tokio::time::sleep(Duration::from_millis(80)).await;
    assert_eq!(ping(&simulator, &token).await.status(), 401);
    assert_eq!(simulator.control().counts("acme").expired_tokens_seen, 1);
}

#[tokio::test]
async fn journal_holds_what_was_seen_in_order() {
    let simulator = simulator().await;
    let token = ask(&simulator, "acme", "s3cret").await.access_token();
    ping(&simulator, &token).await;
    simulator.control().revoke_tokens("acme");
    ping(&simulator, &token).await;
    let entries = simulator.control().journal("acme");
    assert!(entries.is_sorted_by_key(|entry| entry.at));
    let events: Vec<_> = entries.into_iter().map(|entry| entry.event).collect();
    assert_eq!(
        events,
        [
            Event::TokenRequested,
            Event::TokenIssued,
            Event::PingRequested,
            Event::PingAccepted,
            Event::PingRequested,
            Event::PingRefused(Refusal::Revoked),
        ]
    );
    assert_eq!(simulator.control().counts("other"), Counts::default());
}
