//! TLS on the exporter's own port, through real sockets: what is spoken, who is let in, and files that are swapped.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod raw_server;
mod reports;
mod served;
mod targets;

use std::time::Duration;

use oauth_probe_exporter::server::Limits;
use raw_server::{Authority, Leaf};
use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, ClientConfig, NamedGroup, ProtocolVersion};
use served::{Files, HANGS, Served, client, is_closed, patient, security};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The next one who comes after this has the files looked at.
const LOOK: Duration = Duration::from_millis(1100);

const HEALTHY: &str = "oauth-probe-exporter is healthy.\n";

/// What came of a request: the answer's text, or why there is none.
async fn outcome(served: &Served, client: ClientConfig) -> Result<String, String> {
    match served.get_by_tls(client, "/-/healthy", "").await {
        Ok(answer) => Ok(answer.body),
        Err(problem) => Err(problem.to_string()),
    }
}

async fn is_in(served: &Served, client: ClientConfig) -> bool {
    outcome(served, client).await == Ok(HEALTHY.to_owned())
}

#[tokio::test]
async fn both_versions_are_spoken_and_limits_of_versions_hold() {
    let files = Files::new();
    let table = [
        ("", true, true),
        ("min_version: TLS12", true, true),
        ("min_version: TLS13", false, true),
        ("max_version: TLS12", true, false),
        ("min_version: TLS12\nmax_version: TLS12", true, false),
        ("min_version: TLS13\nmax_version: TLS13", false, true),
    ];
    for (keys, tls12, tls13) in table {
        let served = Served::protected(&files.web_config(keys, ""), patient(), 1).await;
        for (version, expected) in [(&TLS12, tls12), (&TLS13, tls13)] {
            let spoken = outcome(&served, client(files.authority.roots(), None, &[version])).await;
            assert_eq!(spoken.is_ok(), expected, "{keys:?} {version:?} {spoken:?}");
            assert!(expected || spoken.unwrap_err().contains("ProtocolVersion"));
        }
    }
}

#[tokio::test]
async fn cipher_suites_concern_tls_1_2_and_their_order_decides() {
    const AES128: CipherSuite = CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
    const AES256: CipherSuite = CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384;
    const CHACHA: CipherSuite = CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256;
    let files = Files::new();
    let list = |suites: &[CipherSuite]| {
        let names: Vec<_> = suites.iter().map(|suite| format!("{suite:?}")).collect();
        format!("cipher_suites: [{}]\n", names.join(", "))
    };
    let table = [
        (list(&[CHACHA]), Some(CHACHA)),
        (list(&[CHACHA, AES256, AES128]), Some(CHACHA)),
        (list(&[CHACHA, AES256, AES128]) + "prefer_server_cipher_suites: false", Some(AES256)),
        (list(&[AES128, CHACHA]) + "prefer_server_cipher_suites: false", Some(AES128)),
        ("cipher_suites: [TLS_AES_128_GCM_SHA256]".to_owned(), None),
    ];
    for (keys, expected) in table {
        let served = Served::protected(&files.web_config(&keys, ""), patient(), 1).await;
        let greeted = served.greet(client(files.authority.roots(), None, &[&TLS12])).await;
        let suite = greeted.ok().map(|stream| stream.get_ref().1.negotiated_cipher_suite().unwrap().suite());
        assert_eq!(suite, expected, "{keys}");
        let by_tls13 = served.greet(client(files.authority.roots(), None, &[&TLS13])).await.unwrap();
        assert_eq!(by_tls13.get_ref().1.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    }
}

#[tokio::test]
async fn curves_are_those_that_are_listed() {
    let files = Files::new();
    for (keys, expected) in [
        ("curve_preferences: [CurveP384]", NamedGroup::secp384r1),
        ("curve_preferences: [CurveP256]", NamedGroup::secp256r1),
        ("curve_preferences: [X25519, CurveP256]", NamedGroup::X25519),
    ] {
        let served = Served::protected(&files.web_config(keys, ""), patient(), 1).await;
        let stream = served.greet(files.client()).await.unwrap();
        assert_eq!(stream.get_ref().1.negotiated_key_exchange_group().unwrap().name(), expected, "{keys}");
    }
}

#[tokio::test]
async fn http_2_is_offered_unless_it_is_switched_off() {
    let files = Files::new();
    let both: [&[u8]; 2] = [b"h2", b"http/1.1"];
    for (sections, offers, expected) in [
        ("", &both[..], Some(b"h2".as_slice())),
        ("http_server_config: { http2: true }", &both, Some(b"h2")),
        ("http_server_config: { http2: false }", &both, Some(b"http/1.1")),
        ("", &both[1..], Some(b"http/1.1")),
        ("", &[], None),
    ] {
        let served = Served::protected(&files.web_config("", sections), patient(), 1).await;
        let mut client = files.client();
        client.alpn_protocols = offers.iter().map(|protocol| protocol.to_vec()).collect();
        let stream = served.greet(client).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), expected, "{sections}");
    }
}

#[tokio::test]
async fn client_auth_types_let_in_whom_they_should() {
    let files = Files::new();
    let ours = files.authority.issue("prometheus.example.com", |_| {});
    let strange = Authority::new().issue("prometheus.example.com", |_| {});
    let ca = "\nclient_ca_file: ca.pem";
    let table = [
        ("NoClientCert", "", [true, true, true]),
        ("RequestClientCert", "", [true, true, true]),
        ("RequireAnyClientCert", "", [false, true, true]),
        ("VerifyClientCertIfGiven", ca, [true, true, false]),
        ("RequireAndVerifyClientCert", ca, [false, true, false]),
    ];
    for (kind, more, expected) in table {
        let path = files.web_config(&format!("client_auth_type: {kind}{more}"), "");
        let served = Served::protected(&path, patient(), 1).await;
        for version in [&TLS12, &TLS13] {
            let mut found = Vec::new();
            for leaf in [None, Some(&ours), Some(&strange)] {
                found.push(is_in(&served, client(files.authority.roots(), leaf, &[version])).await);
            }
            assert_eq!(found, expected, "{kind} {version:?}");
        }
    }
}

#[tokio::test]
async fn names_of_clients_are_held_against_those_that_are_allowed() {
    let files = Files::new();
    let keys = "client_auth_type: RequireAndVerifyClientCert\nclient_ca_file: ca.pem\n\
                client_allowed_sans: [prometheus.example.com, 192.0.2.1]";
    let served = Served::protected(&files.web_config(keys, ""), patient(), 1).await;
    for (name, expected) in
        [("prometheus.example.com", true), ("192.0.2.1", true), ("grafana.example.com", false), ("example.com", false)]
    {
        let client = files.client_with(&files.authority.issue(name, |_| {}));
        assert_eq!(is_in(&served, client).await, expected, "{name}");
    }
    let stranger = files.client_with(&Authority::new().issue("prometheus.example.com", |_| {}));
    assert!(!is_in(&served, stranger).await);
}

#[tokio::test]
async fn expired_client_certificate_is_refused() {
    let files = Files::new();
    let keys = "client_auth_type: RequireAndVerifyClientCert\nclient_ca_file: ca.pem";
    let served = Served::protected(&files.web_config(keys, ""), patient(), 1).await;
    let expired = files.authority.issue("prometheus.example.com", |params| {
        params.not_before = rcgen::date_time_ymd(2020, 1, 1);
        params.not_after = rcgen::date_time_ymd(2021, 1, 1);
    });
    assert!(!is_in(&served, files.client_with(&expired)).await);
}

#[tokio::test]
async fn plain_http_is_answered_with_what_to_do() {
    let files = Files::new();
    let served = Served::protected(&files.web_config("", ""), patient(), 1).await;
    for method in ["GET", "POST", "PRI"] {
        let answer = served.send(&format!("{method} / HTTP/1.1\r\nHost: x\r\n\r\n")).await;
        assert_eq!(answer.status, 400);
        assert_eq!(answer.body, "Client sent an HTTP request to an HTTPS server. Write https:// instead of http://.\n");
    }
    // With more behind it than is ever read, the answer arrives all the same.
    let answer = served.send(&format!("POST / HTTP/1.1\r\nHost: x\r\n\r\n{}", "x".repeat(60_000))).await;
    assert_eq!(answer.status, 400);
}

#[tokio::test]
async fn handshakes_that_hang_hold_up_nobody_and_end() {
    let files = Files::new();
    let limits = Limits { head_timeout: Duration::from_millis(200), ..patient() };
    let served = Served::protected(&files.web_config("", ""), limits, 1).await;
    let hello = [0x16, 3, 1, 0x40, 0, 1, 0, 0x3f, 0xfc, 3, 3];
    let mut half = Vec::new();
    for start in [&[][..], &hello[..1], &hello[..5], &hello, &[0x17, 3, 3, 0, 1, 0], b"\0\0"] {
        let mut stream = served.connect().await;
        stream.write_all(start).await.unwrap();
        half.push(stream);
    }
    assert!(is_in(&served, files.client()).await);
    for mut stream in half {
        // An alert may come first.
        let read = tokio::time::timeout(HANGS, stream.read_to_end(&mut Vec::new())).await;
        assert!(read.is_ok());
    }
}

#[tokio::test]
async fn stop_waits_for_no_handshake() {
    let files = Files::new();
    let limits = Limits { drain: Duration::from_secs(3600), ..patient() };
    let served = Served::protected(&files.web_config("", ""), limits, 1).await;
    let mut half = served.connect().await;
    half.write_all(&[0x16, 3, 1]).await.unwrap();
    let mut idle = served.greet(files.client()).await.unwrap();
    served.stop.send(()).unwrap();
    assert!(is_closed(&mut half).await && is_closed(&mut idle).await);
    tokio::time::timeout(HANGS, served.ended).await.unwrap().unwrap();
}

#[tokio::test]
async fn sessions_are_not_resumed() {
    let files = Files::new();
    let served = Served::protected(&files.web_config("", ""), patient(), 1).await;
    for version in [&TLS12, &TLS13] {
        let client = client(files.authority.roots(), None, &[version]);
        for _ in 0..3 {
            let mut stream = served.greet(client.clone()).await.unwrap();
            stream.write_all(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
            stream.read_to_end(&mut Vec::new()).await.unwrap();
            assert_eq!(stream.get_ref().1.handshake_kind(), Some(rustls::HandshakeKind::Full));
        }
    }
}

#[tokio::test]
async fn discovery_leads_to_where_tls_is_spoken() {
    let files = Files::new();
    let served = Served::protected(&files.web_config("", ""), patient(), 1).await;
    let answer = served.get_by_tls(files.client(), "/sd", "").await.unwrap();
    assert!(answer.body.contains(r#""__scheme__":"https""#), "{answer:?}");
    let plain = Served::plain(patient(), 1).await;
    assert!(!plain.get("/sd").await.body.contains("__scheme__"));
}

/// Asks again and again, until what was written is in force.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(HANGS, waiting).await.unwrap_or_else(|_| panic!("never saw: {what}"));
}

/// The certificate that a client is shown.
async fn shown(served: &Served, files: &Files) -> String {
    let stream = served.greet(files.client()).await.unwrap();
    format!("{:?}", stream.get_ref().1.peer_certificates().unwrap()[0])
}

#[tokio::test]
async fn certificate_and_key_are_swapped_while_it_serves() {
    let files = Files::new();
    let served = Served::protected(&files.web_config("", ""), patient(), 1).await;
    let before = shown(&served, &files).await;
    // Half of a pair, and what is none: the last good one stays.
    let next = files.authority.issue("localhost", |_| {});
    for bad in [next.chain.as_str(), "no certificate"] {
        files.write("server.crt", bad);
        tokio::time::sleep(LOOK).await;
        assert_eq!(shown(&served, &files).await, before);
    }
    files.rotate(&next);
    until("the new certificate", async || shown(&served, &files).await != before).await;
}

#[tokio::test]
async fn authorities_of_clients_are_swapped_while_it_serves() {
    let files = Files::new();
    let keys = "client_auth_type: RequireAndVerifyClientCert\nclient_ca_file: clients.pem";
    files.write("clients.pem", &files.authority.pem());
    let served = Served::protected(&files.web_config(keys, ""), patient(), 1).await;
    let others = Authority::new();
    let (ours, theirs) = (files.authority.issue("a", |_| {}), others.issue("b", |_| {}));
    assert!(is_in(&served, files.client_with(&ours)).await);
    assert!(!is_in(&served, files.client_with(&theirs)).await);
    files.write("clients.pem", &others.pem());
    until("the new authority", async || is_in(&served, files.client_with(&theirs)).await).await;
    assert!(!is_in(&served, files.client_with(&ours)).await);
}

#[tokio::test]
async fn web_configuration_itself_changes_while_it_serves() {
    let files = Files::new();
    let path = files.web_config("min_version: TLS12", "");
    let served = Served::protected(&path, patient(), 1).await;
    let old = || client(files.authority.roots(), None, &[&TLS12]);
    assert!(is_in(&served, old()).await);
    files.web_config("min_version: TLS13", "http_server_config: { headers: { X-XSS-Protection: '1' } }");
    until("the new version", async || !is_in(&served, old()).await).await;
    let answer = served.get_by_tls(files.client(), "/", "").await.unwrap();
    assert_eq!(answer.header("x-xss-protection"), Some("1"));
    // What is wrong, and what would take the protection away, changes nothing.
    for text in ["min_version: TLS12", "", "tls_server_config: { cert_file: server.crt }"] {
        files.write("web.yml", text);
        tokio::time::sleep(LOOK).await;
        assert!(!is_in(&served, old()).await && is_in(&served, files.client()).await, "{text}");
        assert_eq!(served.get("/").await.status, 400, "{text}");
    }
}

#[tokio::test]
async fn half_a_web_configuration_lets_nobody_in_without_a_certificate() {
    let files = Files::new();
    let stranger = || files.client();
    let (ours, theirs) =
        (files.authority.issue("ours.example", |_| {}), files.authority.issue("theirs.example", |_| {}));
    let whole =
        "client_auth_type: RequireAndVerifyClientCert\nclient_ca_file: ca.pem\nclient_allowed_sans: [ours.example]";
    let path = files.web_config(whole, "");
    let served = Served::protected(&path, patient(), 1).await;
    let lets_in_as_it_should = async || {
        is_in(&served, files.client_with(&ours)).await
            && !is_in(&served, files.client_with(&theirs)).await
            && !is_in(&served, stranger()).await
    };
    assert!(lets_in_as_it_should().await);
    // What a program has written so far, where it stopped at the end of a line; it is a valid file each time.
    for lines in [0, 2] {
        let half: Vec<_> = whole.lines().take(lines).collect();
        files.web_config(&half.join("\n"), "");
        tokio::time::sleep(LOOK).await;
        assert!(lets_in_as_it_should().await, "{lines} lines");
    }
}

#[test]
fn files_that_are_of_no_use_at_the_start_are_all_named() {
    let files = Files::new();
    let keys = "client_auth_type: RequireAndVerifyClientCert\nclient_ca_file: none.pem";
    let path = files.web_config(keys, "");
    files.write("server.key", "no key");
    std::fs::remove_file(files.path("server.crt")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let problems = || runtime.block_on(async { security(&path).unwrap_err() });
    let text = problems();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    let directory = files.path("");
    let (web, directory) = (path.display(), directory.display());
    assert_eq!(
        lines[0],
        format!(
            "{web}: tls_server_config.cert_file: {directory}server.crt: cannot be read as a PEM certificate: No such file or directory"
        )
    );
    assert_eq!(
        lines[1],
        format!(
            "{web}: tls_server_config.key_file: {directory}server.key: cannot be read as a PEM private key: there is none in it"
        )
    );
    assert!(lines[2].starts_with(&format!("{web}: tls_server_config.client_ca_file: {directory}none.pem: ")), "{text}");
    files.rotate(&Leaf::self_signed("localhost", |_| {}));
    files.write("server.key", &rcgen::KeyPair::generate().unwrap().serialize_pem());
    files.write("none.pem", &files.authority.pem());
    let text = problems();
    let expected = format!("{web}: tls_server_config: cert_file and key_file cannot be used together: ");
    assert!(text.starts_with(&expected), "{text}");
}
