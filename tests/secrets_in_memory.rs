//! What is left of a secret and of a token in the memory of the program once it has no more use for them: nothing but
//! what hyper has read or written, whose buffers nobody else can clear.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod exporter;
mod raw_server;

use std::fs::File;
use std::os::unix::fs::FileExt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use exporter::Exporter;
use raw_server::{Authority, Behaviour, RawServer, answer, tls_config};

/// What is looked for is the end: the beginning of freed memory is soon written over. No part of it comes twice.
const SECRET: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa/Zq8vK2mX7pL4wR9tB3nY6cJ1hD5fG0sQ";
const TOKEN: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbb/uE7xT4kW9oP2zN5vA8rM1qI6yC3bL0jH";
/// What replaces them is so short that it takes no place of theirs.
const SHORT: &str = "cccccccc";
const END: usize = 32;

/// All that a process can write to in its memory.
fn memory(exporter: &Exporter) -> Vec<Vec<u8>> {
    let process = format!("/proc/{}", exporter.pid().unwrap().as_raw_nonzero());
    let maps = std::fs::read_to_string(format!("{process}/maps")).unwrap();
    let memory = File::open(format!("{process}/mem")).unwrap();
    let ranges = maps.lines().filter(|line| line.contains(" rw")).map(|line| line.split(' ').next().unwrap());
    let read = |range: &str| {
        let (start, end) = range.split_once('-').unwrap();
        let [start, end] = [start, end].map(|address| u64::from_str_radix(address, 16).unwrap());
        let mut content = vec![0; usize::try_from(end - start).unwrap()];
        memory.read_exact_at(&mut content, start).ok().map(|()| content)
    };
    ranges.filter_map(read).collect()
}

/// What stands around every copy of the end of `text`: a bit before it, and two bytes behind it.
fn copies(memory: &[Vec<u8>], text: &str) -> Vec<(String, [u8; 2])> {
    let end = &text.as_bytes()[text.len() - END..];
    let mut found = Vec::new();
    for content in memory {
        for (at, _) in content.windows(END).enumerate().filter(|(_, window)| *window == end) {
            let before = String::from_utf8_lossy(&content[at.saturating_sub(200)..at + END]).into_owned();
            found.push((before, [content[at + END], content[at + END + 1]]));
        }
    }
    found
}

/// Servers that hand out `TOKEN`, and then `SHORT`; and an API.
struct Servers {
    scheme: &'static str,
    first: RawServer,
    second: RawServer,
    api: RawServer,
    authority: Authority,
    directory: tempfile::TempDir,
}

impl Servers {
    async fn start(scheme: &'static str) -> Self {
        let authority = Authority::new();
        let leaf = authority.issue("127.0.0.1", |_| {});
        let start = async |behaviour: Behaviour| match scheme {
            "https" => RawServer::tls(behaviour, tls_config(&leaf, None)).await,
            _ => RawServer::plain(behaviour).await,
        };
        let issue = |token| answer(200, "", &format!(r#"{{"access_token":"{token}","expires_in":2}}"#));
        let directory = tempfile::tempdir().unwrap();
        for (name, secret) in [("first", SECRET), ("second", SHORT)] {
            std::fs::write(directory.path().join(name), secret).unwrap();
        }
        Self {
            scheme,
            first: start(issue(TOKEN)).await,
            second: start(issue(SHORT)).await,
            api: start(answer(200, "", r#"{"info":"pong","status":1}"#)).await,
            authority,
            directory,
        }
    }

    fn configuration(&self, name: &str, authentication: &str) -> String {
        let (scheme, api) = (self.scheme, self.api.address);
        let issuer = if name == "first" { self.first.address } else { self.second.address };
        let (secret, ca) = (self.directory.path().join(name), self.authority.ca_file());
        format!(
            "targets: [{{ name: {name}, interval: 200ms, timeout: 200ms, client_id: acme, client_secret_file: '{}', \
             token: {{ auth: {authentication} }}, tls: {{ ca_file: '{}' }}, \
             authorization_server: '{scheme}://{issuer}', resource_server: '{scheme}://{api}' }}]\n",
            secret.display(),
            ca.display()
        )
    }
}

/// The memory of the program when it has worked with secret and token for a while, and then with others.
async fn after_both_were_replaced(scheme: &'static str, authentication: &str) -> Vec<Vec<u8>> {
    let servers = Servers::start(scheme).await;
    let exporter = Exporter::start_with(&servers.configuration("first", authentication), &[], &[]).await;
    exporter.until_matching(&["cycles_total", "first", "success"], |count| count >= 8.0).await;
    assert!(!copies(&memory(&exporter), TOKEN).is_empty(), "what is in use would be found");
    exporter.write_configuration(&servers.configuration("second", authentication));
    assert_eq!(exporter.reload().await.status, 200);
    exporter.until_matching(&["cycles_total", "second", "success"], |count| count >= 3.0).await;
    memory(&exporter)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_left_of_a_secret_and_a_token_but_in_buffers_of_http() {
    let mut cases = tokio::task::JoinSet::new();
    for (scheme, authentication) in
        [("http", "basic"), ("http", "post"), ("http", "client_secret_jwt"), ("https", "basic")]
    {
        cases.spawn(async move {
            let memory = after_both_were_replaced(scheme, authentication).await;
            assert_only_in_buffers(&memory, &format!("{scheme}, {authentication}"));
        });
    }
    while let Some(ended) = cases.join_next().await {
        ended.unwrap();
    }
}

fn assert_only_in_buffers(memory: &[Vec<u8>], case: &str) {
    assert_eq!(copies(memory, SECRET), [], "{case}");
    let in_basic = STANDARD.encode(format!("acme:{}", SECRET.replace('/', "%2F")));
    for text in [TOKEN, &in_basic] {
        for (before, behind) in copies(memory, text) {
            // A header as it is written, or an answer as it is read.
            assert!(behind == *b"\r\n" || behind == *b"\",", "{case}: {before:?}");
        }
    }
}
