//! The live view as lines. Pure.

use std::time::Duration;

use bytesize::ByteSize;

use super::line::{Line, Look};
use super::state::{Container, DemoState, LOOK_BACK};
use super::{DemoInfo, Numbers, Retraction};
use crate::model::time::{Monotonic, Now};
use crate::sink::text::{clipped, counted, escaped, padded, right, time_of_day};

/// How long the end of a container is shown.
const ENDED_SHOWN: Duration = Duration::from_secs(30);
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
        let mut lines = self.header(state, now.mono);
        let log = log(state, height);
        let fixed = lines.len() + log.len();
        lines.extend(table(state, width, height.saturating_sub(fixed), now.mono));
        lines.extend(log);
        lines.truncate(height);
        lines.into_iter().map(|line| line.clipped(width)).collect()
    }

    /// What the demo is, for where there is no live view.
    pub fn introduction(&self) -> Vec<Line> {
        let DemoInfo { engines, simulated, collector, page } = &self.info;
        let engines: Vec<_> = engines.iter().map(|engine| escaped(engine)).collect();
        let kind = if *simulated { "simulated engine" } else { "engine" };
        let page = page.as_ref().map_or(String::new(), |page| format!(" · page {}", escaped(page)));
        let place = format!(" · {kind} {} · collector {}{page}", engines.join(", "), escaped(collector));
        vec![Line::new(Look::Bold, "dockpulse demo").and(Look::Plain, place)]
    }

    /// What the demo is, and the totals.
    fn header(&self, state: &DemoState, now: Monotonic) -> Vec<Line> {
        let mut lines = self.introduction();
        let counts = state.counts();
        let totals = format!(
            "{} live · {} received · {} retracted",
            counted(counts.live as u64, "series", "series"),
            counted(counts.points, "point", "points"),
            counts.retractions,
        );
        lines.push(Line::new(Look::Plain, totals));
        for (name, _) in state.engines().filter(|(_, up)| !up) {
            lines.push(Line::new(Look::Bad, format!("engine {} is down", escaped(name))));
        }
        lines.extend(lesson(state, now));
        lines.push(Line::default());
        lines
    }
}

/// The point of it all, once there is something to compare.
fn lesson(state: &DemoState, now: Monotonic) -> Option<Line> {
    let ended = state.containers().filter(|c| c.is_ended() && c.would_stay(now).is_some()).count();
    let text = counted(ended as u64, "container ended", "containers ended");
    let minutes = LOOK_BACK.as_secs() / 60;
    let it = if ended == 1 { "it" } else { "each of them" };
    let text = format!("{text} within {minutes} minutes: gone here; another agent would still show {it}");
    (ended > 0).then(|| Line::new(Look::Good, text))
}

/// The table of containers in at most `height` lines: those that ended lately before all others.
fn table(state: &DemoState, width: usize, height: usize, now: Monotonic) -> Vec<Line> {
    let columns = columns(width);
    let name = name_width(&columns, width);
    let mut rows: Vec<(&Container, bool)> = state.containers().filter_map(|c| shown(c, now)).collect();
    // Those whose end is shown first, then by name; so that they are not among those that are left out.
    rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.name.cmp(&b.0.name)));
    let total = rows.len();
    let kept = fitting(&rows, height.saturating_sub(1));
    rows.truncate(kept);
    rows.sort_by(|a, b| a.0.name.cmp(&b.0.name));
    let mut lines = vec![heading(&columns, name)];
    if total == 0 {
        lines.push(Line::new(Look::Dim, "the collector knows of no container yet"));
    }
    for (container, ending) in rows {
        if ending {
            lines.extend(ended(container, name, now));
        } else {
            lines.push(row(&Row { container, numbers: state.numbers(container), now }, &columns, name));
        }
    }
    if kept < total {
        lines.push(Line::new(Look::Dim, format!("… and {} more", total - kept)));
    }
    lines
}

/// Whether a container is shown, and whether its end is what is shown.
fn shown(container: &Container, now: Monotonic) -> Option<(&Container, bool)> {
    let lately = |at: Monotonic| now.since(at) < ENDED_SHOWN;
    let ending = container.is_ended() && container.end.is_some_and(|end| lately(end.at));
    (ending || container.live > 0).then_some((container, ending))
}

/// How many of the rows fit into `height` lines; one is kept for telling of those that do not.
fn fitting(rows: &[(&Container, bool)], height: usize) -> usize {
    let lines = |ending: bool| if ending { 2 } else { 1 };
    let needed: usize = rows.iter().map(|(_, ending)| lines(*ending)).sum();
    if needed <= height {
        return rows.len();
    }
    let mut left = height.saturating_sub(1);
    rows.iter()
        .take_while(|(_, ending)| {
            let fits = lines(*ending) <= left;
            left = left.saturating_sub(lines(*ending));
            fits
        })
        .count()
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

/// A container whose end was told lately, and what would be seen of it otherwise.
fn ended(container: &Container, name: usize, now: Monotonic) -> Vec<Line> {
    let Some(end) = container.end else {
        return Vec::new();
    };
    let reason = end.reason.map_or(String::new(), |reason| format!(": {reason}"));
    let told = format!("retracted {} ago{reason} ({} series)", short(now.since(end.at)), end.series);
    let text = name_cell(container, name);
    let bare = text.trim_end().to_owned();
    let gap = " ".repeat(text.len() - bare.len() + 2);
    let mut lines = vec![Line::new(Look::Struck, bare).and(Look::Plain, gap).and(Look::Bad, format!("✕ {told}"))];
    let left = container.would_stay(now).unwrap_or_default();
    lines.push(Line::new(Look::Dim, format!("  └ another agent would still show it for {}", long(left))));
    lines
}

/// The last retractions with their reasons.
fn log(state: &DemoState, height: usize) -> Vec<Line> {
    let room = (height / 3).min(LOG_LINES + 2);
    if room < 3 || state.log().next().is_none() {
        return Vec::new();
    }
    let mut lines = vec![Line::default(), Line::new(Look::Bold, "LAST RETRACTIONS")];
    lines.extend(state.log().take(room - 2).map(log_line));
    lines
}

fn log_line(Retraction { container, series, reason, at }: &Retraction) -> Line {
    let time = time_of_day(at.wall);
    let name = padded(&clipped(&escaped(container), NAME), NAME);
    let series = right(&counted(u64::from(*series), "series", "series"), 10);
    Line::new(Look::Dim, time).and(Look::Plain, format!("  {name}  {series}  ")).and(Look::Bad, reason.as_str())
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
