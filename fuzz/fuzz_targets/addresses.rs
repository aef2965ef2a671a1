//! What the command line says of addresses and paths. The input's first line is the one, its second the other.
#![no_main]

use std::fmt::{Debug, Display};
use std::str::FromStr;

use libfuzzer_sys::fuzz_target;
use oauth_probe_exporter::server::{ExternalUrl, ListenAddress, TimeoutOffset, WebSettings};

fuzz_target!(|text: &str| {
    let (first, second) = text.split_once('\n').unwrap_or((text, ""));
    reads_back_the_same::<ListenAddress>(first);
    reads_back_the_same::<ExternalUrl>(first);
    let _ = first.parse::<TimeoutOffset>();
    if let Ok(settings) = WebSettings::new(first, second) {
        let metrics = settings.metrics_path();
        assert!(metrics.starts_with('/') && metrics.is_ascii() && !metrics.contains("//"), "{metrics}");
        if let Some(page) = settings.page_path() {
            assert_ne!(page, metrics);
        }
    }
});

/// What is accepted is shown in a form that means the same.
fn reads_back_the_same<T: FromStr + Display + Debug + PartialEq>(text: &str) {
    if let Ok(read) = text.parse::<T>() {
        let shown = read.to_string();
        assert_eq!(shown.parse::<T>().ok(), Some(read), "{shown}");
    }
}
