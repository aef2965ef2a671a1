//! Pictures of the status page, to look at; README's are made by
//! `cargo test --test browser pictures -- --ignored`.

use std::path::Path;

use oauth_probe_exporter::model::fault::{Reason, Request};

use super::browser::{Browser, Device, Look};
use super::made_up::{Life, Shown, TWO_DAYS, many};

fn fleet() -> Vec<Life> {
    let production = |region| [("environment", "production"), ("region", region)];
    vec![
        Life::new("acme-production-eu", &production("eu")),
        Life::new("acme-production-us", &production("us")).usually(0.21, 0.16),
        Life::new("acme-staging", &[("environment", "staging"), ("region", "eu")])
            .failing(TWO_DAYS, 0.0, Request::Ping, Reason::TokenRejected, Some(401))
            .seen_for(2.0 * TWO_DAYS),
        Life::new("parcel-tracking", &production("us")).usually(0.14, 0.35).failing(
            720.0,
            0.0,
            Request::Ping,
            Reason::ServerError,
            Some(503),
        ),
        Life::new("warehouse", &production("eu")).usually(0.4, 0.06).failing(
            1500.0,
            0.0,
            Request::Token,
            Reason::ConnectTimeout,
            None,
        ),
        Life::new("returns", &production("eu")).usually(0.09, 0.05).failing(
            3000.0,
            2700.0,
            Request::Ping,
            Reason::ResponseTimeout,
            None,
        ),
        Life::new("payments", &production("us")).usually(0.18, 1.3),
        Life::new("labels", &production("eu")).usually(0.11, 0.07),
    ]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "makes pictures for README"]
async fn pictures() {
    let folder = std::env::var("PICTURES").unwrap_or_else(|_| "target/pictures".to_owned());
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder).unwrap();
    let shown = Shown::start(Some("eu-west"), &fleet()).await;
    let browser = Browser::start().await;
    let pictures = [
        ("fleet", "/", Look::Light, Device::Desk),
        ("phone", "/", Look::Light, Device::Phone),
        ("dark", "/", Look::Dark, Device::Desk),
        ("failing", "/targets/parcel-tracking", Look::Light, Device::Desk),
        ("failing-phone", "/targets/parcel-tracking", Look::Light, Device::Phone),
        ("failing-dark", "/targets/warehouse", Look::Dark, Device::Desk),
        ("unknown", "/targets/nobody", Look::Light, Device::Desk),
        ("empty", "/?q=nobody&label=a%3Db", Look::Light, Device::Desk),
    ];
    for (name, path, look, device) in pictures {
        picture(&browser, folder, name, &shown.url(path), look, device).await;
    }
    let crowd = Shown::start(None, &many(1000)).await;
    picture(&browser, folder, "many", &crowd.url("/"), Look::Light, Device::Desk).await;
}

async fn picture(browser: &Browser, folder: &Path, name: &str, url: &str, look: Look, device: Device) {
    browser.look(look, device).await;
    browser.open(url).await;
    browser.resize_to_content(device, 3600).await;
    std::fs::write(folder.join(format!("status-{name}.png")), browser.screenshot().await).unwrap();
    println!("{name}: {:?}", browser.complaints().await);
}
