//! One container's values as words, with what they look like.

use crate::status::ContainerRow;
use crate::top::canvas::{Look, escaped};
use crate::top::column::Column;
use crate::top::scene::{Container, Scene};
use crate::top::sizes::{UNKNOWN, age, bytes, count, percent};

/// From this share of a limit on it is worth a look, and then an alarm.
const NEAR: f64 = 0.75;
const FULL: f64 = 0.9;

/// What stands in a column.
pub(super) fn cell(column: Column, container: &Container, scene: &Scene, now: u64, with_limit: bool) -> (Look, String) {
    let row = &container.row;
    let numbers = row.numbers.as_ref();
    let rate = |rate: Option<f64>| match rate {
        // A second's nothing is said more quietly.
        Some(rate) if rate < 0.5 => (Look::Dim, "0B".to_owned()),
        Some(rate) => (Look::Plain, bytes(rate)),
        None => unknown(),
    };
    match column {
        Column::Name => (if container.runs() { Look::Plain } else { Look::Dim }, escaped(&row.name)),
        Column::Engine => {
            (Look::Plain, scene.engines.get(&row.engine).map_or(UNKNOWN.to_owned(), |engine| escaped(&engine.name)))
        }
        Column::State => state(row),
        Column::Health => health(row),
        Column::Cpu => numbers.and_then(|n| n.cpu).map_or_else(unknown, |cpu| (Look::Plain, percent(cpu))),
        Column::Memory => match numbers.and_then(|n| n.memory.map(|memory| (memory, n.memory_limit))) {
            Some((memory, Some(limit))) if with_limit => {
                (Look::Plain, format!("{}/{}", bytes(memory as f64), bytes(limit as f64)))
            }
            Some((memory, _)) => (Look::Plain, bytes(memory as f64)),
            None => unknown(),
        },
        Column::Received => rate(numbers.and_then(|n| n.received_rate)),
        Column::Sent => rate(numbers.and_then(|n| n.sent_rate)),
        Column::Read => rate(numbers.and_then(|n| n.read_rate)),
        Column::Written => rate(numbers.and_then(|n| n.written_rate)),
        Column::Pids => numbers.and_then(|n| n.pids).map_or_else(unknown, |pids| (Look::Plain, pids.to_string())),
        Column::Restarts => match row.restarts {
            Some(0) => (Look::Dim, "0".to_owned()),
            Some(restarts) => (Look::Warn, restarts.to_string()),
            None => unknown(),
        },
        Column::Series => (Look::Plain, count(row.series.into())),
        Column::Age => row.started.map_or_else(unknown, |at| (Look::Plain, age(now.saturating_sub(at)))),
        Column::Image => (Look::Dim, escaped(&row.image)),
    }
}

fn unknown() -> (Look, String) {
    (Look::Dim, UNKNOWN.to_owned())
}

/// The state, with the status of the exit.
pub(super) fn state(row: &ContainerRow) -> (Look, String) {
    let text = match row.exit_code {
        Some(code) => format!("{} {code}", escaped(&row.state)),
        None => escaped(&row.state),
    };
    let look = match (&*row.state, row.exit_code) {
        ("running", _) => Look::Good,
        ("paused" | "restarting", _) => Look::Warn,
        ("dead", _) => Look::Bad,
        (_, Some(code)) if code != 0 => Look::Bad,
        _ => Look::Dim,
    };
    (look, text)
}

pub(super) fn health(row: &ContainerRow) -> (Look, String) {
    match row.health.as_deref() {
        None => unknown(),
        Some("healthy") => (Look::Good, "healthy".to_owned()),
        Some("unhealthy") => (Look::Bad, "unhealthy".to_owned()),
        Some(other) => (Look::Warn, escaped(other)),
    }
}

/// How full a bar is, and what it looks like; none where there is nothing to measure by.
pub(super) fn bar(column: Column, container: &Container) -> Option<(f64, Look)> {
    let numbers = container.row.numbers.as_ref()?;
    let share = match column {
        Column::Cpu => match numbers.cpu_limit {
            Some(limit) if limit > 0.0 => numbers.cpu? / limit,
            // By one processor; that it is used up is no alarm.
            _ => return Some((numbers.cpu?, Look::Accent)),
        },
        Column::Memory => {
            let limit = numbers.memory_limit.filter(|limit| *limit > 0)?;
            numbers.memory? as f64 / limit as f64
        }
        _ => return None,
    };
    Some((share, of_limit(share)))
}

/// What a share of a limit looks like.
pub(super) fn of_limit(share: f64) -> Look {
    if share >= FULL {
        Look::Bad
    } else if share >= NEAR {
        Look::Warn
    } else {
        Look::Good
    }
}
