//! One thing that is logged, as one line: escaped, bounded, for people or as JSON.

use std::fmt::{self, Write};
use std::sync::Arc;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

use crate::model::time::{Clock, UnixNanos};
use crate::telemetry::escape;

use super::Format;
use super::queue::Queue;
use super::tap::{Record, Tap};

/// The most characters of one value.
const MOST_VALUE: usize = 4096;
/// The most fields of one line; ours have five.
const MOST_FIELDS: usize = 16;
/// What the words of an [`crate::telemetry::Event`] name already; only JSON shows these fields of it.
const IN_THE_WORDS: [&str; 4] = ["event", "engine", "container", "container_id"];
/// Keys that a line of JSON has in any case.
const RESERVED: [&str; 3] = ["time", "level", "message"];

/// How lines are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lines {
    format: Format,
    ansi: bool,
    clock: Clock,
}

impl Lines {
    pub(super) fn new(format: Format, ansi: bool, clock: Clock) -> Self {
        Self { format, ansi, clock }
    }

    pub(super) fn into_layer(self, queue: Arc<Queue>, tap: Arc<Tap>) -> LineLayer {
        LineLayer { lines: self, queue, tap }
    }

    fn line(&self, at: UnixNanos, level: Level, found: &Found) -> String {
        let time = time(at);
        let line = match self.format {
            Format::Text => text(&time, level, self.ansi, found),
            Format::Json => json(&time, level, found),
        };
        // Writing to a string does not fail.
        line.unwrap_or_default()
    }
}

/// Turns what is logged into lines in the queue.
#[derive(Debug)]
pub(super) struct LineLayer {
    lines: Lines,
    queue: Arc<Queue>,
    tap: Arc<Tap>,
}

impl<S: Subscriber> Layer<S> for LineLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let at = self.lines.clock.now().wall;
        let lost = self.queue.take_lost();
        if lost > 0 {
            let message = format!("{lost} lines of the log were lost: stderr is not read fast enough");
            self.queue.push(self.lines.line(at, Level::WARN, &Found { message, ..Found::default() }));
        }
        let mut found = Found::default();
        event.record(&mut found);
        let level = *event.metadata().level();
        self.queue.push(self.lines.line(at, level, &found));
        self.tap.tell(&Record { at, level, message: &found.message, fields: &found.fields });
    }
}

impl Drop for LineLayer {
    fn drop(&mut self) {
        self.queue.close();
    }
}

/// What an event of `tracing` holds, escaped.
#[derive(Debug, Default)]
struct Found {
    message: String,
    fields: Vec<(&'static str, String)>,
    /// Which fields are numbers or booleans, that JSON shows without quotes; by index.
    bare: Vec<usize>,
}

impl Found {
    fn add(&mut self, field: &Field, value: String) {
        match field.name() {
            "message" => self.message = value,
            name if self.fields.len() < MOST_FIELDS => self.fields.push((name, value)),
            _ => {}
        }
    }

    fn add_bare(&mut self, field: &Field, value: String) {
        let index = self.fields.len();
        self.add(field, value);
        if self.fields.len() > index {
            self.bare.push(index);
        }
    }
}

impl Visit for Found {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, escaped(format_args!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, escaped(format_args!("{value}")));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.add(field, escaped(format_args!("{value}")));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add_bare(field, value.to_string());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add_bare(field, value.to_string());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add_bare(field, value.to_string());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        let text = value.to_string();
        if value.is_finite() { self.add_bare(field, text) } else { self.add(field, text) }
    }
}

/// Takes at most so many characters, each escaped.
struct Escaping {
    out: String,
    left: usize,
}

impl Write for Escaping {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            let Some(left) = self.left.checked_sub(1) else { return Err(fmt::Error) };
            self.left = left;
            escape::write_char(c, &mut self.out)?;
        }
        Ok(())
    }
}

fn escaped(text: fmt::Arguments<'_>) -> String {
    let mut escaping = Escaping { out: String::new(), left: MOST_VALUE };
    // It fails when the value is too long, or if the value cannot show itself; either way there is no more to show.
    if escaping.write_fmt(text).is_err() {
        escaping.out.push('…');
    }
    escaping.out
}

/// RFC 3339 in UTC, to the millisecond.
fn time(at: UnixNanos) -> String {
    let at = jiff::Timestamp::from_nanosecond(i128::from(at.0)).unwrap_or_default();
    format!("{at:.3}")
}

fn text(time: &str, level: Level, ansi: bool, found: &Found) -> Result<String, fmt::Error> {
    let mut line = String::with_capacity(64 + found.message.len());
    let colour = match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        _ => "\x1b[34m",
    };
    if ansi {
        write!(line, "\x1b[2m{time}\x1b[0m {colour}{level:>5}\x1b[0m {}", found.message)?;
    } else {
        write!(line, "{time} {level:>5} {}", found.message)?;
    }
    let is_event = found.fields.iter().any(|(name, _)| *name == "event");
    for (name, value) in found.fields.iter().filter(|(name, _)| !(is_event && IN_THE_WORDS.contains(name))) {
        if value.contains([' ', '"', '=']) || value.is_empty() {
            write!(line, " {name}=\"{}\"", value.replace('"', "\\\""))?;
        } else {
            write!(line, " {name}={value}")?;
        }
    }
    line.push('\n');
    Ok(line)
}

fn json(time: &str, level: Level, found: &Found) -> Result<String, fmt::Error> {
    let mut line = String::with_capacity(128 + found.message.len());
    let quoted = |text: &str| serde_json::Value::from(text);
    write!(line, "{{\"time\":\"{time}\",\"level\":\"{level}\",\"message\":{}", quoted(&found.message))?;
    for (i, (name, value)) in found.fields.iter().enumerate() {
        let after = if RESERVED.contains(name) { "_" } else { "" };
        let name = quoted(&format!("{name}{after}"));
        if found.bare.contains(&i) {
            write!(line, ",{name}:{value}")?;
        } else {
            write!(line, ",{name}:{}", quoted(value))?;
        }
    }
    line.push_str("}\n");
    Ok(line)
}
