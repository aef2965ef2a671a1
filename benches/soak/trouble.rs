//! Faults of the simulated servers that come and go by a seed, and configurations that differ.

use std::sync::Arc;
use std::time::Duration;

use oauth_probe_exporter::simulator::{Fault, Server, StatusCode, Whom};
use serde_json::json;
use tokio::time::sleep;

use crate::servers::{Servers, name};

/// Between two changes.
const PAUSE: Duration = Duration::from_millis(200);
/// One of so many targets is changed at a time.
const OF_TARGETS: usize = 100;
/// A whole server goes away after so many changes …
const UNTIL_DOWN: u32 = 50;
/// … for this long.
const DOWN: Duration = Duration::from_secs(2);

/// Everything that a simulated server can do wrong; a timeout is `timeout`.
fn faults(timeout: Duration) -> Vec<Fault> {
    vec![
        Fault::Delay(timeout / 3),
        Fault::Delay(timeout * 2),
        Fault::Hang,
        Fault::Close,
        Fault::Reset,
        Fault::Garbage,
        Fault::Patch(json!({ "access_token": null, "info": null })),
        Fault::Patch(json!({ "expires_in": 0, "status": 0 })),
        Fault::CutBody,
        Fault::StallBody,
        Fault::LateBody(timeout / 2),
        Fault::RefuseSecret,
        Fault::RefuseTokens,
        Fault::AcceptNoToken,
        Fault::AcceptAnyToken,
        Fault::status(StatusCode::SERVICE_UNAVAILABLE),
        Fault::oauth_error(StatusCode::BAD_REQUEST, "invalid_scope"),
        Fault::rate_limited("1"),
        Fault::redirect("/elsewhere"),
        Fault::login_page(),
        Fault::too_long(),
    ]
}

/// Lets faults come and go for as long as it is polled.
pub(super) async fn stir(servers: Arc<Servers>, targets: usize, timeout: Duration, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let faults = faults(timeout);
    for change in 1_u32.. {
        for _ in 0..targets.div_ceil(OF_TARGETS) {
            let target = random.usize(..targets);
            let Some(simulator) = servers.simulator(target) else { continue };
            let server = if random.bool() { Server::Authorization } else { Server::Api };
            // Most are well at any time.
            let now = if random.u8(..3) == 0 { vec![faults[random.usize(..faults.len())].clone()] } else { Vec::new() };
            simulator.control().set_faults(server, Whom::client(&name(target)), now);
            if random.u8(..8) == 0 {
                simulator.control().revoke_tokens(&name(target));
            }
        }
        sleep(PAUSE).await;
        if change.is_multiple_of(UNTIL_DOWN) {
            let control = servers.simulators[random.usize(..servers.simulators.len())].control();
            let server = if random.bool() { Server::Authorization } else { Server::Api };
            control.take_down(server).await;
            sleep(DOWN).await;
            control.bring_up(server).await;
        }
    }
}
