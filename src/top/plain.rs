//! The same as text, once: for scripts, and where there is no terminal.

use std::future::Future;
use std::io::Write;
use std::time::Duration;

use super::canvas::width;
use super::column::Column;
use super::sizes::{UNKNOWN, age, bytes, percent};
use super::state::Top;
use super::{Source, SourceError, TopError};
use crate::model::time::{Clock, Monotonic};
use crate::status::{ContainerRow, Delta, EngineRow};
use crate::telemetry::escape::Shown;

/// So long numbers are waited for at most.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause before a source that is lost is asked again.
const PAUSE: Duration = Duration::from_millis(500);
/// Rates, and the processors in use, need two samples; whoever has none of them then will not have any.
const PROBES: u64 = 2;
const PROBES_AT_MOST: u64 = 5;

/// How it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A table.
    Table,
    /// The whole [`Delta`], in one line.
    Json,
}

/// Writes what the containers do, as soon as their numbers are there.
///
/// # Errors
/// Nothing came in time, or no engine answers, or it cannot be written.
pub async fn once(
    mut source: Box<dyn Source>,
    mut top: Top,
    format: Format,
    clock: &Clock,
    end: impl Future<Output = ()>,
    out: &mut (impl Write + ?Sized),
) -> Result<(), TopError> {
    let mut last = "the source says nothing".to_owned();
    // What a source that is gone has told is not live.
    let mut lost = false;
    let gather = async {
        loop {
            match source.next().await {
                Ok(delta) => {
                    lost = false;
                    top.told(delta, clock.now());
                }
                Err(SourceError::Over(why)) => return Err(TopError::Over(why)),
                Err(SourceError::Lost(why)) => {
                    (last, lost) = (why, true);
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            }
            if let Some(missing) = missing(&top) {
                last = missing;
            } else {
                return Ok(());
            }
        }
    };
    tokio::select! {
        gathered = gather => gathered?,
        () = end => return Err(TopError::interrupted()),
        () = tokio::time::sleep(PATIENCE) => {
            // What is there is better than nothing.
            if lost || top.scene().containers.is_empty() {
                return Err(TopError::Nothing(PATIENCE.as_secs(), last));
            }
        }
    }
    if let Some(down) = all_down(&top) {
        return Err(TopError::Over(down));
    }
    match format {
        Format::Table => out.write_all(table(&top, clock.now().mono).as_bytes())?,
        Format::Json => out.write_all(json(&top.scene().whole())?.as_bytes())?,
    }
    Ok(out.flush()?)
}

fn json(delta: &Delta) -> Result<String, TopError> {
    Ok(serde_json::to_string(delta).map_err(std::io::Error::from)? + "\n")
}

/// What is still waited for.
fn missing(top: &Top) -> Option<String> {
    let scene = top.scene();
    if scene.engines.is_empty() {
        return Some("no engine is known".to_owned());
    }
    let lacks = |row: &ContainerRow| {
        &*row.state == "running" && row.failing.is_none() && row.numbers.is_none_or(|numbers| numbers.cpu.is_none())
    };
    let open = |engine: &&EngineRow| {
        let mut its = scene.containers.values().filter(|container| container.row.engine == engine.id);
        engine.probes < PROBES || engine.probes < PROBES_AT_MOST && its.any(|container| lacks(&container.row))
    };
    let engine = scene.engines.values().filter(|engine| engine.up != Some(false)).find(open)?;
    Some(format!("engine {} has not told all numbers yet", Shown(&engine.name)))
}

/// Why there are no numbers at all.
fn all_down(top: &Top) -> Option<String> {
    let engines = &top.scene().engines;
    let down = |engine: &EngineRow| {
        let why = engine.error.as_deref().unwrap_or("it does not answer");
        format!("engine {}: {}", Shown(&engine.name), Shown(why))
    };
    let all = engines.values().all(|engine| engine.up == Some(false));
    all.then(|| engines.values().map(down).collect::<Vec<_>>().join("; "))
}

/// The table: every column, as wide as it has to be.
pub fn table(top: &Top, now: Monotonic) -> String {
    let scene = top.scene();
    let several = scene.engines.len() > 1;
    let columns: Vec<Column> = Column::ALL.into_iter().filter(|c| several || *c != Column::Engine).collect();
    let at = scene.now(now);
    let containers = top.rows().iter().filter_map(|key| scene.containers.get(key));
    let heading = columns.iter().map(|column| title(*column).to_owned()).collect();
    let mut rows: Vec<Vec<String>> = vec![heading];
    rows.extend(containers.map(|container| {
        let engine = scene.engines.get(&container.row.engine).map_or("", |engine| &engine.name);
        columns.iter().map(|column| value(*column, &container.row, engine, at)).collect()
    }));
    let widest = |column: usize| rows.iter().map(|row| width(&row[column])).max().unwrap_or(0);
    let widths: Vec<u16> = (0..columns.len()).map(widest).collect();
    let mut out = String::new();
    for row in &rows {
        let mut line = String::new();
        for ((cell, widest), column) in row.iter().zip(&widths).zip(&columns) {
            let pad = " ".repeat(usize::from(widest.saturating_sub(width(cell))));
            let text = if is_text(*column) { format!("{cell}{pad}") } else { format!("{pad}{cell}") };
            line += if line.is_empty() { "" } else { "  " };
            line += &text;
        }
        out += line.trim_end();
        out.push('\n');
    }
    out
}

fn is_text(column: Column) -> bool {
    matches!(column, Column::Name | Column::Engine | Column::State | Column::Health | Column::Image)
}

fn title(column: Column) -> &'static str {
    match column {
        Column::Restarts => "RESTARTS",
        other => other.title(),
    }
}

/// A value in one word, so that columns can be told apart by scripts, too.
fn value(column: Column, row: &ContainerRow, engine: &str, at: u64) -> String {
    let word = |text: &str| {
        let text = Shown(text).to_string().replace(' ', "_");
        if text.is_empty() { UNKNOWN.to_owned() } else { text }
    };
    let numbers = row.numbers.as_ref();
    let bytes = |count: Option<f64>| count.map(bytes);
    let known = match column {
        Column::Name => Some(word(&row.name)),
        Column::Engine => Some(word(engine)),
        Column::Image => Some(word(&row.image)),
        Column::State => Some(row.exit_code.map_or(word(&row.state), |code| format!("{}({code})", word(&row.state)))),
        Column::Health => row.health.as_deref().map(word),
        Column::Cpu => numbers.and_then(|n| n.cpu).map(percent),
        Column::Memory => bytes(numbers.and_then(|n| n.memory).map(|b| b as f64)).map(|used| {
            let limit = numbers.and_then(|n| n.memory_limit).map(|limit| super::sizes::bytes(limit as f64));
            limit.map_or(used.clone(), |limit| format!("{used}/{limit}"))
        }),
        Column::Received => bytes(numbers.and_then(|n| n.received_rate)),
        Column::Sent => bytes(numbers.and_then(|n| n.sent_rate)),
        Column::Read => bytes(numbers.and_then(|n| n.read_rate)),
        Column::Written => bytes(numbers.and_then(|n| n.written_rate)),
        Column::Pids => numbers.and_then(|n| n.pids).map(|pids| pids.to_string()),
        Column::Restarts => row.restarts.map(|restarts| restarts.to_string()),
        Column::Series => Some(row.series.to_string()),
        Column::Age => row.started.map(|started| age(at.saturating_sub(started))),
    };
    known.unwrap_or_else(|| UNKNOWN.to_owned())
}
