//! The report for people: aligned, and escaped, because names, labels and images are anybody's.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr;

use super::{Attribute, Ends, Facet, Report, RuleAt, Series, Source, ToldBy, Watched};
use crate::filter::ENABLE_LABEL;
use crate::model::series::{AttributeValue, Value};
use crate::telemetry::escape::Shown;

const HEAD: Style = Style::new().bold();
const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Yellow.on_default();
const DIM: Style = Style::new().dimmed();
/// Columns that are wider than this do not push the next one further out.
const WIDEST: usize = 100;

/// Writes the report.
///
/// # Errors
/// When it cannot be written.
pub fn write(report: &Report, color: bool, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
    let mut page = Page { out, color };
    page.head(report)?;
    page.watched(report)?;
    page.identity(report)?;
    page.series(report)?;
    page.endings(report)
}

struct Page<'w, W: ?Sized> {
    out: &'w mut W,
    color: bool,
}

impl<W: Write + ?Sized> Page<'_, W> {
    fn styled(&self, style: Style, text: &str) -> String {
        if self.color { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }

    fn title(&mut self, text: &str) -> io::Result<()> {
        let text = self.styled(HEAD, text);
        writeln!(self.out, "\n{text}")
    }

    /// Rows of three cells, aligned; the last one dim.
    fn rows(&mut self, rows: &[[String; 3]]) -> io::Result<()> {
        let width = |column: usize| rows.iter().map(|r| r[column].width()).filter(|w| *w <= WIDEST).max().unwrap_or(0);
        let widths = [width(0), width(1)];
        for [first, second, third] in rows {
            let pad = |text: &str, width: usize| " ".repeat(width.saturating_sub(text.width()));
            let line = if third.is_empty() {
                format!("  {first}{}  {second}", pad(first, widths[0]))
            } else {
                let third = self.styled(DIM, third);
                format!("  {first}{}  {second}{}  {third}", pad(first, widths[0]), pad(second, widths[1]))
            };
            writeln!(self.out, "{}", line.trim_end())?;
        }
        Ok(())
    }

    fn head(&mut self, report: &Report) -> io::Result<()> {
        let Report { container, engine, .. } = report;
        let name = Shown(&container.display_name()).to_string();
        let (name, id) = (self.styled(HEAD, &name), container.id.short());
        writeln!(self.out, "{name} ({id}), {}, {}", container.state.as_str(), Shown(&container.image))?;
        let (endpoint, described) = (Shown(&engine.endpoint), Shown(&engine.described));
        writeln!(self.out, "engine {} at {endpoint} ({described})", Shown(&engine.name))?;
        if report.told_by == ToldBy::Agent {
            let text = self.styled(DIM, "told by the running agent");
            writeln!(self.out, "{text}")?;
        }
        Ok(())
    }

    fn watched(&mut self, report: &Report) -> io::Result<()> {
        let (style, word) = if report.watched.is_yes() { (GOOD, "yes") } else { (BAD, "no") };
        let word = self.styled(style, word);
        writeln!(self.out, "\nwatched: {word}, {}", because(&report.watched))?;
        if let Some((admitted, max)) = report.over_cap {
            writeln!(
                self.out,
                "  but the filters let {admitted} containers of this engine in, and containers.max is {max}: only the running \
                 agent knows which"
            )?;
        }
        Ok(())
    }

    fn identity(&mut self, report: &Report) -> io::Result<()> {
        let would = if report.watched.is_yes() { "" } else { ", if it were watched" };
        self.title(&format!("identity{would}"))?;
        let rows: Vec<_> = report.identity.iter().map(attribute).collect();
        self.rows(&rows)?;
        if !report.on_points.is_empty() {
            let names: Vec<String> = report.on_points.iter().map(|name| Shown(name).to_string()).collect();
            writeln!(self.out, "  on every point too: {}", names.join(", "))?;
        }
        Ok(())
    }

    fn series(&mut self, report: &Report) -> io::Result<()> {
        let would = if report.watched.is_yes() { "" } else { ", if it were watched" };
        for (facet, about) in [(Facet::State, "state, which stays after a stop"), (Facet::Usage, "usage")] {
            let rows: Vec<_> = report.series.iter().filter(|s| s.facet == facet).map(series).collect();
            self.title(&format!("{} series of its {about}{would}", rows.len()))?;
            self.rows(&rows)?;
        }
        for failure in &report.failures {
            let text = self.styled(BAD, &Shown(failure).to_string());
            writeln!(self.out, "  {text}")?;
        }
        Ok(())
    }

    fn endings(&mut self, report: &Report) -> io::Result<()> {
        self.title("what retracts them")?;
        let ends = |ends| match ends {
            Ends::All => "all, when",
            Ends::Usage => "usage, when",
            Ends::One => "one, when",
            Ends::Nothing => "none, when",
        };
        let row = |e: &super::Ending| [ends(e.ends).to_owned(), e.when.clone(), e.reason.to_string()];
        let rows: Vec<_> = report.endings.iter().map(row).collect();
        self.rows(&rows)
    }
}

fn because(watched: &Watched) -> String {
    let rule = |RuleAt { place, rule }: &RuleAt| format!("{} {} ({})", place.key, Shown(rule), Shown(&place.origin));
    match watched {
        Watched::Yes => "no rule excludes it".to_owned(),
        Watched::Included(at) => format!("{} lets it in", rule(at)),
        Watched::Disabled => format!("its label {ENABLE_LABEL} is false"),
        Watched::Excluded(at) => format!("{} excludes it", rule(at)),
        Watched::NotIncluded(1) => "the one rule of containers.include does not match it".to_owned(),
        Watched::NotIncluded(rules) => format!("none of the {rules} rules of containers.include matches it"),
        Watched::Stopped(state) => format!("it is {}, and containers.stopped is false", state.as_str()),
    }
}

fn attribute(attribute: &Attribute) -> [String; 3] {
    let value = match &attribute.value {
        AttributeValue::Text(text) => Shown(text).to_string(),
        AttributeValue::List(list) => {
            let list: Vec<String> = list.iter().map(|text| Shown(text).to_string()).collect();
            format!("[{}]", list.join(", "))
        }
    };
    let source = match &attribute.source {
        Source::BuiltIn => "built in".to_owned(),
        Source::Orchestrator(label) => format!("label {}", Shown(label)),
        Source::Label(_, place) | Source::Variable(_, place) => {
            format!("{} ({})", Shown(&place.key), Shown(&place.origin))
        }
        Source::Standard => "OTEL_RESOURCE_ATTRIBUTES".to_owned(),
    };
    let cut = if attribute.cut { ", cut to 1024 bytes" } else { "" };
    [Shown(&attribute.key).to_string(), value, format!("{source}{cut}")]
}

fn series(series: &Series) -> [String; 3] {
    let pairs: Vec<String> = series.attributes.iter().map(|(k, v)| format!("{}={}", Shown(k), Shown(v))).collect();
    let attributes = if pairs.is_empty() { String::new() } else { format!("{{{}}}", pairs.join(",")) };
    let value = match series.value {
        Value::Int(n) => n.to_string(),
        Value::Double(n) => number(n),
    };
    let about = format!("{} {}", Shown(&series.unit), series.kind());
    [format!("{}{attributes}", Shown(&series.metric)), value, about]
}

/// Six digits are enough for people; a number that is large is not rounded.
fn number(n: f64) -> String {
    let text = if n.abs() >= 1000.0 { format!("{n:.3}") } else { format!("{n:.6}") };
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
