//! An answer of the API: a line with the status, a line with what is expected as `ping.expect` has it in JSON, the body.
#![no_main]

use std::collections::BTreeMap;
use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use oauth_probe_exporter::model::fault::Reason;
use oauth_probe_exporter::model::response::judge_ping;
use oauth_probe_exporter::model::target::Expectation;
use serde_json::Value;

fuzz_target!(|data: &[u8]| {
    let mut lines = data.splitn(3, |byte| *byte == b'\n');
    let (Some(status), Some(expected), Some(body)) = (lines.next(), lines.next(), lines.next()) else { return };
    let Some(status) = std::str::from_utf8(status).ok().and_then(|text| text.parse().ok()) else { return };
    let json: BTreeMap<String, Value> = serde_json::from_slice(expected).unwrap_or_default();
    let expect = Expectation { status: vec![200, 204], json: Arc::new(json) };
    let verdict = judge_ping(status, body, &expect);
    match verdict {
        Ok(()) => assert!(expect.status.contains(&status)),
        Err(Reason::TokenRejected) => assert_eq!(status, 401),
        Err(Reason::BadResponse | Reason::UnexpectedBody) => {
            assert!(expect.status.contains(&status) && !expect.json.is_empty());
        }
        Err(_) => assert!(!expect.status.contains(&status)),
    }
    if !expect.status.contains(&status) || expect.json.is_empty() {
        assert_eq!(judge_ping(status, b"", &expect), verdict, "the body makes no difference");
        return;
    }
    let Ok(parsed) = serde_json::from_slice::<Value>(body) else {
        assert_eq!(verdict, Err(Reason::BadResponse));
        return;
    };
    let found = |pointer: &str| parsed.pointer(pointer);
    let differs = |(pointer, wanted): (&String, &Value)| found(pointer).is_none_or(|found| !alike(found, wanted));
    assert_eq!(verdict.is_err(), expect.json.iter().any(differs));
    // What is in an answer is what can be expected of it.
    let exactly = expect.json.keys().filter_map(|pointer| Some((pointer.clone(), found(pointer)?.clone()))).collect();
    assert_eq!(judge_ping(status, body, &Expectation { json: Arc::new(exactly), ..expect }), Ok(()));
});

/// Equal, `1` and `1.0` included.
fn alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        _ => one == other,
    }
}
