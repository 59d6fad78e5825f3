//! The picture: from what is known and chosen to cells. Pure; at any size.
//!
//! Only what is seen is laid out, so a picture of ten thousand containers costs what one of forty does.

mod cells;
mod columns;
mod detail;
mod foot;
mod head;
mod help;
mod pane;
mod table;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::canvas::{Canvas, Theme};
use super::state::{Pane, Top};
use crate::model::time::Now;

/// From so many lines on the last retractions are shown unasked.
const ROOM_FOR_PANE: u16 = 30;
/// Lines of the pane then.
const USUAL_PANE: u16 = 9;
/// With fewer lines than this there is no foot.
const ROOM_FOR_FOOT: u16 = 6;

/// Draws all of it. Tells `top` how many rows and which columns fit.
pub fn draw(top: &mut Top, theme: Theme, buffer: &mut Buffer, now: Now) {
    let area = buffer.area;
    if area.is_empty() {
        return;
    }
    let stale = top.stale(now);
    let mut canvas = Canvas { buffer, theme, stale };
    let (head, rest) = split(area, head::height(top, area.height, now));
    let foot_lines = u16::from(area.height >= ROOM_FOR_FOOT);
    let (middle, foot) = split(rest, rest.height - foot_lines.min(rest.height));
    head::draw(&mut canvas, top, head, now);
    if top.help {
        help::draw(&mut canvas, middle);
    } else if top.detail {
        detail::draw(&mut canvas, top, middle, now);
    } else {
        let (table, pane) = split(middle, middle.height - pane_height(top, area.height).min(middle.height));
        table::draw(&mut canvas, top, table, now);
        pane::draw(&mut canvas, top, pane, now);
    }
    foot::draw(&mut canvas, top, foot);
}

/// The first lines, and the others.
fn split(area: Rect, lines: u16) -> (Rect, Rect) {
    let lines = lines.min(area.height);
    (Rect { height: lines, ..area }, Rect { y: area.y + lines, height: area.height - lines, ..area })
}

fn pane_height(top: &Top, height: u16) -> u16 {
    match top.pane {
        Pane::None => 0,
        Pane::Auto if height < ROOM_FOR_PANE => 0,
        Pane::Auto => USUAL_PANE,
        Pane::Retractions | Pane::Notes => (height / 3).clamp(3, 16),
    }
}
