//! One container alone: who it is, what it did lately, what of it fails.

use ratatui::layout::Rect;

use super::cells;
use super::pane;
use crate::model::time::Now;
use crate::status::Numbers;
use crate::top::canvas::{Canvas, Look, escaped};
use crate::top::history::Measure;
use crate::top::scene::{Container, Scene};
use crate::top::sizes::{UNKNOWN, age_long, bytes_long, count, counted, percent, time_of_day};
use crate::top::state::Top;

type Group = Vec<(Look, String)>;

const LABEL: u16 = 12;
/// The columns of a value before its curve, and the narrowest curve.
const VALUE: u16 = 38;
const NARROW_VALUE: u16 = 22;
const LEAST_CURVE: u16 = 10;
/// A curve is no higher.
const MOST_LINES: u16 = 3;
/// Lines that are left for retractions where curves are higher than one.
const LEFT_BELOW: u16 = 5;

const MEASURES: [(&str, Measure); 6] = [
    ("CPU", Measure::Cpu),
    ("MEMORY", Measure::Memory),
    ("RECEIVED", Measure::Received),
    ("SENT", Measure::Sent),
    ("READ", Measure::Read),
    ("WRITTEN", Measure::Written),
];

/// Draws it.
pub(super) fn draw(canvas: &mut Canvas<'_>, top: &Top, area: Rect, now: Now) {
    let mut rows = area.rows();
    let Some(first) = rows.next() else { return };
    let scene = top.scene();
    let Some(container) = top.selected() else {
        let text = "it is gone: its series are retracted; Esc goes back";
        pane::heading(canvas, first, "GONE", "");
        canvas.text(area.x + 1, area.y + 1, area.width.saturating_sub(1), text, Look::Plain);
        let id = top.selection().map(|(_, id)| &**id);
        pane::retractions(canvas, scene, rows.skip(2), scene.now(now.mono), id);
        return;
    };
    pane::heading(canvas, first, &escaped(&container.row.name), "");
    let at = scene.now(now.mono);
    let mut y = first.y + 1;
    for (label, groups) in facts(scene, container, at) {
        if y >= area.bottom() {
            return;
        }
        canvas.text(area.x + 1, y, LABEL, label, Look::Dim);
        let x = area.x + 1 + LABEL;
        canvas.groups(x, y, area.right().saturating_sub(x), &groups);
        y += 1;
    }
    let rest = Rect { y, height: area.bottom().saturating_sub(y), ..area };
    let below = curves(canvas, container, rest);
    last(canvas, scene, container, below, at);
}

/// Who it is and how it does, line by line.
fn facts(scene: &Scene, container: &Container, at: u64) -> Vec<(&'static str, Vec<Group>)> {
    let row = &container.row;
    let plain = |text: String| vec![(Look::Plain, text)];
    let ago = |t: u64| age_long(at.saturating_sub(t));
    let mut state = vec![vec![cells::state(row)]];
    if row.health.is_some() {
        state.push(vec![cells::health(row)]);
    }
    state.extend(row.started.map(|t| plain(format!("up {} since {} UTC", ago(t), time_of_day(t)))));
    state.extend(row.restarts.map(|n| plain(counted(n.unsigned_abs(), "restart", "restarts"))));
    if row.oom_kills > 0 {
        state.push(vec![(Look::Bad, format!("{} for memory", counted(row.oom_kills.unsigned_abs(), "kill", "kills")))]);
    }
    let engine = scene.engines.get(&row.engine);
    let mut whose = vec![plain(engine.map_or(UNKNOWN.to_owned(), |engine| escaped(&engine.name)))];
    whose.extend(row.created.map(|t| plain(format!("made {} ago", ago(t)))));
    let mut out = vec![
        ("STATE", state),
        ("ID", vec![plain(escaped(&row.id))]),
        ("IMAGE", vec![plain(escaped(&row.image))]),
        ("ENGINE", whose),
        ("SERIES", vec![plain(format!("{} live", count(row.series.into())))]),
    ];
    if let Some(numbers) = &row.numbers {
        out.push(("PROCESSES", processes(numbers)));
    }
    if let Some(why) = &row.failing {
        out.push(("FAILS", vec![vec![(Look::Bad, escaped(why))]]));
    }
    out
}

fn processes(numbers: &Numbers) -> Vec<Group> {
    let pids = numbers.pids.map_or(UNKNOWN.to_owned(), |pids| pids.to_string());
    let limit = numbers.pids_limit.map_or(String::new(), |limit| format!(" of {limit}"));
    let share = numbers.pids.zip(numbers.pids_limit).map_or(0.0, |(pids, limit)| pids as f64 / limit.max(1) as f64);
    let look = if share >= 0.75 { cells::of_limit(share) } else { Look::Plain };
    let mut out = vec![vec![(look, format!("{pids}{limit}"))]];
    if let Some(share) = numbers.throttled {
        let look = if share >= 0.25 { Look::Warn } else { Look::Plain };
        out.push(vec![(look, format!("throttled {} of the time", percent(share)))]);
    }
    out
}

/// The measures, each with its value and its curve; as high as there is room. Returns what is left below.
fn curves(canvas: &mut Canvas<'_>, container: &Container, area: Rect) -> Rect {
    let measures = u16::try_from(MEASURES.len()).unwrap_or(1);
    // What is left is for retractions, if there is room for that, too.
    let lines = (area.height.saturating_sub(1 + LEFT_BELOW) / measures).saturating_sub(1).clamp(1, MOST_LINES);
    let value = if area.width >= 100 { VALUE } else { NARROW_VALUE };
    let gap = u16::from(area.height > measures + 2);
    let mut y = area.y + gap;
    for (label, measure) in MEASURES {
        if y + lines > area.bottom() {
            break;
        }
        let (look, now, more) = said(container, measure);
        canvas.text(area.x + 1, y, LABEL, label, Look::Dim);
        let x = area.x + 1 + LABEL;
        canvas.text(x, y, value, &now, if look == Look::Accent { Look::Plain } else { look });
        if lines > 1 {
            canvas.text(x, y + 1, value, &more, Look::Dim);
        }
        let x = x + value + 1;
        let wide = area.right().saturating_sub(x + 1);
        if wide >= LEAST_CURVE {
            let curve = Rect { x, y, width: wide, height: lines };
            canvas.curve(curve, container.history.values(measure), highest(container, measure), look);
        }
        y += lines + u16::from(lines > 1);
    }
    Rect { y: y.min(area.bottom()), height: area.bottom().saturating_sub(y), ..area }
}

/// What is at the top of the curve: the highest value that was seen.
fn highest(container: &Container, measure: Measure) -> f32 {
    container.history.values(measure).filter(|value| value.is_finite()).fold(0.0, f32::max)
}

/// A measure's value now, with its limit, and what else there is to say of it.
fn said(container: &Container, measure: Measure) -> (Look, String, String) {
    let Some(numbers) = &container.row.numbers else { return (Look::Dim, UNKNOWN.to_owned(), String::new()) };
    let most = highest(container, measure);
    let rate = |rate: Option<f64>, total: Option<i64>| {
        let rate = rate.map_or(UNKNOWN.to_owned(), |rate| format!("{}/s", bytes_long(rate)));
        let all = total.map_or(String::new(), |total| format!(", {} in all", bytes_long(total as f64)));
        (Look::Accent, rate, format!("most {}/s{all}", bytes_long(f64::from(most))))
    };
    match measure {
        Measure::Cpu => {
            let of = numbers.cpu_limit.map_or(String::new(), |limit| format!(" of {} CPUs", trimmed(limit)));
            let look =
                numbers.cpu.zip(numbers.cpu_limit).map_or(Look::Accent, |(cpu, limit)| cells::of_limit(cpu / limit));
            let now = numbers.cpu.map_or(UNKNOWN.to_owned(), |cpu| format!("{}{of}", percent(cpu)));
            (look, now, format!("most {}", percent(f64::from(most))))
        }
        Measure::Memory => {
            let share = numbers.memory.zip(numbers.memory_limit).map(|(m, limit)| m as f64 / limit.max(1) as f64);
            let of = numbers.memory_limit.map_or(String::new(), |limit| format!(" of {}", bytes_long(limit as f64)));
            let now = numbers.memory.map_or(UNKNOWN.to_owned(), |m| format!("{}{of}", bytes_long(m as f64)));
            let share_said = share.map_or(String::new(), |share| format!("{} of its limit, ", percent(share)));
            (
                share.map_or(Look::Accent, cells::of_limit),
                now,
                format!("{share_said}most {}", bytes_long(f64::from(most))),
            )
        }
        Measure::Received => rate(numbers.received_rate, numbers.received),
        Measure::Sent => rate(numbers.sent_rate, numbers.sent),
        Measure::Read => rate(numbers.read_rate, numbers.read),
        Measure::Written => rate(numbers.written_rate, numbers.written),
    }
}

/// A limit of processors: `2`, `0.5`.
fn trimmed(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What was retracted of it, if there is room.
fn last(canvas: &mut Canvas<'_>, scene: &Scene, container: &Container, area: Rect, at: u64) {
    if area.height < 3 {
        return;
    }
    let mut rows = area.rows();
    if let Some(first) = rows.next() {
        pane::heading(canvas, first, "ITS RETRACTIONS", "");
    }
    if !pane::retractions(canvas, scene, rows, at, Some(&container.row.id)) {
        canvas.text(area.x + 1, area.y + 1, area.width.saturating_sub(1), "none", Look::Dim);
    }
}
