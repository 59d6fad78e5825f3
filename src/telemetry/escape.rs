//! Text from outside, made fit to be shown on a terminal and in one line; and durations as people say them.

use std::fmt;
use std::time::Duration;

/// The most characters that are shown of one piece of text from outside.
pub const MOST_SHOWN: usize = 512;

/// Shows text from outside: control, format and other invisible characters as `\u{…}`, so that no name can move the
/// cursor, fake a line or turn the writing round, and at most [`MOST_SHOWN`] characters. Shown twice it stays the same.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a>(pub &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut chars = self.0.chars();
        for c in chars.by_ref().take(MOST_SHOWN) {
            write_char(c, f)?;
        }
        if chars.next().is_some() { f.write_str("…") } else { Ok(()) }
    }
}

/// Writes one character so that it cannot be anything but itself.
pub(super) fn write_char(c: char, out: &mut impl fmt::Write) -> fmt::Result {
    if matches!(c, '\'' | '"' | '\\') {
        // These are seen as they are.
        return out.write_char(c);
    }
    // escape_debug knows which characters cannot be seen. At the beginning of a text it takes marks for such that
    // many languages put on the letter before, so it is shown a letter first.
    let mut text = [b'a', 0, 0, 0, 0];
    let length = 1 + c.encode_utf8(&mut text[1..]).len();
    let text = std::str::from_utf8(&text[..length]).map_err(|_| fmt::Error)?;
    text.escape_debug().skip(1).try_for_each(|c| out.write_char(c))
}

/// Shows a duration in the two units that matter.
#[derive(Debug, Clone, Copy)]
pub struct Took(pub Duration);

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        match seconds {
            0 => write!(f, "{} ms", self.0.as_millis()),
            1..60 => write!(f, "{:.1} s", self.0.as_secs_f64()),
            60..3600 => write!(f, "{} min {} s", seconds / 60, seconds % 60),
            _ => write!(f, "{} h {} min", seconds / 3600, seconds / 60 % 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_steer_a_terminal_or_fake_a_line_is_escaped() {
        let evil = "a\x1b[2J\x07\r\nERROR fake\u{9b}31m\u{202e}x\u{2028}y\0\t\u{feff}";
        let shown = Shown(evil).to_string();
        assert!(shown.chars().all(|c| !c.is_control()), "{shown}");
        assert_eq!(shown, "a\\u{1b}[2J\\u{7}\\r\\nERROR fake\\u{9b}31m\\u{202e}x\\u{2028}y\\0\\t\\u{feff}");
        assert_eq!(Shown(&shown).to_string(), shown);
    }

    #[test]
    fn ordinary_text_of_any_language_stays_as_it_is() {
        let text = "größe 容器 “x” 'y' \\z 🐳 n\u{303} हिन्दी ไทย";
        assert_eq!(Shown(text).to_string(), text);
    }

    #[test]
    fn text_without_end_is_cut() {
        let shown = Shown(&"é".repeat(1_000_000)).to_string();
        assert_eq!(shown.chars().count(), MOST_SHOWN + 1);
        assert!(shown.ends_with('…'));
        assert!(!Shown(&"é".repeat(MOST_SHOWN)).to_string().ends_with('…'));
    }

    #[test]
    fn durations_are_said_in_two_units() {
        for (millis, said) in
            [(0, "0 ms"), (250, "250 ms"), (12_345, "12.3 s"), (303_000, "5 min 3 s"), (7_500_000, "2 h 5 min")]
        {
            assert_eq!(Took(Duration::from_millis(millis)).to_string(), said);
        }
    }
}
