//! Pictures of the status page: those in README, and others to look at while its design changes.
//!
//! `cargo test --test browser readme_pictures -- --ignored` makes README's anew; it takes Debian's `pngquant`, and
//! Debian's `fonts-roboto-unhinted` for the typeface that a phone would show.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use oauth_probe_exporter::model::fault::{Reason, Request};

use super::browser::{Browser, Device, Look};
use super::made_up::{Life, Shown, TWO_DAYS, many};

/// Of a picture in README.
const MOST_BYTES: usize = 200_000;

/// A fleet on a bad night.
fn fleet() -> Vec<Life> {
    let production = |region| [("environment", "production"), ("region", region)];
    vec![
        Life::new("checkout-eu", &production("eu")),
        Life::new("checkout-us", &production("us")).usually(0.21, 0.16),
        Life::new("checkout-staging", &[("environment", "staging"), ("region", "eu")])
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
            1500.0,
            1260.0,
            Request::Ping,
            Reason::ResponseTimeout,
            None,
        ),
        Life::new("payments", &production("us")).usually(0.18, 0.62),
        Life::new("labels", &production("eu")).usually(0.11, 0.07),
    ]
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "makes the pictures of README"]
async fn readme_pictures() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let (shown, browser) = (Shown::start(Some("eu-west"), &fleet()).await, Browser::start().await);
    for (name, path, look, device, height) in [
        ("fleet", "/", Look::Light, Device::Desk, 1700),
        ("failing", "/targets/parcel-tracking", Look::Light, Device::Desk, 1215),
        ("phone", "/", Look::Light, Device::Phone, 844),
        ("dark", "/targets/warehouse", Look::Dark, Device::Desk, 1260),
    ] {
        let picture = quantized(&picture(&browser, &shown.url(path), look, device, height).await);
        assert!(picture.len() <= MOST_BYTES, "{name}: {} bytes", picture.len());
        std::fs::write(docs.join(format!("status-{name}.png")), picture).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "makes pictures to look at"]
async fn pictures_to_look_at() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("pictures");
    std::fs::create_dir_all(&folder).unwrap();
    let (shown, crowd) = (Shown::start(Some("eu-west"), &fleet()).await, Shown::start(None, &many(10_000)).await);
    let odd = Shown::start(None, &odd()).await;
    let browser = Browser::start().await;
    for look in [Look::Light, Look::Dark] {
        for device in [Device::Desk, Device::Phone] {
            for (name, url) in [
                ("fleet", shown.url("/")),
                ("failing", shown.url("/targets/parcel-tracking")),
                ("warned", shown.url("/targets/warehouse")),
                ("healed", shown.url("/targets/returns")),
                ("unknown", shown.url("/targets/nobody")),
                ("empty", shown.url("/?q=nobody&label=a%3Db")),
                ("many", crowd.url("/")),
                ("many-last", crowd.url("/?page=200")),
                ("odd", odd.url("/")),
            ] {
                let picture = picture(&browser, &url, look, device, 3600).await;
                let name = format!("{name}-{look:?}-{device:?}.png").to_lowercase();
                std::fs::write(folder.join(name), picture).unwrap();
            }
        }
    }
    println!("{}", folder.display());
}

/// What strains a layout.
fn odd() -> Vec<Life> {
    let labels: Vec<_> = (0..20).map(|number| (format!("label_{number:02}"), format!("value-{number}"))).collect();
    let labels: Vec<_> = labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let broken = |life: Life| life.failing(90.0, 0.0, Request::Token, Reason::InvalidClient, Some(401));
    vec![
        Life::new(&"a-very-long-name-".repeat(8), &labels).seen_for(3000.0),
        Life::new(&"averylongnamewithoutanybreak".repeat(4), &labels)
            .failing(9e9, 0.0, Request::Token, Reason::InvalidClient, Some(401))
            .seen_for(20.0 * TWO_DAYS),
        Life::new("new", &[]).seen_for(0.0),
        Life::new("short", &[]).seen_for(60.0),
        broken(Life::new("never-worked", &[]).seen_for(90.0)),
    ]
}

/// Of the page from its top to this height at most.
async fn picture(browser: &Browser, url: &str, look: Look, device: Device, height: u32) -> Vec<u8> {
    browser.look(look, device).await;
    browser.open(url).await;
    let style = "document.body.style.fontFamily = 'Roboto, system-ui';
                 document.documentElement.style.scrollbarWidth = 'none'";
    browser.eval(style).await;
    browser.resize_to_content(device, height).await;
    browser.screenshot().await
}

/// With few colours, which a page has anyway.
fn quantized(picture: &[u8]) -> Vec<u8> {
    let mut command = Command::new("pngquant");
    command.args(["--speed=1", "--strip", "128", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("pngquant: {error}: install Debian's pngquant"));
    let mut stdin = child.stdin.take().unwrap();
    let picture = picture.to_vec();
    let feeding = std::thread::spawn(move || stdin.write_all(&picture).unwrap());
    let output = child.wait_with_output().unwrap();
    feeding.join().unwrap();
    assert!(output.status.success());
    output.stdout
}
