//! A stand-in for what the exporter does not export yet: a page of text that Prometheus scrapes as if it were one.
//!
//! Each of these scopes is to be played with a real exporter as soon as that has the metric.

use super::dates::{in_days, now};
use super::page::Page;
use super::stage::Stage;

const JOB: &str = "stand-in";

pub(crate) const NOT_ENFORCED: &str = "not-enforced";
pub(crate) const API_KEY: &str = "api-key";
pub(crate) const SERVER_WITHIN_14_DAYS: &str = "server-certificate-within-14-days";
pub(crate) const SERVER_WITHIN_3_DAYS: &str = "server-certificate-within-3-days";
pub(crate) const OURS_WITHIN_14_DAYS: &str = "our-certificate-within-14-days";
pub(crate) const OURS_WITHIN_3_DAYS: &str = "our-certificate-within-3-days";
/// Of the exporter, not of a target.
pub(crate) const RELOAD: &str = JOB;

const ALL: [&str; 7] = [
    NOT_ENFORCED,
    API_KEY,
    SERVER_WITHIN_14_DAYS,
    SERVER_WITHIN_3_DAYS,
    OURS_WITHIN_14_DAYS,
    OURS_WITHIN_3_DAYS,
    RELOAD,
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Well,
    Unwell,
}

pub(crate) async fn play(stage: &Stage) {
    let page = Page::text(text(State::Well)).await;
    stage.discover(JOB, &[&page.address]);
    stage.until(&format!("up{{job='{JOB}'}} == 1")).await;
    stage.play(&ALL, async { page.say(text(State::Unwell)) }, async { page.say(text(State::Well)) }).await;
    stage.keep(page);
}

fn text(state: State) -> String {
    let is = |what: State| u8::from(state == what);
    let days = |unwell| if state == State::Well { in_days(400) } else { in_days(unwell) };
    let (well, unwell) = (is(State::Well), is(State::Unwell));
    let mut lines = vec![
        format!("oauth_probe_config_last_reload_successful {well}"),
        format!("oauth_probe_build_info 1\noauth_probe_config_last_reload_success_timestamp_seconds {}", now()),
    ];
    for (target, check, good, bad) in
        [(NOT_ENFORCED, "no_token", "refused", "accepted"), (API_KEY, "api_key", "accepted", "refused")]
    {
        for (result, value) in [(good, well), (bad, unwell), ("inconclusive", 0)] {
            lines.push(format!(
                r#"oauth_probe_check_result{{target="{target}",check="{check}",result="{result}"}} {value}"#
            ));
        }
    }
    for (target, left) in [(SERVER_WITHIN_14_DAYS, 10), (SERVER_WITHIN_3_DAYS, 2)] {
        for certificate in ["leaf", "earliest"] {
            let labels = format!(r#"target="{target}",request="ping",certificate="{certificate}""#);
            lines.push(format!("oauth_probe_tls_certificate_expiry_timestamp_seconds{{{labels}}} {}", days(left)));
        }
    }
    for (target, left) in [(OURS_WITHIN_14_DAYS, 10), (OURS_WITHIN_3_DAYS, 2)] {
        let name = "oauth_probe_client_certificate_expiry_timestamp_seconds";
        lines.push(format!(r#"{name}{{target="{target}"}} {}"#, days(left)));
    }
    lines.join("\n") + "\n"
}
