//! Ways to find one target among many: search, labels, states; by mouse, by keyboard and without scripts.

use std::collections::BTreeSet;

use super::browser::{Browser, key};
use super::made_up::{Shown, many};
use super::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn search_labels_and_states_narrow_the_list_and_are_kept_by_each_other() {
    let shown = Shown::start(None, &many(1000)).await;
    let browser = Browser::start().await;
    browser.open(&shown.url("/")).await;
    browser.type_into("#q", "CLIENT-0000").await;
    browser.press(key::ENTER).await;
    browser.until("return location.search.includes('q=')").await;
    assert_eq!(browser.texts("h3, .name a").await.len(), 10);
    assert_eq!(browser.eval("return document.querySelector('#q').value").await, "CLIENT-0000");
    browser.type_into("#label", "environment=staging").await;
    browser.click(".filter button").await;
    browser.until("return location.search.includes('label=')").await;
    assert_eq!(browser.texts("h3, .name a").await.len(), 5);
    browser.click(".standings a[href*='state=failing']").await;
    assert_eq!(browser.texts("h3, .name a").await, ["client-00007"]);
    assert_eq!(browser.texts("[aria-current]").await, ["2 failing"]);
    browser.click(".wanted a").await;
    assert_eq!(browser.url().await, shown.url("/?q=CLIENT-0000&state=failing"));
    browser.click(".clear").await;
    assert_eq!(browser.url().await, shown.url("/"));
    browser.click("article .label").await;
    assert_eq!(browser.url().await, shown.url("/?label=environment%3Dstaging"));
}

#[tokio::test(flavor = "multi_thread")]
async fn filter_that_means_nothing_says_what_to_write() {
    let shown = Shown::start(None, &many(3)).await;
    let browser = Browser::start().await;
    browser.open(&shown.url("/")).await;
    browser.type_into("#label", "production").await;
    browser.press(key::ENTER).await;
    browser.until_text("\"production\" is no label with a value; write NAME=VALUE").await;
    browser.click(".wanted a").await;
    assert_eq!(browser.texts("h3, .name a").await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn form_and_pages_work_without_scripts() {
    let shown = Shown::start(None, &many(120)).await;
    let browser = Browser::start().await;
    browser.disable_scripts().await;
    browser.open(&shown.url("/")).await;
    browser.click("a[rel=next]").await;
    assert_eq!(browser.texts(".pages span").await, ["51–100 of 120"]);
    browser.type_into("#q", "00042").await;
    browser.click(".filter button").await;
    browser.until("return location.search.includes('00042') && document.readyState === 'complete'").await;
    assert_eq!(browser.texts("h3, .name a").await, ["client-00042"]);
    assert_eq!(browser.eval("return document.querySelector('#pause').hidden").await, true);
    browser.click(".name a").await;
    assert_eq!(browser.texts("h1").await, ["client-00042"]);
}

/// What the focus is on, in words that tell elements apart, and whether that is to be seen.
const FOCUSED: &str = "
    const element = document.activeElement, style = getComputedStyle(element);
    const all = [...document.querySelectorAll('*')];
    return [all.indexOf(element), element.localName, style.outlineStyle !== 'none' && style.outlineWidth !== '0px']";

#[tokio::test(flavor = "multi_thread")]
async fn keyboard_reaches_everything_and_shows_where_it_is() {
    let stage = Stage::set(&["healthy", "broken"], &[]).await;
    stage.break_api_of("broken");
    stage.until_success_is("broken", 0).await;
    let browser = Browser::start().await;
    for path in ["/", "/targets/broken"] {
        browser.open(&stage.url(path)).await;
        // Pressed once, it stops the page from changing while its elements are numbered.
        browser.click("#pause").await;
        browser.eval("document.activeElement.blur(); getSelection().removeAllRanges(); scrollTo(0, 0)").await;
        let everything = browser
            .eval(
                "const all = [...document.querySelectorAll('*')];
                 return [...document.querySelectorAll('a[href], button, input:not([type=hidden]), summary')]
                     .filter(element => element.getClientRects().length).map(element => all.indexOf(element))",
            )
            .await;
        let everything: BTreeSet<u32> = serde_json::from_value(everything).unwrap();
        let mut reached = BTreeSet::new();
        for _ in 0..everything.len() + 3 {
            browser.press(key::TAB).await;
            let (index, name, is_seen): (u32, String, bool) =
                serde_json::from_value(browser.eval(FOCUSED).await).unwrap();
            if name != "body" && name != "html" {
                assert!(is_seen, "{name} {index} of {path} shows no focus");
                reached.insert(index);
            }
        }
        assert_eq!(reached, everything, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn skip_link_comes_first_and_leads_to_the_content() {
    let shown = Shown::start(None, &many(3)).await;
    let browser = Browser::start().await;
    browser.open(&shown.url("/")).await;
    browser.press(key::TAB).await;
    assert_eq!(browser.eval("return document.activeElement.textContent").await, "Skip to the content");
    assert_eq!(browser.eval("return document.activeElement.getBoundingClientRect().top >= 0").await, true);
    browser.press(key::ENTER).await;
    browser.until("return document.activeElement.id === 'content'").await;
    browser.press(key::TAB).await;
    assert_eq!(browser.eval("return document.activeElement.closest('main') !== null").await, true);
}
