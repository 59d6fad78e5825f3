//! What is said of one thing that was looked at.

use std::time::Duration;

use serde::Serialize;

/// What was looked at, what was found, and what mends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What was looked at, in one word that stays the same: for scripts.
    pub check: &'static str,
    /// Whose: `settings`, `engine NAME`, `collector`, `host`.
    pub subject: String,
    /// How it is.
    pub status: Status,
    /// What was found.
    pub found: String,
    /// What mends it; none if nothing is wrong.
    pub mend: Option<String>,
}

/// How something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Ok,
    /// The agent works, and does without something.
    Warn,
    /// The agent does not work so.
    Fail,
}

impl Status {
    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// The lines of one subject.
#[derive(Debug)]
pub(super) struct Sheet {
    subject: String,
    lines: Vec<Line>,
}

impl Sheet {
    pub(super) fn of(subject: impl Into<String>) -> Self {
        Self { subject: subject.into(), lines: Vec::new() }
    }

    pub(super) fn ok(&mut self, check: &'static str, found: impl Into<String>) {
        self.add(check, Status::Ok, found.into(), None);
    }

    pub(super) fn warn(&mut self, check: &'static str, found: impl Into<String>, mend: impl Into<String>) {
        self.add(check, Status::Warn, found.into(), Some(mend.into()));
    }

    pub(super) fn fail(&mut self, check: &'static str, found: impl Into<String>, mend: impl Into<String>) {
        self.add(check, Status::Fail, found.into(), Some(mend.into()));
    }

    fn add(&mut self, check: &'static str, status: Status, found: String, mend: Option<String>) {
        self.lines.push(Line { check, subject: self.subject.clone(), status, found, mend });
    }

    pub(super) fn into_lines(self) -> Vec<Line> {
        self.lines
    }
}

/// The message without the mend at its end, and the mend, or `otherwise` if it has none.
pub(super) fn apart(message: &str, mend: &str, otherwise: &str) -> (String, String) {
    let found = message.strip_suffix(mend).filter(|_| !mend.is_empty()).and_then(|found| found.strip_suffix("; "));
    match found {
        Some(found) => (found.to_owned(), mend.to_owned()),
        None => (message.to_owned(), otherwise.to_owned()),
    }
}

/// A duration with two digits that matter.
pub(super) fn time(took: Duration) -> String {
    match took.as_secs_f64() {
        s if s < 0.001 => format!("{} µs", took.as_micros()),
        s if s < 0.01 => format!("{:.1} ms", s * 1e3),
        s if s < 1.0 => format!("{:.0} ms", s * 1e3),
        s if s < 100.0 => format!("{s:.1} s"),
        s if s < 5400.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.0} h", s / 3600.0),
        s => format!("{:.0} days", s / 86_400.0),
    }
}

/// The worst and the one in the middle; `None` of none.
pub(super) fn worst_and_median(of: &[Duration]) -> Option<(Duration, Duration)> {
    let mut sorted = of.to_vec();
    sorted.sort_unstable();
    Some((*sorted.last()?, *sorted.get(sorted.len() / 2)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mend_at_the_end_of_a_message_stands_apart() {
        let both = |message, mend| apart(message, mend, "look");
        assert_eq!(both("it broke; mend it", "mend it"), ("it broke".to_owned(), "mend it".to_owned()));
        assert_eq!(both("it broke", ""), ("it broke".to_owned(), "look".to_owned()));
        assert_eq!(both("it broke", "mend it"), ("it broke".to_owned(), "look".to_owned()));
    }

    #[test]
    fn durations_are_told_as_people_say_them() {
        for (ms, text) in [(0, "0 µs"), (3, "3.0 ms"), (340, "340 ms"), (1900, "1.9 s"), (7_200_000, "2 h")] {
            assert_eq!(time(Duration::from_millis(ms)), text);
        }
    }

    #[test]
    fn the_worst_and_the_one_in_the_middle_of_some() {
        let ms = Duration::from_millis;
        assert_eq!(worst_and_median(&[ms(9), ms(1), ms(2)]), Some((ms(9), ms(2))));
        assert_eq!(worst_and_median(&[]), None);
    }
}
