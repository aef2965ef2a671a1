//! What pages show, how they look, and that browsers have nothing to complain of.

use oauth_probe_exporter::model::fault::{Reason, Request};
use serde_json::{Value, json};

use super::browser::{Browser, Device, Look};
use super::made_up::{Life, Shown, many};
use super::stage::Stage;

/// Every look at every kind of page.
const LOOKS: [(Look, Device); 3] =
    [(Look::Light, Device::Desk), (Look::Dark, Device::Desk), (Look::Light, Device::Phone)];

/// What would run or style against the policy, if it stood in a page.
const INLINE: &str = "[style], style, script:not([src]), [onclick], [onerror], [onload]";

async fn assert_is_sound(browser: &Browser, page: &str, device: Device) {
    let complaints = browser.complaints().await;
    assert!(complaints.is_empty(), "{page}: {complaints:?}");
    let counted = "
        const count = selector => document.querySelectorAll(selector).length;
        const isTooWide = document.documentElement.scrollWidth > arguments[1];
        return [count(arguments[0]), isTooWide ? 1 : 0, count('h1'), count('main')]";
    let facts = browser.eval_with(counted, json!([INLINE, device.width()])).await;
    let facts: [u32; 4] = serde_json::from_value(facts).unwrap();
    assert_eq!(facts, [0, 0, 1, 1], "inline, too wide, h1, main of {page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_loads_in_light_in_dark_and_on_a_phone() {
    let stage = Stage::set(&["healthy", "broken"], &[]).await;
    stage.break_api_of("broken");
    stage.until_success_is("broken", 0).await;
    stage.until_success_is("healthy", 1).await;
    let browser = Browser::start().await;
    for (look, device) in LOOKS {
        browser.look(look, device).await;
        for (path, wanted) in [
            ("/", "1 of 2 targets fails"),
            ("/targets/healthy", "bad_token"),
            ("/targets/broken", "The provider must act"),
            ("/?q=nobody", "No target fits."),
        ] {
            browser.open(&stage.url(path)).await;
            browser.until_text(wanted).await;
            assert_is_sound(&browser, path, device).await;
            let ground = browser.eval("return getComputedStyle(document.body).backgroundColor").await;
            let is_dark = ground == "rgb(20, 20, 21)";
            assert_eq!(is_dark, look == Look::Dark, "{ground}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failing_target_comes_first_with_what_whose_and_what_to_do() {
    let stage = Stage::set(&["aaa", "zzz"], &[]).await;
    stage.break_api_of("zzz");
    stage.until_success_is("zzz", 0).await;
    stage.until_success_is("aaa", 1).await;
    let browser = Browser::start().await;
    browser.open(&stage.url("/")).await;
    assert_eq!(browser.title().await, "1 failing · oauth-probe");
    assert_eq!(browser.texts("main h2").await, ["Failing", "Working"]);
    assert_eq!(browser.texts("h3").await, ["zzz"]);
    let card = &browser.texts(".card").await[0];
    for part in [
        "Failing for",
        "since",
        "Ping was answered with status 503",
        "server_error, fault resource_server",
        "The API (the provider).",
        "The server failed (5xx).",
        "The provider must act: report the time (UTC), the URL, the client id and the status.",
        "/api/v1/deliveryexperience/ping",
        "Client zzz",
    ] {
        assert!(card.contains(part), "{part:?} in {card}");
    }
    let icon = browser.eval("return document.querySelector('link[rel=icon]').href").await;
    assert!(icon.as_str().unwrap().contains("failing"), "{icon}");
    browser.click("h3 a").await;
    assert_eq!(browser.title().await, "zzz fails · oauth-probe");
    assert!(browser.text().await.contains("client_secret: <secret>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn plots_and_bars_say_in_words_what_they_show() {
    let lives = [Life::new("acme", &[]).failing(600.0, 0.0, Request::Ping, Reason::ServerError, Some(503))];
    let shown = Shown::start(None, &lives).await;
    let browser = Browser::start().await;
    browser.open(&shown.url("/")).await;
    let titles = browser
        .eval(
            "return [...document.querySelectorAll('[role=img] > title')]
             .map(title => title.textContent.replaceAll('\\u00a0', ' '))",
        )
        .await;
    let titles: Vec<String> = serde_json::from_value(titles).unwrap();
    let token = " of 1 h have passed. The next one is due 6 min before it expires, if not sooner.";
    assert!(titles[0].starts_with("Token: ") && titles[0].ends_with(token), "{titles:?}");
    assert!(titles[1].starts_with("Token request: in the last 60 cycles, none failed;"), "{titles:?}");
    assert!(titles[2].starts_with("Ping: in the last 60 cycles, 20 failed;"), "{titles:?}");
    browser.open(&shown.url("/targets/acme")).await;
    let title = browser.eval("return document.querySelector('#ping ~ .history title').textContent").await;
    let title = title.as_str().unwrap();
    assert!(title.starts_with("Duration by phase of the last 200 pings, since "), "{title}");
    assert!(title.ends_with(" UTC; 20 failed"), "{title}");
}

#[tokio::test(flavor = "multi_thread")]
async fn list_is_paged_and_links_lead_through_it() {
    let shown = Shown::start(None, &many(120)).await;
    let browser = Browser::start().await;
    browser.open(&shown.url("/")).await;
    let mut seen = browser.texts("h3, .name a").await;
    for position in ["1–50 of 120", "51–100 of 120", "101–120 of 120"] {
        assert_eq!(browser.texts(".pages span").await, [position]);
        if position.starts_with("101") {
            break;
        }
        browser.click("a[rel=next]").await;
        seen.extend(browser.texts("h3, .name a").await);
    }
    assert_eq!(browser.eval("return document.querySelector('a[rel=next]')").await, Value::Null);
    assert_eq!(seen.len(), 120);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 120, "each once");
    browser.open(&shown.url("/?page=9")).await;
    browser.until_text("The list ends before this page.").await;
    browser.click(".empty a").await;
    assert_eq!(browser.texts(".pages span").await, ["1–50 of 120"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_and_labels_are_text_whatever_they_hold() {
    let names = [
        "<script>document.title='taken'</script>",
        "\"><img src=x onerror=\"document.title='taken'\">",
        "</title><h1>taken</h1>",
        "javascript:alert(1)",
        "a/b?c#d%2e&amp;",
        "..",
        "ünï çödé \u{202e}txt",
        &"very-long-".repeat(40),
    ];
    let labels = [("note", "<b onclick=alert(1)>&lt;"), ("quote", "\"'` =")];
    let lives = names.map(|name| {
        Life::new(name, &labels).failing(90.0, 0.0, Request::Ping, Reason::ServerError, Some(500)).seen_for(300.0)
    });
    let shown = Shown::start(Some("<i>vantage</i>"), &lives).await;
    let browser = Browser::start().await;
    browser.look(Look::Light, Device::Phone).await;
    for name in names {
        browser.open(&shown.url("/")).await;
        assert_is_sound(&browser, "/", Device::Phone).await;
        let open = "[...document.querySelectorAll('h3 a')].find(link => link.textContent === arguments[0]).click()";
        browser.eval_with(open, json!([name])).await;
        browser.until("return location.pathname.startsWith('/targets/')").await;
        let shown = browser.eval("return document.querySelector('h1').textContent").await;
        assert_eq!(shown, name);
        assert_is_sound(&browser, name, Device::Phone).await;
        assert_eq!(
            browser.title().await,
            format!("{} fails · <i>vantage</i> · oauth-probe", name.replace('\u{202e}', r"\u{202e}"))
        );
    }
    browser.open(&shown.url("/")).await;
    browser.click(".labels a").await;
    assert_eq!(browser.texts("h3").await.len(), names.len());
    assert_eq!(browser.texts(".wanted a").await, ["note=<b onclick=alert(1)>&lt; : take it away ✕"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_labels_are_folded_and_open_at_a_touch() {
    let labels: Vec<_> = (0..20).map(|number| (format!("label_{number:02}"), "some-value".repeat(3))).collect();
    let labels: Vec<_> = labels.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let shown = Shown::start(None, &[Life::new("acme", &labels).seen_for(60.0)]).await;
    let browser = Browser::start().await;
    browser.look(Look::Light, Device::Phone).await;
    browser.open(&shown.url("/")).await;
    assert_is_sound(&browser, "/", Device::Phone).await;
    assert_eq!(browser.texts("summary").await, ["16 more labels"]);
    browser.click("summary").await;
    assert!(browser.text().await.contains("label_19="));
    assert_is_sound(&browser, "/", Device::Phone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_target_says_where_to_go() {
    let stage = Stage::set(&["acme"], &[]).await;
    let browser = Browser::start().await;
    browser.open(&stage.url("/targets/acm")).await;
    assert_eq!(browser.texts("h1").await, ["No target has this name"]);
    browser.click(".empty a").await;
    assert_eq!(browser.url().await, stage.url("/?q=acm"));
    browser.until_text("acme").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_reload_is_said_on_every_page() {
    let stage = Stage::set(&["acme"], &[]).await;
    stage.exporter.write_configuration("targets: 7");
    assert_eq!(stage.exporter.reload().await.status, 500);
    let browser = Browser::start().await;
    for path in ["/", "/targets/acme"] {
        browser.open(&stage.url(path)).await;
        browser.until_text("The configuration could not be loaded anew").await;
        assert_is_sound(&browser, path, Device::Desk).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn outage_of_many_is_told_as_one() {
    let life = |number: usize| Life::new(&format!("target-{number}"), &[]).seen_for(300.0);
    let mut lives: Vec<_> =
        (0..60).map(|number| life(number).failing(90.0, 0.0, Request::Ping, Reason::Dns, None)).collect();
    lives.push(life(60).failing(90.0, 0.0, Request::Ping, Reason::ServerError, Some(500)));
    let (shown, browser) = (Shown::start(None, &lives).await, Browser::start().await);
    browser.open(&shown.url("/")).await;
    let expected = [
        "60 fail: ping, dns. It is the fault of name resolution, or the host name in the configuration.",
        "1 fails: ping, server_error. It is the fault of the API (the provider).",
    ];
    assert_eq!(browser.texts(".causes li").await, expected);
    browser.click(".causes li + li a").await;
    assert_eq!(browser.url().await, shown.url("/?request=ping&reason=server_error"));
    assert_eq!(browser.texts("h3, .name a").await, ["target-60"]);
    browser.click(".wanted a").await;
    assert_eq!(browser.url().await, shown.url("/?reason=server_error"));
    browser.open(&Shown::start(None, &lives[58..]).await.url("/")).await;
    assert_eq!(browser.texts(".causes li").await, Vec::<String>::new());
}
