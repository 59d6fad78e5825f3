//! The lines for people and for scripts.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};

use super::{Line, Status};
use crate::telemetry::escape::Shown;

/// One line each, then how many there are of each kind.
///
/// # Errors
/// If it cannot be written.
pub fn text(lines: &[Line], color: bool, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
    let width =
        |of: fn(&Line) -> &str| lines.iter().map(|line| of(line).chars().count()).max().unwrap_or_default().min(40);
    let (subjects, checks) = (width(|line| &line.subject), width(|line| line.check));
    for line in lines {
        let style = if color { style(line.status) } else { Style::new() };
        let (status, subject) = (line.status.word(), Shown(&line.subject).to_string());
        let mend = line.mend.as_ref().map(|mend| format!(" → {}", Shown(mend))).unwrap_or_default();
        let (check, found) = (line.check, Shown(&line.found));
        writeln!(out, "{style}{status:<4}{style:#}  {subject:<subjects$}  {check:<checks$}  {found}{mend}")?;
    }
    let kinds = [Status::Ok, Status::Warn, Status::Fail];
    let count = |status| lines.iter().filter(|line| line.status == status).count();
    let counts = kinds.map(|status| (count(status), status.word()));
    let told: Vec<_> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}")).collect();
    writeln!(out, "{}", told.join(", "))
}

/// An array of objects with the keys `check`, `subject`, `status`, `found` and `mend`.
///
/// # Errors
/// If it cannot be written.
pub fn json(lines: &[Line], out: &mut (impl Write + ?Sized)) -> io::Result<()> {
    let text = serde_json::to_string_pretty(lines).map_err(io::Error::other)?;
    writeln!(out, "{text}")
}

fn style(status: Status) -> Style {
    let color = match status {
        Status::Ok => AnsiColor::Green,
        Status::Warn => AnsiColor::Yellow,
        Status::Fail => AnsiColor::Red,
    };
    color.on_default().bold()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> Vec<Line> {
        let line = |check, subject: &str, status, found: &str, mend: Option<&str>| {
            let (subject, found) = (subject.to_owned(), found.to_owned());
            Line { check, subject, status, found, mend: mend.map(str::to_owned) }
        };
        vec![
            line("events", "engine a", Status::Ok, "they come", None),
            line("tcp", "collector", Status::Fail, "refused\u{1b}[2J", Some("start it")),
        ]
    }

    #[test]
    fn each_check_is_one_line_with_what_was_found_and_the_mend() {
        let mut out = Vec::new();
        text(&lines(), false, &mut out).unwrap();
        let expected = "\
ok    engine a   events  they come
fail  collector  tcp     refused\\u{1b}[2J → start it
1 ok, 1 fail
";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn where_all_is_well_the_word_for_the_opposite_is_nowhere() {
        let mut out = Vec::new();
        text(&lines()[..1], true, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("\u{1b}[") && text.ends_with("1 ok\n") && !text.contains("fail"), "{text}");
    }

    #[test]
    fn scripts_get_the_same_keys_whatever_was_found() {
        let mut out = Vec::new();
        json(&lines(), &mut out).unwrap();
        let read: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(read[0]["mend"], serde_json::Value::Null);
        assert_eq!(read[1]["status"], "fail");
        for line in read.as_array().unwrap() {
            let keys: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(keys, ["check", "found", "mend", "status", "subject"]);
        }
    }
}
