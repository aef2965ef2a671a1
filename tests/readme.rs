//! README.md's tables are those of the code. `UPDATE_README=1 cargo test --test readme` writes them anew.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use oauth_probe_exporter::model::advice::advice;
use oauth_probe_exporter::model::fault::{Cause, Reason, Request};
use oauth_probe_exporter::telemetry::catalogue::families;

fn metrics() -> String {
    let mut table = String::from("| name | type | further labels | meaning |\n| --- | --- | --- | --- |\n");
    for family in families() {
        let labels: Vec<_> = family.labels.iter().map(|label| format!("`{label}`")).collect();
        let (name, kind, labels) = (family.name, family.kind.as_str(), labels.join(" "));
        writeln!(table, "| `{name}` | {kind} | {labels} | {} |", family.help).unwrap();
    }
    table
}

fn reasons() -> String {
    let mut table = String::from("| reason | request | fault | meaning |\n| --- | --- | --- | --- |\n");
    for reason in Reason::ALL {
        let requests: Vec<_> = Request::ALL.into_iter().filter(|&request| reason.can_occur(request)).collect();
        let causes = requests.iter().map(|&request| Cause { request, reason });
        let mut rows: Vec<(Vec<&str>, Vec<&str>, &str)> = Vec::new();
        for cause in causes {
            let meaning = advice(cause).meaning;
            match rows.iter_mut().find(|(_, _, known)| *known == meaning) {
                Some((requests, faults, _)) => {
                    requests.push(cause.request.as_str());
                    if !faults.contains(&cause.fault().as_str()) {
                        faults.push(cause.fault().as_str());
                    }
                }
                None => rows.push((vec![cause.request.as_str()], vec![cause.fault().as_str()], meaning)),
            }
        }
        for (requests, faults, meaning) in rows {
            let faults: Vec<_> = faults.iter().map(|fault| format!("`{fault}`")).collect();
            writeln!(table, "| `{}` | {} | {} | {meaning} |", reason.as_str(), requests.join(", "), faults.join(", "))
                .unwrap();
        }
    }
    table
}

/// What stands between the markers of a section, and the text with it replaced.
fn section(readme: &str, name: &str, wanted: &str) -> (String, String) {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let start = readme.find(&begin).expect(name) + begin.len();
    let stop = readme.find(&end).expect(name);
    (readme[start..stop].to_owned(), format!("{}{wanted}{}", &readme[..start], &readme[stop..]))
}

#[test]
fn tables_are_those_of_the_code() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let mut readme = fs::read_to_string(&path).unwrap();
    let update = std::env::var_os("UPDATE_README").is_some();
    for (name, wanted) in [("metrics", metrics()), ("reasons", reasons())] {
        let (found, replaced) = section(&readme, name, &wanted);
        if update {
            readme = replaced;
        } else {
            assert_eq!(found, wanted, "{name}: UPDATE_README=1 cargo test --test readme");
        }
    }
    if update {
        fs::write(&path, readme).unwrap();
    }
}

#[test]
fn metrics_named_in_the_texts_exist() {
    let known: Vec<_> = families().map(|family| family.name).collect();
    for file in [
        "README.md",
        "docs/configuration.md",
        "docs/native-histograms.md",
        "docs/native-histograms.md",
        "docs/probe-and-discovery.md",
        "ARCHITECTURE.md",
    ] {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        for word in text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')) {
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word);
            let is_metric = word.starts_with("oauth_probe_") && word != "oauth_probe_exporter";
            assert!(!is_metric || known.contains(&word) || known.contains(&base), "{file} names {word}");
        }
    }
}
