//! The settings of a target, under the keys and in the order of `docs/configuration.md`.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;
use url::{Host, Url};

use crate::model::assertion::{Assertion, AssertionKey};
use crate::model::check::Check;
use crate::model::fault::Request;
use crate::model::secret::Secret;
use crate::model::target::{
    BasicEncoding, ClientAuthentication, ConnectionMode, ProxyUrl, SecretSource, Target, Transport, Verification,
    is_exposed,
};

use super::tree::{Tree, mapping};

type Entries = Vec<(&'static str, Tree)>;

pub(super) fn tree(target: &Target) -> Tree {
    let (token, ping) = (&target.token.transport, &target.ping.transport);
    let needs_plaintext = Request::ALL.into_iter().any(|request| is_exposed(target.endpoint(request)));
    let labels = target.labels.iter().map(|(name, value)| (name, Tree::text(value)));
    let mut entries: Entries = vec![
        ("name", Tree::text(&target.name)),
        ("authorization_server", server(&target.token.endpoint)),
        ("resource_server", server(&target.ping.endpoint)),
        ("allow_plaintext", Tree::Flag(needs_plaintext)),
        ("interval", Tree::Span(target.interval)),
        ("schedule", Tree::text(target.schedule.as_str())),
        ("timeout", Tree::Span(target.timeout)),
        ("latency_objective", Tree::Span(target.latency_objective)),
        ("labels", mapping(labels)),
        ("client_id", Tree::text(&target.token.client_id)),
    ];
    entries.extend(client_secret(&target.token.authentication));
    let expires = target.client_secret_expires.map(|date| Tree::text(humantime::format_rfc3339(date).to_string()));
    entries.push(("client_secret_expires", expires.unwrap_or(Tree::Unset("not known"))));
    entries.push(("token", token_section(target)));
    entries.push(("ping", ping_section(target)));
    entries.push(("checks", Tree::texts(target.checks.checks.iter().copied().map(Check::as_str))));
    entries.push(("checks_every", Tree::Number(target.checks.every.get().into())));
    entries.extend(target.checks.api_key.as_ref().map(|source| secret(source, "api_key_file", "api_key")));
    if has_same_tls(token, ping) {
        entries.push(("tls", tls(token)));
    }
    entries.push(("proxy_url", proxy(token.proxy.as_ref())));
    mapping(entries)
}

fn token_section(target: &Target) -> Tree {
    let (token, policy) = (&target.token, &target.token.policy);
    let mut entries: Entries = vec![("path", path(&token.endpoint))];
    entries.extend(authentication(target));
    entries.extend([
        ("scopes", Tree::texts(token.scopes.iter().map(String::as_str))),
        ("params", secrets(&token.params)),
        ("max_age", policy.max_age.map_or_else(|| Tree::text("off"), Tree::Span)),
        ("refresh_margin", policy.refresh_margin.map_or(Tree::Unset(MARGIN), Tree::Span)),
        ("default_lifetime", Tree::Span(policy.default_lifetime)),
        ("expected_scopes", Tree::texts(token.expected_scopes.iter().map(String::as_str))),
    ]);
    if !has_same_tls(&token.transport, &target.ping.transport) {
        entries.push(("tls", tls(&token.transport)));
    }
    mapping(entries)
}

const MARGIN: &str = "the larger of a tenth of the lifetime, 30s and two intervals, at most half the lifetime";

fn ping_section(target: &Target) -> Tree {
    let ping = &target.ping;
    let connection = match ping.connection {
        ConnectionMode::Fresh => "fresh",
        ConnectionMode::Reuse => "reuse",
    };
    let status = ping.expect.status.iter().map(|&code| Tree::Number(code.into()));
    let json = ping.expect.json.iter().map(|(pointer, value)| (pointer.clone(), value.clone()));
    let mut entries: Entries = vec![
        ("path", path(&ping.endpoint)),
        ("method", Tree::text(&ping.method)),
        ("headers", secrets(&ping.headers)),
        (
            "expect",
            mapping([("status", Tree::List(status.collect())), ("json", Tree::Json(Value::Object(json.collect())))]),
        ),
        ("connection", Tree::text(connection)),
    ];
    if !has_same_tls(&target.token.transport, &ping.transport) {
        entries.push(("tls", tls(&ping.transport)));
    }
    mapping(entries)
}

fn client_secret(authentication: &ClientAuthentication) -> Option<(&'static str, Tree)> {
    match authentication {
        ClientAuthentication::Basic { secret: source, .. }
        | ClientAuthentication::Post { secret: source }
        | ClientAuthentication::Assertion(Assertion { key: AssertionKey::Secret { secret: source, .. }, .. }) => {
            Some(secret(source, "client_secret_file", "client_secret"))
        }
        ClientAuthentication::Assertion(_) | ClientAuthentication::Tls => None,
    }
}

fn authentication(target: &Target) -> Entries {
    let named = |name: &str| ("auth", Tree::text(name));
    match &target.token.authentication {
        ClientAuthentication::Basic { encoding, .. } => {
            let encoding = match encoding {
                BasicEncoding::Form => "form",
                BasicEncoding::Raw => "raw",
            };
            vec![named("basic"), ("basic_encoding", Tree::text(encoding))]
        }
        ClientAuthentication::Post { .. } => vec![named("post")],
        ClientAuthentication::Assertion(assertion) => {
            let method = match assertion.key {
                AssertionKey::Secret { .. } => "client_secret_jwt",
                AssertionKey::PrivateKey { .. } => "private_key_jwt",
            };
            vec![named(method), ("jwt", jwt(assertion, &target.token.endpoint))]
        }
        ClientAuthentication::Tls => vec![named("tls")],
    }
}

fn jwt(assertion: &Assertion, endpoint: &Url) -> Tree {
    let mut entries: Entries = match &assertion.key {
        AssertionKey::Secret { algorithm, .. } => vec![("algorithm", Tree::text(algorithm.as_str()))],
        AssertionKey::PrivateKey { file: path, algorithm } => {
            let algorithm = algorithm.map(|algorithm| Tree::text(algorithm.as_str()));
            vec![("key_file", file(path)), ("algorithm", algorithm.unwrap_or(Tree::Unset("as is usual for the key")))]
        }
    };
    let key_id = assertion.key_id.as_ref().map_or(Tree::Unset("none is sent"), Tree::text);
    // The endpoint's URL may have a query, in which a secret might stand.
    let is_endpoint = assertion.audience == endpoint.as_str();
    let audience = if is_endpoint { Tree::Unset("the token endpoint's URL") } else { Tree::text(&assertion.audience) };
    entries.extend([("key_id", key_id), ("audience", audience)]);
    mapping(entries)
}

fn tls(transport: &Transport) -> Tree {
    let identity = transport.identity.as_ref();
    let own = |path: Option<&Path>| path.map_or(Tree::Unset("no certificate is sent"), file);
    let name = transport.server_name.as_ref().map(|name| match name {
        Host::Ipv6(address) => Tree::text(address.to_string()),
        name => Tree::text(name.to_string()),
    });
    mapping([
        ("ca_file", transport.ca_file.as_deref().map_or(Tree::Unset("the system's roots"), file)),
        ("cert_file", own(identity.map(|identity| &*identity.cert_file))),
        ("key_file", own(identity.map(|identity| &*identity.key_file))),
        ("server_name", name.unwrap_or(Tree::Unset("the URL's host"))),
        ("insecure_skip_verify", Tree::Flag(transport.verification == Verification::Skip)),
    ])
}

fn has_same_tls(one: &Transport, other: &Transport) -> bool {
    let but_for_proxy = |transport: &Transport| Transport { proxy: None, ..transport.clone() };
    but_for_proxy(one) == but_for_proxy(other)
}

fn proxy(proxy: Option<&ProxyUrl>) -> Tree {
    let Some(proxy) = proxy else { return Tree::Unset("from the environment, if it has one") };
    let address = proxy.address.as_str().trim_end_matches('/');
    match (&proxy.credentials, address.split_once("://")) {
        (Some(_), Some((scheme, host))) => Tree::text(format!("{scheme}://<secret>@{host}")),
        _ => Tree::text(address),
    }
}

fn secret(source: &SecretSource, file_key: &'static str, inline_key: &'static str) -> (&'static str, Tree) {
    match source {
        SecretSource::File(path) => (file_key, file(path)),
        SecretSource::Inline(_) => (inline_key, Tree::secret()),
    }
}

fn secrets(named: &BTreeMap<String, Secret>) -> Tree {
    mapping(named.keys().map(|name| (name, Tree::secret())))
}

fn file(path: &Path) -> Tree {
    Tree::text(path.display().to_string())
}

fn server(endpoint: &Url) -> Tree {
    let mut server = endpoint.clone();
    server.set_path("");
    server.set_query(None);
    Tree::text(server.as_str().trim_end_matches('/'))
}

fn path(endpoint: &Url) -> Tree {
    let query = if endpoint.query().is_some() { "?<secret>" } else { "" };
    Tree::text(format!("{}{query}", endpoint.path()))
}
