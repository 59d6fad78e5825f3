//! The last line: what is being written, or which keys do what; and where in the table one is.

use ratatui::layout::Rect;

use crate::top::canvas::{Canvas, Look, escaped, width};
use crate::top::sizes::{count, counted};
use crate::top::state::Top;

type Pair = (&'static str, &'static str);

const TABLE: [Pair; 9] = [
    ("q", "quit"),
    ("?", "help"),
    ("/", "filter"),
    ("<>", "sort"),
    ("Enter", "details"),
    ("r", "retractions"),
    ("Space", "pause"),
    ("i", "reverse"),
    ("Tab", "notes"),
];
const DETAIL: [Pair; 5] =
    [("q", "quit"), ("?", "help"), ("Esc", "back"), ("j k", "next, previous"), ("Space", "pause")];
const EDITING: [Pair; 2] = [("Enter", "keep"), ("Esc", "show all")];

/// Draws it.
pub(super) fn draw(canvas: &mut Canvas<'_>, top: &Top, area: Rect) {
    if area.is_empty() {
        return;
    }
    let place = if top.detail || top.help { String::new() } else { place(top) };
    let room = area.width.saturating_sub(width(&place) + 2);
    let mut x = area.x + 1;
    if let Some(text) = &top.editing {
        let text = format!("/{}_", escaped(text));
        x += canvas.text(x, area.y, room, &text, Look::Bold) + 2;
    } else if !top.filter.is_empty() && !top.detail {
        let text = format!("/{}", escaped(top.filter.text()));
        x += canvas.text(x, area.y, room / 2, &text, Look::Head) + 2;
    }
    let pairs: &[Pair] = match top {
        _ if top.help => &[("any key", "back")],
        _ if top.editing.is_some() => &EDITING,
        _ if top.detail => &DETAIL,
        _ => &TABLE,
    };
    for (key, word) in pairs {
        let takes = width(key) + 1 + width(word);
        if x.saturating_add(takes) > area.x + room {
            break;
        }
        x += canvas.text(x, area.y, takes, key, Look::Bold) + 1;
        x += canvas.text(x, area.y, takes, word, Look::Dim) + 2;
    }
    canvas.right(area.x, area.y, area.width.saturating_sub(1), &place, Look::Dim);
}

/// `12 of 1,000` for the selected row, else how many there are.
fn place(top: &Top) -> String {
    let (shown, all) = (top.rows().len(), top.scene().containers.len());
    let of = if shown == all { count(all as u64) } else { format!("{} of {}", count(shown as u64), count(all as u64)) };
    match top.selection().and_then(|selected| top.rows().iter().position(|key| key == selected)) {
        Some(at) => format!("{}/{of}", count(at as u64 + 1)),
        None if shown == all => counted(all as u64, "container", "containers"),
        None => of,
    }
}
