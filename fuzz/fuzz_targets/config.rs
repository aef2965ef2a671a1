//! A configuration file. One that is good is shown by `/config` in a form that reads back the same, without its secrets.
#![no_main]

#[path = "../../tests/written_again/mod.rs"]
mod written_again;

use libfuzzer_sys::fuzz_target;
use oauth_probe_exporter::config;
use oauth_probe_exporter::model::target::Target;

fuzz_target!(|text: &str| {
    let environment = |name: &str| (name.len() < 20).then(|| format!("value of {name}").into());
    match config::parse(text, "probe.yml", &environment) {
        Ok(config) => {
            assert!(!config.targets.is_empty());
            config.targets.iter().for_each(|target| can_be_probed(target));
            written_again::assert_written_again(&config);
        }
        Err(error) => {
            let message = error.to_string();
            assert!(message.contains("probe.yml"), "a message that names no file: {message}");
            assert!(!message.chars().any(|letter| letter.is_control() && letter != '\n'), "{message:?}");
        }
    }
});

/// What the engine takes for granted.
fn can_be_probed(target: &Target) {
    assert!(!target.interval.is_zero() && target.timeout <= target.interval && !target.timeout.is_zero());
    assert_eq!(target.interval, target.token.policy.interval);
    assert!(!target.name.is_empty() && !target.name.chars().any(char::is_control));
    assert!(target.labels.keys().all(|name| !name.is_empty() && !name.starts_with("__") && name != "target"));
    for endpoint in [&target.token.endpoint, &target.ping.endpoint] {
        assert!(["http", "https"].contains(&endpoint.scheme()) && endpoint.has_host());
        assert!(endpoint.username().is_empty() && endpoint.password().is_none() && endpoint.fragment().is_none());
    }
}
