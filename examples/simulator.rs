//! The embedded authorization server and API by themselves, to probe or to load from outside:
//! `cargo run --release --example simulator -- 1000`. Its clients are `client-0`, `client-1`, … (as many as the argument
//! says, one without it), each with the secret `secret`.
#![expect(clippy::print_stdout, reason = "its output is how another program learns where it is")]

use oauth_probe_exporter::simulator::{ClientSettings, Settings, Simulator, StartError};

#[tokio::main]
async fn main() -> Result<(), StartError> {
    let count = std::env::args().nth(1).and_then(|count| count.parse().ok()).unwrap_or(1);
    let clients = (0..count).map(|number| ClientSettings::new(&format!("client-{number}"), "secret")).collect();
    let mut simulator = Simulator::start(Settings { clients, ..Settings::default() }).await?;
    println!("AUTHORIZATION_SERVER={}", simulator.authorization_server());
    println!("RESOURCE_SERVER={}", simulator.resource_server());
    simulator.ended().await;
    Ok(())
}
