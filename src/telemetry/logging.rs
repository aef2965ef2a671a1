//! The log: one line per event on standard error, as logfmt or JSON.

use std::error::Error;
use std::fmt::{self, Write as _};
use std::time::SystemTime;

use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::subscriber::{SetGlobalDefaultError, set_global_default};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;

use crate::model::seen::{is_unseen, seen_json, write_escaped};

use super::log_thread;
pub use super::log_thread::LastLines;
pub use super::panics::log_panics;

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// `ts=… level=info msg="…" key=value`.
    Logfmt,
    /// One JSON object a line, with the same keys.
    Json,
}

/// The log cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// No thread to write it.
    #[error("no thread to write the log")]
    Thread(#[from] std::io::Error),
    /// There is one already.
    #[error("there is a log already")]
    Twice(#[from] SetGlobalDefaultError),
}

/// Sends this process's events and panics to standard error, by a thread of their own. Those that are logged when what is
/// returned is dropped are written before the drop returns.
///
/// # Errors
/// When that was done before, or when no thread can be started.
pub fn init(format: LogFormat, level: Level) -> Result<LastLines, LogError> {
    let lost = move |lines: u64| {
        let text = "lines of the log are lost, as they were not read quickly enough";
        (level >= Level::WARN).then(|| line(format, Level::WARN, text, &[("lines", lines.into())]))
    };
    let (lines, last) = log_thread::start(std::io::stderr(), lost)?;
    set_global_default(subscriber(format, level, lines))?;
    log_panics();
    Ok(last)
}

/// What [`init`] installs, with lines going to `writer`.
pub fn subscriber<W>(format: LogFormat, level: Level, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    // Debug events of HTTP libraries can contain tokens: of other crates no more than warnings is ever written.
    let others = level.min(Level::WARN);
    let filter = Targets::new().with_target(env!("CARGO_CRATE_NAME"), level).with_default(LevelFilter::from(others));
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).event_format(Lines { format });
    tracing_subscriber::registry().with(filter).with(lines)
}

struct Lines {
    format: LogFormat,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        out.write_str(&line(self.format, *event.metadata().level(), &fields.message, &fields.rest))
    }
}

/// A line of now, with its end.
#[expect(clippy::disallowed_methods, reason = "a line's time is shown; nothing is decided by it")]
fn line(format: LogFormat, level: Level, message: &str, rest: &[(&'static str, Value)]) -> String {
    let time = humantime::format_rfc3339_millis(SystemTime::now()).to_string();
    let head = [("ts", time.as_str()), ("level", level_name(level)), ("msg", message)];
    let mut line = String::new();
    // Writing to a string cannot fail.
    let _ = match format {
        LogFormat::Logfmt => write_logfmt(&mut line, head, rest),
        LogFormat::Json => write_json(&mut line, head, rest),
    };
    line.push('\n');
    line
}

const fn level_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// The fields of one event.
#[derive(Default)]
struct Fields {
    message: String,
    rest: Vec<(&'static str, Value)>,
}

impl Fields {
    fn add(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            ("message", other) => self.message = other.to_string(),
            (name, value) => self.rest.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, Value::String(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value.into());
    }

    fn record_error(&mut self, field: &Field, error: &(dyn Error + 'static)) {
        let mut text = error.to_string();
        let mut source = error.source();
        while let Some(error) = source {
            // Writing to memory cannot fail.
            let _ = write!(text, ": {error}");
            source = error.source();
        }
        self.add(field, text.into());
    }
}

fn write_logfmt(line: &mut String, head: [(&str, &str); 3], rest: &[(&'static str, Value)]) -> fmt::Result {
    let mut separator = "";
    for (key, value) in head {
        write!(line, "{separator}{key}=")?;
        write_logfmt_text(line, value)?;
        separator = " ";
    }
    for (key, value) in rest {
        write!(line, " {key}=")?;
        match value {
            Value::String(text) => write_logfmt_text(line, text)?,
            other => write!(line, "{other}")?,
        }
    }
    Ok(())
}

/// Quotes what would not be read back as one word, and escapes what could end the line or hide in it.
fn write_logfmt_text(line: &mut String, text: &str) -> fmt::Result {
    let is_plain =
        |c: char| (c.is_alphanumeric() && !is_unseen(c)) || (c.is_ascii_graphic() && !matches!(c, '"' | '=' | '\\'));
    if !text.is_empty() && text.chars().all(is_plain) {
        return line.write_str(text);
    }
    line.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => line.write_str("\\\"")?,
            '\\' => line.write_str("\\\\")?,
            '\n' => line.write_str("\\n")?,
            '\r' => line.write_str("\\r")?,
            '\t' => line.write_str("\\t")?,
            c if is_unseen(c) => write_escaped(line, c)?,
            c => line.write_char(c)?,
        }
    }
    line.write_char('"')
}

/// Written key by key, since a map would put `ts` last.
fn write_json(line: &mut String, head: [(&str, &str); 3], rest: &[(&'static str, Value)]) -> fmt::Result {
    let mut separator = '{';
    for (key, value) in head {
        write!(line, "{separator}{}:{}", Value::from(key), seen_json(&Value::from(value).to_string()))?;
        separator = ',';
    }
    for (key, value) in rest {
        write!(line, ",{}:{}", Value::from(*key), seen_json(&value.to_string()))?;
    }
    line.write_char('}')
}
