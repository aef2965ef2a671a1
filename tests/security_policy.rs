//! That SECURITY.md knows every route, and leads where it says.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

use std::collections::BTreeSet;
use std::path::Path;

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// What stands between `begin` and `end`, everywhere.
fn between<'a>(text: &'a str, begin: &'a str, end: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(begin).skip(1).map(move |rest| rest.split(end).next().unwrap())
}

/// Every path of the router, read off the source.
fn routes() -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for file in ["src/server/routes.rs", "src/server/status/mod.rs"] {
        let source = read(file);
        assert!(!source.contains(".nest(") && !source.contains("route_service"), "{file} has routes of another form");
        // Those without a prefix lead to the one with it.
        let own = source.matches(".route(").count();
        let of_the_prefix = between(&source, ".route(\"/\", to_home", ")").count() * 2;
        let named: Vec<_> = between(&source, ".route(&settings.at(\"", "\"").map(str::to_owned).collect();
        let telemetry = between(&source, ".route(&settings.at(settings.telemetry_path()", ")").count();
        assert_eq!(own, named.len() + telemetry + of_the_prefix, "{file} has routes of another form");
        paths.extend(named);
        paths.extend((telemetry > 0).then(|| "/metrics".to_owned()));
    }
    paths
}

#[test]
fn every_route_is_in_the_table_and_nothing_else() {
    let policy = read("SECURITY.md");
    let section = between(&policy, "## Who can reach what\n", "\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.map(|row| row.split(" | ").next().unwrap());
    let written: BTreeSet<_> =
        cells.flat_map(|cell| between(cell, "`", "`").step_by(2)).map(|route| route.split_once(' ').unwrap()).collect();
    let (reloads, shown): (Vec<_>, Vec<_>) = written.iter().partition(|(method, _)| *method == "POST");
    assert_eq!(reloads, [("POST", "/-/reload")]);
    assert!(shown.iter().all(|(method, _)| *method == "GET"));
    assert_eq!(written.iter().map(|(_, path)| (*path).to_owned()).collect::<BTreeSet<_>>(), routes());
    assert_eq!(written.len(), routes().len());
}

#[test]
fn links_lead_to_files_and_headings() {
    for file in ["SECURITY.md", "docs/supply-chain.md", "docs/web-configuration.md", "docs/probe-and-discovery.md"] {
        let text = read(file);
        let folder = Path::new(file).parent().unwrap();
        for link in between(&text, "](", ")").filter(|link| !link.starts_with("http")) {
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let path = if path.is_empty() { Path::new(file).to_owned() } else { folder.join(path) };
            let there = read(path.to_str().unwrap());
            let headings = there.lines().filter(|line| line.starts_with('#'));
            let anchor = |line: &str| {
                let title = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
                title.chars().filter(|letter| letter.is_alphanumeric() || "-_".contains(*letter)).collect::<String>()
            };
            assert!(heading.is_empty() || headings.map(anchor).any(|title| title == heading), "{file}: {link}");
        }
    }
}
