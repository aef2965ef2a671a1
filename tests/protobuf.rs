//! The protobuf of a scrape, judged by `prost`: the same as the text, and native histograms beside.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod awkward;
mod messages;
mod reports;
mod targets;

use std::collections::{BTreeMap, BTreeSet};

use awkward::{awkward_config, metrics_in, named, past};
use bytes::Bytes;
use messages::{Histogram, MetricFamily, MetricType, decode};
use oauth_probe_exporter::model::fault::Request::Ping;
use oauth_probe_exporter::model::histograms::Histograms;
use oauth_probe_exporter::model::report::Achievement::Ponged;
use oauth_probe_exporter::model::target::Config;
use oauth_probe_exporter::telemetry::Metrics;
use prost::Message as _;
use reports::{Sample, answered, at, config, cycle, held, text};

fn whole(chunks: impl Iterator<Item = Bytes>) -> Vec<u8> {
    chunks.flatten().collect()
}

fn native(targets: usize) -> Metrics {
    let named = (0..targets).map(|number| named(&format!("target-{number:05}")));
    Metrics::new(&Config { histograms: Histograms::Native, ..config(named.collect()) }, at(0.0))
}

/// What two scrapes have in common: labels in any order, and no values of the process, which lives on between them.
fn canonical(samples: impl IntoIterator<Item = Sample>) -> BTreeSet<String> {
    let known = |sample: &mut Sample| {
        if sample.name.starts_with("process_") {
            sample.value.clear();
        }
    };
    samples.into_iter().map(|mut sample| (known(&mut sample), format!("{sample:?}")).1).collect()
}

fn family<'a>(families: &'a [MetricFamily], name: &str) -> &'a MetricFamily {
    families.iter().find(|family| family.name() == name).unwrap()
}

/// The pings' durations, of a target that was pinged with these.
fn latencies(durations: &[f64]) -> Histogram {
    let metrics = native(1);
    let pings = durations.iter().map(|&duration| answered(Ping, Ponged, 0.0, duration)).collect();
    metrics.target("target-00000").unwrap().record(&cycle(0.0, 1.0, Ok(()), pings, held(0.0, 60.0)));
    let families = decode(&whole(metrics.protobuf(at(1.0), None).unwrap()));
    let metrics = &family(&families, "oauth_probe_request_duration_seconds").metric;
    metrics.iter().find(|metric| metric.labels()["request"] == "ping").unwrap().histogram.clone().unwrap()
}

#[test]
fn every_family_says_the_same_as_the_text() {
    let metrics = metrics_in(Histograms::Native);
    let text = text(&metrics, at(150.0));
    let families = decode(&whole(metrics.protobuf(at(150.0), None).unwrap()));
    let headers = families.iter().map(|family| {
        let kind = format!("{:?}", family.kind()).to_lowercase();
        format!("# HELP {name} {}\n# TYPE {name} {kind}", family.help(), name = family.name())
    });
    let written: Vec<_> = text.lines().filter(|line| line.starts_with('#')).collect();
    assert_eq!(headers.collect::<Vec<_>>().join("\n"), written.join("\n"));
    let samples = text.lines().filter(|line| !line.starts_with('#')).map(Sample::parse);
    assert_eq!(canonical(families.iter().flat_map(MetricFamily::samples)), canonical(samples));
}

#[test]
fn prost_writes_the_same_bytes() {
    let bytes = whole(metrics_in(Histograms::Native).protobuf(at(150.0), None).unwrap());
    let again: Vec<u8> = decode(&bytes).iter().flat_map(MetricFamily::encode_length_delimited_to_vec).collect();
    // Compared in one, as a difference would show all of both.
    assert!(bytes == again, "{} and {} bytes", bytes.len(), again.len());
}

#[test]
fn classic_exporter_has_no_protobuf_and_its_text_is_that_of_a_native_one() {
    let [classic, native] = [Histograms::Classic, Histograms::Native].map(metrics_in);
    assert!(classic.protobuf(at(150.0), None).is_none());
    let [classic, native] = [classic, native].map(|metrics| text(&metrics, at(150.0)));
    assert_eq!(classic.split_once("\n# HELP process_").unwrap().0, native.split_once("\n# HELP process_").unwrap().0);
}

#[test]
fn request_durations_alone_are_native() {
    let bytes = whole(metrics_in(Histograms::Native).protobuf(at(150.0), None).unwrap());
    for family in decode(&bytes).iter().filter(|family| family.kind() == MetricType::Histogram) {
        let expected = (family.name() == "oauth_probe_request_duration_seconds").then_some(3);
        for metric in &family.metric {
            let histogram = metric.histogram.as_ref().unwrap();
            assert_eq!(histogram.schema, expected, "{}", family.name());
            assert_eq!(histogram.zero_threshold, expected.map(|_| 2_f64.powi(-128)));
        }
    }
}

#[test]
fn native_buckets_hold_every_request() {
    let durations = [0.0, 0.001, 0.04, 0.041, 0.0625, 0.25, 0.250_000_001, 0.3, 1.0, 9.999, 10.0];
    let histogram = latencies(&durations);
    let mut expected = BTreeMap::new();
    for duration in &durations[1..] {
        *expected.entry((duration.log2() * 8.0).ceil() as i32).or_insert(0) += 1;
    }
    let mut found = histogram.native();
    found.retain(|_, count| *count > 0);
    assert_eq!(found, expected);
    assert_eq!((histogram.zero_count(), histogram.sample_count()), (1, 11));
    assert!((histogram.sample_sum() - durations.iter().sum::<f64>()).abs() < 1e-6);
}

#[test]
fn histogram_without_observations_is_native_all_the_same() {
    let histogram = latencies(&[]);
    assert_eq!((histogram.schema, histogram.sample_count, histogram.zero_count), (Some(3), Some(0), Some(0)));
    assert_eq!((histogram.positive_span.len(), histogram.positive_delta.len()), (0, 0));
    assert_eq!(histogram.bucket.len(), awkward_config().latency_buckets.len() + 1);
}

#[test]
fn filter_gives_the_named_targets_once_with_build_info_alone() {
    let metrics = native(3);
    let only = ["target-00002", "target-00000", "target-00002", "unknown"];
    let families = decode(&whole(metrics.protobuf(at(1.0), Some(&only)).unwrap()));
    let names: Vec<_> = family(&families, "oauth_probe_interval_seconds")
        .metric
        .iter()
        .map(|metric| metric.labels()["target"].clone())
        .collect();
    assert_eq!(names, ["target-00000", "target-00002"]);
    assert_eq!(families.last().unwrap().name(), "oauth_probe_build_info");
    assert!(families.iter().all(|family| !family.name().starts_with("process_")));
}

#[test]
fn exporter_without_targets_shows_itself() {
    let families = decode(&whole(native(0).protobuf(at(1.0), None).unwrap()));
    assert_eq!(families.first().unwrap().name(), "oauth_probe_build_info");
}

#[test]
fn report_that_comes_during_a_scrape_changes_no_length() {
    let metrics = native(100);
    let mut chunks = metrics.protobuf(at(150.0), None).unwrap();
    let mut bytes = chunks.next().unwrap().to_vec();
    for number in 0..100 {
        let target = metrics.target(&format!("target-{number:05}")).unwrap();
        past(2).iter().for_each(|report| target.record(report));
    }
    bytes.extend(chunks.flatten());
    let families = decode(&bytes);
    assert!(family(&families, "oauth_probe_sent_requests_total").samples().iter().all(|sample| sample.value == "0"));
}

#[test]
fn ten_thousand_targets_come_in_chunks_with_each_family_whole() {
    let metrics = native(10_000);
    for number in 0..10_000 {
        let target = metrics.target(&format!("target-{number:05}")).unwrap();
        past(number % 5).iter().for_each(|report| target.record(report));
    }
    let chunks: Vec<Bytes> = metrics.protobuf(at(150.0), None).unwrap().collect();
    assert!(chunks.len() > 500, "{}", chunks.len());
    assert!(chunks.iter().all(|chunk| !chunk.is_empty() && chunk.len() < 72 * 1024));
    let families = decode(&whole(chunks.into_iter()));
    let names: BTreeSet<_> = families.iter().map(MetricFamily::name).collect();
    assert_eq!(names.len(), families.len());
    assert_eq!(family(&families, "oauth_probe_success").metric.len(), 8_000);
}
