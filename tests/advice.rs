//! What a person is told to do: what fits the case, and nothing about what is not configured.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod reports;
mod targets;

use oauth_probe_exporter::model::advice::advice_on;
use oauth_probe_exporter::model::assertion::{Assertion, AssertionKey};
use oauth_probe_exporter::model::fault::{Reason, Request};
use oauth_probe_exporter::model::report::CertificateDefect;
use oauth_probe_exporter::model::target::{ClientAuthentication, Identity, Target};

use reports::{cause, unsent};

fn target() -> Target {
    targets::target("https://api.example.com")
}

#[test]
fn refused_client_is_told_of_its_own_method_alone() {
    let mut target = target();
    let remedy = |target: &Target| advice_on(cause(Request::Token, Reason::InvalidClient), target, None).remedy;
    assert!(remedy(&target).contains("token.basic_encoding") && !remedy(&target).contains("token.jwt"));
    target.token.authentication = ClientAuthentication::Assertion(Assertion {
        key: AssertionKey::PrivateKey { file: "key.pem".into(), algorithm: None },
        key_id: None,
        audience: String::new(),
    });
    assert!(remedy(&target).contains("token.jwt.audience") && !remedy(&target).contains("secret"));
    target.token.authentication = ClientAuthentication::Tls;
    assert!(remedy(&target).contains("tls.cert_file") && !remedy(&target).contains("secret"));
}

#[test]
fn demanded_client_certificate_is_told_apart_from_a_refused_one() {
    let mut target = target();
    let identity = Identity { cert_file: "cert.pem".into(), key_file: "key.pem".into() };
    target.token.transport.identity = Some(identity);
    let meaning = |request| advice_on(cause(request, Reason::ClientCertificate), &target, None).meaning;
    assert!(meaning(Request::Ping).contains("none is configured"));
    assert!(meaning(Request::Token).contains("refuses our client certificate"));
}

#[test]
fn certificate_authorities_are_advised_only_where_the_authority_is_what_is_wrong() {
    for (defect, about_authorities) in [
        (CertificateDefect::Expired, false),
        (CertificateDefect::NotYetValid, false),
        (CertificateDefect::WrongName, false),
        (CertificateDefect::UnknownAuthority, true),
        (CertificateDefect::Other, false),
    ] {
        let mut attempt = unsent(Request::Ping, Reason::Certificate, 0.0, 0.1);
        attempt.trace.certificate_defect = Some(defect);
        let remedy = advice_on(cause(Request::Ping, Reason::Certificate), &target(), Some(&attempt)).remedy;
        assert_eq!(remedy.contains("tls.ca_file"), about_authorities, "{defect:?}");
    }
}
