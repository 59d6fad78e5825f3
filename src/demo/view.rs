//! The live view as lines. Pure.

use std::time::Duration;

use bytesize::ByteSize;

use super::line::{Line, Look};
use super::state::{Container, DemoState, End, LOOK_BACK};
use super::{DemoInfo, Numbers, Retraction};
use crate::model::counted;
use crate::model::time::{Monotonic, Now};
use crate::sink::text::{clipped, escaped, padded, right, time_of_day, width};

/// How long the end of a container is shown.
const ENDED_SHOWN: Duration = Duration::from_secs(30);
/// With fewer lines than this there are no more than the most telling ones.
const FEW_LINES: usize = 16;
/// Lines of the log of retractions, if there is room.
const LOG_LINES: usize = 6;
/// The columns that a name takes, if there is room, and at least.
const NAME: usize = 24;
const NARROW_NAME: usize = 14;

/// Renders the view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// What to say of the demo itself.
    pub info: DemoInfo,
}

/// A column of the table, but for the name.
#[derive(Debug, Clone, Copy)]
struct Column {
    title: &'static str,
    width: usize,
    /// Columns are left out from the highest rank on until the others fit.
    rank: u8,
    text: fn(&Row<'_>) -> String,
}

/// What a row shows.
struct Row<'a> {
    container: &'a Container,
    numbers: Numbers,
    now: Monotonic,
}

const COLUMNS: [Column; 8] = [
    Column { title: "STATE", width: 10, rank: 3, text: |r| r.numbers.state.as_deref().unwrap_or("-").to_owned() },
    Column {
        title: "CPU %",
        width: 7,
        rank: 0,
        text: |r| r.numbers.cpu_percent.map_or("-".into(), |c| format!("{c:.1}")),
    },
    Column { title: "MEMORY", width: 10, rank: 0, text: |r| bytes(r.numbers.memory) },
    Column { title: "LIMIT", width: 10, rank: 6, text: |r| bytes(r.numbers.memory_limit) },
    Column { title: "NET RX", width: 10, rank: 5, text: |r| bytes(r.numbers.received) },
    Column { title: "NET TX", width: 10, rank: 5, text: |r| bytes(r.numbers.sent) },
    Column { title: "SERIES", width: 6, rank: 4, text: |r| r.container.live.to_string() },
    Column { title: "AGE", width: 4, rank: 1, text: |r| short(r.now.since(r.container.last_number)) },
];

impl View {
    /// The view in at most `height` lines of at most `width` columns.
    pub fn render(&self, state: &DemoState, width: usize, height: usize, now: Now) -> Vec<Line> {
        let mut lines = self.header(state, width, height, now.mono);
        let log = log(state, width, height);
        let fixed = lines.len() + log.len();
        lines.extend(table(state, width, height.saturating_sub(fixed), now.mono));
        lines.extend(log);
        lines.truncate(height);
        lines.into_iter().map(|line| line.clipped(width)).collect()
    }

    /// What the demo is, in lines of at most `width` columns where that can be.
    pub fn introduction(&self, width: usize) -> Vec<Line> {
        let DemoInfo { engines, simulated, collector, page } = &self.info;
        let engines: Vec<_> = engines.iter().map(|engine| escaped(engine)).collect();
        let kind = if *simulated { "simulated engine" } else { "engine" };
        let mut parts = vec![
            (Look::Bold, "dockpulse demo".to_owned()),
            (Look::Plain, format!("{kind} {}", engines.join(", "))),
            (Look::Plain, format!("collector {}", escaped(collector))),
        ];
        parts.extend(page.as_ref().map(|page| (Look::Plain, format!("page {}", escaped(page)))));
        flowing(parts, width)
    }

    /// What the demo is, and the totals. Where there are few lines, it takes but two of them.
    fn header(&self, state: &DemoState, width: usize, height: usize, now: Monotonic) -> Vec<Line> {
        let few = height < FEW_LINES;
        let width = if few { usize::MAX } else { width };
        let mut lines = self.introduction(width);
        let counts = state.counts();
        let live = format!("{} live", counted(counts.live as u64, "series", "series"));
        let received = format!("{} received", counted(counts.points, "point", "points"));
        let retracted = format!("{} retracted", counts.retractions);
        lines.extend(flowing([live, received, retracted].map(|part| (Look::Plain, part)), width));
        for (name, _) in state.engines().filter(|(_, up)| !up) {
            lines.push(Line::new(Look::Bad, format!("engine {} is down", escaped(name))));
        }
        if !few {
            lines.extend(lesson(state, width, now));
            lines.push(Line::default());
        }
        lines
    }
}

/// The parts side by side as far as they fit, and in further lines.
fn flowing(parts: impl IntoIterator<Item = (Look, String)>, columns: usize) -> Vec<Line> {
    const BETWEEN: &str = " · ";
    let mut lines: Vec<Line> = Vec::new();
    for (look, text) in parts {
        match lines.pop() {
            Some(line) if line.width() + width(BETWEEN) + width(&text) <= columns => {
                lines.push(line.and(Look::Plain, BETWEEN).and(look, text));
            }
            full => {
                lines.extend(full);
                lines.push(Line::new(look, text));
            }
        }
    }
    lines
}

/// The point of it all, once there is something to compare.
fn lesson(state: &DemoState, width: usize, now: Monotonic) -> Vec<Line> {
    let ended = state.containers().filter(|c| c.is_ended() && c.would_stay(now).is_some()).count();
    if ended == 0 {
        return Vec::new();
    }
    let minutes = LOOK_BACK.as_secs() / 60;
    let here = format!("{} ended in the last {minutes} minutes", counted(ended as u64, "container", "containers"));
    let whose = if ended == 1 { "its" } else { "their" };
    let elsewhere = format!("another agent would still show {whose} numbers");
    flowing([here, elsewhere].map(|part| (Look::Good, part)), width)
}

/// The table of containers in at most `height` lines: those that ended lately before all others.
fn table(state: &DemoState, width: usize, height: usize, now: Monotonic) -> Vec<Line> {
    let columns = columns(width);
    let name = name_width(&columns, width);
    let mut rows: Vec<(&Container, Vec<Line>)> =
        state.containers().filter_map(|c| shown(c, name, width, now)).collect();
    // Those whose end is shown first, then by name; so that they are not among those that are left out.
    rows.sort_by(|a, b| a.1.is_empty().cmp(&b.1.is_empty()).then_with(|| a.0.name.cmp(&b.0.name)));
    let total = rows.len();
    let kept = fitting(&rows, height.saturating_sub(1));
    rows.truncate(kept);
    rows.sort_by(|a, b| a.0.name.cmp(&b.0.name));
    let mut lines = vec![heading(&columns, name)];
    if total == 0 {
        lines.push(Line::new(Look::Dim, "the collector knows of no container yet"));
    }
    for (container, end) in rows {
        if end.is_empty() {
            lines.push(row(&Row { container, numbers: state.numbers(container), now }, &columns, name));
        }
        lines.extend(end);
    }
    if kept < total {
        lines.push(Line::new(Look::Dim, format!("… and {} more", total - kept)));
    }
    lines
}

/// Whether a container is shown; with the lines that tell of its end, if that was lately.
fn shown(container: &Container, name: usize, width: usize, now: Monotonic) -> Option<(&Container, Vec<Line>)> {
    let lately = container.end.filter(|end| container.is_ended() && now.since(end.at) < ENDED_SHOWN);
    match lately {
        Some(end) => Some((container, ended(container, end, name, width, now))),
        None => (container.live > 0).then_some((container, Vec::new())),
    }
}

/// How many of the rows fit into `height` lines; one is kept for telling of those that do not.
fn fitting(rows: &[(&Container, Vec<Line>)], height: usize) -> usize {
    let needed: usize = rows.iter().map(|(_, end)| end.len().max(1)).sum();
    if needed <= height {
        return rows.len();
    }
    let mut left = height.saturating_sub(1);
    let fits = |(_, end): &&(&Container, Vec<Line>)| {
        let fits = end.len().max(1) <= left;
        left = left.saturating_sub(end.len().max(1));
        fits
    };
    rows.iter().take_while(fits).count()
}

/// The columns that fit beside a name.
fn columns(width: usize) -> Vec<Column> {
    let mut columns = COLUMNS.to_vec();
    let needed = |columns: &[Column]| NARROW_NAME + columns.iter().map(|c| c.width + 2).sum::<usize>();
    while needed(&columns) > width {
        let Some(highest) = columns.iter().map(|c| c.rank).max().filter(|rank| *rank > 0) else {
            break;
        };
        columns.retain(|c| c.rank < highest);
    }
    columns
}

fn name_width(columns: &[Column], width: usize) -> usize {
    let others: usize = columns.iter().map(|c| c.width + 2).sum();
    width.saturating_sub(others).clamp(NARROW_NAME, NAME)
}

fn heading(columns: &[Column], name: usize) -> Line {
    let titles: String = columns.iter().map(|c| format!("  {}", right(c.title, c.width))).collect();
    Line::new(Look::Bold, padded("CONTAINER", name) + &titles)
}

fn row(row: &Row<'_>, columns: &[Column], name: usize) -> Line {
    let cells: String =
        columns.iter().map(|c| format!("  {}", right(&clipped(&escaped(&(c.text)(row)), c.width), c.width))).collect();
    let look = if row.container.measured > 0 { Look::Plain } else { Look::Dim };
    Line::new(look, name_cell(row.container, name) + &cells)
}

fn name_cell(container: &Container, width: usize) -> String {
    padded(&clipped(&escaped(&container.name), width), width)
}

/// A container whose end was told lately, and what would be seen of it otherwise: beside it or below.
fn ended(container: &Container, end: End, name: usize, columns: usize, now: Monotonic) -> Vec<Line> {
    let reason = end.reason.map_or(String::new(), |reason| format!(": {reason}"));
    let series = counted(end.series as u64, "series", "series");
    let told = format!("✕ retracted {} ago{reason} ({series})", short(now.since(end.at)));
    let left = container.would_stay(now).unwrap_or_default();
    let otherwise = format!("another agent would still show it for {}", long(left));
    let bare = clipped(&escaped(&container.name), name).into_owned();
    // In line with the table, unless there is no room for that.
    let name = if name + 2 + width(&told) > columns { 0 } else { name };
    let gap = " ".repeat(name.saturating_sub(width(&bare)) + 2);
    let line = Line::new(Look::Struck, bare).and(Look::Plain, gap).and(Look::Bad, told);
    if line.width() + 2 + width(&otherwise) <= columns {
        return vec![line.and(Look::Dim, format!("  {otherwise}"))];
    }
    vec![line, Line::new(Look::Dim, format!("  └ {otherwise}"))]
}

/// The last retractions with their reasons.
fn log(state: &DemoState, width: usize, height: usize) -> Vec<Line> {
    let room = (height / 3).min(LOG_LINES + 2);
    if height < FEW_LINES || state.log().next().is_none() {
        return Vec::new();
    }
    let name = name_width(&[], width / 2);
    let mut lines = vec![Line::default(), Line::new(Look::Bold, "LAST RETRACTIONS")];
    lines.extend(state.log().take(room - 2).map(|retraction| log_line(retraction, name)));
    lines
}

fn log_line(Retraction { container, series, reason, at }: &Retraction, name: usize) -> Line {
    const LONGEST_REASON: usize = 16;
    // Without the milliseconds.
    let time = time_of_day(at.wall).chars().take(8).collect::<String>();
    let container = padded(&clipped(&escaped(container), name), name);
    let reason = padded(reason.as_str(), LONGEST_REASON);
    let series = counted(u64::from(*series), "series", "series");
    Line::new(Look::Dim, time)
        .and(Look::Plain, format!("  {container}  "))
        .and(Look::Bad, reason)
        .and(Look::Plain, format!("  {series}"))
}

fn bytes(count: Option<f64>) -> String {
    // OK because `as` saturates, and a negative count is as good as none.
    count.map_or("-".to_owned(), |count| ByteSize(count as u64).display().iec().to_string())
}

/// A time span in at most four columns or so: `12s`, `3m`, `2h`.
fn short(span: Duration) -> String {
    match span.as_secs() {
        secs @ 0..60 => format!("{secs}s"),
        secs @ 60..3600 => format!("{}m", secs / 60),
        secs => format!("{}h", secs / 3600),
    }
}

/// A time span to the second: `4m 52s`.
fn long(span: Duration) -> String {
    // Up, so that it counts down from the whole.
    let secs = span.as_secs() + u64::from(span.subsec_nanos() > 0);
    if secs < 60 { format!("{secs}s") } else { format!("{}m {:02}s", secs / 60, secs % 60) }
}

#[cfg(test)]
mod tests;
