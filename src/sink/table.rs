//! What arrives, as lines for people: one a change, aligned, retractions marked.

use anstyle::{AnsiColor, Style};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use std::time::Duration;

use super::belief::{Change, What};
use super::identity::{Attributes, display_name};
use super::rules::Violation;
use super::text::{clipped, escaped, padded, time_of_day, unit};
use crate::model::time::UnixNanos;

const NAME: usize = 20;
const SERIES: usize = 52;
/// Longer texts are cut.
const LONGEST: usize = 240;

/// Writes the lines, with colours or without.
#[derive(Debug, Clone, Copy)]
pub struct Table {
    /// Whether to colour them.
    pub color: bool,
}

impl Table {
    /// What the columns are.
    pub fn header(self) -> String {
        let columns = format!("{:<12}  {:<11}  {:<NAME$}  {:<SERIES$}  value", "time (UTC)", "", "of", "series");
        self.painted(Style::new().bold(), &columns) + "\n"
    }

    /// One change.
    pub fn change(self, change: &Change) -> String {
        let (word, style) = match change.what {
            What::Published => ("● published", AnsiColor::Green.on_default()),
            What::Updated => ("· updated  ", Style::new()),
            What::Retracted => ("✕ retracted", AnsiColor::Red.on_default().bold()),
        };
        let value = match change.what {
            What::Retracted => format!("(was {})", number(change)),
            What::Published | What::Updated => number(change),
        };
        let line = format!(
            "{}  {word}  {}  {}  {value}",
            time_of_day(change.time),
            column(&name_of(&change.resource), NAME),
            column(&change.id.to_string(), SERIES),
        );
        self.painted(style, &line) + "\n"
    }

    /// The spans of a request, a line each.
    pub fn spans(self, request: &ExportTraceServiceRequest) -> String {
        let mut out = String::new();
        for of_resource in &request.resource_spans {
            let resource = Attributes::of(of_resource.resource.as_ref().map_or(&[], |r| &r.attributes));
            let name = name_of(&resource);
            for span in of_resource.scope_spans.iter().flat_map(|s| &s.spans) {
                out += &self.painted(Style::new().dimmed(), &span_line(&name, span));
                out.push('\n');
            }
        }
        out
    }

    /// A broken rule.
    pub fn violation(self, violation: &Violation) -> String {
        let line = format!("rule broken: {}", clipped(&escaped(&violation.to_string()), LONGEST));
        self.painted(AnsiColor::Yellow.on_default().bold(), &line) + "\n"
    }

    pub(super) fn painted(self, style: Style, text: &str) -> String {
        if self.color { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

fn number(change: &Change) -> String {
    let unit = unit(&change.id.metric.unit);
    format!("{}{}{unit}", change.value, if unit.is_empty() { "" } else { " " })
}

fn span_line(name: &str, span: &Span) -> String {
    let took = span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano);
    format!(
        "{}  › span       {}  {}  {:?}",
        time_of_day(UnixNanos(span.start_time_unix_nano)),
        column(name, NAME),
        column(&span.name, SERIES),
        Duration::from_nanos(took),
    )
}

fn name_of(resource: &Attributes) -> String {
    display_name(resource).map_or_else(|| "-".to_owned(), |name| name.to_string())
}

fn column(text: &str, columns: usize) -> String {
    padded(&clipped(&escaped(text), LONGEST), columns)
}
