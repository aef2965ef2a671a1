//! A target with the contract's defaults, both of whose servers are at one address.
#![allow(unreachable_pub, dead_code, reason = "shared by several test binaries, each of which uses a part")]

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use oauth_probe_exporter::model::check::CheckSettings;
use oauth_probe_exporter::model::secret::Secret;
use oauth_probe_exporter::model::target::{
    BasicEncoding, ClientAuthentication, ConnectionMode, Expectation, PingSettings, ScheduleMode, SecretSource, Target,
    TokenPolicy, TokenSettings, Transport,
};
use serde_json::json;

pub fn target(base: &str) -> Target {
    let interval = Duration::from_secs(30);
    Target {
        name: "tested".to_owned(),
        labels: [].into(),
        interval,
        schedule: ScheduleMode::On,
        timeout: Duration::from_secs(10),
        latency_objective: Duration::from_secs(1),
        client_secret_expires: None,
        token: TokenSettings {
            endpoint: format!("{base}/oauth/token").parse().unwrap(),
            client_id: "acme".to_owned(),
            authentication: ClientAuthentication::Basic {
                secret: SecretSource::Inline(Secret::new("secret".to_owned())),
                encoding: BasicEncoding::Form,
            },
            scopes: Vec::new(),
            params: [].into(),
            expected_scopes: Vec::new(),
            policy: TokenPolicy {
                interval,
                max_age: Some(Duration::from_secs(300)),
                refresh_margin: None,
                default_lifetime: Duration::from_secs(600),
            },
            transport: Transport::default(),
        },
        ping: PingSettings {
            endpoint: format!("{base}/api/v1/deliveryexperience/ping").parse().unwrap(),
            method: "GET".to_owned(),
            headers: [].into(),
            expect: Expectation {
                status: vec![200],
                json: Arc::new([("/status".to_owned(), json!(1)), ("/info".to_owned(), json!("pong"))].into()),
            },
            connection: ConnectionMode::Fresh,
            transport: Transport::default(),
        },
        checks: CheckSettings { checks: Vec::new(), every: NonZeroU32::new(10).unwrap(), api_key: None },
    }
}
