//! The web configuration, in the format that all exporters of the Prometheus project share: how the exporter's own port
//! is served. It may be empty.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use super::fields::{Fields, Spot};
use super::mistake::{ConfigError, Owner, Place, Report};
use super::setting::Setting;
use super::yaml::{self, Content, Meaning};
use super::{collections, scalars, web_tls};
use crate::model::password_hash::PasswordHash;
use crate::model::web::{Http2, RateLimit, WebConfig, WebHeader};

/// The web configuration that `text` holds.
pub(super) fn read(text: &str, file: &str, directory: &Path) -> Result<WebConfig, ConfigError> {
    let mut report = Report::default();
    let config = match yaml::parse(text) {
        Err(unreadable) => {
            let yaml::Unreadable { line, column, what } = unreadable;
            report.add(Some(line), Owner::Web, "", format_args!("column {column}: {what}"));
            None
        }
        Ok(None) => Some(WebConfig::default()),
        Ok(Some(root)) => {
            let place = Place::of(Owner::Web, root.line);
            let mut spot = Spot { node: &root, place, report: &mut report };
            if spot.is_null() || matches!(&root.content, Content::Mapping(_)) {
                spot.fields().map(|fields| read_root(fields, directory))
            } else {
                spot.refuse("the file is not a mapping; begin with `tls_server_config:` or `basic_auth_users:`")
            }
        }
    };
    report.finish(file)?;
    config.ok_or_else(|| ConfigError::single(file, "cannot be understood; write it anew from the documentation"))
}

fn read_root(mut fields: Fields<'_>, directory: &Path) -> WebConfig {
    let tls = fields.map("tls_server_config", |spot| web_tls::read(spot, directory));
    let (http2, headers) = fields.section("http_server_config", |fields| {
        let http2 = match fields.take("http2", scalars::boolean).or_default(true) {
            true => Http2::Offered,
            false => Http2::Off,
        };
        (http2, fields.map("headers", headers))
    });
    let users = fields.map("basic_auth_users", users);
    let rate_limit = fields.section("rate_limit", rate_limit);
    fields.finish();
    WebConfig { tls, http2, headers, users, rate_limit }
}

/// Headers of answers. A blank value is the same as none.
fn headers(spot: Spot<'_>) -> Option<BTreeMap<WebHeader, String>> {
    let mut fields = spot.fields()?;
    let mut headers = BTreeMap::new();
    for header in WebHeader::ALL {
        if let Setting::Given(given) = fields.take(header.as_str(), |spot| header_value(spot, header))
            && !given.value.is_empty()
        {
            headers.insert(header, given.value);
        }
    }
    fields.finish();
    Some(headers)
}

fn header_value(mut spot: Spot<'_>, header: WebHeader) -> Option<String> {
    let known: &[&str] = match header {
        WebHeader::XContentTypeOptions => &["nosniff"],
        WebHeader::XFrameOptions => &["deny", "sameorigin"],
        _ => &[],
    };
    if spot.is_null() {
        return Some(String::new());
    }
    let value = spot.text("write the header's value")?;
    if !value.is_empty() && !known.is_empty() && !known.contains(&value) {
        return spot.refuse(&format!("has no such value; write `{}`", known.join("` or `")));
    }
    if !collections::is_header_value(value) {
        return spot.refuse("has a value that no header can carry; use visible ASCII, no space at its ends");
    }
    Some(value.to_owned())
}

/// Names and the hashes of their passwords.
fn users(spot: Spot<'_>) -> Option<BTreeMap<String, PasswordHash>> {
    collections::each_entry(spot, "write `name: hash` pairs below it", |name, mut spot| {
        let text = spot.text("write the bcrypt hash of the user's password")?;
        if name.contains(':') {
            return spot.refuse("has a colon in its name, which HTTP Basic cannot carry; choose another name");
        }
        match PasswordHash::parse(text) {
            Ok(hash) => Some((name.to_owned(), hash)),
            Err(problem) => spot.refuse(&problem.to_string()),
        }
    })
}

fn rate_limit(fields: &mut Fields<'_>) -> Option<RateLimit> {
    let interval = fields.take("interval", |spot| match &spot.node.content {
        Content::Scalar(scalar) if matches!(scalar.meaning(), Meaning::Integer(0)) => Some(Duration::ZERO),
        _ => scalars::duration(spot, Duration::ZERO),
    });
    let burst = fields.take("burst", |spot| scalars::integer(spot, &(0..=1_000_000_u32)));
    let (interval, burst) = match (interval, burst) {
        (Setting::Given(interval), burst) => (interval, burst),
        (Setting::Absent, Setting::Given(burst)) => {
            let line = burst.origin.line.unwrap_or_default();
            fields.refuse("burst", line, "has no `interval` beside it; write one such as `interval: 1s`");
            return None;
        }
        _ => return None,
    };
    if interval.value.is_zero() || matches!(burst, Setting::Refused) {
        return None;
    }
    match burst.value().copied().and_then(NonZeroU32::new) {
        Some(burst) => Some(RateLimit { interval: interval.value, burst }),
        None => {
            let line = burst.given().map_or(interval.origin, |burst| burst.origin).line.unwrap_or_default();
            fields.refuse(
                "burst",
                line,
                "is 0 or missing, which would refuse every request; write such as `burst: 20`",
            );
            None
        }
    }
}
