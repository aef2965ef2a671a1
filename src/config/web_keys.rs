//! Which keys the web configuration has, and where: to recognise one that is written in another place.

pub(super) const TOP: [&str; 4] = ["tls_server_config", "http_server_config", "basic_auth_users", "rate_limit"];

/// Each section and what may stand below it.
const SECTIONS: [(&str, &[&str]); 4] = [
    (
        "tls_server_config",
        &[
            "cert_file",
            "cert",
            "key_file",
            "key",
            "client_auth_type",
            "client_ca_file",
            "client_ca",
            "client_allowed_sans",
            "min_version",
            "max_version",
            "cipher_suites",
            "prefer_server_cipher_suites",
            "curve_preferences",
        ],
    ),
    ("http_server_config", &["http2", "headers"]),
    (
        "http_server_config: { headers: … }",
        &[
            "Content-Security-Policy",
            "Strict-Transport-Security",
            "X-Content-Type-Options",
            "X-Frame-Options",
            "X-XSS-Protection",
        ],
    ),
    ("rate_limit", &["interval", "burst"]),
];

/// Where a key of the web configuration belongs that is none where it stands.
pub(super) fn elsewhere(key: &str) -> Option<String> {
    if key == "<<" {
        return Some("merge keys are not part of YAML 1.2; write the keys out".to_owned());
    }
    if TOP.contains(&key) {
        return Some("unknown key here; write it at the top level".to_owned());
    }
    let (section, _) = SECTIONS.iter().find(|(_, keys)| keys.contains(&key))?;
    Some(format!("unknown key here; write it below `{section}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_web;

    #[test]
    fn every_key_is_known_where_it_is_said_to_belong() {
        let sections = SECTIONS.iter().flat_map(|(section, keys)| {
            keys.iter().map(move |key| match section.split_once(": {") {
                Some((outer, _)) => format!("{outer}: {{ headers: {{ {key}: [] }} }}"),
                None => format!("{section}: {{ {key}: [] }}"),
            })
        });
        for text in sections.chain(TOP.map(|key| format!("{key}: []"))) {
            let message = parse_web(&text, "web.yml").map_or_else(|mistakes| mistakes.to_string(), |_| String::new());
            assert!(!message.contains("unknown key"), "{text}\n{message}");
        }
    }
}
