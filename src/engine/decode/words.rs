//! The words of a list's `Status`: “Up 3 minutes (healthy)”, “Exited (137) 2 seconds ago”.

use crate::model::container::{Health, UpFor};

/// What the words tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Words {
    pub(super) up_for: Option<UpFor>,
    pub(super) exit_code: Option<i64>,
    pub(super) health: Option<Health>,
}

/// Reads them; what is not understood is not told.
pub(super) fn read(status: &str) -> Words {
    let health = status
        .rsplit_once('(')
        .and_then(|(_, rest)| rest.strip_suffix(')'))
        .and_then(|word| Health::parse(word.trim_start_matches("health: ")));
    let up_for = status.strip_prefix("Up ").and_then(duration);
    let exit_code = status.strip_prefix("Exited (").and_then(|rest| rest.split_once(')')?.0.parse().ok());
    Words { up_for, exit_code, health }
}

/// A duration as the engine words it (go-units, `HumanDuration`). From hours on it rounds, so the bounds are wide.
fn duration(text: &str) -> Option<UpFor> {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let between = |at_least: u64, below: u64| Some(UpFor { at_least, below });
    let mut words = text.split_whitespace();
    let (first, second) = (words.next()?, words.next()?);
    match (first, second) {
        ("Less", _) => return between(0, 1),
        ("About", "a") => return between(MINUTE, 2 * MINUTE),
        ("About", "an") => return between(HOUR / 2, 2 * HOUR),
        _ => {}
    }
    let n: u64 = first.parse().ok().filter(|n| *n < 1_000_000)?;
    let (unit, slack) = match second.trim_end_matches('s') {
        "second" => (1, 0),
        "minute" => (MINUTE, 0),
        "hour" => (HOUR, HOUR),
        "day" => (DAY, DAY),
        "week" => (7 * DAY, 7 * DAY),
        "month" => (30 * DAY, 30 * DAY),
        "year" => (365 * DAY, 365 * DAY),
        _ => return None,
    };
    between((n * unit).saturating_sub(slack), (n + 1) * unit + slack)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_engine_s_words_are_understood() {
        let up = |at_least, below| Some(UpFor { at_least, below });
        for (status, up_for, exit_code, health) in [
            ("Up Less than a second", up(0, 1), None, None),
            ("Up 1 second", up(1, 2), None, None),
            ("Up 42 seconds (health: starting)", up(42, 43), None, Some(Health::Starting)),
            ("Up About a minute (healthy)", up(60, 120), None, Some(Health::Healthy)),
            ("Up 3 minutes (Paused)", up(180, 240), None, None),
            ("Up About an hour (unhealthy)", up(1800, 7200), None, Some(Health::Unhealthy)),
            ("Up 5 hours", up(4 * 3600, 7 * 3600), None, None),
            ("Exited (137) 2 seconds ago", None, Some(137), None),
            ("Exited (-1) 2 seconds ago", None, Some(-1), None),
            ("Restarting (1) 4 seconds ago", None, None, None),
            ("Created", None, None, None),
            ("", None, None, None),
            ("Up 99999999999999999999 seconds", None, None, None),
        ] {
            assert_eq!(read(status), Words { up_for, exit_code, health }, "{status}");
        }
    }
}
