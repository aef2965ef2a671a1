//! An answer of the token endpoint: the first two bytes are its status, the rest its body.
#![no_main]

use std::time::{Duration, UNIX_EPOCH};

use libfuzzer_sys::fuzz_target;
use oauth_probe_exporter::model::lifetime::LONGEST_LIFETIME;
use oauth_probe_exporter::model::response::{TokenAnswer, judge_token};
use oauth_probe_exporter::model::target::TokenSettings;
use oauth_probe_exporter::model::time::{Moment, Stamp};
use oauth_probe_exporter::model::token::{Asked, Novelty, TokenState};
use oauth_probe_exporter_fuzz::{marked, target};
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let Some((status, body)) = data.split_first_chunk() else { return };
    let status = u16::from_be_bytes(*status);
    // Answers of 200 are what there is most to find in.
    for status in [200, status] {
        match judge_token(status, body) {
            Ok(answer) => {
                assert_eq!(status, 200);
                says_what_the_body_says(&answer, body);
                can_be_lived_with(&answer, &target().token);
            }
            Err(reason) => assert!(!marked(reason.as_str())),
        }
    }
});

fn says_what_the_body_says(answer: &TokenAnswer, body: &[u8]) {
    let token = answer.access_token.secret().expose();
    assert!(!token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()));
    assert!(answer.expires_in.is_none_or(|lifetime| lifetime <= LONGEST_LIFETIME));
    // Numbers that no type holds are read by us, and not by this.
    let Ok(json) = serde_json::from_slice::<Value>(body) else { return };
    if json.is_array() {
        return;
    }
    assert_eq!(json["access_token"], *token);
    match (&json["expires_in"], answer.expires_in) {
        (Value::Null, lifetime) => assert_eq!(lifetime, None),
        (Value::Number(number), Some(lifetime)) => {
            let seconds = number.as_f64().expect("a number");
            assert!(seconds >= 0.0);
            assert_eq!(lifetime, Duration::from_secs_f64(seconds.min(LONGEST_LIFETIME.as_secs_f64())));
        }
        (Value::String(_), Some(_)) => {}
        (written, read) => panic!("{written} was read as {read:?}"),
    }
    assert!(!marked(&format!("{answer:?}")) || json["scope"] != Value::Null, "the token shows");
}

/// Whatever a good answer says, an expired token is not given out, and nothing overflows.
fn can_be_lived_with(answer: &TokenAnswer, settings: &TokenSettings) {
    let at = |seconds| Stamp {
        moment: Moment::since_boot(Duration::from_secs(seconds)),
        wall: UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds),
    };
    let mut state = TokenState::default();
    for sent in [100, 101, 1000, 1_000_000_000] {
        let arrived = at(sent + 1).moment;
        let before = state.live_token(arrived).is_some();
        let novelty = state.answered(Asked { at: at(sent), secret: None }, arrived, answer.clone(), settings);
        let view = state.view(arrived, &settings.policy);
        let live = state.live_token(arrived).is_some();
        assert_eq!(live, view.held.is_some_and(|held| arrived < held.expiry.moment));
        assert!(!live || before || novelty != Novelty::Dead);
        if let Some(held) = view.held {
            assert!(held.margin <= held.lifetime / 2);
            assert!(held.lifetime <= LONGEST_LIFETIME);
        }
        let far = at(sent).moment.plus(LONGEST_LIFETIME);
        assert!(state.live_token(far).is_none(), "a token lives for longer than any may");
    }
}
