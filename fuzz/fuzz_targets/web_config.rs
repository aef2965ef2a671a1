//! A web configuration. No message repeats anything of it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oauth_probe_exporter::config;
use oauth_probe_exporter::model::web::WebConfig;
use oauth_probe_exporter_fuzz::{MARK, marked};

fuzz_target!(|text: &str| {
    // A short word that a file can be full of.
    let text = text.replace('§', MARK);
    match config::parse_web(&text, "web.yml") {
        Ok(config) => can_be_served(&config),
        Err(error) => {
            let message = error.to_string();
            assert!(message.contains("web.yml"), "a message that names no file: {message}");
            assert!(!marked(&message), "{text}\n{message}");
            assert!(!message.chars().any(|letter| letter.is_control() && letter != '\n'), "{message:?}");
        }
    }
});

fn can_be_served(config: &WebConfig) {
    let is_value = |value: &String| {
        !value.is_empty() && value.trim() == value && value.bytes().all(|byte| (b' '..=b'~').contains(&byte))
    };
    assert!(config.headers.values().all(is_value));
    assert!(config.users.keys().all(|name| !name.contains(':')));
    assert!(config.rate_limit.is_none_or(|limit| !limit.interval.is_zero()));
    for list in config.tls.iter().flat_map(|tls| [tls.cipher_suites.as_deref().map(<[_]>::len)]) {
        assert_ne!(list, Some(0));
    }
    // Names of files and users may look like anything, also like a hash.
    let shown = format!("{:?}", config.users.values());
    assert!(!shown.contains("$2"), "a hash shows: {shown}");
}
