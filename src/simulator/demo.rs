//! The demo's cast and script: who is there, what goes wrong for whom, and when.

use std::time::Duration;

use axum::http::StatusCode;

use super::fault::{Fault, Server, Whom};
use super::script::{Act, Script};
use super::settings::{ClientSettings, Issuing, Settings};

/// Two minutes after the start the script is in the middle of its second period, where every fault is active.
const PERIOD: Duration = Duration::from_secs(80);
/// Under a refresh margin of half of it, such a token has run out well before the faults begin to end.
const SHORT_LIFETIME: Duration = Duration::from_secs(8);

/// A client of the demo: enough to make a target of it, and to tell a person what to expect.
#[derive(Clone, Debug)]
pub struct DemoClient {
    /// For the target.
    pub name: &'static str,
    /// Its `client_id`.
    pub client_id: &'static str,
    /// Its secret.
    pub secret: &'static str,
    /// The part of each period in which something is wrong, if anything ever is.
    pub trouble: Option<(Duration, Duration)>,
    /// What is wrong then, and what is to be seen of it.
    pub story: &'static str,
    /// Names of the checks that are shown with it.
    pub checks: &'static [&'static str],
}

impl DemoClient {
    /// How often to probe these clients: a period must show many cycles.
    pub const INTERVAL: Duration = Duration::from_secs(2);
    /// At most this long for a request; under the interval, and over every delay of the script.
    pub const TIMEOUT: Duration = Duration::from_millis(1_900);

    /// All of them, in the order in which trouble begins.
    #[must_use]
    pub fn all() -> Vec<Self> {
        cast().into_iter().map(|role| role.client).collect()
    }
}

impl Settings {
    /// Servers that know the clients of the demo.
    #[must_use]
    pub fn demo() -> Self {
        Self { clients: cast().into_iter().map(Role::into_settings).collect(), ..Self::default() }
    }
}

impl Script {
    /// The script for the clients of the demo: quiet at first, then ever more faults, all of them at once from 30 s
    /// to 60 s, then fewer and fewer, and quiet again.
    #[must_use]
    pub fn demo() -> Self {
        Self::new(PERIOD, cast().into_iter().flat_map(Role::into_acts).collect())
    }
}

/// A client, how it is served, and what happens to it.
struct Role {
    client: DemoClient,
    issuing: Issuing,
    lifetime: Duration,
    server: Server,
    faults: Vec<Fault>,
}

impl Role {
    fn healthy(name: &'static str, story: &'static str) -> Self {
        let client =
            DemoClient { name, client_id: name, secret: "demo+secret/with=signs", trouble: None, story, checks: &[] };
        Self {
            client,
            issuing: Issuing::Fresh,
            lifetime: Duration::from_secs(300),
            server: Server::Api,
            faults: Vec::new(),
        }
    }

    fn checked(mut self, checks: &'static [&'static str]) -> Self {
        self.client.checks = checks;
        self
    }

    fn troubled(mut self, from: u64, to: u64, server: Server, faults: Vec<Fault>) -> Self {
        self.client.trouble = Some((Duration::from_secs(from), Duration::from_secs(to)));
        Self { server, faults, ..self }
    }

    fn served(self, issuing: Issuing, lifetime: Duration) -> Self {
        Self { issuing, lifetime, ..self }
    }

    fn into_settings(self) -> ClientSettings {
        let Self { client, issuing, lifetime, .. } = self;
        ClientSettings { issuing, lifetime, ..ClientSettings::new(client.client_id, client.secret) }
    }

    fn into_acts(self) -> Vec<Act> {
        let Self { client, server, faults, .. } = self;
        let Some((from, to)) = client.trouble else { return Vec::new() };
        let act = |fault| Act { from, to, server, whom: Whom::client(client.client_id), fault };
        faults.into_iter().map(act).collect()
    }
}

/// Where tokens are not to be had, an exporter backs off, the longer the more often it failed. So these faults begin
/// last and end first: recovery then shows within the period more often than not.
fn cast() -> Vec<Role> {
    let unavailable = || Fault::status(StatusCode::SERVICE_UNAVAILABLE);
    let delay = |millis| Fault::Delay(Duration::from_millis(millis));
    vec![
        Role::healthy("healthy", "nothing ever goes wrong; calls without a token and with a wrong one are refused")
            .checked(&["no_token", "bad_token"]),
        Role::healthy("legacy", "its server issues the same token again, expires_in shrinking to 0; it never fails")
            .served(Issuing::Legacy, Duration::from_secs(60)),
        Role::healthy(
            "refused-early",
            "the API refuses its tokens long before they expire, new ones too: token_rejected",
        )
        .troubled(15, 64, Server::Api, vec![Fault::RefuseTokens]),
        Role::healthy("slow-api", "the API takes 1.2 s, which is over the objective of 1 s, and still succeeds")
            .troubled(18, 68, Server::Api, vec![delay(1_200)]),
        Role::healthy("api-down", "the API answers 503 while tokens are still issued: server_error of the API")
            .troubled(20, 72, Server::Api, vec![unavailable()]),
        Role::healthy(
            "wrong-secret",
            "its secret is refused; once its short-lived token has run out it fails: invalid_client",
        )
        .served(Issuing::Fresh, SHORT_LIFETIME)
        .troubled(22, 62, Server::Authorization, vec![Fault::RefuseSecret]),
        Role::healthy(
            "token-endpoint",
            "the token endpoint is slow and answers 503: at first only the refresh fails, then, once its short-lived \
             token has run out, every cycle: server_error of the authorization server",
        )
        .served(Issuing::Fresh, SHORT_LIFETIME)
        .troubled(24, 63, Server::Authorization, vec![delay(700), unavailable()]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn troubled_at(elapsed: u64) -> Vec<String> {
        let script = Script::demo();
        let mut names: Vec<_> = script
            .active_at(Duration::from_secs(elapsed))
            .into_iter()
            .map(|act| match &act.whom {
                Whom::Client(id) => id.clone(),
                Whom::Everyone => "everyone".to_owned(),
            })
            .collect();
        names.dedup();
        names
    }

    #[test]
    fn every_fault_is_active_two_minutes_after_the_start() {
        let all = ["refused-early", "slow-api", "api-down", "wrong-secret", "token-endpoint"];
        for elapsed in (30..=60).chain(110..=140) {
            assert_eq!(troubled_at(elapsed), all, "after {elapsed} s");
        }
    }

    #[test]
    fn all_is_well_at_both_ends_of_a_period() {
        for elapsed in (0..15).chain(72..95).chain(152..160) {
            assert_eq!(troubled_at(elapsed), Vec::<String>::new(), "after {elapsed} s");
        }
    }

    #[test]
    fn tokens_that_must_run_out_do_so_before_the_faults_overlap() {
        for role in cast().into_iter().filter(|role| role.server == Server::Authorization) {
            let (from, _) = role.client.trouble.expect("trouble at the authorization server");
            assert!(from + role.lifetime < Duration::from_secs(35), "{}", role.client.name);
        }
    }

    #[test]
    fn script_and_settings_know_the_same_clients() {
        let known: Vec<_> = Settings::demo().clients.into_iter().map(|client| client.id).collect();
        let listed: Vec<_> = DemoClient::all().into_iter().map(|client| client.client_id.to_owned()).collect();
        assert_eq!(known, listed);
        assert!(troubled_at(40).iter().all(|client| known.contains(client)));
    }
}
