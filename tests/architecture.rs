//! ARCHITECTURE.md's invariants, read off the source.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

/// Each room and the rooms that it may use beside itself. Arrows point one way.
const ROOMS: [(&str, &[&str]); 11] = [
    ("model", &[]),
    ("clock", &["model"]),
    ("files", &[]),
    ("tls", &[]),
    ("config", &["files", "model"]),
    ("simulator", &[]),
    ("client", &["clock", "files", "model", "tls"]),
    ("probe", &["client", "clock", "model"]),
    ("telemetry", &["model"]),
    ("server", &["files", "model", "telemetry", "tls"]),
    ("cli", &["client", "clock", "config", "files", "model", "probe", "server", "simulator", "telemetry", "tls"]),
];

/// Crates that only one room may know.
const OWNED_CRATES: [(&str, &[&str]); 10] = [
    // The type of rustls' provider is called by this name, too.
    ("aws_lc_rs", &["client", "server", "tls"]),
    ("reqwest", &["client"]),
    ("rustls", &["client", "server", "tls"]),
    ("tokio_rustls", &["server"]),
    ("bcrypt", &["server"]),
    ("h2", &["client"]),
    ("axum", &["server", "simulator"]),
    ("maud", &["server"]),
    ("saphyr_parser", &["config"]),
    ("prometheus", &["telemetry"]),
];

fn sources(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path, text));
        }
    }
    found
}

fn source_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The room of a file: its folder under `src`, or its name.
fn room(path: &Path) -> String {
    let inside = path.strip_prefix(source_folder()).unwrap();
    inside.components().next().unwrap().as_os_str().to_str().unwrap().trim_end_matches(".rs").to_owned()
}

fn code_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim_start).filter(|line| !line.starts_with("//"))
}

#[test]
fn rooms_use_only_the_rooms_below_them() {
    for (path, text) in sources(&source_folder()) {
        let room = room(&path);
        let Some((_, allowed)) = ROOMS.iter().find(|(name, _)| *name == room) else {
            assert!(["lib", "main"].contains(&room.as_str()), "{room} is a room that ROOMS does not know");
            continue;
        };
        for (other, _) in ROOMS {
            let uses = code_lines(&text).any(|line| line.contains(&format!("crate::{other}::")));
            assert!(other == room || allowed.contains(&other) || !uses, "{} uses {other}", path.display());
        }
    }
}

#[test]
fn crates_stay_in_the_rooms_that_own_them() {
    for (path, text) in sources(&source_folder()) {
        let room = room(&path);
        for (name, owners) in OWNED_CRATES {
            let uses = code_lines(&text).any(|line| line.contains(&format!("{name}::")));
            assert!(owners.contains(&room.as_str()) || !uses, "{} knows {name}", path.display());
        }
    }
}

#[test]
fn the_model_reads_no_clock_and_never_awaits() {
    for (path, text) in sources(&source_folder().join("model")) {
        for forbidden in [".await", "async fn", "tokio::", "Instant::", "SystemTime::now", "std::fs", "std::net::Tcp"] {
            assert!(!code_lines(&text).any(|line| line.contains(forbidden)), "{}: {forbidden}", path.display());
        }
    }
}

#[test]
fn secrets_are_exposed_where_they_are_used_alone() {
    for (path, text) in sources(&source_folder()) {
        // What follows a file's tests is no part of the program.
        let program = text.split("#[cfg(test)]").next().unwrap();
        let exposes = code_lines(program).any(|line| line.contains(".expose()"));
        // The server has a key of its own, and hashes of its users' passwords.
        let is_servers = ["server/tls.rs", "server/passwords.rs"].iter().any(|file| path.ends_with(file));
        assert!(!exposes || is_servers || room(&path) == "client", "{} exposes a secret", path.display());
    }
}

#[test]
fn every_file_says_first_what_it_owns() {
    for (path, text) in sources(&source_folder()) {
        assert!(text.starts_with("//! "), "{}", path.display());
    }
}

#[test]
fn files_stay_short_enough_to_be_read() {
    for (path, text) in sources(&source_folder()) {
        let lines = text.lines().count();
        assert!(lines <= 350, "{} has {lines} lines", path.display());
    }
}

#[test]
fn main_only_begins() {
    let main = fs::read_to_string(source_folder().join("main.rs")).unwrap();
    assert!(main.lines().count() < 60);
}
