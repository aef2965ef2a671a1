//! The section `tls_server_config`: certificate and key, what clients must show, and what is spoken.

use std::path::{Path, PathBuf};

use super::fields::{Fields, Spot};
use super::scalars;
use super::setting::{Given, Origin, Setting};
use super::yaml::Content;
use crate::model::secret::Secret;
use crate::model::web::{CipherOrder, CipherSuite, ClientAuth, Curve, PemSource, TlsSettings, TlsVersions};

/// A PEM text and the key it stands behind.
type Pem = Setting<(&'static str, PemSource)>;

/// `None` in it: the section is empty, and TLS is not spoken.
pub(super) fn read(spot: Spot<'_>, directory: &Path) -> Option<Option<TlsSettings>> {
    let line = spot.place.line;
    let is_empty = spot.is_null() || matches!(&spot.node.content, Content::Mapping(keys) if keys.is_empty());
    let mut fields = spot.fields()?;
    let certificate = pem(&mut fields, "cert_file", "cert", directory);
    let key = pem(&mut fields, "key_file", "key", directory);
    let client_auth = client_auth(&mut fields, directory);
    let versions = versions(&mut fields);
    let cipher_suites = cipher_suites(&mut fields, versions);
    let cipher_order = match fields.take("prefer_server_cipher_suites", scalars::boolean).or_default(true) {
        true => CipherOrder::Server,
        false => CipherOrder::Client,
    };
    let curves = fields.take("curve_preferences", |spot| each(spot, "write a list such as `[X25519]`", curve));
    if is_empty {
        return Some(None);
    }
    for (setting, key) in [(&certificate, "cert_file"), (&key, "key_file")] {
        if setting.is_absent() {
            fields.refuse(key, line, "is missing; name the PEM file of the certificate and that of its key");
        }
    }
    fields.finish();
    let (Setting::Given(certificate), Setting::Given(key)) = (certificate, key) else { return None };
    Some(Some(TlsSettings {
        certificate: certificate.value.1,
        key: key.value.1,
        client_auth: client_auth?,
        versions: versions?,
        cipher_suites,
        cipher_order,
        curves: curves.value().cloned().filter(|curves| !curves.is_empty()),
    }))
}

/// A PEM text, in a file or here, but not both.
fn pem(fields: &mut Fields<'_>, file: &'static str, inline: &'static str, directory: &Path) -> Pem {
    let in_file = fields
        .take(file, |spot| scalars::file_name(spot).map(|path: PathBuf| (file, PemSource::File(directory.join(path)))));
    let here = fields.take(inline, |mut spot| {
        let text = spot.text("write the PEM text behind `|`, indented")?;
        if text.contains("-----BEGIN ") {
            Some((inline, PemSource::Inline(Secret::new(text.to_owned()))))
        } else {
            spot.refuse(&format!("is no PEM text; to name a file, write `{file}`"))
        }
    });
    match (in_file, here) {
        (Setting::Absent, here) => here,
        (in_file, Setting::Absent) => in_file,
        (_, Setting::Given(Given { origin: Origin { line, .. }, .. })) => {
            let what = format!("stands beside `{file}`; keep one of them");
            fields.refuse(inline, line.unwrap_or_default(), &what);
            Setting::Refused
        }
        (_, Setting::Refused) => Setting::Refused,
    }
}

/// Go's names of what is asked of clients.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AuthType {
    None,
    Request,
    RequireAny,
    VerifyIfGiven,
    Require,
}

const AUTH_TYPES: [(&str, AuthType); 6] = [
    ("NoClientCert", AuthType::None),
    ("RequestClientCert", AuthType::Request),
    ("RequireAnyClientCert", AuthType::RequireAny),
    // What the one above was called once.
    ("RequireClientCert", AuthType::RequireAny),
    ("VerifyClientCertIfGiven", AuthType::VerifyIfGiven),
    ("RequireAndVerifyClientCert", AuthType::Require),
];

fn client_auth(fields: &mut Fields<'_>, directory: &Path) -> Option<ClientAuth> {
    let auth_type = fields.take("client_auth_type", |spot| scalars::choice(spot, &AUTH_TYPES));
    let authorities = pem(fields, "client_ca_file", "client_ca", directory);
    let names = fields.take("client_allowed_sans", |spot| {
        each(spot, "write a list of names", |spot| {
            scalars::plain_text(spot, "write a name, such as `prometheus.example.com`")
        })
    });
    if matches!(auth_type, Setting::Refused) {
        return None;
    }
    let chosen = auth_type.or_default(AuthType::None);
    if let Setting::Given(Given { origin, .. }) = &names
        && chosen != AuthType::Require
    {
        let what = "needs `client_auth_type: RequireAndVerifyClientCert`: in a certificate that is not verified, or not \
                    demanded, names prove nothing";
        fields.refuse("client_allowed_sans", origin.line.unwrap_or_default(), what);
        return None;
    }
    if matches!(names, Setting::Refused) || matches!(authorities, Setting::Refused) {
        return None;
    }
    let verifies = matches!(chosen, AuthType::VerifyIfGiven | AuthType::Require);
    match (authorities, auth_type) {
        (Setting::Given(Given { value: (key, _), origin }), _) if !verifies => {
            let what = "is used to verify nothing; write `client_auth_type: RequireAndVerifyClientCert` beside it";
            fields.refuse(key, origin.line.unwrap_or_default(), what);
            None
        }
        (Setting::Given(Given { value: (_, authorities), .. }), _) => Some(match chosen {
            AuthType::Require => ClientAuth::Require { authorities, allowed_names: names.or_default(Vec::new()) },
            _ => ClientAuth::VerifyIfGiven(authorities),
        }),
        (_, Setting::Given(Given { origin, .. })) if verifies => {
            let what =
                "needs `client_ca_file`: without it, whoever has a certificate of any public authority would come in";
            fields.refuse("client_auth_type", origin.line.unwrap_or_default(), what);
            None
        }
        _ => Some(match chosen {
            AuthType::Request => ClientAuth::Request,
            AuthType::RequireAny => ClientAuth::RequireAny,
            _ => ClientAuth::None,
        }),
    }
}

/// Versions of TLS, the older first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Version {
    Tls12,
    Tls13,
}

fn versions(fields: &mut Fields<'_>) -> Option<TlsVersions> {
    let lowest = fields.take("min_version", version);
    let highest = fields.take("max_version", version);
    if matches!(lowest, Setting::Refused) || matches!(highest, Setting::Refused) {
        return None;
    }
    match (lowest.or_default(Version::Tls12), highest.or_default(Version::Tls13)) {
        (Version::Tls12, Version::Tls12) => Some(TlsVersions::Only12),
        (Version::Tls12, Version::Tls13) => Some(TlsVersions::Both),
        (Version::Tls13, Version::Tls13) => Some(TlsVersions::Only13),
        (Version::Tls13, Version::Tls12) => {
            let line = highest.given().and_then(|given| given.origin.line).unwrap_or_default();
            fields.refuse("max_version", line, "is lower than `min_version`; write `TLS13`, or remove it");
            None
        }
    }
}

fn version(mut spot: Spot<'_>) -> Option<Version> {
    if matches!(spot.written(), Some("TLS10" | "TLS11")) {
        return spot.refuse("is not spoken here, since it is broken: there is `TLS12` and `TLS13`");
    }
    scalars::choice(spot, &[("TLS12", Version::Tls12), ("TLS13", Version::Tls13)])
}

/// Those of TLS 1.3 may stand in the list, and mean nothing, as in Go: all of them are good.
const TLS13_SUITES: [&str; 3] = ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"];

fn cipher_suites(fields: &mut Fields<'_>, versions: Option<TlsVersions>) -> Option<Vec<CipherSuite>> {
    let listed = fields.take("cipher_suites", |spot| {
        each(spot, "write a list such as `[TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]`", cipher_suite)
    });
    let Setting::Given(Given { value, origin }) = listed else { return None };
    let suites: Vec<_> = value.iter().copied().flatten().collect();
    if suites.is_empty() && versions == Some(TlsVersions::Only12) {
        let what = "has none for TLS 1.2, which alone is spoken by `max_version`; add one, or remove the list";
        fields.refuse("cipher_suites", origin.line.unwrap_or_default(), what);
    }
    (!value.is_empty()).then_some(suites)
}

/// `None` in it: one of TLS 1.3.
fn cipher_suite(mut spot: Spot<'_>) -> Option<Option<CipherSuite>> {
    let known = CipherSuite::ALL.map(|suite| (suite.as_str(), Some(suite)));
    let all: Vec<_> = known.into_iter().chain(TLS13_SUITES.map(|name| (name, None))).collect();
    let is_old = |name: &str| {
        name.starts_with("TLS_RSA_") || ["_CBC_", "_RC4_", "_3DES_"].iter().any(|part| name.contains(part))
    };
    if spot.written().is_some_and(is_old) {
        let names: Vec<_> = CipherSuite::ALL.iter().map(|suite| suite.as_str()).collect();
        let what = format!(
            "has a suite without forward secrecy or with CBC, RC4 or 3DES, which rustls does not have; write some of {}",
            names.join(", ")
        );
        return spot.refuse(&what);
    }
    scalars::choice(spot, &all)
}

fn curve(mut spot: Spot<'_>) -> Option<Curve> {
    if spot.written() == Some("CurveP521") {
        return spot
            .refuse("has `CurveP521`, which rustls does not have; write some of `X25519`, `CurveP256`, `CurveP384`");
    }
    scalars::choice(spot, &[("X25519", Curve::X25519), ("CurveP256", Curve::P256), ("CurveP384", Curve::P384)])
}

/// Reads every item, so that one mistake hides no other; `None` if any was refused.
fn each<T>(mut spot: Spot<'_>, wanted: &str, read: impl Fn(Spot<'_>) -> Option<T>) -> Option<Vec<T>> {
    if spot.is_null() {
        return Some(Vec::new());
    }
    let items = spot.items(wanted)?;
    let read: Vec<_> = items.iter().map(|item| read(spot.part(item, item.line))).collect();
    read.into_iter().collect()
}
