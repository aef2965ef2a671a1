//! Pages that stay open: they follow what happens without taking anything out of a person's hands.

use axum::Router;
use axum::http::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::browser::{Browser, Device, Look, PATIENCE};
use super::made_up::{Shown, many};
use super::stage::Stage;

/// Timers of the page become a thing that the test fires.
const HOLD_TIMERS: &str = "
    window.planned = null;
    window.setTimeout = (action, delay) => { window.planned = { action, delay }; return 1; };
    window.clearTimeout = () => { window.planned = null; };";

/// The page at `url`, which asks for nothing by itself.
async fn open_held(url: &str) -> Browser {
    let browser = Browser::start().await;
    browser.run_first(HOLD_TIMERS).await;
    browser.open(url).await;
    browser
}

#[tokio::test(flavor = "multi_thread")]
async fn fault_comes_and_goes_while_focus_text_and_place_stay() {
    let names: Vec<_> = ('a'..='p').map(String::from).chain(["a-troubled".to_owned()]).collect();
    let stage = Stage::set(&names.iter().map(String::as_str).collect::<Vec<_>>(), &[]).await;
    let browser = Browser::start().await;
    browser.look(Look::Light, Device::Phone).await;
    browser.open(&stage.url("/")).await;
    browser.until_text("All 17 targets work").await;
    browser.type_into("#q", "half a na").await;
    browser.eval("window.untouched = true; scrollTo(0, 40)").await;

    stage.break_api_of("a-troubled");
    browser.until_text("1 of 17 targets fails").await;
    assert_eq!(browser.title().await, "1 failing · oauth-probe");
    assert_eq!(browser.texts("h3").await, ["a-troubled"]);
    let theirs = "return [document.activeElement.id, document.querySelector('#q').value, window.untouched, scrollY]";
    assert_eq!(browser.eval(theirs).await, json!(["q", "half a na", true, 40]));

    stage.mend_api_of("a-troubled");
    browser.until_text("All 17 targets work").await;
    assert_eq!(browser.title().await, "all working · oauth-probe");
    assert_eq!(browser.texts("h3").await, Vec::<String>::new());
    assert_eq!(browser.eval(theirs).await, json!(["q", "half a na", true, 40]));
    assert_eq!(browser.complaints().await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn focus_follows_a_target_that_moves_and_opened_details_stay_open() {
    let labels = "{ a: '1', b: '2', c: '3', d: '4', e: '5', f: '6' }";
    let stage = Stage::set_with(&["healthy", "a-troubled"], labels, &[]).await;
    let browser = open_held(&stage.url("/")).await;
    refresh_until(&browser, "All 2 targets work").await;
    browser.click("tr[data-key=healthy] summary").await;
    browser.eval("document.querySelector('[data-key=a-troubled] a').focus()").await;
    stage.break_api_of("a-troubled");
    refresh_until(&browser, "1 of 2 targets fails").await;
    let focused = "const link = document.activeElement; return [link.textContent, link.closest('article') !== null]";
    assert_eq!(browser.eval(focused).await, json!(["a-troubled", true]));
    assert_eq!(browser.eval("return document.querySelector('tr[data-key=healthy] details').open").await, true);
    stage.mend_api_of("a-troubled");
    refresh_until(&browser, "All 2 targets work").await;
    assert_eq!(browser.eval(focused).await, json!(["a-troubled", false]));
    assert_eq!(browser.eval("return document.querySelector('tr[data-key=healthy] details').open").await, true);
}

#[tokio::test(flavor = "multi_thread")]
async fn exporter_that_answers_no_more_is_said_until_it_answers_again() {
    let mut stage = Stage::set(&["acme"], &[]).await;
    let browser = open_held(&stage.url("/")).await;
    refresh_until(&browser, "acme works").await;
    stage.stop().await;
    refresh_until(&browser, "No answer since ").await;
    assert_eq!(browser.title().await, "no answer · all working · oauth-probe");
    assert!(browser.text().await.contains("acme works"), "what was known stays");
    stage.restart().await;
    fire(&browser).await;
    assert_eq!(browser.texts("#silence").await, [""]);
    refresh_until(&browser, "acme works").await;
    assert_eq!(browser.title().await, "all working · oauth-probe");
}

#[tokio::test(flavor = "multi_thread")]
async fn answer_that_is_no_page_is_said_with_its_status() {
    for (status, shown) in [(StatusCode::UNAUTHORIZED, "401"), (StatusCode::SERVICE_UNAVAILABLE, "503")] {
        let stage = Stage::set(&["acme"], &[]).await;
        let browser = open_held(&stage.url("/")).await;
        refresh_until(&browser, "acme works").await;
        stage.stop().await;
        refresh_until(&browser, "No answer since ").await;
        let listener = TcpListener::bind(&stage.exporter.address).await.unwrap();
        let router = Router::new().fallback(async move || status);
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        refresh_until(&browser, &format!("No page, but status {shown}, since ")).await;
        assert_eq!(browser.title().await, "no page · all working · oauth-probe");
        assert!(browser.text().await.contains("acme works"), "what was known stays");
        serving.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_asked_while_nobody_looks() {
    let shown = Shown::start(None, &many(3)).await;
    let browser = open_held(&shown.url("/")).await;
    let planned = "return window.planned && window.planned.delay";
    assert_eq!(browser.eval(planned).await, 5000);
    let turn = |hidden: bool| {
        format!(
            "Object.defineProperty(document, 'hidden', {{ value: {hidden}, configurable: true }});
             document.dispatchEvent(new Event('visibilitychange'))"
        )
    };
    browser.eval(&turn(true)).await;
    assert_eq!(browser.eval(planned).await, Value::Null);
    browser.eval(&turn(false)).await;
    browser.until("return window.planned !== null").await;

    let answers = "performance.getEntriesByType('resource').filter(entry => entry.initiatorType === 'fetch').length";
    assert_eq!(browser.eval(&format!("return {answers}")).await, 1, "one question, by the return");

    // An answer that comes when nobody looks any more brings no further question.
    browser.eval(&format!("window.planned.action(); {}", turn(true))).await;
    browser.until(&format!("return {answers} === 2")).await;
    browser.eval_promise("await new Promise(requestAnimationFrame)").await;
    assert_eq!(browser.eval(planned).await, Value::Null);
    browser.eval(&turn(false)).await;
    browser.until("return window.planned !== null").await;

    browser.click("#pause").await;
    assert_eq!(browser.eval(planned).await, Value::Null);
    assert_eq!(browser.texts("#pause").await, ["Go on"]);
    browser.click("#pause").await;
    browser.until("return window.planned !== null").await;
    assert_eq!(browser.texts("#pause").await, ["Pause"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn page_is_patched_into_what_a_fresh_one_is() {
    let stage = Stage::set(&["a", "b", "c", "d"], &[]).await;
    for name in ["a", "b", "c", "d"] {
        stage.until_success_is(name, 1).await;
    }
    let browser = Browser::start().await;
    browser.run_first(HOLD_TIMERS).await;
    for path in ["/", "/targets/b"] {
        for (name, breaks) in [("c", true), ("a", true), ("b", true), ("c", false), ("a", false), ("b", false)] {
            browser.open(&stage.url(path)).await;
            if breaks {
                stage.break_api_of(name);
            } else {
                stage.mend_api_of(name);
            }
            stage.until_success_is(name, u8::from(!breaks)).await;
            fire(&browser).await;
            let fresh = "
                const fresh = new DOMParser().parseFromString(await (await fetch(location.href)).text(), 'text/html');
                const shape = root => [...root.querySelectorAll('main, main :not(title, rect, circle, path, time)')]
                    .map(element => `${element.localName}.${element.className.baseVal ?? element.className}` +
                        `#${element.id} ${element.getAttribute('href') ?? ''}`);
                return [shape(document).join('\\n'), shape(fresh).join('\\n')];";
            let shapes: [String; 2] = serde_json::from_value(browser.eval_promise(fresh).await).unwrap();
            assert_eq!(shapes[0], shapes[1], "{path} {name}");
        }
    }
}

/// Lets the page refresh itself once, and waits until it has.
async fn fire(browser: &Browser) {
    browser.until("return window.planned !== null").await;
    browser.eval("const { action } = window.planned; window.planned = null; action()").await;
    browser.until("return window.planned !== null").await;
}

async fn refresh_until(browser: &Browser, wanted: &str) {
    let looking = async {
        while !browser.text().await.contains(wanted) {
            fire(browser).await;
        }
    };
    if tokio::time::timeout(PATIENCE, looking).await.is_err() {
        panic!("never saw {wanted:?} in {}", browser.text().await);
    }
}
