//! The file as a whole: its top-level keys, its targets, and that their names differ.

use std::collections::HashMap;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::fields::Spot;
use super::mistake::{ConfigError, Owner, Place, Report};
use super::raw::RawTarget;
use super::resolve::Resolver;
use super::setting::{Origin, Overlay, Setting};
use super::yaml::{self, Content, Node};
use super::{Environment, foreign, scalars};
use crate::model::histograms::Histograms;
use crate::model::target::{Config, Target};

const LATENCY_BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const HISTORY: usize = 200;

const EXAMPLE: &str = "The smallest configuration is:

targets:
  - name: production
    authorization_server: https://auth.example.com
    resource_server: https://api.example.com
    client_id: acme
    client_secret_file: /run/secrets/acme";

/// The configuration that `text` holds.
pub(super) fn read(
    text: &str,
    file: &str,
    directory: &Path,
    environment: Environment<'_>,
) -> Result<Config, ConfigError> {
    let mut report = Report::default();
    let config = match yaml::parse(text) {
        Err(unreadable) => {
            let yaml::Unreadable { line, column, what } = unreadable;
            report.add(Some(line), Owner::File, "", format_args!("column {column}: {what}"));
            None
        }
        Ok(None) => {
            refuse_whole(&mut report, 1, "the file is empty; write at least one target");
            None
        }
        Ok(Some(root)) => read_root(&root, directory, environment, &mut report),
    };
    report.finish(file)?;
    // Without a mistake there is a configuration; should that ever fail to hold, it must not pass for an empty one.
    config.ok_or_else(|| ConfigError::single(file, "cannot be understood; write it anew from the example"))
}

fn read_root(root: &Node<'_>, directory: &Path, environment: Environment<'_>, report: &mut Report) -> Option<Config> {
    let place = Place::of(Owner::File, root.line);
    if !matches!(&root.content, Content::Mapping(_)) {
        match &root.content {
            Content::Scalar(scalar) if scalar.is_null() => {
                refuse_whole(report, 1, "the file is empty; write at least one target");
            }
            _ => refuse_whole(report, root.line, "the file is not a mapping; begin with `targets:`"),
        }
        return None;
    }
    if let Some(what) = foreign(root) {
        refuse_whole(report, root.line, what);
        return None;
    }
    let mut fields = Spot { node: root, place, report }.fields()?;
    let vantage = fields.take("vantage", |spot| scalars::plain_text(spot, "name where this exporter stands"));
    let latency_buckets = fields.take("latency_buckets", latency_buckets);
    let histograms = fields.section("metrics", |fields| {
        let choices = Histograms::ALL.map(|form| (form.as_str(), form));
        fields.take("histograms", |spot| scalars::choice(spot, &choices)).or_default(Histograms::default())
    });
    let history = fields.take("history", |spot| scalars::integer(spot, &(0..=10_000_usize)));
    let defaults = fields.map("defaults", read_defaults);
    let targets = fields.take("targets", |spot| read_targets(spot, &defaults, directory, environment));
    if targets.is_absent() {
        fields.refuse("targets", root.line, "is missing; write at least one target below it");
        fields.report.show_example(EXAMPLE);
    }
    fields.finish();
    let Setting::Given(targets) = targets else { return None };
    Some(Config {
        vantage: vantage.value().cloned(),
        latency_buckets: latency_buckets.or_default(LATENCY_BUCKETS.to_vec()),
        histograms,
        history: history.or_default(HISTORY),
        ..config_of(targets.value)
    })
}

/// What is said of a file that is another program's. One with targets is ours, whatever else is in it.
fn foreign(root: &Node<'_>) -> Option<&'static str> {
    let Content::Mapping(entries) = &root.content else { return None };
    let keys = || entries.iter().map(|(key, _)| &*key.text);
    if keys().any(|key| key == "targets") { None } else { foreign::recognise(keys()) }
}

fn refuse_whole(report: &mut Report, line: usize, what: &str) {
    report.add(Some(line), Owner::File, "", what);
    report.show_example(EXAMPLE);
}

/// The given targets, and the defaults for everything beside them.
pub(super) fn config_of(targets: Vec<Arc<Target>>) -> Config {
    let histograms = Histograms::default();
    Config { vantage: None, latency_buckets: LATENCY_BUCKETS.to_vec(), histograms, history: HISTORY, targets }
}

fn read_targets(
    mut spot: Spot<'_>,
    defaults: &RawTarget,
    directory: &Path,
    environment: Environment<'_>,
) -> Option<Vec<Arc<Target>>> {
    let items = if spot.is_null() { &[] } else { spot.items("begin each target with `- name:`")? };
    if items.is_empty() {
        spot.report.show_example(EXAMPLE);
        return spot.refuse("is empty; write at least one target below it");
    }
    let mut names = Names::default();
    let mut targets = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let written = written_name(item);
        let owner = Owner::Target { index, name: written };
        let Some((name, layer)) = read_target(spot.part(item, item.line).owned_by(owner)) else { continue };
        if let (Some(given), Some(written)) = (name.given(), written) {
            names.add(written, given.origin, owner, spot.report);
        }
        let report = &mut *spot.report;
        let mut resolver = Resolver { owner, line: Some(item.line), directory, environment, report };
        let name = resolver.required(&name, "name", "is missing; it tells the target from the others");
        let target = resolver.resolve(name.as_deref().unwrap_or_default(), &layer.over(defaults));
        targets.extend(target.map(Arc::new));
    }
    Some(targets)
}

fn read_target(spot: Spot<'_>) -> Option<(Setting<String>, RawTarget)> {
    let mut fields = spot.fields()?;
    let name = fields.take("name", |spot| scalars::plain_text(spot, "name the target"));
    let layer = RawTarget::read(&mut fields);
    fields.finish();
    Some((name, layer))
}

fn read_defaults(spot: Spot<'_>) -> Option<RawTarget> {
    let mut fields = spot.owned_by(Owner::Defaults).fields()?;
    let _: Setting<()> = fields.take("name", |mut spot| spot.refuse("belongs to one target; write it there"));
    let layer = RawTarget::read(&mut fields);
    fields.finish();
    Some(layer)
}

/// A target's name as it stands in the file, good or not, for messages about the target.
fn written_name<'t>(target: &'t Node<'_>) -> Option<&'t str> {
    let Content::Mapping(entries) = &target.content else { return None };
    let (_, node) = entries.iter().find(|(key, _)| key.text == "name")?;
    match &node.content {
        Content::Scalar(scalar) if !scalar.is_null() => Some(&scalar.text),
        _ => None,
    }
}

/// The names so far, and the lines where they were given.
#[derive(Default)]
struct Names<'t>(HashMap<&'t str, Option<usize>>);

impl<'t> Names<'t> {
    fn add(&mut self, name: &'t str, origin: Origin, owner: Owner<'_>, report: &mut Report) {
        if let Some(first) = self.0.get(name) {
            let first = first.unwrap_or_default();
            let what = format_args!("another target has this name, in line {first}; write a name of its own");
            report.add(origin.line, owner, "name", what);
        } else {
            self.0.insert(name, origin.line);
        }
    }
}

/// Upper bounds of the histograms, in seconds.
fn latency_buckets(mut spot: Spot<'_>) -> Option<Vec<f64>> {
    const MOST: usize = 30;
    let items = spot.items("write a list of durations such as `[10ms, 100ms, 1s]`")?;
    if items.is_empty() || items.len() > MOST {
        return spot.refuse("is empty or has more than 30 bounds; write 1 to 30 durations");
    }
    let read = |item: &Rc<Node<'_>>| scalars::positive_duration(spot.part(item, item.line));
    let bounds: Vec<Option<Duration>> = items.iter().map(read).collect();
    let bounds: Vec<Duration> = bounds.into_iter().collect::<Option<_>>()?;
    if !bounds.is_sorted_by(|lower, upper| lower < upper) {
        return spot.refuse("does not ascend; write each bound once, the smallest first");
    }
    Some(bounds.iter().map(Duration::as_secs_f64).collect())
}
