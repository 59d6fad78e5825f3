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

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans};

    use super::*;
    use crate::sink::belief::Belief;
    use crate::sink::made::{S, at, container, gauge, memory, memory_retracted, of, pairs, point, request};

    const PLAIN: Table = Table { color: false };

    fn lines(
        table: Table,
        requests: &[opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest],
    ) -> Vec<String> {
        let mut belief = Belief::default();
        requests.iter().flat_map(|r| belief.apply(r, at(1.0))).map(|change| table.change(&change)).collect()
    }

    #[test]
    fn one_aligned_line_a_change() {
        let shown = lines(PLAIN, &[memory("web", 1.0, 10), memory("web", 2.5, 20), memory_retracted("web", 3.0)]);
        let blank = " ".repeat(28);
        assert_eq!(
            PLAIN.header() + &shown.concat(),
            [
                format!("time (UTC)                 of                    series{}  value\n", " ".repeat(46)),
                format!("00:16:41.000  ● published  web                   container.memory.usage  {blank}  10 By\n"),
                format!("00:16:42.500  · updated    web                   container.memory.usage  {blank}  20 By\n"),
                format!(
                    "00:16:43.000  ✕ retracted  web                   container.memory.usage  {blank}  (was 20 By)\n"
                ),
            ]
            .concat()
        );
    }

    #[test]
    fn colours_are_there_only_if_wanted() {
        let shown = lines(Table { color: true }, &[memory("web", 1.0, 10), memory_retracted("web", 3.0)]);
        assert!(shown[0].starts_with("\x1b[32m") && shown[0].ends_with("\x1b[0m\n"), "{shown:?}");
        assert!(shown[1].starts_with("\x1b[1m\x1b[31m"), "{shown:?}");
    }

    #[test]
    fn text_from_outside_cannot_steer_the_terminal() {
        let evil = "a\x1b[2J\nb";
        let point = point(&[(evil, evil)], S, Number::AsInt(1));
        let shown = lines(PLAIN, &[request(vec![of(container(evil), vec![gauge(evil, evil, vec![point])])])]);
        let escaped = "a\\u{1b}[2J\\nb";
        assert_eq!(
            shown,
            [format!(
                "00:00:01.000  ● published  {escaped:<20}  {:<52}  1 {escaped}\n",
                format!("{escaped}{{{escaped}={escaped}}}")
            )]
        );
        let endless = lines(
            PLAIN,
            &[request(vec![of(container(&"x".repeat(10_000)), vec![])]), memory(&"x".repeat(10_000), 1.0, 1)],
        );
        assert!(endless[0].len() < 500, "{}", endless[0].len());
    }

    #[test]
    fn spans_and_broken_rules_have_their_lines() {
        let span = Span {
            name: "pro\x07be".to_owned(),
            start_time_unix_nano: S,
            end_time_unix_nano: S + 2_500_000,
            ..Default::default()
        };
        let resource_spans = vec![ResourceSpans {
            resource: of(pairs(&[("service.name", "dockpulse")]), vec![]).resource,
            scope_spans: vec![ScopeSpans { spans: vec![span], ..Default::default() }],
            ..Default::default()
        }];
        let shown = PLAIN.spans(&ExportTraceServiceRequest { resource_spans });
        assert_eq!(shown, format!("00:00:01.000  › span       dockpulse             {:<52}  2.5ms\n", "pro\\u{7}be"));
        let mut belief = Belief::default();
        belief.apply(&memory_retracted("w\neb", 1.0), at(1.0));
        assert_eq!(
            PLAIN.violation(&belief.violations()[0]),
            "rule broken: retracted but never published: container.memory.usage of w\\neb\n"
        );
    }
}
