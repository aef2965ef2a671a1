//! The real servers of the other tests do what those tests take for granted: shown with requests written by hand.

mod support;

use std::time::Duration;

use support::http::{self, Answer, basic_form, basic_raw, bearer};
use support::{Prometheus, RealServer};
use tokio::time::sleep;

const GRANT: &[(&str, &str)] = &[("grant_type", "client_credentials")];
const MINUTE: Duration = Duration::from_secs(60);

async fn ask_for_token(server: &RealServer, authorization: &str) -> Answer {
    http::post_form(&server.token_url(), &[("Authorization", authorization)], GRANT).await
}

async fn token(server: &RealServer, authorization: &str) -> String {
    let answer = ask_for_token(server, authorization).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.json()["token_type"], "Bearer");
    answer.json()["access_token"].as_str().expect("a token").to_owned()
}

async fn ping(server: &RealServer, token: &str) -> u16 {
    http::get(&server.ping_url(), &[("Authorization", &bearer(token))]).await.status
}

async fn tokens_open_the_ping_until_revoked(server: &RealServer, authorization: &str) {
    let token = token(server, authorization).await;
    let answer = http::get(&server.ping_url(), &[("Authorization", &bearer(&token))]).await;
    assert_eq!((answer.status, answer.json()), (200, serde_json::json!({ "info": "pong", "status": 1 })));
    assert_eq!(ping(server, "never-issued").await, 401);
    server.revoke().await;
    let answer = http::get(&server.ping_url(), &[("Authorization", &bearer(&token))]).await;
    assert_eq!((answer.status, &answer.json()["error"]), (401, &"invalid_token".into()));
    assert!(answer.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer error=\"invalid_token\"")));

    let stats = server.stats().await;
    assert_eq!((stats.token_requests, stats.tokens_issued), (1, 1));
    assert_eq!((stats.pings_accepted, stats.pings_refused, stats.expired_tokens_seen), (1, 2, 0));
}

async fn tokens_expire(server: &RealServer, authorization: &str) {
    let token = token(server, authorization).await;
    assert_eq!(ping(server, &token).await, 200);
    sleep(Duration::from_secs(2)).await;
    assert_eq!(ping(server, &token).await, 401);
    assert_eq!(server.stats().await.expired_tokens_seen, 1);
}

async fn a_changed_secret_counts_at_once(server: &RealServer) {
    server.change_secret("basic", "another").await;
    assert_eq!(ask_for_token(server, &basic_raw("basic", server.secret)).await.json()["error"], "invalid_client");
    assert_eq!(ask_for_token(server, &basic_raw("basic", "another")).await.status, 200);
}

async fn secrets_are_taken_from_the_body(server: &RealServer) {
    let form = [GRANT, &[("client_id", "post"), ("client_secret", server.secret)]].concat();
    let answer = http::post_form(&server.token_url(), &[], &form).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn tokens_of_oidc_provider_open_the_ping_until_revoked() {
    let server = RealServer::oidc_provider(MINUTE).await;
    tokens_open_the_ping_until_revoked(&server, &basic_form("basic", server.secret)).await;
}

#[tokio::test]
async fn tokens_of_authlib_open_the_ping_until_revoked() {
    let server = RealServer::authlib(MINUTE).await;
    tokens_open_the_ping_until_revoked(&server, &basic_raw("basic", server.secret)).await;
}

#[tokio::test]
async fn tokens_of_oidc_provider_expire() {
    let server = RealServer::oidc_provider(Duration::from_secs(2)).await;
    tokens_expire(&server, &basic_form("basic", server.secret)).await;
}

#[tokio::test]
async fn tokens_of_authlib_expire() {
    let server = RealServer::authlib(Duration::from_secs(2)).await;
    tokens_expire(&server, &basic_raw("basic", server.secret)).await;
}

#[tokio::test]
async fn oidc_provider_wants_basic_form_encoded() {
    let server = RealServer::oidc_provider(MINUTE).await;
    assert_eq!(ask_for_token(&server, &basic_form("acme:eu/1", server.secret)).await.status, 200);
    assert_eq!(ask_for_token(&server, &basic_raw("basic", server.secret)).await.status, 401);
    secrets_are_taken_from_the_body(&server).await;
    a_changed_secret_counts_at_once(&server).await;
}

#[tokio::test]
async fn authlib_wants_basic_raw() {
    let server = RealServer::authlib(MINUTE).await;
    assert_eq!(ask_for_token(&server, &basic_raw("basic", server.secret)).await.status, 200);
    assert_eq!(ask_for_token(&server, &basic_form("basic", server.secret)).await.status, 401);
    secrets_are_taken_from_the_body(&server).await;
    a_changed_secret_counts_at_once(&server).await;
}

#[tokio::test]
async fn prometheus_scrapes_and_answers_queries() {
    let prometheus = Prometheus::start("global: { scrape_interval: 1s }").await;
    assert_eq!(prometheus.query("vector(42)").await[0]["value"][1], "42");

    let own = prometheus.url.trim_start_matches("http://");
    let config = format!(
        "scrape_configs: [{{ job_name: other, scrape_interval: 200ms, scrape_timeout: 200ms, static_configs: [{{ targets: ['{own}'] }}] }}]"
    );
    let second = Prometheus::start(&config).await;
    let series = second.wait_for("up == 1", Duration::from_secs(20)).await;
    assert_eq!(series[0]["metric"]["job"], "other");
    assert_eq!(second.targets().await[0]["health"], "up");
}
