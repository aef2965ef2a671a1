//! The page under another path than its own: by `--web.route-prefix`, and behind a proxy that strips a prefix.

use std::net::SocketAddr;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;

use super::browser::{Browser, key};
use super::stage::Stage;

/// Follows every kind of link there is from the page at this address.
async fn walk(browser: &Browser, home: &str) {
    browser.open(home).await;
    browser.until_text("targets work").await;
    let colour = browser.eval("return getComputedStyle(document.body).backgroundColor").await;
    assert_eq!(colour, "rgb(247, 247, 245)", "the stylesheet is there");
    browser.until("return !document.querySelector('#pause').hidden").await;
    browser.type_into("#q", "one").await;
    browser.press(key::ENTER).await;
    browser.until("return location.search !== ''").await;
    assert_eq!(browser.url().await, format!("{home}?q=one&label="));
    browser.click(".name a").await;
    assert_eq!(browser.url().await, format!("{home}targets/one"));
    browser.until("return !document.querySelector('#pause').hidden").await;
    browser.click(".labels a").await;
    assert_eq!(browser.url().await, format!("{home}?label=environment%3Dproduction"));
    browser.click(".name a").await;
    assert_eq!(browser.complaints().await, Vec::<String>::new());
    browser.click("footer a[href$='-/healthy']").await;
    browser.until_text("oauth-probe-exporter is healthy.").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_hold_under_a_route_prefix() {
    let stage = Stage::set(&["one", "two"], &["--web.route-prefix=/tools/oauth"]).await;
    let browser = Browser::start().await;
    walk(&browser, &stage.url("/tools/oauth/")).await;
    browser.open(&stage.url("/")).await;
    assert_eq!(browser.url().await, stage.url("/tools/oauth/"));
}

#[tokio::test(flavor = "multi_thread")]
async fn links_hold_behind_a_proxy_that_strips_a_prefix() {
    let stage = Stage::set(&["one", "two"], &[]).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = listener.local_addr().unwrap();
    let exporter: SocketAddr = stage.exporter.address.parse().unwrap();
    let router = Router::new().fallback(forward).with_state(exporter);
    let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    walk(&Browser::start().await, &format!("http://{proxy}/behind/it/")).await;
    serving.abort();
}

async fn forward(State(exporter): State<SocketAddr>, mut request: Request) -> Response {
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    let Some(path) = path.strip_prefix("/behind/it") else { return StatusCode::NOT_FOUND.into_response() };
    *request.uri_mut() = format!("http://{exporter}{path}").parse().unwrap();
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    client.request(request).await.unwrap().map(Body::new)
}
