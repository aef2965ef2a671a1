//! The Dockerfile: what hadolint says of it, and that it knows what the manifest and the sources know.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::{read, root, run, test_dep};

#[test]
fn dockerfile_is_taken_by_hadolint() {
    let lint = |file: &Path| {
        let mut command = Command::new(test_dep("judges/bin/hadolint"));
        run(command.args(["--no-color", "--failure-threshold=style"]).arg(file))
    };
    let said = lint(&root("Dockerfile"));
    assert!(said.success, "{}", said.text);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("Dockerfile");
    std::fs::write(&file, read("Dockerfile").replace("WORKDIR /build", "WORKDIR build")).unwrap();
    assert!(lint(&file).text.contains("DL3000"), "what is wrong is noticed");
}

#[test]
fn image_names_the_version_and_the_compiler_of_the_manifest() {
    let dockerfile = read("Dockerfile");
    assert!(dockerfile.contains(&format!("ARG VERSION={}\n", env!("CARGO_PKG_VERSION"))));
    let compiler = env!("CARGO_PKG_RUST_VERSION");
    assert!(dockerfile.contains(&format!("FROM rust:{compiler}-slim-bookworm AS build\n")), "{compiler}");
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

/// `.dockerignore` lets through the manifest, the lock file, `build.rs` and `src`: whatever else the sources take into
/// the program would be missed in the image's build alone, which nobody runs here.
#[test]
fn sources_take_in_nothing_from_outside_of_src() {
    let ignored = read(".dockerignore");
    let let_through: Vec<_> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    assert_eq!(let_through, ["Cargo.toml", "Cargo.lock", "build.rs", "src"]);
    let src = root("src").canonicalize().unwrap();
    let mut found = 0;
    for path in sources(&src) {
        let text = std::fs::read_to_string(&path).unwrap();
        for begin in ["include_str!(\"", "include_bytes!(\""] {
            for (at, _) in text.match_indices(begin) {
                let (named, _) = text[at + begin.len()..].split_once('"').unwrap();
                let taken = path.parent().unwrap().join(named).canonicalize().unwrap();
                assert!(taken.starts_with(&src), "{} takes in {}", path.display(), taken.display());
                found += 1;
            }
        }
    }
    assert!(found > 0, "the manual page is one");
}
