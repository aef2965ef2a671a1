//! Certificates that soon expire, of servers and our own: swapped where they are, as an exporter meets new ones.

use std::path::PathBuf;

use oauth_probe_exporter::simulator::Server;
use serde_json::{Value, json};

use super::cast::{Cast, Client, configuration};
use super::dates::in_days;
use super::front::{Front, Handling};
use super::raw_server::{Authority, Leaf, tls_config};
use super::stage::Stage;

pub(crate) const SERVER_WITHIN_14_DAYS: &str = "server-certificate-within-14-days";
pub(crate) const SERVER_WITHIN_3_DAYS: &str = "server-certificate-within-3-days";
pub(crate) const OURS_WITHIN_14_DAYS: &str = "our-certificate-within-14-days";
pub(crate) const OURS_WITHIN_3_DAYS: &str = "our-certificate-within-3-days";

/// Target, whose certificate, and the days that it has left while the fault lasts.
const FAULTS: [(&str, Whose, u64); 4] = [
    (SERVER_WITHIN_14_DAYS, Whose::Servers, 10),
    (SERVER_WITHIN_3_DAYS, Whose::Servers, 2),
    (OURS_WITHIN_14_DAYS, Whose::Ours, 10),
    (OURS_WITHIN_3_DAYS, Whose::Ours, 2),
];
/// What is left of a certificate that nobody need think of.
const PLENTY: u64 = 400;

#[derive(Clone, Copy)]
enum Whose {
    Servers,
    Ours,
}

pub(crate) fn clients() -> Vec<Client> {
    FAULTS.map(|(name, ..)| Client::new(name)).into()
}

pub(crate) async fn play(stage: &Stage, cast: &Cast) {
    let mut fronts = Vec::new();
    for (name, ..) in FAULTS {
        fronts.push(Front::start(cast.address(name, Server::Api), demanding(&cast.authority, PLENTY)).await);
    }
    let targets = FAULTS.iter().zip(&fronts).map(|((name, ..), front)| target(cast, name, front));
    let exporter = stage.exporter("certificates", &configuration(targets)).await;
    let issue = async |days_left: fn(u64) -> u64| {
        for ((name, whose, days), front) in FAULTS.into_iter().zip(&fronts) {
            match whose {
                Whose::Servers => front.set(demanding(&cast.authority, days_left(days))),
                Whose::Ours => {
                    write_ours(&cast.authority, name, days_left(days));
                }
            }
        }
    };
    stage.play(&FAULTS.map(|(name, ..)| name), issue(|days| days), issue(|_| PLENTY)).await;
    stage.keep(exporter);
    stage.keep(fronts);
}

/// Whose API is behind this front, and knows us by a certificate.
fn target(cast: &Cast, name: &str, front: &Front) -> Value {
    let (certificate, key) = write_ours(&cast.authority, name, PLENTY);
    let tls = json!({ "ca_file": cast.ca_file, "cert_file": certificate, "key_file": key });
    cast.target(name, json!({ "resource_server": format!("https://{}", front.address), "tls": tls }))
}

/// A server that has a certificate for so many days, and demands one of us.
fn demanding(authority: &Authority, days: u64) -> Handling {
    tls_config(&certificate(authority, "127.0.0.1", days), Some(authority)).into()
}

/// Certificate and key. An exporter that comes across half of it goes on with what it had, and looks again.
fn write_ours(authority: &Authority, name: &str, days: u64) -> (PathBuf, PathBuf) {
    authority.files(name, &certificate(authority, name, days))
}

fn certificate(authority: &Authority, name: &str, days: u64) -> Leaf {
    authority.issue(name, |params| params.not_after = in_days(days).into())
}
