//! Asks a Prometheus every question of a dashboard, as Grafana would, and puts the answers into one page.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::http;

/// A time range as Grafana would show it, in seconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Window {
    pub(crate) length: u64,
    /// Between two points.
    pub(crate) step: u64,
    /// As the data source is configured.
    pub(crate) scrape_interval: u64,
}

impl Window {
    /// The query with Grafana's variables replaced: everything is chosen.
    pub(crate) fn substitute(self, expression: &str) -> String {
        let rate_interval = (self.step + self.scrape_interval).max(4 * self.scrape_interval);
        let expression = expression
            .replace("$__rate_interval", &format!("{rate_interval}s"))
            .replace("$__range", &format!("{}s", self.length))
            .replace("$__interval", &format!("{}s", self.step));
        ["$job", "$instance", "$target"].iter().fold(expression, |text, name| text.replace(name, ".+"))
    }
}

/// The panels of a dashboard, those in collapsed rows too.
pub(crate) fn panels(dashboard: &Value) -> Vec<&Value> {
    list(dashboard, "panels").iter().flat_map(|panel| std::iter::once(panel).chain(list(panel, "panels"))).collect()
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}

/// The answers to all queries at this moment: panel id → query id → series.
pub(crate) async fn collect(prometheus: &str, dashboard: &Value, window: Window) -> Value {
    let now = ask(prometheus, "query?query=time()").await;
    let end = now[0].as_f64().unwrap_or_default().floor();
    let range = |expression: &str| {
        let (start, step) = (end - window.length as f64, window.step);
        format!("query_range?query={}&start={start}&end={end}&step={step}", encoded(&window.substitute(expression)))
    };
    let mut answers = Map::new();
    for panel in panels(dashboard) {
        let mut of_panel = Map::new();
        for target in list(panel, "targets") {
            let expression = target["expr"].as_str().unwrap_or_default();
            let question = if target["instant"] == true {
                format!("query?query={}&time={end}", encoded(&window.substitute(expression)))
            } else {
                range(expression)
            };
            of_panel.insert(target["refId"].as_str().unwrap_or_default().to_owned(), ask(prometheus, &question).await);
        }
        answers.insert(panel["id"].to_string(), Value::Object(of_panel));
    }
    let mut marks = Vec::new();
    for annotation in list(&dashboard["annotations"], "list") {
        if let Some(expression) = annotation["expr"].as_str() {
            marks.push(ask(prometheus, &range(expression)).await);
        }
    }
    json!({ "answers": answers, "end": end, "length": window.length, "marks": marks, "step": window.step })
}

/// One page that needs nothing else.
pub(crate) fn page(dashboard: &Value, data: &Value) -> String {
    // No text of the data can end the script that it stands in.
    let script = |value: &Value| value.to_string().replace('<', "\\u003c");
    include_str!("page.html").replace("/*DASHBOARD*/", &script(dashboard)).replace("/*DATA*/", &script(data))
}

fn encoded(expression: &str) -> String {
    utf8_percent_encode(expression, NON_ALPHANUMERIC).to_string()
}

async fn ask(prometheus: &str, question: &str) -> Value {
    let answer = http::get(&format!("{prometheus}/api/v1/{question}"), &[]).await;
    let mut json = answer.json();
    assert_eq!(json["status"], "success", "{question}: {json}");
    json["data"]["result"].take()
}
