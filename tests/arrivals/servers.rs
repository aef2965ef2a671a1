//! Incidents at the servers, short of a cycle that fails at once: tokens, scopes, clocks, time, checks.

use std::sync::Arc;
use std::time::Duration;

use oauth_probe_exporter::simulator::{Answer, Fault, HeaderName, Server, StatusCode, Whom};
use serde_json::{Value, json};

use super::cast::{Cast, Client};
use super::stage::Stage;
use super::table::Expected;

pub(crate) const REFUSED: &str = "secret-refused";
pub(crate) const REFUSED_LATE: &str = "secret-refused-late";
pub(crate) const NO_REFRESH: &str = "no-refresh";
pub(crate) const NO_REFRESH_LATE: &str = "no-refresh-late";
pub(crate) const REVOKED: &str = "revoked";
pub(crate) const SCOPES: &str = "scopes";
pub(crate) const SLOW: &str = "slow";
pub(crate) const CLOCK: &str = "clock";
pub(crate) const NOT_ENFORCED: &str = "not-enforced";
pub(crate) const API_KEY: &str = "api-key";

/// The file of the key, and what is in it while all is well.
const KEY: &str = "key";

pub(crate) fn clients() -> Vec<Client> {
    let late = [REFUSED_LATE, NO_REFRESH_LATE].map(Client::legacy);
    let simple = [REFUSED, NO_REFRESH, REVOKED, SCOPES, SLOW, CLOCK, NOT_ENFORCED].map(Client::new);
    let keyed = Client { api_key: Some(KEY.to_owned()), ..Client::new(API_KEY) };
    simple.into_iter().chain(late).chain([keyed]).collect()
}

pub(crate) fn targets(cast: &Cast) -> Vec<Value> {
    let often = || json!({ "token": { "max_age": "1s" } });
    // Its objective is far above what a busy machine makes of a request.
    let slow = json!({ "interval": "2s", "timeout": "1900ms", "latency_objective": "1s" });
    let scopes = json!({ "token": { "max_age": "1s", "expected_scopes": ["auth-service", "shiptime-service"] } });
    let control = json!({ "checks": ["api_key"], "checks_every": 1, "api_key_file": cast.secret_file(KEY) });
    vec![
        cast.target(REFUSED, often()),
        cast.target(REFUSED_LATE, often()),
        cast.target(NO_REFRESH, often()),
        cast.target(NO_REFRESH_LATE, often()),
        cast.target(REVOKED, json!({})),
        cast.target(SCOPES, scopes),
        cast.target(SLOW, slow),
        cast.target(CLOCK, json!({})),
        cast.target(NOT_ENFORCED, json!({ "checks": ["no_token"], "checks_every": 1 })),
        cast.target(API_KEY, control),
    ]
}

/// Plays them all, once the targets are probed.
pub(crate) async fn play(stage: &Stage, cast: &Arc<Cast>) {
    let simple = async |name, server, fault| {
        let begin = async { cast.set_faults(name, server, [fault]) };
        stage.play(&[name], begin, async { cast.heal(name) }).await;
    };
    let unavailable = || Fault::status(StatusCode::SERVICE_UNAVAILABLE);
    let late_clock = Answer::json(StatusCode::OK, json!({ "info": "pong", "status": 1 }))
        .with_header(HeaderName::from_static("date"), "Sat, 01 Jan 2022 00:00:00 GMT");
    tokio::join!(
        simple(REFUSED, Server::Authorization, Fault::RefuseSecret),
        simple(NO_REFRESH, Server::Authorization, unavailable()),
        simple(SCOPES, Server::Authorization, Fault::Patch(json!({ "scope": "auth-service" }))),
        simple(SLOW, Server::Api, Fault::Delay(Duration::from_millis(1200))),
        simple(CLOCK, Server::Api, Fault::Answer(late_clock)),
        // It lives on for the whole of the fault, or for half of it.
        play_late(stage, cast, NO_REFRESH_LATE, Late { seconds_left: 120, fault: unavailable() }),
        play_late(stage, cast, REFUSED_LATE, Late { seconds_left: 25, fault: Fault::RefuseSecret }),
        play_revoked(stage, cast),
        play_not_enforced(stage, cast),
        play_api_key(stage, cast),
    );
}

/// A fault of the token request that meets a token with little left of it.
struct Late {
    seconds_left: u32,
    fault: Fault,
}

async fn play_late(stage: &Stage, cast: &Cast, name: &str, late: Late) {
    let Late { seconds_left, fault } = late;
    let begin = async {
        cast.set_faults(name, Server::Authorization, [Fault::Patch(json!({ "expires_in": seconds_left }))]);
        stage.until(&format!("oauth_probe_token_expires_in_seconds{{target='{name}'}} < {seconds_left}")).await;
        cast.set_faults(name, Server::Authorization, [fault]);
    };
    stage.play(&[name], begin, async { cast.heal(name) }).await;
}

async fn play_revoked(stage: &Stage, cast: &Cast) {
    let revoke = async |so_often: u32| {
        cast.simulator(REVOKED).control().revoke_tokens(REVOKED);
        stage.until(&format!("oauth_probe_token_rejected_early_total{{target='{REVOKED}'}} == {so_often}")).await;
    };
    let begin = async {
        revoke(1).await;
        let ticket = Expected { receiver: "/tickets", alert: "OAuthProbeTokenRejectedEarly".to_owned() };
        stage.until_arrived(REVOKED, &ticket).await;
        revoke(2).await;
        revoke(3).await;
    };
    stage.play(&[REVOKED], begin, async {}).await;
}

/// A call without a token belongs to no client: everyone is let in.
async fn play_not_enforced(stage: &Stage, cast: &Cast) {
    let control = cast.simulator(NOT_ENFORCED).control();
    let open = async { control.set_faults(Server::Api, Whom::Everyone, [Fault::AcceptNoToken]) };
    stage.play(&[NOT_ENFORCED], open, async { control.clear_faults() }).await;
}

async fn play_api_key(stage: &Stage, cast: &Cast) {
    let write = async |key| cast.write_secret(KEY, key);
    stage.play(&[API_KEY], write("deactivated"), write(KEY)).await;
}
