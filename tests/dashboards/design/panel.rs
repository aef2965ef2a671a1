//! One panel of Grafana's classic JSON, built up part by part.

use serde_json::{Value, json};

/// Colours of the faults, the same in every panel: who is looked for is found by colour.
pub(crate) const FAULT_COLOURS: [(&str, &str); 5] = [
    ("auth", "purple"),
    ("authorization_server", "red"),
    ("resource_server", "orange"),
    ("network", "yellow"),
    ("exporter", "blue"),
];

/// The data source that the dashboard's user chose.
pub(crate) fn data_source() -> Value {
    json!({ "type": "prometheus", "uid": "${datasource}" })
}

pub(crate) struct Panel {
    json: Value,
    width: u64,
}

impl Panel {
    fn new(kind: &str, id: u64, title: &str, description: &str) -> Self {
        let json = json!({
            "datasource": data_source(),
            "description": description,
            "fieldConfig": {
                "defaults": {
                    "color": { "mode": "palette-classic" },
                    "custom": {},
                    "links": [],
                    "mappings": [],
                    "thresholds": { "mode": "absolute", "steps": [{ "color": "green", "value": null }] },
                },
                "overrides": [],
            },
            "id": id,
            "options": {},
            "pluginVersion": "12.2.0",
            "targets": [],
            "title": title,
            "transparent": false,
            "type": kind,
        });
        Self { json, width: 0 }
    }

    /// Numbers of this moment.
    pub(crate) fn stat(id: u64, title: &str, description: &str) -> Self {
        Self::new("stat", id, title, description).colour_by_threshold().options(json!({
            "colorMode": "background",
            "graphMode": "none",
            "justifyMode": "auto",
            "orientation": "auto",
            "percentChangeColorMode": "standard",
            "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
            "showPercentChange": false,
            "textMode": "auto",
            "wideLayout": true,
        }))
    }

    pub(crate) fn gauge(id: u64, title: &str, description: &str) -> Self {
        Self::new("gauge", id, title, description).colour_by_threshold().options(json!({
            "minVizHeight": 75,
            "minVizWidth": 75,
            "orientation": "auto",
            "reduceOptions": { "calcs": ["lastNotNull"], "fields": "", "values": false },
            "showThresholdLabels": false,
            "showThresholdMarkers": true,
            "sizing": "auto",
        }))
    }

    /// Lines.
    pub(crate) fn lines(id: u64, title: &str, description: &str) -> Self {
        Self::new("timeseries", id, title, description)
            .custom(json!({
                "axisPlacement": "auto",
                "drawStyle": "line",
                "fillOpacity": 0,
                "lineInterpolation": "linear",
                "lineWidth": 1,
                "pointSize": 4,
                "showPoints": "auto",
                "spanNulls": false,
                "stacking": { "group": "A", "mode": "none" },
                "thresholdsStyle": { "mode": "off" },
            }))
            .options(json!({
                "legend": { "calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": true },
                "tooltip": { "hideZeros": false, "mode": "multi", "sort": "desc" },
            }))
    }

    /// Bars, one upon the other.
    pub(crate) fn bars(id: u64, title: &str, description: &str) -> Self {
        Self::lines(id, title, description).custom(json!({
            "drawStyle": "bars",
            "fillOpacity": 80,
            "lineWidth": 0,
            "showPoints": "never",
            "stacking": { "group": "A", "mode": "normal" },
        }))
    }

    /// Areas, one upon the other.
    pub(crate) fn areas(id: u64, title: &str, description: &str) -> Self {
        Self::lines(id, title, description)
            .custom(json!({ "fillOpacity": 40, "stacking": { "group": "A", "mode": "normal" } }))
    }

    pub(crate) fn states(id: u64, title: &str, description: &str) -> Self {
        Self::new("state-timeline", id, title, description)
            .colour_by_threshold()
            .custom(json!({ "fillOpacity": 80, "lineWidth": 0 }))
            .options(json!({
                "alignValue": "left",
                "legend": { "calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": true },
                "mergeValues": true,
                "rowHeight": 0.9,
                "showValue": "auto",
                "tooltip": { "hideZeros": false, "mode": "single", "sort": "none" },
            }))
    }

    pub(crate) fn heatmap(id: u64, title: &str, description: &str) -> Self {
        Self::new("heatmap", id, title, description)
            .custom(json!({
                "hideFrom": { "legend": false, "tooltip": false, "viz": false },
                "scaleDistribution": { "type": "linear" },
            }))
            .options(json!({
                "calculate": false,
                "cellGap": 1,
                "color": {
                    "exponent": 0.5,
                    "fill": "dark-orange",
                    "mode": "scheme",
                    "reverse": false,
                    "scale": "exponential",
                    "scheme": "Turbo",
                    "steps": 64,
                },
                "exemplars": { "color": "rgba(255,0,255,0.7)" },
                "filterValues": { "le": 1e-9 },
                "legend": { "show": true },
                "rowsFrame": { "layout": "auto" },
                "tooltip": { "mode": "single", "showColorScale": false, "yHistogram": false },
                "yAxis": { "axisPlacement": "left", "reverse": false, "unit": "s" },
            }))
    }

    pub(crate) fn table(id: u64, title: &str, description: &str) -> Self {
        Self::new("table", id, title, description)
            .colour_by_threshold()
            .custom(json!({ "align": "auto", "cellOptions": { "type": "auto" }, "inspect": false, "minWidth": 60 }))
            .options(json!({
                "cellHeight": "sm",
                "showHeader": true,
            }))
    }

    pub(crate) fn text(id: u64, title: &str, description: &str, markdown: &str) -> Self {
        let mut panel = Self::new("text", id, title, description);
        let fields = panel.json.as_object_mut().expect("a panel is an object");
        for unused in ["datasource", "fieldConfig", "targets"] {
            fields.remove(unused);
        }
        let code = json!({ "language": "plaintext", "showLineNumbers": false, "showMiniMap": false });
        panel.options(json!({ "code": code, "content": markdown, "mode": "markdown" }))
    }

    /// Of the 24 columns of the grid.
    pub(crate) fn width(mut self, columns: u64) -> Self {
        self.width = columns;
        self
    }

    /// A query over the dashboard's time range.
    pub(crate) fn query(self, expression: &str, legend: &str) -> Self {
        self.add_query(expression, legend, "time_series", false)
    }

    /// A query at the end of the dashboard's time range.
    pub(crate) fn instant(self, expression: &str, legend: &str) -> Self {
        self.add_query(expression, legend, "time_series", true)
    }

    /// A query over buckets, for a heatmap.
    pub(crate) fn buckets(self, expression: &str) -> Self {
        self.add_query(expression, "{{le}}", "heatmap", false)
    }

    /// A query whose series are the rows of a table.
    pub(crate) fn rows(self, expression: &str) -> Self {
        self.add_query(expression, "", "table", true)
    }

    fn add_query(mut self, expression: &str, legend: &str, format: &str, instant: bool) -> Self {
        let targets = self.json["targets"].as_array_mut().expect("a panel with queries");
        let letter = char::from(b'A' + u8::try_from(targets.len()).expect("few queries"));
        targets.push(json!({
            "datasource": data_source(),
            "editorMode": "code",
            "expr": expression,
            "format": format,
            "instant": instant,
            "legendFormat": legend,
            "range": !instant,
            "refId": letter.to_string(),
        }));
        self
    }

    pub(crate) fn unit(self, unit: &str) -> Self {
        self.default("unit", json!(unit))
    }

    pub(crate) fn range(self, min: f64, max: f64) -> Self {
        self.default("min", json!(min)).default("max", json!(max))
    }

    pub(crate) fn zero_based(self) -> Self {
        self.default("min", json!(0))
    }

    pub(crate) fn decimals(self, count: u64) -> Self {
        self.default("decimals", json!(count))
    }

    /// What is shown instead of nothing.
    pub(crate) fn no_value(self, text: &str) -> Self {
        self.default("noValue", json!(text))
    }

    /// The colour below all steps, then each step with the colour from there on.
    pub(crate) fn thresholds(self, lowest: &str, steps: &[(f64, &str)]) -> Self {
        self.default("thresholds", thresholds(lowest, steps))
    }

    /// Draws the thresholds as dashed lines.
    pub(crate) fn threshold_lines(self) -> Self {
        self.custom(json!({ "thresholdsStyle": { "mode": "dashed" } }))
    }

    /// Text and colour for single values.
    pub(crate) fn values(self, texts: &[(i64, &str, &str)]) -> Self {
        let mapping = value_mapping(texts);
        self.add_mapping(mapping)
    }

    /// Text and colour for values from `from` to `to`, both included.
    pub(crate) fn values_between(self, from: f64, to: f64, text: &str, colour: &str) -> Self {
        let result = json!({ "color": colour, "index": 10, "text": text });
        self.add_mapping(json!({ "options": { "from": from, "result": result, "to": to }, "type": "range" }))
    }

    fn add_mapping(mut self, mapping: Value) -> Self {
        self.json["fieldConfig"]["defaults"]["mappings"].as_array_mut().expect("mappings").push(mapping);
        self
    }

    /// Properties of the fields of this name.
    pub(crate) fn field(self, name: &str, properties: &[(&str, Value)]) -> Self {
        self.add_override("byName", name, properties)
    }

    /// Properties of the fields whose name matches.
    pub(crate) fn fields(self, pattern: &str, properties: &[(&str, Value)]) -> Self {
        self.add_override("byRegexp", pattern, properties)
    }

    fn add_override(mut self, matcher: &str, options: &str, properties: &[(&str, Value)]) -> Self {
        let properties: Vec<_> = properties.iter().map(|(id, value)| json!({ "id": id, "value": value })).collect();
        let entry = json!({ "matcher": { "id": matcher, "options": options }, "properties": properties });
        self.json["fieldConfig"]["overrides"].as_array_mut().expect("overrides").push(entry);
        self
    }

    /// The series of each fault in the fault's colour.
    pub(crate) fn fault_colours(self) -> Self {
        FAULT_COLOURS.iter().fold(self, |panel, (fault, colour)| panel.field(fault, &[fixed(colour)]))
    }

    pub(crate) fn dashed(self, pattern: &str, colour: &str) -> Self {
        let style = json!({ "dash": [10, 10], "fill": "dash" });
        self.fields(pattern, &[("custom.lineStyle", style), fixed(colour), ("custom.showPoints", json!("never"))])
    }

    /// Lines to compare with: grey, and in no legend.
    pub(crate) fn backdrop(self, pattern: &str, style: &str) -> Self {
        let dash = if style == "dot" { json!([0, 8]) } else { json!([10, 10]) };
        let hidden = json!({ "legend": true, "tooltip": false, "viz": false });
        let style = json!({ "dash": dash, "fill": style });
        let grey = fixed("rgba(160, 160, 170, 0.6)");
        self.fields(pattern, &[("custom.lineStyle", style), grey, ("custom.hideFrom", hidden)])
    }

    /// A click on a value shows the dashboard for that target alone.
    pub(crate) fn link_to_target(self) -> Self {
        let url = "/d/oauth-probe/oauth-probe?${datasource:queryparam}&${job:queryparam}&${__url_time_range}\
                   &var-target=${__field.labels.target}";
        self.default("links", json!([{ "targetBlank": false, "title": "Only this target", "url": url }]))
    }

    /// How the columns of a table are named, in this order; the others are left out.
    pub(crate) fn columns(mut self, shown: &[(&str, &str)], hidden: &[&str]) -> Self {
        let index: Value = shown.iter().enumerate().map(|(at, (name, _))| ((*name).to_owned(), json!(at))).collect();
        let names: Value = shown.iter().map(|(name, title)| ((*name).to_owned(), json!(title))).collect();
        let hidden: Value = hidden.iter().map(|name| ((*name).to_owned(), json!(true))).collect();
        let organize =
            json!({ "excludeByName": hidden, "includeByName": {}, "indexByName": index, "renameByName": names });
        let mut steps = vec![json!({ "id": "organize", "options": organize })];
        if self.json["targets"].as_array().is_some_and(|targets| targets.len() > 1) {
            steps.insert(0, json!({ "id": "merge", "options": {} }));
        }
        self.json["transformations"] = Value::Array(steps);
        self
    }

    /// Sorts a table by the column of this title.
    pub(crate) fn sorted_by(self, title: &str, descending: bool) -> Self {
        self.options(json!({ "sortBy": [{ "desc": descending, "displayName": title }] }))
    }

    pub(crate) fn options(mut self, more: Value) -> Self {
        merge(&mut self.json["options"], more);
        self
    }

    pub(crate) fn custom(mut self, more: Value) -> Self {
        merge(&mut self.json["fieldConfig"]["defaults"]["custom"], more);
        self
    }

    fn default(mut self, key: &str, value: Value) -> Self {
        self.json["fieldConfig"]["defaults"][key] = value;
        self
    }

    fn colour_by_threshold(self) -> Self {
        self.default("color", json!({ "mode": "thresholds" }))
    }

    pub(super) const fn columns_taken(&self) -> u64 {
        self.width
    }

    /// At its place in the grid.
    pub(super) fn placed(mut self, x: u64, y: u64, height: u64) -> Value {
        self.json["gridPos"] = json!({ "h": height, "w": self.width, "x": x, "y": y });
        self.json
    }
}

/// One colour for a field.
pub(crate) fn fixed(colour: &str) -> (&'static str, Value) {
    ("color", json!({ "fixedColor": colour, "mode": "fixed" }))
}

/// A table's cells in the colour of their value.
pub(crate) fn coloured_cells() -> (&'static str, Value) {
    ("custom.cellOptions", json!({ "mode": "basic", "type": "color-background" }))
}

pub(crate) fn thresholds(lowest: &str, steps: &[(f64, &str)]) -> Value {
    let first = json!({ "color": lowest, "value": null });
    let later = steps.iter().map(|(value, colour)| json!({ "color": colour, "value": value }));
    let steps: Vec<_> = [first].into_iter().chain(later).collect();
    json!({ "mode": "absolute", "steps": steps })
}

pub(crate) fn value_mapping(texts: &[(i64, &str, &str)]) -> Value {
    let options: Value = texts
        .iter()
        .enumerate()
        .map(|(index, (value, text, colour))| {
            (value.to_string(), json!({ "color": colour, "index": index, "text": text }))
        })
        .collect();
    json!({ "options": options, "type": "value" })
}

fn merge(into: &mut Value, more: Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (key, value) in more {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more,
    }
}
