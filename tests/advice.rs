//! What a person is told to do: what fits the case, and nothing about what is not configured.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod exporter;
mod reports;
mod targets;

use std::net::TcpListener;

use oauth_probe_exporter::model::advice::advice_on;
use oauth_probe_exporter::model::assertion::{Assertion, AssertionKey};
use oauth_probe_exporter::model::fault::{Reason, Request};
use oauth_probe_exporter::model::report::CertificateDefect;
use oauth_probe_exporter::model::target::{ClientAuthentication, Identity, Target};

use exporter::{run, run_with};
use reports::{cause, unsent};

const SECRET: &str = "canary-secret";

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

#[tokio::test]
async fn proxy_that_cannot_be_reached_is_named_without_its_credentials() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("probe.yml");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let text = "targets:\n  - name: x\n    authorization_server: https://a.example\n    \
                resource_server: https://b.example\n    client_id: c\n    client_secret: s\n";
    std::fs::write(&path, format!("{text}    proxy_url: http://someone:{SECRET}@{closed}\n")).unwrap();
    let arguments = ["check", "--config.file", path.to_str().unwrap()];
    let configured = run(&arguments).await;
    assert!(configured.stdout.contains(&format!("proxy_url: http://{closed}/")), "{}", configured.stdout);
    assert!(!configured.everything().contains(SECRET) && !configured.everything().contains("someone"));
    std::fs::write(&path, text).unwrap();
    let inherited = run_with(&arguments, &[("HTTPS_PROXY", format!("http://someone:{SECRET}@{closed}"))]).await;
    assert!(inherited.stdout.contains("the environment's: HTTPS_PROXY"), "{}", inherited.stdout);
    assert!(!inherited.everything().contains(SECRET) && !inherited.everything().contains("someone"));
}
