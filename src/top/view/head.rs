//! The lines at the top: who tells, how the engines and the export do.

use ratatui::layout::Rect;

use crate::model::time::Now;
use crate::status::{Delivery, EngineRow, Outbox};
use crate::top::canvas::{Canvas, Look, escaped, width};
use crate::top::scene::Scene;
use crate::top::sizes::{age, age_long, bytes_long, count, counted, time_of_day, took};
use crate::top::state::{Link, Origin, Top};

type Group = Vec<(Look, String)>;

/// The columns of what a line is about.
const LABEL: u16 = 12;
/// Lines of engines at most; those that are down come first.
const MOST_ENGINES: usize = 4;

/// One line.
struct Line {
    label: &'static str,
    groups: Vec<Group>,
}

/// How many lines it takes where there are `height` in all.
pub(super) fn height(top: &Top, height: u16, now: Now) -> u16 {
    let alarm = u16::from(alarm(top, now).is_some());
    let lines = u16::try_from(lines(top, now).len()).unwrap_or(u16::MAX);
    let of_height = match height {
        0..4 => return 0,
        4..10 => 0,
        10..18 => 1,
        18..28 => 4,
        _ => u16::MAX,
    };
    // The last one is free where there is room for that.
    1 + alarm + lines.min(of_height) + u16::from(height >= 18)
}

/// Draws it.
pub(super) fn draw(canvas: &mut Canvas<'_>, top: &Top, area: Rect, now: Now) {
    let mut rows = area.rows();
    let Some(first) = rows.next() else { return };
    title(canvas, top, first, now);
    if let Some(alarm) = alarm(top, now)
        && let Some(row) = rows.next()
    {
        canvas.text(row.x, row.y, row.width, &format!(" {alarm} "), Look::Alarm);
    }
    for (row, line) in rows.zip(lines(top, now)) {
        canvas.text(row.x + 1, row.y, LABEL, line.label, Look::Dim);
        let x = row.x + 1 + LABEL;
        canvas.groups(x, row.y, row.right().saturating_sub(x), &line.groups);
    }
}

fn title(canvas: &mut Canvas<'_>, top: &Top, area: Rect, now: Now) {
    let scene = top.scene();
    let clock = format!("{} UTC ", time_of_day(scene.now(now.mono).max(now.wall.millis() * u64::from(scene.at == 0))));
    let badge = if top.paused() { " PAUSED " } else { "" };
    let taken = width(&clock) + width(badge) + 1;
    let room = area.width.saturating_sub(taken);
    canvas.groups(area.x + 1, area.y, room.saturating_sub(1), &who(top, now));
    if room > 20 {
        canvas.right(area.x, area.y, area.width, &clock, Look::Dim);
    }
    let x = area.right().saturating_sub(if room > 20 { taken } else { width(badge) });
    canvas.text(x, area.y, width(badge), badge, Look::Alarm);
}

fn who(top: &Top, now: Now) -> Vec<Group> {
    let scene = top.scene();
    let mut out = vec![vec![(Look::Head, "dockpulse top".to_owned())]];
    let mut say = |text: String| out.push(vec![(Look::Plain, text)]);
    match &top.origin {
        Origin::Agent => {
            let agent = &scene.agent;
            say(format!("agent on {}", escaped(&agent.host)));
            if agent.started > 0 {
                say(format!("up {}", age_long(scene.now(now.mono).saturating_sub(agent.started))));
            }
            say(format!("pid {}", agent.pid));
        }
        Origin::Engine(_) => say("straight from the engine".to_owned()),
        Origin::Simulated => say("simulated engine".to_owned()),
    }
    if scene.agent.interval > 0.0 {
        say(format!("every {}", every(scene.agent.interval)));
    }
    out
}

fn every(seconds: f64) -> String {
    if seconds < 1.0 { took(seconds) } else { format!("{seconds} s") }
}

/// What must not be overlooked.
fn alarm(top: &Top, now: Now) -> Option<String> {
    let teller = if top.origin == Origin::Agent { "agent" } else { "engine" };
    let scene = top.newest();
    let of = if scene.at == 0 { String::new() } else { format!(", as of {} UTC", time_of_day(scene.at)) };
    match &top.link {
        Link::Lost { why, retry_at } => {
            let wait = retry_at.saturating_sub(now.wall.millis()).div_ceil(1000);
            let again = if wait > 0 { format!("again in {wait} s") } else { "retrying".to_owned() };
            Some(format!("{} LOST{of}, {again}: {}", teller.to_uppercase(), escaped(why)))
        }
        _ if top.stale(now) => Some(format!("NO WORD FROM THE {}{of}", teller.to_uppercase())),
        _ => None,
    }
}

fn lines(top: &Top, now: Now) -> Vec<Line> {
    let scene = top.scene();
    if scene.at == 0 {
        return Vec::new();
    }
    let at = scene.now(now.mono);
    let mut out = engines(scene, at);
    out.push(Line { label: "CONTAINERS", groups: containers(top) });
    match &top.origin {
        Origin::Agent => out.push(Line { label: "EXPORT", groups: export(scene, at) }),
        Origin::Engine(why) => {
            let text = format!("nothing: {}", escaped(why));
            out.push(Line { label: "EXPORT", groups: vec![vec![(Look::Dim, text)]] });
        }
        Origin::Simulated => {}
    }
    out
}

fn engines(scene: &Scene, at: u64) -> Vec<Line> {
    let mut rows: Vec<&EngineRow> = scene.engines.values().collect();
    rows.sort_by_key(|row| (row.up != Some(false), row.id));
    let (total, down) = (rows.len(), rows.iter().filter(|row| row.up == Some(false)).count());
    let mut out: Vec<Line> = rows
        .iter()
        .take(if total > MOST_ENGINES { MOST_ENGINES - 1 } else { MOST_ENGINES })
        .map(|row| Line { label: "", groups: engine(row, at) })
        .collect();
    if total > MOST_ENGINES {
        let rest = format!("{} in all, {down} down", counted(total as u64, "engine", "engines"));
        out.push(Line { label: "", groups: vec![vec![(Look::Dim, rest)]] });
    }
    if let Some(first) = out.first_mut() {
        first.label = if total == 1 { "ENGINE" } else { "ENGINES" };
    }
    out
}

fn engine(row: &EngineRow, at: u64) -> Vec<Group> {
    let name = escaped(if row.name.is_empty() { &row.endpoint } else { &row.name });
    let plain = |text: String| vec![(Look::Plain, text)];
    match row.up {
        Some(false) => {
            let since = row.failing_since.map_or(String::new(), |t| format!(" for {}", age_long(at.saturating_sub(t))));
            let why = row.error.as_deref().map_or_else(|| "it does not answer".to_owned(), escaped);
            let again = row.retry_at.map(|t| t.saturating_sub(at).div_ceil(1000)).filter(|s| *s > 0);
            let again = again.map_or(String::new(), |s| format!(", again in {s} s"));
            let down = format!(" DOWN{since}");
            vec![vec![(Look::Bold, name), (Look::Bad, down), (Look::Plain, format!("{again}: {why}"))]]
        }
        None => vec![vec![(Look::Bold, name), (Look::Dim, " not known yet".to_owned())]],
        Some(true) => {
            let mut out = vec![vec![(Look::Bold, name), (Look::Good, " up".to_owned())]];
            let runtime = [&row.runtime, &row.version].into_iter().flatten().map(|t| escaped(t)).collect::<Vec<_>>();
            out.push(plain(runtime.join(" ")));
            if let Some(probe) = &row.probe {
                out.push(plain(format!("probe {}", took(probe.duration))));
                let missing = probe.failed + probe.late;
                if missing > 0 {
                    out.push(vec![(Look::Warn, format!("{missing} failed or late"))]);
                }
            }
            if row.events == Some(false) {
                out.push(vec![(Look::Warn, "no events".to_owned())]);
            }
            if row.over_cap > 0 {
                out.push(vec![(Look::Warn, format!("{} over the cap", count(row.over_cap.into())))]);
            }
            out.push(plain(counted(row.watched.into(), "container", "containers")));
            out.retain(|group| group.iter().any(|(_, text)| !text.is_empty()));
            out
        }
    }
}

fn containers(top: &Top) -> Vec<Group> {
    let (scene, counts) = (top.scene(), top.scene().counts());
    let said = |look, n: usize, word: &str| (n > 0).then(|| vec![(look, format!("{} {word}", count(n as u64)))]);
    let mut out = vec![vec![(Look::Plain, format!("{} running", count(counts.running as u64)))]];
    out.extend(said(Look::Plain, counts.containers - counts.running, "not running"));
    out.extend(said(Look::Bad, counts.unhealthy, "unhealthy"));
    out.extend(said(Look::Bad, counts.failing, "without numbers"));
    out.push(vec![(Look::Plain, format!("{} series live", count(scene.totals.series_live)))]);
    out.push(vec![(Look::Plain, format!("{} retracted", count(scene.retracted())))]);
    out
}

fn export(scene: &Scene, at: u64) -> Vec<Group> {
    let export = &scene.export;
    let ago = |t: Option<u64>| t.map_or(String::new(), |t| format!(" {} ago", age(at.saturating_sub(t))));
    let state = match export.last {
        Delivery::None => vec![(Look::Dim, "nothing yet".to_owned())],
        Delivery::Delivered => {
            let took = export.duration.map_or(String::new(), |d| format!(" in {}", took(d)));
            vec![(Look::Good, "delivered".to_owned()), (Look::Plain, format!("{}{took}", ago(export.at)))]
        }
        Delivery::Partial => vec![(Look::Warn, format!("delivered in part{}", ago(export.at)))],
        Delivery::Retrying => {
            let since = export.failing_since.map_or(String::new(), |t| age_long(at.saturating_sub(t)));
            let again = export.retry_at.map_or(0, |t| t.saturating_sub(at).div_ceil(1000));
            vec![(Look::Bad, format!("FAILING for {since}")), (Look::Plain, format!(", again in {again} s"))]
        }
        Delivery::Dropped => vec![(Look::Bad, format!("DROPPED{}", ago(export.at)))],
    };
    // The cause comes last: it may be long, and how much waits is to be seen beside it.
    let last = match &export.error {
        Some(why) => (Look::Warn, escaped(why)),
        None => (Look::Dim, escaped(&export.endpoint)),
    };
    vec![state, waiting(&scene.outbox, at), vec![last]]
}

fn waiting(outbox: &Outbox, at: u64) -> Group {
    let place = if outbox.durable { "on disk" } else { "in memory" };
    if outbox.batches == 0 {
        return vec![(Look::Plain, "outbox empty".to_owned())];
    }
    let share = outbox.bytes as f64 / (outbox.max_bytes.max(1)) as f64;
    let look = if share >= 0.8 { Look::Bad } else { Look::Plain };
    let oldest = outbox.oldest.map_or(String::new(), |t| format!(", oldest {}", age(at.saturating_sub(t))));
    let batches = counted(outbox.batches, "batch", "batches");
    vec![(look, format!("outbox {batches}, {} {place}{oldest}", bytes_long(outbox.bytes as f64)))]
}
