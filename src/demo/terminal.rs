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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::demo::line::Look;

    /// A terminal of a size that can change; keeps what is said past the stream.
    #[derive(Clone)]
    struct Fake(Arc<Mutex<Seen>>);

    struct Seen {
        size: Option<(u16, u16)>,
        said: String,
    }

    impl Fake {
        fn new(size: Option<(u16, u16)>) -> Self {
            Self(Arc::new(Mutex::new(Seen { size, said: String::new() })))
        }

        fn resize(&self, size: (u16, u16)) {
            self.0.lock().unwrap().size = Some(size);
        }

        fn said(&self) -> String {
            self.0.lock().unwrap().said.clone()
        }
    }

    impl Screen for Fake {
        fn size(&self) -> Option<(u16, u16)> {
            self.0.lock().unwrap().size
        }

        fn say(&mut self, text: &str) {
            self.0.lock().unwrap().said += text;
        }
    }

    fn lines(texts: &[&str]) -> Vec<Line> {
        texts.iter().map(|text| Line::new(Look::Bad, *text)).collect()
    }

    #[test]
    fn each_picture_takes_the_place_of_the_one_before() {
        let mut painter = Painter::new(Box::new(Fake::new(Some((80, 24)))), false);
        assert_eq!(painter.size(), (79, 23));
        assert_eq!(painter.paint(&lines(&["a", "b"])), "\x1b[?25l\x1b[2Ka\r\n\x1b[2Kb\r\n\x1b[J");
        assert_eq!(painter.paint(&lines(&["c"])), "\x1b[2A\r\x1b[2Kc\r\n\x1b[J");
        assert_eq!(painter.paint(&[]), "\x1b[1A\r\x1b[J");
    }

    #[test]
    fn lines_that_a_narrower_terminal_has_wrapped_are_reckoned_with() {
        let screen = Fake::new(Some((80, 24)));
        let mut painter = Painter::new(Box::new(screen.clone()), false);
        painter.paint(&lines(&["1234567890123456789012345", "", "b"]));
        screen.resize((10, 24));
        assert!(painter.paint(&lines(&["c"])).starts_with("\x1b[5A\r"));
        assert_eq!(painter.size(), (9, 23));
        painter.paint(&lines(&["x"; 20]));
        screen.resize((10, 5));
        assert!(painter.paint(&[]).starts_with("\x1b[4A\r"), "what has left the screen cannot be reached");
    }

    #[test]
    fn a_terminal_that_does_not_tell_its_size_has_the_usual_one() {
        assert_eq!(Painter::new(Box::new(Fake::new(None)), true).size(), (79, 23));
        assert_eq!(Painter::new(Box::new(Fake::new(Some((0, 0)))), true).size(), (1, 1));
    }

    #[test]
    fn the_cursor_is_back_whatever_happens() {
        let screen = Fake::new(Some((80, 24)));
        let painter = Painter::new(Box::new(screen.clone()), false);
        drop(painter);
        assert_eq!(screen.said(), "", "it was never hidden");
        let mut painter = Painter::new(Box::new(screen.clone()), false);
        painter.paint(&lines(&["a"]));
        let died = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            let _painter = painter;
            std::panic::resume_unwind(Box::new(()));
        }));
        assert!(died.is_err());
        assert_eq!(screen.said(), "\x1b[?25h");
    }
}
