//! What each key does. Pure.

use super::column::{Column, Order};
use super::filter::{Filter, LONGEST};
use super::input::Key;
use super::state::{Pane, Top};

/// What is left to do for the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wish {
    /// To draw.
    Draw,
    /// To end.
    Quit,
    /// To stop, until it is brought back.
    Suspend,
    /// To draw all of it anew.
    Redraw,
}

/// A key was pressed.
pub(super) fn press(top: &mut Top, key: Key) -> Wish {
    match key {
        Key::Ctrl('c' | 'd') => return Wish::Quit,
        Key::Ctrl('z') => return Wish::Suspend,
        Key::Ctrl('l') => return Wish::Redraw,
        _ => {}
    }
    if top.editing.is_some() {
        edit(top, key);
        return Wish::Draw;
    }
    if top.help {
        top.help = false;
        return if key == Key::Char('q') { Wish::Quit } else { Wish::Draw };
    }
    match key {
        Key::Char('q') => return Wish::Quit,
        Key::Escape => return escape(top),
        Key::Char('?') => top.help = true,
        Key::Char(' ') => top.pause(),
        Key::Char('r') => top.pane = turned(top.pane, Pane::Retractions),
        Key::Tab | Key::BackTab => top.pane = next_pane(top.pane),
        _ if top.detail => detail(top, key),
        _ => table(top, key),
    }
    Wish::Draw
}

/// Closes what is open, the last thing first; then ends.
fn escape(top: &mut Top) -> Wish {
    if top.detail {
        top.close();
    } else if !top.filter.text().is_empty() {
        refilter(top, "");
    } else if matches!(top.pane, Pane::Retractions | Pane::Notes) {
        top.pane = Pane::None;
    } else if top.selection().is_some() {
        top.release();
    } else {
        return Wish::Quit;
    }
    Wish::Draw
}

fn turned(pane: Pane, to: Pane) -> Pane {
    if pane == to { Pane::None } else { to }
}

fn next_pane(pane: Pane) -> Pane {
    match pane {
        Pane::Auto | Pane::Retractions => Pane::Notes,
        Pane::Notes => Pane::None,
        Pane::None => Pane::Retractions,
    }
}

fn detail(top: &mut Top, key: Key) {
    match key {
        Key::Enter | Key::Left | Key::Backspace => top.close(),
        Key::Up | Key::Char('k') => top.step(-1),
        Key::Down | Key::Char('j') => top.step(1),
        _ => {}
    }
}

fn table(top: &mut Top, key: Key) {
    let page = isize::try_from(top.page()).unwrap_or(isize::MAX);
    match key {
        Key::Enter | Key::Right => top.open(),
        Key::Up | Key::Char('k') => top.step(-1),
        Key::Down | Key::Char('j') => top.step(1),
        Key::PageUp | Key::Ctrl('b') => top.step(-page),
        Key::PageDown | Key::Ctrl('f') => top.step(page),
        Key::Home | Key::Char('g') => top.release(),
        Key::End | Key::Char('G') => top.select(usize::MAX),
        Key::Char('/') => top.editing = Some(top.filter.text().to_owned()),
        Key::Char('<' | ',') => beside(top, -1),
        Key::Char('>' | '.') => beside(top, 1),
        Key::Char('i') => sort(top, Order { reversed: !top.order.reversed, ..top.order }),
        Key::Char(letter) => {
            if let Some(column) = Column::ALL.into_iter().find(|column| column.key() == Some(letter)) {
                let again = top.order.column == column;
                sort(top, Order { column, reversed: again && !top.order.reversed });
            }
        }
        _ => {}
    }
}

/// Sorts by the next column that is seen.
fn beside(top: &mut Top, by: isize) {
    let seen: Vec<Column> = Column::ALL.into_iter().filter(|c| top.columns.contains(c)).collect();
    let Some(last) = seen.len().checked_sub(1) else { return };
    let at = seen.iter().position(|column| *column == top.order.column);
    let next = at.map_or(0, |at| at.saturating_add_signed(by).min(last));
    if Some(next) != at {
        sort(top, Order { column: seen[next], reversed: false });
    }
}

fn sort(top: &mut Top, order: Order) {
    top.order = order;
    top.arrange();
}

fn edit(top: &mut Top, key: Key) {
    let Some(text) = &mut top.editing else { return };
    match key {
        Key::Enter => top.editing = None,
        Key::Escape => {
            top.editing = None;
            refilter(top, "");
        }
        Key::Up => top.step(-1),
        Key::Down => top.step(1),
        Key::Char(letter) if text.chars().count() < LONGEST => text.push(letter),
        Key::Backspace if text.pop().is_none() => top.editing = None,
        Key::Ctrl('u') => text.clear(),
        Key::Ctrl('w') => {
            let kept = text.trim_end().rfind(char::is_whitespace).map_or(0, |at| at + 1);
            text.truncate(kept);
        }
        _ => {}
    }
    if let Some(text) = top.editing.clone() {
        refilter(top, &text);
    }
}

fn refilter(top: &mut Top, text: &str) {
    if text != top.filter.text() {
        top.filter = Filter::new(text);
        top.arrange();
    }
}
