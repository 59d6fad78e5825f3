//! Which keys do what.

use ratatui::layout::Rect;

use crate::top::canvas::{Canvas, Look};

const KEYS: [(&str, &str); 17] = [
    ("up down, k j", "select a container; the selection stays with it"),
    ("PgUp PgDn, g G", "a page up or down; to the first, to the last"),
    ("Enter", "the selected container alone, with its last minutes"),
    ("/", "filter by words in name, image, state, engine...; !word: without it"),
    ("< >", "sort by the column to the left or right"),
    ("i", "reverse the order; so does a sort key pressed again"),
    ("c m p", "sort by CPU, memory, processes"),
    ("x t d w", "sort by bytes received, sent, read, written a second"),
    ("n s h a", "sort by name, state, health, age"),
    ("r", "the last retractions, with their reasons"),
    ("Tab", "notes, nothing, retractions"),
    ("Space", "pause, and go on"),
    ("Ctrl-L Ctrl-Z", "draw anew; suspend"),
    ("Esc", "close what is open, clear the filter, then quit"),
    ("q Ctrl-C", "quit"),
    ("", ""),
    ("bars", "of the limit; CPU without a limit: of one processor"),
];
const KEY: u16 = 16;

/// Draws it.
pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let mut rows = area.rows();
    if let Some(first) = rows.next().filter(|_| area.height > 3) {
        super::pane::heading(canvas, first, "KEYS", "");
    }
    for (row, (key, text)) in rows.zip(KEYS) {
        canvas.text(row.x + 1, row.y, KEY, key, Look::Bold);
        canvas.text(row.x + 2 + KEY, row.y, row.width.saturating_sub(KEY + 2), text, Look::Plain);
    }
}
