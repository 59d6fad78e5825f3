//! What is below the table: retractions or notes, the newest first.

use ratatui::layout::Rect;

use crate::model::time::Now;
use crate::status::{Level, Note, Retraction, Whom};
use crate::top::canvas::{Canvas, Look, escaped, width};
use crate::top::scene::Scene;
use crate::top::sizes::{age, counted};
use crate::top::state::{Pane, Top};

/// Columns of “how long ago”.
const AGO: u16 = 5;
/// The longest reason is `container_filtered` or so.
const REASON: u16 = 18;
const SERIES: u16 = 10;

/// Draws it.
pub(super) fn draw(canvas: &mut Canvas<'_>, top: &Top, area: Rect, now: Now) {
    let mut rows = area.rows();
    let Some(first) = rows.next() else { return };
    let notes = top.pane == Pane::Notes;
    let scene = top.scene();
    let (title, other) = if notes { ("NOTES", "r: retractions") } else { ("RETRACTIONS", "Tab: notes") };
    heading(canvas, first, title, other);
    let at = scene.now(now.mono);
    let found = if notes { self::notes(canvas, scene, rows, at) } else { retractions(canvas, scene, rows, at, None) };
    if !found {
        let text = if notes { "nothing worth noting yet" } else { "nothing has been retracted yet" };
        canvas.text(area.x + 1, area.y + 1, area.width.saturating_sub(1) * u16::from(area.height > 1), text, Look::Dim);
    }
}

/// A title in a line, and what else could be seen.
pub(super) fn heading(canvas: &mut Canvas<'_>, area: Rect, title: &str, other: &str) {
    canvas.rule(area.x, area.y, area.width);
    canvas.text(area.x + 1, area.y, area.width.saturating_sub(2), &format!(" {title} "), Look::Bold);
    let other = if other.is_empty() { String::new() } else { format!(" {other} ") };
    if area.width > 30 + width(&other) {
        canvas.right(area.x, area.y, area.width.saturating_sub(1), &other, Look::Dim);
    }
}

/// The last retractions, of one container or of all. Returns whether there are any.
pub(super) fn retractions(
    canvas: &mut Canvas<'_>,
    scene: &Scene,
    rows: impl Iterator<Item = Rect>,
    at: u64,
    of: Option<&str>,
) -> bool {
    let is_its = |r: &&Retraction| match of {
        Some(id) => r.container.as_ref().is_some_and(|whom| &*whom.id == id),
        // The state column shows it.
        None => &*r.reason != "state_changed",
    };
    let several = scene.engines.len() > 1;
    let mut any = false;
    for (row, retraction) in rows.zip(scene.retractions.iter().rev().filter(is_its)) {
        any = true;
        let Retraction { container, series, reason, engine, at: when, .. } = retraction;
        let series = counted((*series).into(), "series", "series");
        let mut groups =
            vec![(reason_look(reason), padded(&escaped(reason), REASON)), (Look::Plain, padded(&series, SERIES))];
        let name = container.as_ref().map_or_else(|| format!("engine {}", escaped(engine)), |whom| called(whom, of));
        groups.push((Look::Plain, format!("  {name}")));
        if several && container.is_some() {
            groups.push((Look::Dim, format!(" on {}", escaped(engine))));
        }
        ago(canvas, row, at, *when);
        canvas.pieces(row.x + AGO + 3, row.y, row.width.saturating_sub(AGO + 3), &groups);
    }
    any
}

fn called(whom: &Whom, of: Option<&str>) -> String {
    if of.is_some() { String::new() } else { escaped(if whom.name.is_empty() { &whom.id } else { &whom.name }) }
}

/// What ended by itself is no misfortune.
fn reason_look(reason: &str) -> Look {
    match reason {
        "state_changed" | "removed" | "stopped" | "shutdown" | "exited" => Look::Accent,
        _ => Look::Warn,
    }
}

fn notes(canvas: &mut Canvas<'_>, scene: &Scene, rows: impl Iterator<Item = Rect>, at: u64) -> bool {
    let mut any = false;
    for (row, Note { level, text, at: when, .. }) in rows.zip(scene.notes.iter().rev()) {
        any = true;
        let (look, word) = match level {
            Level::Info => (Look::Dim, "info  "),
            Level::Warn => (Look::Warn, "warn  "),
            Level::Error => (Look::Bad, "error "),
        };
        ago(canvas, row, at, *when);
        let pieces = [(look, word.to_owned()), (Look::Plain, escaped(text))];
        canvas.pieces(row.x + AGO + 3, row.y, row.width.saturating_sub(AGO + 3), &pieces);
    }
    any
}

fn ago(canvas: &mut Canvas<'_>, row: Rect, at: u64, when: u64) {
    canvas.right(row.x + 1, row.y, AGO, &age(at.saturating_sub(when)), Look::Dim);
}

fn padded(text: &str, columns: u16) -> String {
    format!("{text}{}", " ".repeat(usize::from(columns.saturating_sub(width(text)))))
}
