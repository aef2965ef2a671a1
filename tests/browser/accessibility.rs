//! That nobody is kept out: axe-core finds nothing on any kind of page, however it is looked at.

use serde_json::{Value, json};

use super::browser::{Browser, Device, Look};
use super::stage::Stage;

const RULES: [&str; 6] = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

fn axe() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/browser/axe/node_modules/axe-core/axe.min.js");
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}: run tests/run.sh --only-setup"))
}

/// What it finds, each with the elements that it is about; and how many rules it applied.
async fn examine(browser: &Browser, axe: &str) -> (Vec<String>, u64) {
    browser.eval(axe).await;
    let found = browser
        .eval_promise(&format!(
            "const found = await axe.run(document, {{ runOnly: {{ type: 'tag', values: {} }} }});
             const words = rule => `${{rule.id}}: ${{rule.nodes.map(node => node.target.join(' ')).join(', ')}}`;
             return [found.violations.map(words), found.passes.length];",
            json!(RULES)
        ))
        .await;
    let Value::Array(found) = found else { panic!("{found}") };
    (serde_json::from_value(found[0].clone()).unwrap(), found[1].as_u64().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_nothing_on_any_page_in_any_look() {
    let stage = Stage::set(&["healthy", "broken", "warned"], &[]).await;
    stage.break_api_of("broken");
    stage.refuse_secret_of("warned").await;
    stage.until_success_is("broken", 0).await;
    stage.until_success_is("healthy", 1).await;
    stage.exporter.write_configuration("targets: 7");
    stage.exporter.reload().await;
    let (axe, browser) = (axe(), Browser::start().await);
    for look in [Look::Light, Look::Dark] {
        for device in [Device::Desk, Device::Phone] {
            browser.look(look, device).await;
            for path in
                ["/", "/targets/broken", "/targets/healthy", "/targets/warned", "/targets/nobody", "/?q=x&label=a%3Db"]
            {
                browser.open(&stage.url(path)).await;
                let (violations, passes) = examine(&browser, &axe).await;
                assert!(violations.is_empty(), "{path} {look:?} {device:?}: {violations:#?}");
                assert!(passes > 15, "{path}: {passes} rules passed");
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn axe_would_find_what_is_wrong() {
    let stage = Stage::set(&["healthy"], &[]).await;
    let (axe, browser) = (axe(), Browser::start().await);
    browser.open(&stage.url("/")).await;
    browser.eval("document.querySelector('main').append(document.createElement('button'))").await;
    let (violations, _) = examine(&browser, &axe).await;
    assert_eq!(violations.len(), 1, "{violations:?}");
}
