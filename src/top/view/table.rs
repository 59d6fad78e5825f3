//! The table of containers.

use ratatui::layout::Rect;

use super::cells;
use super::columns::{GAP, Slot, What, plan};
use crate::model::time::Now;
use crate::top::Column;
use crate::top::canvas::{Canvas, Look, escaped, width};
use crate::top::history::Measure;
use crate::top::scene::{Container, Key};
use crate::top::state::{Link, Origin, Top};

/// Columns of the mark before the selected row.
const MARK: u16 = 1;

/// Draws it.
pub(super) fn draw(canvas: &mut Canvas<'_>, top: &mut Top, area: Rect, now: Now) {
    let heading = u16::from(area.height > 1);
    let page = usize::from(area.height - heading.min(area.height));
    let first = top.fit(page);
    let slots = slots(top, area.width.saturating_sub(MARK), first, page);
    top.columns = slots.iter().filter_map(|slot| column(slot.what)).collect();
    if heading > 0 {
        headings(canvas, top, area, &slots);
    }
    let body = Rect { y: area.y + heading, height: area.height - heading.min(area.height), ..area };
    if top.rows().is_empty() {
        return empty(canvas, top, body);
    }
    let at = top.scene().now(now.mono);
    for (row, key) in body.rows().zip(top.rows().iter().skip(first)) {
        if let Some(container) = top.scene().containers.get(key) {
            line(canvas, top, row, &slots, (key, container), at);
        }
    }
}

fn column(what: What) -> Option<Column> {
    match what {
        What::Column(column) => Some(column),
        What::Trend => None,
    }
}

/// The columns for what is seen: the names of others take no room.
fn slots(top: &Top, room: u16, first: usize, page: usize) -> Vec<Slot> {
    let seen = top.rows().iter().skip(first).take(page).filter_map(|key| top.scene().containers.get(key));
    let longest = seen.fold((0, 0), |(name, image), container| {
        let row = &container.row;
        (width(&escaped(&row.name)).max(name), width(&escaped(&row.image)).max(image))
    });
    plan(room, top.scene().engines.len() > 1, longest)
}

/// Whether a column is read from the left.
fn is_text(what: What) -> bool {
    matches!(what, What::Column(Column::Name | Column::Engine | Column::State | Column::Health | Column::Image))
}

fn headings(canvas: &mut Canvas<'_>, top: &Top, area: Rect, slots: &[Slot]) {
    let mut x = area.x + MARK;
    for slot in slots {
        let room = slot.width + slot.bar;
        let by = column(slot.what) == Some(top.order.column);
        let arrow = if top.order.descends() { canvas.signs().down } else { canvas.signs().up };
        let title = match slot.what {
            What::Column(column) => format!("{}{}", column.title(), if by { arrow } else { "" }),
            What::Trend => "CPU LATELY".to_owned(),
        };
        let look = if by { Look::Head } else { Look::Bold };
        if is_text(slot.what) || slot.what == What::Trend {
            canvas.text(x, area.y, room, &title, look);
        } else {
            canvas.right(x, area.y, room, &title, look);
        }
        x += room + GAP;
    }
}

fn line(canvas: &mut Canvas<'_>, top: &Top, area: Rect, slots: &[Slot], of: (&Key, &Container), now: u64) {
    let (key, container) = of;
    let mut x = area.x + MARK;
    let mut numbers_from = None;
    for slot in slots {
        let room = slot.width + slot.bar;
        if !is_text(slot.what) && container.row.failing.is_some() && container.row.numbers.is_none() {
            numbers_from.get_or_insert(x);
        } else {
            place(canvas, top, (x, area.y), slot, container, now);
        }
        x += room + GAP;
        if let (true, Some(from), Some(why)) = (is_text(slot.what), numbers_from, &container.row.failing) {
            // The image stands behind the numbers.
            failing(canvas, from, area.y, x - room - GAP - from, why);
            numbers_from = None;
        }
    }
    if let (Some(from), Some(why)) = (numbers_from, &container.row.failing) {
        failing(canvas, from, area.y, area.right().saturating_sub(from), why);
    }
    if top.selection() == Some(key) {
        let mark = canvas.signs().mark;
        canvas.text(area.x, area.y, MARK, mark, Look::Accent);
        canvas.select(area);
    }
}

/// Why there are no numbers, in their place.
fn failing(canvas: &mut Canvas<'_>, x: u16, y: u16, room: u16, why: &str) {
    canvas.pieces(x, y, room, &[(Look::Bad, "no numbers: ".to_owned()), (Look::Plain, escaped(why))]);
}

fn place(canvas: &mut Canvas<'_>, top: &Top, (x, y): (u16, u16), slot: &Slot, container: &Container, now: u64) {
    let What::Column(column) = slot.what else {
        let values = container.history.values(Measure::Cpu);
        let highest = values.filter(|value| value.is_finite()).fold(0.0, f32::max);
        let limit = container.row.numbers.as_ref().and_then(|n| n.cpu_limit).unwrap_or(1.0) as f32;
        // By its limit, or by the highest that is seen: small ups and downs of an idle one are none.
        let area = Rect { x, y, width: slot.width, height: 1 };
        return canvas.curve(area, container.history.values(Measure::Cpu), highest.max(limit * 0.1), Look::Accent);
    };
    let with_limit = slot.width > 10;
    let (look, text) = cells::cell(column, container, top.scene(), now, with_limit);
    if is_text(slot.what) {
        canvas.text(x, y, slot.width, &text, look);
        return;
    }
    if slot.bar > 0
        && let Some((share, look)) = cells::bar(column, container)
    {
        canvas.bar(x, y, slot.bar - 1, share, look);
    }
    canvas.right(x + slot.bar, y, slot.width, &text, look);
}

/// Why there are no rows.
fn empty(canvas: &mut Canvas<'_>, top: &Top, area: Rect) {
    let scene = top.scene();
    let down = scene.engines.values().find(|engine| engine.up == Some(false));
    let (look, text) = if scene.at == 0 {
        let whom = if top.origin == Origin::Agent { "agent" } else { "engine" };
        (Look::Dim, if matches!(top.link, Link::Waiting) { format!("waiting for the {whom}") } else { String::new() })
    } else if !scene.containers.is_empty() {
        (Look::Plain, format!("no container matches {}; Esc shows all", escaped(top.filter.text())))
    } else if let Some(engine) = down {
        let why = engine.error.as_deref().map_or_else(|| "it does not answer".to_owned(), escaped);
        (Look::Bad, format!("engine {} is down: {why}", escaped(&engine.name)))
    } else if scene.engines.values().any(|engine| engine.up.is_none()) {
        (Look::Dim, "waiting for the first list".to_owned())
    } else {
        (Look::Dim, "there are no containers".to_owned())
    };
    // In several lines, for a cause may be long.
    let room = usize::from(area.width.saturating_sub(2)).max(1);
    let mut line = String::new();
    let mut rows = area.rows().skip(usize::from(area.height > 4));
    let mut say =
        |line: &str| rows.next().map(|row| canvas.text(row.x + 1, row.y, row.width.saturating_sub(1), line, look));
    for word in text.split(' ') {
        if !line.is_empty() && usize::from(width(&line)) + 1 + usize::from(width(word)) > room {
            say(&line);
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    say(&line);
}
