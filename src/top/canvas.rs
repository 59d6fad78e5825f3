//! Text, bars and curves on a buffer of cells, never beside it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::telemetry::escape::Shown;

/// What may be used to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    /// Colours.
    pub color: bool,
    /// More than ASCII.
    pub unicode: bool,
}

/// What a piece of text looks like. What it says is also said in words or signs: there may be no colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    Plain,
    Bold,
    Dim,
    Head,
    Accent,
    Good,
    Warn,
    Bad,
    /// A word that must not be overlooked.
    Alarm,
    /// The row that is selected.
    Selected,
}

/// Signs.
#[derive(Debug)]
pub(super) struct Signs {
    pub(super) up: &'static str,
    pub(super) down: &'static str,
    pub(super) between: &'static str,
    pub(super) more: &'static str,
    pub(super) line: &'static str,
    pub(super) mark: &'static str,
    /// Of a bar: its cells from nearly empty to full, and what stands where it does not reach.
    fills: &'static [&'static str],
    rest: &'static str,
    /// Of a curve: from the lowest to the highest.
    levels: &'static [&'static str],
}

const UNICODE: Signs = Signs {
    up: "▲",
    down: "▼",
    between: " · ",
    more: "…",
    line: "─",
    mark: "▌",
    fills: &["▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"],
    rest: "·",
    levels: &["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
};

const ASCII: Signs = Signs {
    up: "^",
    down: "v",
    between: " | ",
    more: "~",
    line: "-",
    mark: ">",
    fills: &["#"],
    rest: ".",
    levels: &["_", ".", ":", "-", "=", "+", "*", "#"],
};

/// Draws on a buffer.
pub(super) struct Canvas<'a> {
    pub(super) buffer: &'a mut Buffer,
    pub(super) theme: Theme,
    /// What is drawn is no longer so.
    pub(super) stale: bool,
}

/// Text from outside, fit to be shown.
pub(super) fn escaped(text: &str) -> String {
    Shown(text).to_string()
}

/// How many columns a text takes.
pub(super) fn width(text: &str) -> u16 {
    u16::try_from(text.width()).unwrap_or(u16::MAX)
}

impl Theme {
    pub(super) fn signs(self) -> &'static Signs {
        if self.unicode { &UNICODE } else { &ASCII }
    }

    fn style(self, look: Look) -> Style {
        let style = Style::new();
        let bold = style.add_modifier(Modifier::BOLD);
        let colored = |color, otherwise| if self.color { style.fg(color) } else { otherwise };
        match look {
            Look::Plain => style,
            Look::Bold => bold,
            // No colour: a grey that is seen on every background is none of the sixteen.
            Look::Dim => style.add_modifier(Modifier::DIM),
            Look::Head => colored(Color::Cyan, bold).add_modifier(Modifier::BOLD),
            Look::Accent => colored(Color::Cyan, style),
            Look::Good => colored(Color::Green, style),
            Look::Warn => colored(Color::Yellow, bold),
            Look::Bad => colored(Color::Red, bold),
            Look::Alarm if self.color => bold.fg(Color::White).bg(Color::Red),
            Look::Selected if self.color => bold.fg(Color::White).bg(Color::Indexed(24)),
            Look::Alarm | Look::Selected => bold.add_modifier(Modifier::REVERSED),
        }
    }
}

impl Canvas<'_> {
    pub(super) fn signs(&self) -> &'static Signs {
        self.theme.signs()
    }

    /// A text in at most `room` columns, cut with a mark. Returns how many it takes.
    pub(super) fn text(&mut self, x: u16, y: u16, room: u16, text: &str, look: Look) -> u16 {
        let area = self.buffer.area;
        if x < area.left() || y < area.top() || x >= area.right() || y >= area.bottom() {
            return 0;
        }
        let room = room.min(area.right() - x);
        let style = self.style(look);
        if width(text) <= room {
            return self.buffer.set_stringn(x, y, text, usize::from(room), style).0 - x;
        }
        let cut = format!("{}{}", head(text, room.saturating_sub(1)), self.signs().more);
        self.buffer.set_stringn(x, y, cut, usize::from(room), style).0 - x
    }

    /// A text at the right end of `room` columns.
    pub(super) fn right(&mut self, x: u16, y: u16, room: u16, text: &str, look: Look) {
        let takes = width(text).min(room);
        self.text(x + (room - takes), y, takes, text, look);
    }

    /// Pieces one after the other; returns where they end.
    pub(super) fn pieces(&mut self, x: u16, y: u16, room: u16, pieces: &[(Look, String)]) -> u16 {
        let mut at = x;
        for (look, text) in pieces {
            at += self.text(at, y, room.saturating_sub(at - x), text, *look);
        }
        at
    }

    /// Groups of pieces with a sign between; what does not fit is left out, or cut if it tells of something that is wrong.
    pub(super) fn groups(&mut self, x: u16, y: u16, room: u16, groups: &[Vec<(Look, String)>]) -> u16 {
        let between = self.signs().between;
        let mut at = x;
        for group in groups {
            let takes: u16 = group.iter().map(|(_, text)| width(text)).fold(0, u16::saturating_add);
            let gap = if at == x { 0 } else { width(between) };
            let fits = at == x || (at - x).saturating_add(gap).saturating_add(takes) <= room;
            if !fits && !group.iter().any(|(look, _)| matches!(look, Look::Bad | Look::Warn)) {
                break;
            }
            if gap > 0 {
                at += self.text(at, y, gap, between, Look::Dim);
            }
            at = self.pieces(at, y, room.saturating_sub(at - x), group);
        }
        at
    }

    /// A bar that is filled to a share of one.
    pub(super) fn bar(&mut self, x: u16, y: u16, columns: u16, share: f64, look: Look) {
        let Signs { fills, rest, .. } = self.signs();
        let steps = fills.len() as f64;
        let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
        // What is not nothing is seen.
        let least = if share > 0.0 { 1.0 } else { 0.0 };
        let filled = (share * f64::from(columns) * steps).round().max(least) as usize;
        for column in 0..columns {
            let here = filled.saturating_sub(usize::from(column) * fills.len()).min(fills.len());
            match here.checked_sub(1) {
                Some(fill) => self.text(x + column, y, 1, fills[fill], look),
                None => self.text(x + column, y, 1, rest, Look::Dim),
            };
        }
    }

    /// A curve of the last values, as many as there are columns, the newest at the right; `most` is at the top.
    pub(super) fn curve(&mut self, area: Rect, values: impl DoubleEndedIterator<Item = f32>, most: f32, look: Look) {
        let levels = self.signs().levels;
        let steps = usize::from(area.height) * levels.len();
        for (back, value) in values.rev().take(usize::from(area.width)).enumerate() {
            let x = area.right() - 1 - u16::try_from(back).unwrap_or(u16::MAX);
            if !value.is_finite() {
                continue;
            }
            let share = if most > 0.0 { (value / most).clamp(0.0, 1.0) } else { 0.0 };
            let filled = ((share * steps as f32).round() as usize).max(1);
            for row in 0..area.height {
                let here = filled.saturating_sub(usize::from(row) * levels.len()).min(levels.len());
                if let Some(level) = here.checked_sub(1) {
                    self.text(x, area.bottom() - 1 - row, 1, levels[level], look);
                }
            }
        }
    }

    /// A line across.
    pub(super) fn rule(&mut self, x: u16, y: u16, columns: u16) {
        let line = self.signs().line.repeat(usize::from(columns));
        self.text(x, y, columns, &line, Look::Dim);
    }

    /// Puts a look over what is there; the colours of what is written stay if it has any.
    pub(super) fn select(&mut self, area: Rect) {
        let style = self.theme.style(Look::Selected);
        let area = area.intersection(self.buffer.area);
        for position in area.positions() {
            let cell = &mut self.buffer[position];
            let own = cell.fg;
            cell.set_style(style);
            if self.theme.color && own != Color::Reset {
                cell.fg = own;
            }
        }
    }

    fn style(&self, look: Look) -> Style {
        match look {
            Look::Alarm | Look::Bold | Look::Head => self.theme.style(look),
            _ if self.stale => self.theme.style(Look::Dim),
            _ => self.theme.style(look),
        }
    }
}

/// As much of the text as fits.
fn head(text: &str, columns: u16) -> &str {
    let mut left = usize::from(columns);
    for (at, c) in text.char_indices() {
        match left.checked_sub(c.width().unwrap_or(0)) {
            Some(rest) => left = rest,
            None => return &text[..at],
        }
    }
    text
}
