//! The assertion that stands for a secret in a token request: a JWT signed for this one request (RFC 7523 §3).

use std::time::{Duration, SystemTime};

use aws_lc_rs::error::Unspecified;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use zeroize::Zeroizing;

use crate::model::assertion::Assertion;

use super::signer::Signer;

/// The value of `client_assertion_type` (RFC 7523 §2.2).
pub(super) const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// Strict servers refuse what was issued in their future, be it by a second; Keycloak also what is over a minute old.
const BACKDATED: Duration = Duration::from_secs(30);
/// It is used at once; this is how far our clock may be behind. Some servers refuse more than a few minutes.
const LIFETIME: Duration = Duration::from_secs(60);

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    typ: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct Claims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: u64,
    exp: u64,
    jti: &'a str,
}

/// A new assertion of `client_id`, signed `now`.
pub(super) fn sign(
    client_id: &str,
    settings: &Assertion,
    signer: &Signer,
    now: SystemTime,
) -> Result<Zeroizing<String>, Unspecified> {
    let header = Header { alg: signer.algorithm, typ: "JWT", kid: settings.key_id.as_deref() };
    let id = fresh_id()?;
    let claims = claims(client_id, &settings.audience, now, &id);
    let mut jwt = Zeroizing::new(format!("{}.{}", encoded(&header), encoded(&claims)));
    let signature = signer.sign(jwt.as_bytes())?;
    jwt.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut jwt);
    Ok(jwt)
}

fn claims<'a>(client_id: &'a str, audience: &'a str, now: SystemTime, id: &'a str) -> Claims<'a> {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Claims {
        iss: client_id,
        sub: client_id,
        aud: audience,
        iat: now.saturating_sub(BACKDATED).as_secs(),
        exp: now.saturating_add(LIFETIME).as_secs(),
        jti: id,
    }
}

/// By which a server knows an assertion that it has seen: 128 bits that nobody can guess.
fn fresh_id() -> Result<String, Unspecified> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

fn encoded(part: &impl Serialize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(part).expect("texts and numbers are JSON"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::assertion::{AssertionKey, HmacAlgorithm};
    use crate::model::secret::Secret;
    use crate::model::target::SecretSource;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    /// Header and claims of an assertion of `acme` for `https://auth.example`.
    fn signed(key_id: Option<&str>, now: SystemTime) -> [Value; 2] {
        let secret = Secret::new("secret".to_owned());
        let signer = Signer::of_secret(&secret, HmacAlgorithm::Hs256);
        let settings = Assertion {
            key: AssertionKey::Secret { secret: SecretSource::Inline(secret), algorithm: HmacAlgorithm::Hs256 },
            key_id: key_id.map(str::to_owned),
            audience: "https://auth.example".to_owned(),
        };
        let jwt = sign("acme", &settings, &signer, now).expect("an assertion");
        let [header, claims, signature] = jwt.split('.').collect::<Vec<_>>().try_into().expect("three parts");
        let signature = URL_SAFE_NO_PAD.decode(signature).expect("Base64");
        assert_eq!(signature, signer.sign(format!("{header}.{claims}").as_bytes()).expect("a signature"));
        [header, claims]
            .map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).expect("Base64")).expect("JSON"))
    }

    #[test]
    fn claims_name_client_and_audience_and_live_for_a_minute_from_half_a_minute_ago() {
        let claims = claims("acme", "https://auth.example", at(1_800_000_000), "once");
        let expected = Claims {
            iss: "acme",
            sub: "acme",
            aud: "https://auth.example",
            iat: 1_799_999_970,
            exp: 1_800_000_060,
            jti: "once",
        };
        assert_eq!(claims, expected);
    }

    #[test]
    fn assertion_has_the_members_of_rfc_7523_and_no_others() {
        let [header, claims] = signed(None, at(100));
        assert_eq!(header, json!({ "alg": "HS256", "typ": "JWT" }));
        let id = claims["jti"].clone();
        let expected = json!({
            "iss": "acme", "sub": "acme", "aud": "https://auth.example", "iat": 70, "exp": 160, "jti": id
        });
        assert_eq!(claims, expected);
        assert_eq!(signed(Some("first"), at(100))[0], json!({ "alg": "HS256", "typ": "JWT", "kid": "first" }));
    }

    #[test]
    fn every_assertion_has_an_id_of_its_own() {
        let ids = [(); 100].map(|()| signed(None, at(100))[1]["jti"].as_str().expect("a text").to_owned());
        assert!(ids.iter().all(|id| id.len() == 22));
        assert_eq!(std::collections::BTreeSet::from(ids).len(), 100);
    }

    #[test]
    fn clock_that_was_never_set_is_no_reason_to_panic() {
        assert_eq!(claims("a", "b", SystemTime::UNIX_EPOCH - LIFETIME, "c").exp, 60);
    }
}
