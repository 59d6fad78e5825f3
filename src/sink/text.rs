//! Text from outside, made fit to be shown on a terminal: escaped, clipped, padded by the columns it takes.

use std::borrow::Cow;

use jiff::Timestamp;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::model::time::UnixNanos;

/// Escapes what would steer a terminal or deceive the eye: control characters, line separators, invisible characters
/// and those that turn the direction of writing.
pub fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unfit) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unfit(c) {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

fn is_unfit(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// How many columns an escaped text takes.
pub fn width(text: &str) -> usize {
    text.width()
}

/// The text in at most `columns`, with `…` at the end if something was cut.
pub fn clipped(text: &str, columns: usize) -> Cow<'_, str> {
    if width(text) <= columns {
        return Cow::Borrowed(text);
    }
    let mut left = columns.saturating_sub(1);
    let mut out = String::new();
    for c in text.chars() {
        let takes = c.width().unwrap_or(0);
        if takes > left {
            break;
        }
        left -= takes;
        out.push(c);
    }
    if columns > 0 {
        out.push('…');
    }
    Cow::Owned(out)
}

/// The text followed by spaces up to `columns`; longer texts stay as they are.
pub fn padded(text: &str, columns: usize) -> String {
    let mut out = text.to_owned();
    out.extend(std::iter::repeat_n(' ', columns.saturating_sub(width(text))));
    out
}

/// The text after spaces, `columns` in all; longer texts stay as they are.
pub fn right(text: &str, columns: usize) -> String {
    let mut out = " ".repeat(columns.saturating_sub(width(text)));
    out.push_str(text);
    out
}

/// The time of day in UTC, with milliseconds. `--:--:--.---` if it is not known.
pub fn time_of_day(time: UnixNanos) -> String {
    let nanos = i128::from(time.0);
    match Timestamp::from_nanosecond(nanos) {
        Ok(at) if time.is_known() => at.strftime("%H:%M:%S%.3f").to_string(),
        _ => "--:--:--.---".to_owned(),
    }
}

/// A UCUM unit for people: without the braces of annotations; nothing for `1`.
pub fn unit(unit: &str) -> Cow<'_, str> {
    let annotation = unit.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    escaped(match unit {
        "1" => "",
        _ => annotation.unwrap_or(unit),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_steer_a_terminal_is_escaped() {
        assert_eq!(escaped("a\x1b[2Jb\r\n\u{9b}c"), "a\\u{1b}[2Jb\\r\\n\\u{9b}c");
        assert_eq!(escaped("\u{202e}evil\u{200b}"), "\\u{202e}evil\\u{200b}");
        assert!(matches!(escaped("größe-名前"), Cow::Borrowed(_)));
    }

    #[test]
    fn texts_are_cut_and_padded_by_the_columns_they_take() {
        assert_eq!(clipped("名前名前", 5), "名前…");
        assert_eq!(clipped("名前名前", 4), "名…");
        assert_eq!(clipped("abc", 3), "abc");
        assert_eq!(clipped("abcd", 3), "ab…");
        assert_eq!(clipped("abcd", 0), "");
        assert_eq!(padded("名", 4), "名  ");
        assert_eq!(right("名", 4), "  名");
        assert_eq!(padded("abcd", 2), "abcd");
    }

    #[test]
    fn the_time_of_day_is_in_utc() {
        assert_eq!(time_of_day(UnixNanos(1_795_315_523_741_258_365)), "02:45:23.741");
        assert_eq!(time_of_day(UnixNanos::UNKNOWN), "--:--:--.---");
        assert_eq!(time_of_day(UnixNanos(u64::MAX)), "23:34:33.709");
    }

    #[test]
    fn units_are_shown_without_braces() {
        assert_eq!(unit("{cpu}"), "cpu");
        assert_eq!(unit("By"), "By");
        assert_eq!(unit("1"), "");
        assert_eq!(unit("\x07"), "\\u{7}");
    }
}
