//! `token.auth` and `token.jwt`: how the client authenticates, and which settings go with which method.

use std::path::PathBuf;

use url::Url;

use super::fields::{Fields, Spot};
use super::raw::{CLIENT_SECRET, RawTarget, RawTls};
use super::resolve::Resolver;
use super::scalars;
use super::setting::{Given, Layer, Origin, Overlay, Setting};
use crate::model::assertion::{Assertion, AssertionKey, HmacAlgorithm, SignatureAlgorithm};
use crate::model::target::{BasicEncoding, ClientAuthentication, Transport};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum RawAuth {
    Basic,
    Post,
    ClientSecretJwt,
    PrivateKeyJwt,
    Tls,
}

const UNUSED_JWT: &str =
    "goes with `client_secret_jwt` and `private_key_jwt` only; write one of them in `token.auth`, or remove it";

/// `token.jwt`.
#[derive(Clone, Default)]
pub(super) struct RawJwt {
    key_file: Setting<PathBuf>,
    algorithm: Setting<RawAlgorithm>,
    key_id: Setting<String>,
    audience: Setting<String>,
}

#[derive(Clone, Copy)]
enum RawAlgorithm {
    Hmac(HmacAlgorithm),
    Signature(SignatureAlgorithm),
}

impl RawAuth {
    pub(super) fn read(spot: Spot<'_>) -> Option<Self> {
        let methods = [
            ("basic", Self::Basic),
            ("post", Self::Post),
            ("client_secret_jwt", Self::ClientSecretJwt),
            ("private_key_jwt", Self::PrivateKeyJwt),
            ("tls", Self::Tls),
        ];
        scalars::choice(spot, &methods)
    }
}

impl RawJwt {
    pub(super) fn read(fields: &mut Fields<'_>) -> Self {
        let symmetric = HmacAlgorithm::ALL.map(|algorithm| (algorithm.as_str(), RawAlgorithm::Hmac(algorithm)));
        let asymmetric =
            SignatureAlgorithm::ALL.map(|algorithm| (algorithm.as_str(), RawAlgorithm::Signature(algorithm)));
        let algorithms = [symmetric.as_slice(), &asymmetric].concat();
        Self {
            key_file: fields.take("key_file", scalars::file_name),
            algorithm: fields.take("algorithm", |spot| scalars::choice(spot, &algorithms)),
            key_id: fields.take("key_id", |spot| scalars::plain_text(spot, "write the key's id at the provider")),
            audience: fields.take("audience", |spot| {
                scalars::plain_text(spot, "write the server's issuer, or the URL of its token endpoint")
            }),
        }
    }

    /// Where each of its keys was written, if it was.
    fn origins(&self) -> [(&'static str, Option<Origin>); 4] {
        [
            ("token.jwt.key_file", self.key_file.given().map(|given| given.origin)),
            ("token.jwt.algorithm", self.algorithm.given().map(|given| given.origin)),
            ("token.jwt.key_id", self.key_id.given().map(|given| given.origin)),
            ("token.jwt.audience", self.audience.given().map(|given| given.origin)),
        ]
    }
}

impl Overlay for RawJwt {
    fn over(&self, below: &Self) -> Self {
        Self {
            key_file: self.key_file.over(&below.key_file),
            algorithm: self.algorithm.over(&below.algorithm),
            key_id: self.key_id.over(&below.key_id),
            audience: self.audience.over(&below.audience),
        }
    }
}

impl Resolver<'_> {
    /// `endpoint` is the token endpoint, unless its parts were refused.
    pub(super) fn authentication(
        &mut self,
        raw: &RawTarget,
        transport: &Transport,
        endpoint: Option<&Url>,
    ) -> Option<ClientAuthentication> {
        let auth = match &raw.token.auth {
            Setting::Absent => RawAuth::Basic,
            Setting::Refused => return None,
            Setting::Given(given) => given.value,
        };
        if !matches!(auth, RawAuth::ClientSecretJwt | RawAuth::PrivateKeyJwt) {
            self.refuse_own(&raw.token.jwt.origins(), UNUSED_JWT);
        }
        match auth {
            RawAuth::Basic => {
                let encoding = raw.token.basic_encoding.or_default(BasicEncoding::Form);
                self.secret(&raw.secret, &CLIENT_SECRET).map(|secret| ClientAuthentication::Basic { secret, encoding })
            }
            RawAuth::Post => {
                self.secret(&raw.secret, &CLIENT_SECRET).map(|secret| ClientAuthentication::Post { secret })
            }
            RawAuth::ClientSecretJwt => {
                let key = self.assertion_secret(raw)?;
                Some(assertion(key, &raw.token.jwt, endpoint?))
            }
            RawAuth::PrivateKeyJwt => {
                let key = self.private_key(raw)?;
                Some(assertion(key, &raw.token.jwt, endpoint?))
            }
            RawAuth::Tls => self.client_certificate(raw, transport),
        }
    }

    fn assertion_secret(&mut self, raw: &RawTarget) -> Option<AssertionKey> {
        let jwt = &raw.token.jwt;
        self.refuse_own(&jwt.origins()[..1], "goes with `private_key_jwt` only; remove it: the client's secret signs");
        let secret = self.secret(&raw.secret, &CLIENT_SECRET);
        let algorithm = match jwt.algorithm.given() {
            None => HmacAlgorithm::Hs256,
            Some(Given { value: RawAlgorithm::Hmac(algorithm), .. }) => *algorithm,
            Some(given) => {
                let what = "needs a private key, but `client_secret_jwt` signs with the secret; write such as `HS256`";
                self.refuse(given.origin, "token.jwt.algorithm", what);
                return None;
            }
        };
        secret.map(|secret| AssertionKey::Secret { secret, algorithm })
    }

    fn private_key(&mut self, raw: &RawTarget) -> Option<AssertionKey> {
        let jwt = &raw.token.jwt;
        if jwt.key_file.is_absent() {
            let origin = raw.token.auth.given()?.origin;
            self.refuse(origin, "token.auth", "`private_key_jwt` has no key; write `token.jwt.key_file`");
        }
        let algorithm = match jwt.algorithm.given() {
            None => None,
            Some(Given { value: RawAlgorithm::Signature(algorithm), .. }) => Some(*algorithm),
            Some(given) => {
                let what = "needs a secret, but `private_key_jwt` signs with a private key; write such as `RS256`";
                self.refuse(given.origin, "token.jwt.algorithm", what);
                return None;
            }
        };
        jwt.key_file.value().map(|file| AssertionKey::PrivateKey { file: self.directory.join(file), algorithm })
    }

    fn client_certificate(&mut self, raw: &RawTarget, transport: &Transport) -> Option<ClientAuthentication> {
        let origin = raw.token.auth.given()?.origin;
        let is_begun = |tls: &RawTls| !tls.cert_file.is_absent() || !tls.key_file.is_absent();
        if transport.identity.is_none() && !is_begun(&raw.token.tls.over(&raw.tls)) {
            self.refuse(origin, "token.auth", "`tls` has no certificate; write `tls.cert_file` and `tls.key_file`");
        }
        if raw.authorization_server.value().is_some_and(|url| url.scheme() == "http") {
            self.refuse(origin, "token.auth", "`tls` needs TLS; write `https://` in `authorization_server`");
        }
        Some(ClientAuthentication::Tls)
    }

    /// Refuses those of the keys that the target itself has; those of `defaults` may be there for other targets.
    fn refuse_own(&mut self, keys: &[(&'static str, Option<Origin>)], what: &str) {
        for &(key, origin) in keys {
            if let Some(origin) = origin.filter(|origin| origin.layer == Layer::Target) {
                self.refuse(origin, key, what);
            }
        }
    }
}

fn assertion(key: AssertionKey, jwt: &RawJwt, endpoint: &Url) -> ClientAuthentication {
    ClientAuthentication::Assertion(Assertion {
        key,
        key_id: jwt.key_id.value().cloned(),
        audience: jwt.audience.or_default(endpoint.to_string()),
    })
}
