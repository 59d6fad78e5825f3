//! Redraws lines in place on a terminal, and leaves it as it was.
//!
//! Hand-made of five ANSI sequences: the view reads no keys and keeps to the ordinary screen, so that its last picture
//! stays there to be read.

use std::io::{IsTerminal, Write};

use super::line::Line;

const HIDE_CURSOR: &str = "\x1b[?25l";
pub(super) const SHOW_CURSOR: &str = "\x1b[?25h";
const CLEAR_LINE: &str = "\x1b[2K";
const CLEAR_BELOW: &str = "\x1b[J";

/// A terminal: what cannot be said through the stream of text.
pub trait Screen: Send {
    /// Columns and rows; `None` if they are not known.
    fn size(&self) -> Option<(u16, u16)>;

    /// Writes at once, past whatever waits; for the last words of a program that may be dying.
    fn say(&mut self, text: &str);
}

/// The terminal on standard output.
#[derive(Debug, Clone, Copy)]
pub struct Stdout;

impl Stdout {
    /// The terminal, if standard output is one that can be drawn on.
    pub fn terminal() -> Option<Self> {
        let screen = Self;
        (std::io::stdout().is_terminal() && screen.size().is_some()).then_some(screen)
    }
}

impl Screen for Stdout {
    fn size(&self) -> Option<(u16, u16)> {
        let (width, height) = terminal_size::terminal_size()?;
        (width.0 > 0 && height.0 > 0).then_some((width.0, height.0))
    }

    fn say(&mut self, text: &str) {
        let mut stdout = std::io::stdout();
        // There is nobody left to tell.
        let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    }
}

/// Paints pictures one over the other. The cursor is hidden from the first picture on; whatever happens, it is there
/// again when this is dropped.
pub struct Painter {
    screen: Box<dyn Screen>,
    color: bool,
    /// The widths of the lines that stand there now, in columns.
    standing: Vec<usize>,
    hidden: bool,
}

/// If the terminal does not tell.
const USUAL_SIZE: (u16, u16) = (80, 24);

impl Painter {
    /// Paints on `screen`.
    pub fn new(screen: Box<dyn Screen>, color: bool) -> Self {
        Self { screen, color, standing: Vec::new(), hidden: false }
    }

    /// The largest picture that fits now: columns and lines. A column and a line stay free: a full line and a full
    /// screen make terminals scroll, each in its own way.
    pub fn size(&self) -> (usize, usize) {
        let (width, height) = self.screen.size().unwrap_or(USUAL_SIZE);
        (usize::from(width.max(2) - 1), usize::from(height.max(2) - 1))
    }

    /// The text that puts `lines` in the place of the picture before.
    pub fn paint(&mut self, lines: &[Line]) -> String {
        let mut out = String::new();
        if !self.hidden {
            out += HIDE_CURSOR;
            self.hidden = true;
        }
        let up = self.rows_standing();
        if up > 0 {
            out += &format!("\x1b[{up}A\r");
        }
        for line in lines {
            out += CLEAR_LINE;
            out += &line.text(self.color);
            out += "\r\n";
        }
        out += CLEAR_BELOW;
        self.standing = lines.iter().map(Line::width).collect();
        out
    }

    /// The cursor was shown again by other means.
    pub(super) fn shown(&mut self) {
        self.hidden = false;
    }

    /// The rows that the picture takes up now: when the terminal became narrower, its lines were wrapped.
    fn rows_standing(&self) -> usize {
        let (width, height) = self.screen.size().unwrap_or(USUAL_SIZE);
        let width = usize::from(width.max(1));
        let rows: usize = self.standing.iter().map(|columns| columns.div_ceil(width).max(1)).sum();
        // What has left the screen at the top cannot be reached.
        rows.min(usize::from(height.max(2)) - 1)
    }
}

impl Drop for Painter {
    fn drop(&mut self) {
        if self.hidden {
            self.screen.say(SHOW_CURSOR);
        }
    }
}
