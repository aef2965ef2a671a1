//! What a person does with a browser, and what they see in it.

use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::driver::Driver;

/// No wait of a test is longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The name under which WebDriver hands out elements.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Keys as WebDriver writes them.
pub(crate) mod key {
    pub(crate) const TAB: &str = "\u{e004}";
    pub(crate) const ENTER: &str = "\u{e007}";
}

/// One tab.
pub(crate) struct Browser(Driver);

/// Something on the page.
#[derive(Clone, Debug)]
pub(crate) struct Element(String);

/// How a page is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Light,
    Dark,
}

/// The size of a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Device {
    Desk,
    Phone,
}

impl Device {
    pub(crate) const fn width(self) -> u32 {
        match self {
            Self::Desk => 1280,
            Self::Phone => 390,
        }
    }

    const fn metrics(self) -> (u32, u32, u8) {
        match self {
            Self::Desk => (self.width(), 900, 1),
            Self::Phone => (self.width(), 844, 2),
        }
    }
}

impl Browser {
    pub(crate) async fn start() -> Self {
        let browser = Self(Driver::start().await);
        browser.look(Look::Light, Device::Desk).await;
        browser
    }

    /// From now on.
    pub(crate) async fn look(&self, look: Look, device: Device) {
        let scheme = if look == Look::Dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
        let (width, height, scale) = device.metrics();
        let mobile = device == Device::Phone;
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": scale, "mobile": mobile });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// Whether scripts of pages run.
    pub(crate) async fn disable_scripts(&self) {
        self.devtools("Emulation.setScriptExecutionDisabled", json!({ "value": true })).await;
    }

    /// Runs this in every page to come, before its own scripts.
    pub(crate) async fn run_first(&self, script: &str) {
        self.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": script })).await;
    }

    async fn devtools(&self, name: &str, parameters: Value) -> Value {
        self.post("/goog/cdp/execute", json!({ "cmd": name, "params": parameters })).await
    }

    pub(crate) async fn open(&self, url: &str) {
        self.post("/url", json!({ "url": url })).await;
    }

    pub(crate) async fn url(&self) -> String {
        text(&self.0.command("GET", "/url", Value::Null).await)
    }

    pub(crate) async fn title(&self) -> String {
        text(&self.0.command("GET", "/title", Value::Null).await)
    }

    /// The value of the body of a function.
    pub(crate) async fn eval(&self, body: &str) -> Value {
        self.eval_with(body, json!([])).await
    }

    pub(crate) async fn eval_with(&self, body: &str, arguments: Value) -> Value {
        self.post("/execute/sync", json!({ "script": body, "args": arguments })).await
    }

    /// What the promise gives that the body of a function returns.
    pub(crate) async fn eval_promise(&self, body: &str) -> Value {
        let script = format!("const done = arguments[0]; (async () => {{ {body} }})().then(done)");
        self.post("/execute/async", json!({ "script": script, "args": [] })).await
    }

    /// Everything that can be read, hidden text left out.
    pub(crate) async fn text(&self) -> String {
        text(&self.eval("return document.body.innerText.replaceAll('\\u00a0', ' ')").await)
    }

    pub(crate) async fn find(&self, selector: &str) -> Element {
        let found = self.post("/element", json!({ "using": "css selector", "value": selector })).await;
        Element(text(&found[ELEMENT]))
    }

    /// The text of each element that fits, its spaces and line ends as one space each.
    pub(crate) async fn texts(&self, selector: &str) -> Vec<String> {
        let body = "
            const text = element => element.innerText.replace(/\\s+/g, ' ').trim();
            return [...document.querySelectorAll(arguments[0])].map(text)";
        let found = self.eval_with(body, json!([selector])).await;
        serde_json::from_value(found).expect("texts")
    }

    pub(crate) async fn click(&self, selector: &str) {
        let Element(id) = self.find(selector).await;
        self.post(&format!("/element/{id}/click"), json!({})).await;
    }

    /// Types into an element.
    pub(crate) async fn type_into(&self, selector: &str, keys: &str) {
        let Element(id) = self.find(selector).await;
        self.post(&format!("/element/{id}/value"), json!({ "text": keys })).await;
    }

    /// Presses and releases one key, wherever the focus is.
    pub(crate) async fn press(&self, key: &str) {
        let strokes = json!([{ "type": "keyDown", "value": key }, { "type": "keyUp", "value": key }]);
        self.post("/actions", json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": strokes }] })).await;
    }

    /// Makes the window as high as the page, up to a height.
    pub(crate) async fn resize_to_content(&self, device: Device, most: u32) {
        let height = self.eval("return document.documentElement.scrollHeight").await.as_u64().expect("a height");
        let height = u32::try_from(height).expect("a height").min(most);
        let metrics = json!({
            "width": device.width(), "height": height, "deviceScaleFactor": device.metrics().2, "mobile": false
        });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// A picture of the window, PNG.
    pub(crate) async fn screenshot(&self) -> Vec<u8> {
        let encoded = text(&self.0.command("GET", "/screenshot", Value::Null).await);
        BASE64_STANDARD.decode(encoded).expect("Base64")
    }

    /// Waits until the body of a function gives true.
    pub(crate) async fn until(&self, body: &str) {
        let begun = Instant::now();
        loop {
            let found = self.0.try_command("POST", "/execute/sync", json!({ "script": body, "args": [] })).await;
            if found.as_ref().is_ok_and(|found| *found == true) {
                return;
            }
            if begun.elapsed() > PATIENCE {
                panic!("never became true: {body} ({found:?})\n{}", self.text().await);
            }
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the page has this text.
    pub(crate) async fn until_text(&self, wanted: &str) {
        let found = format!("return document.body.innerText.replaceAll('\\u00a0', ' ').includes({})", json!(wanted));
        self.until(&found).await;
    }

    /// What the browser complained of since it was last asked: errors of scripts, refused or missing parts of pages.
    pub(crate) async fn complaints(&self) -> Vec<String> {
        let log = self.post("/se/log", json!({ "type": "browser" })).await;
        log.as_array().expect("a log").iter().map(|entry| text(&entry["message"])).collect()
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        self.0.command("POST", path, body).await
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}
