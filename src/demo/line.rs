//! A line of the view: pieces of text, each with its style.

use std::borrow::Cow;

use anstyle::{AnsiColor, Style};

use crate::sink::text::{clipped, width};

/// One line. Its texts are escaped already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Line {
    pieces: Vec<(Look, String)>,
}

/// What a piece of text looks like where there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// As it is.
    Plain,
    /// A heading.
    Bold,
    /// Of less weight.
    Dim,
    /// All is well.
    Good,
    /// Something ended or is wrong.
    Bad,
    /// What is no more.
    Struck,
}

impl Look {
    fn style(self) -> Style {
        match self {
            Self::Plain => Style::new(),
            Self::Bold => Style::new().bold(),
            Self::Dim => Style::new().dimmed(),
            Self::Good => AnsiColor::Green.on_default(),
            Self::Bad => AnsiColor::Red.on_default(),
            Self::Struck => Style::new().dimmed().strikethrough(),
        }
    }
}

impl Line {
    /// A line of one piece.
    pub fn new(look: Look, text: impl Into<String>) -> Self {
        Self::default().and(look, text)
    }

    /// The line with one more piece at its end.
    pub fn and(mut self, look: Look, text: impl Into<String>) -> Self {
        self.pieces.push((look, text.into()));
        self
    }

    /// How many columns it takes.
    pub fn width(&self) -> usize {
        self.pieces.iter().map(|(_, text)| width(text)).sum()
    }

    /// The line in at most `columns`, with `…` at the end if something was cut.
    pub fn clipped(self, columns: usize) -> Self {
        if self.width() <= columns {
            return self;
        }
        let mut left = columns;
        let mut out = Self::default();
        for (look, text) in self.pieces {
            let takes = width(&text);
            if takes >= left {
                // More follows, or it is too long itself: either way the end is marked.
                let marked: Cow<'_, str> = if takes == left { format!("{text} ").into() } else { text.into() };
                return out.and(look, clipped(&marked, left).into_owned());
            }
            left -= takes;
            out = out.and(look, text);
        }
        out
    }

    /// As text, with ANSI colours or without.
    pub fn text(&self, color: bool) -> String {
        let mut out = String::new();
        for (look, text) in &self.pieces {
            let style = look.style();
            if color && *look != Look::Plain {
                out += &format!("{style}{text}{style:#}");
            } else {
                out += text;
            }
        }
        if !color {
            out.truncate(out.trim_end().len());
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_there_only_if_wanted() {
        let line = Line::new(Look::Bad, "gone").and(Look::Plain, " web ");
        assert_eq!(line.text(false), "gone web");
        assert_eq!(line.text(true), "\u{1b}[31mgone\u{1b}[0m web ");
    }

    #[test]
    fn a_cut_line_says_so() {
        let line = || Line::new(Look::Bold, "abc").and(Look::Dim, "def");
        assert_eq!(line().clipped(6).text(false), "abcdef");
        assert_eq!(line().clipped(5).text(false), "abcd…");
        assert_eq!(line().clipped(3).text(false), "ab…");
        assert_eq!(line().clipped(1).text(false), "…");
        assert_eq!(line().clipped(0).text(false), "");
    }
}
