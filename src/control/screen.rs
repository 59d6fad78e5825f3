//! `dockpulse status`: what is going on, on one screen. Pure.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use bytesize::ByteSize;
use unicode_width::UnicodeWidthStr;

use crate::model::{Text, counted};
use crate::status::{Agent, Delivery, Delta, EngineRow, Export, Outbox, Retraction, Totals};
use crate::telemetry::escape::{Shown, Took};

const HEAD: Style = Style::new().bold();
const GOOD: Style = AnsiColor::Green.on_default();
const ODD: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const DIM: Style = Style::new().dimmed();
/// So many engines and retractions fit on one screen.
const MOST_ENGINES: usize = 12;
const MOST_RETRACTIONS: usize = 8;

/// Writes it.
///
/// # Errors
/// When it cannot be written.
pub fn write(delta: &Delta, color: bool, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
    let mut screen = Screen { out, color, now: delta.at };
    screen.agent(&delta.agent)?;
    screen.engines(&delta.engines)?;
    screen.export(&delta.export, &delta.totals)?;
    screen.outbox(&delta.outbox)?;
    screen.totals(&delta.totals)?;
    screen.retractions(&delta.retractions)
}

struct Screen<'w, W: ?Sized> {
    out: &'w mut W,
    color: bool,
    /// By the agent's clock.
    now: u64,
}

impl<W: Write + ?Sized> Screen<'_, W> {
    fn styled(&self, style: Style, text: impl ToString) -> String {
        let text = text.to_string();
        if self.color { format!("{style}{text}{style:#}") } else { text }
    }

    fn line(&mut self, title: &str, text: &str) -> io::Result<()> {
        let padded = format!("{title:<12}");
        let title = self.styled(HEAD, padded);
        writeln!(self.out, "{}", format!("{title}{text}").trim_end())
    }

    fn ago(&self, then: u64) -> String {
        format!("{} ago", span(self.now.saturating_sub(then)))
    }

    fn agent(&mut self, agent: &Agent) -> io::Result<()> {
        let up = span(self.now.saturating_sub(agent.started));
        let text = format!("{} on {}, process {}, up for {up}", agent.version, Shown(&agent.host), agent.pid);
        self.line("dockpulse", &text)?;
        let (every, profile) = (Took(seconds(agent.interval)), Shown(&agent.profile));
        let file = agent.settings.as_ref().map_or("no file".to_owned(), |file| Shown(file).to_string());
        let text = format!("{file}; every {every}, profile {profile}, log level {}", Shown(&agent.log_level));
        self.line("settings", &text)
    }

    fn engines(&mut self, engines: &[EngineRow]) -> io::Result<()> {
        writeln!(self.out)?;
        let width = engines.iter().take(MOST_ENGINES).map(|row| Shown(&row.name).to_string().width()).max();
        for (i, row) in engines.iter().take(MOST_ENGINES).enumerate() {
            let name = Shown(&row.name).to_string();
            let pad = " ".repeat(width.unwrap_or(0).saturating_sub(name.width()));
            let (state, text) = self.engine(row);
            self.line(if i == 0 { "engines" } else { "" }, &format!("{name}{pad}  {state}  {text}"))?;
        }
        match engines.len() {
            0 => self.line("engines", "none"),
            n if n > MOST_ENGINES => self.line("", &format!("and {} more", n - MOST_ENGINES)),
            _ => Ok(()),
        }
    }

    fn engine(&self, row: &EngineRow) -> (String, String) {
        let state = match (row.up, &row.error) {
            (Some(true), None) => self.styled(GOOD, "up  "),
            (None, None) => self.styled(DIM, "new "),
            _ => self.styled(BAD, "down"),
        };
        let mut parts = Vec::new();
        if let Some(error) = &row.error {
            let since = row.failing_since.map(|at| format!("since {}: ", span(self.now.saturating_sub(at))));
            let again = row.retry_at.filter(|at| *at > self.now);
            let again = again.map(|at| format!(", tried again in {}", span(at - self.now)));
            parts.push(format!("{}{}{}", since.unwrap_or_default(), Shown(error), again.unwrap_or_default()));
        } else {
            parts.push(states(&row.states));
            parts.push(format!("{} series", row.series));
            if let Some(probe) = &row.probe {
                let failed = if probe.failed + probe.late == 0 {
                    String::new()
                } else {
                    self.styled(ODD, format!(" ({} failed)", probe.failed + probe.late))
                };
                parts.push(format!("probed {} in {}{failed}", self.ago(probe.at), Took(seconds(probe.duration))));
            }
        }
        if row.over_cap > 0 {
            parts.push(self.styled(ODD, format!("{} over containers.max", row.over_cap)));
        }
        if row.events == Some(false) {
            parts.push(self.styled(ODD, "no events"));
        }
        let about = [&row.runtime, &row.version].into_iter().flatten().map(|text| Shown(text).to_string());
        let about: Vec<String> = about.chain(row.api.as_ref().map(|api| format!("API {}", Shown(api)))).collect();
        parts.push(self.styled(DIM, about.join(" ")));
        parts.retain(|part| !part.is_empty());
        (state, parts.join(", "))
    }

    fn export(&mut self, export: &Export, totals: &Totals) -> io::Result<()> {
        writeln!(self.out)?;
        let went = match export.last {
            Delivery::None => self.styled(DIM, "nothing sent yet"),
            Delivery::Delivered => self.styled(GOOD, "delivered"),
            Delivery::Partial => self.styled(ODD, "delivered in part"),
            Delivery::Retrying => self.styled(BAD, "failing"),
            Delivery::Dropped => self.styled(BAD, "refused"),
        };
        let fails = matches!(export.last, Delivery::Retrying | Delivery::Dropped);
        let when = match (fails, export.failing_since, export.at) {
            (true, Some(since), _) => format!(" for {}", span(self.now.saturating_sub(since))),
            (_, _, Some(at)) => format!(" {}", self.ago(at)),
            _ => String::new(),
        };
        let took = export.duration.filter(|_| !fails).map(|took| format!(" in {}", Took(seconds(took))));
        let again = export.retry_at.filter(|at| *at > self.now).map(|at| format!(", again in {}", span(at - self.now)));
        let (took, again) = (took.unwrap_or_default(), again.unwrap_or_default());
        let (endpoint, protocol) = (Shown(&export.endpoint), Shown(&export.protocol));
        self.line("export", &format!("{endpoint} ({protocol}): {went}{when}{took}{again}"))?;
        if let Some(error) = &export.error {
            let text = self.styled(BAD, Shown(error));
            self.line("", &text)?;
        }
        let of = &export.requests;
        let lost = if of.dropped + totals.rejected == 0 {
            String::new()
        } else {
            self.styled(BAD, format!("; {} given up, {} points rejected", of.dropped, totals.rejected))
        };
        let requests = counted(of.delivered, "request", "requests");
        let sent = format!("{requests}, {} points, {} of them retractions", of.points, of.retractions);
        self.line("", &format!("{sent}{lost}"))
    }

    fn outbox(&mut self, outbox: &Outbox) -> io::Result<()> {
        let place = outbox.directory.as_ref().filter(|_| outbox.durable);
        let place = place.map_or("in memory".to_owned(), |path| format!("in {}", Shown(path)));
        let text = if outbox.batches == 0 {
            format!("{}, {place}", self.styled(GOOD, "empty"))
        } else {
            let size = |bytes| ByteSize(bytes).display().iec().to_string();
            let (bytes, max) = (size(outbox.bytes), size(outbox.max_bytes));
            let oldest = outbox.oldest.map(|at| format!(", the oldest {}", self.ago(at))).unwrap_or_default();
            format!(
                "{}, {} points, {bytes} of {max}{oldest}, {place}",
                counted(outbox.batches, "batch", "batches"),
                outbox.points
            )
        };
        self.line("outbox", &text)
    }

    fn totals(&mut self, totals: &Totals) -> io::Result<()> {
        writeln!(self.out)?;
        self.line(
            "counted",
            &format!("{}, {} series live now", counted(totals.probes, "probe", "probes"), totals.series_live),
        )?;
        let counts = [
            ("failed", &totals.failures, BAD),
            ("retracted", &totals.retracted, DIM),
            ("dropped", &totals.dropped, BAD),
        ];
        for (title, counts, style) in counts {
            if !counts.is_empty() {
                let counts: Vec<String> = counts.iter().map(|(word, n)| format!("{} {n}", Shown(word))).collect();
                let (title, counts) = (self.styled(style, title), counts.join(", "));
                self.line("", &format!("{title}: {counts}"))?;
            }
        }
        Ok(())
    }

    fn retractions(&mut self, retractions: &[Retraction]) -> io::Result<()> {
        writeln!(self.out)?;
        let last: Vec<_> = retractions.iter().rev().take(MOST_RETRACTIONS).collect();
        if last.is_empty() {
            return self.line("retractions", "none");
        }
        for (i, row) in last.into_iter().enumerate() {
            let (engine, reason) = (Shown(&row.engine), Shown(&row.reason));
            let whose = match &row.container {
                Some(whom) => {
                    let id: String = whom.id.chars().take(12).collect();
                    format!("{} ({}) on {engine}", Shown(&whom.name), Shown(&id))
                }
                None => format!("engine {engine}"),
            };
            let when = self.styled(DIM, format!("{:>14}", self.ago(row.at)));
            let reason = self.styled(ODD, reason);
            let text = format!("{when}  {whose}: {} series, {reason}", row.series);
            self.line(if i == 0 { "retractions" } else { "" }, &text)?;
        }
        Ok(())
    }
}

fn states(states: &BTreeMap<Text, i64>) -> String {
    let some: Vec<String> = states.iter().filter(|(_, n)| **n > 0).map(|(s, n)| format!("{n} {}", Shown(s))).collect();
    if some.is_empty() { "no containers".to_owned() } else { some.join(", ") }
}

fn span(millis: u64) -> Took {
    Took(Duration::from_millis(millis))
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}
