//! The answer to whoever looks, as it is written in JSON. Times are unix milliseconds, durations seconds, sizes bytes.
//! Texts are as they came from outside: whoever shows them escapes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::Text;

/// Everything, or what has changed since a revision.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Delta {
    /// To be asked with next time.
    pub revision: u64,
    /// Whether all that is there is in it: what was known before is to be forgotten.
    pub whole: bool,
    /// When it was made.
    pub at: u64,
    /// The agent.
    pub agent: Agent,
    /// What was counted since it began.
    pub totals: Totals,
    /// All engines, each time.
    pub engines: Vec<EngineRow>,
    /// Containers that are new or not as they were.
    pub containers: Vec<ContainerRow>,
    /// Containers that are gone, or no longer watched.
    pub gone: Vec<Gone>,
    /// Further retractions, oldest first.
    pub retractions: Vec<Retraction>,
    /// Whether there were others of these that are no longer kept: see [`RETRACTIONS`](super::RETRACTIONS).
    pub missed_retractions: bool,
    /// Further lines of the log that tell of a change, oldest first.
    pub notes: Vec<Note>,
    /// Whether there were others of these that are no longer kept: see [`NOTES`](super::NOTES).
    pub missed_notes: bool,
    /// How delivering goes.
    pub export: Export,
    /// What waits to be delivered.
    pub outbox: Outbox,
}

/// The agent, and how it is set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Agent {
    /// Its version.
    pub version: Text,
    /// The host it runs on.
    pub host: Text,
    /// Its process.
    pub pid: u32,
    /// When it began.
    pub started: u64,
    /// How often each engine is probed.
    pub interval: f64,
    /// Whose names the metrics have.
    pub profile: Text,
    /// The file of its settings, if there is one.
    pub settings: Option<Text>,
    /// From how grave on it logs.
    pub log_level: Text,
}

/// What was counted since the agent began, over all engines.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    /// Series that are published and not retracted, now.
    pub series_live: u64,
    /// Probes that ended.
    pub probes: u64,
    /// What failed, by kind: `list`, `stats`, …
    pub failures: BTreeMap<Text, u64>,
    /// Series that ended, by reason.
    pub retracted: BTreeMap<Text, u64>,
    /// Points that were given up, by reason.
    pub dropped: BTreeMap<Text, u64>,
    /// Points that a collector rejected.
    pub rejected: u64,
    /// Requests to the collector.
    pub requests: u64,
}

/// One engine.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EngineRow {
    /// Its number while the agent runs.
    pub id: u32,
    /// What it is called.
    pub name: Text,
    /// Where it is.
    pub endpoint: Text,
    /// Whether it answers; nothing while that is not known yet.
    pub up: Option<bool>,
    /// Why it does not.
    pub error: Option<Text>,
    /// Since when it does not.
    pub failing_since: Option<u64>,
    /// When it is tried again.
    pub retry_at: Option<u64>,
    /// `docker` or `podman`.
    pub runtime: Option<Text>,
    /// The engine's version.
    pub version: Option<Text>,
    /// The API version that is spoken.
    pub api: Option<Text>,
    /// The engine's host.
    pub host: Option<Text>,
    /// Its architecture.
    pub arch: Option<Text>,
    /// Whether events come: changes are seen at once, not with the next probe.
    pub events: Option<bool>,
    /// Containers it has in each state; empty while the list cannot be had.
    pub states: BTreeMap<Text, i64>,
    /// Containers that are watched.
    pub watched: u32,
    /// Containers that are left out for there being too many.
    pub over_cap: u32,
    /// Series that are published and not retracted.
    pub series: u32,
    /// The last probe that worked.
    pub last_success: Option<u64>,
    /// How many probes ended.
    pub probes: u64,
    /// The last of them.
    pub probe: Option<ProbeRow>,
}

/// One probe.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProbeRow {
    /// When it ended.
    pub at: u64,
    /// How long it took.
    pub duration: f64,
    /// How long the list took; nothing if it failed.
    pub list: Option<f64>,
    /// Containers that were sampled.
    pub sampled: u32,
    /// Containers that could not be.
    pub failed: u32,
    /// Containers whose answer had not come when it was closed.
    pub late: u32,
}

/// One container.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerRow {
    /// The number of its engine.
    pub engine: u32,
    /// Its id.
    pub id: Text,
    /// Its name.
    pub name: Text,
    /// Its image, as the engine names it.
    pub image: Text,
    /// Its state.
    pub state: Text,
    /// Its health, if it has a check and runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub health: Option<Text>,
    /// With which status it ended, if it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i64>,
    /// When it was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<u64>,
    /// When its run began, if it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<u64>,
    /// How often it was restarted by its policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restarts: Option<i64>,
    /// Kills for memory in this run that the engine told of.
    pub oom_kills: i64,
    /// Series of it that are published and not retracted.
    pub series: u32,
    /// Its numbers, while they can be vouched for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub numbers: Option<Numbers>,
    /// Why they cannot be, though it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failing: Option<Text>,
}

/// The numbers of one container at one moment. What is not known is left out, never zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Numbers {
    /// When they were taken.
    pub at: u64,
    /// Processors in use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<f64>,
    /// Processors it may use, if limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_limit: Option<f64>,
    /// The share of time, 0 to 1, in which it was throttled, of its enforcement periods since the last sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttled: Option<f64>,
    /// Memory without the inactive page cache: what `docker stats` shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<i64>,
    /// The most it may have, if limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_limit: Option<i64>,
    /// Bytes that came in, over all interfaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received: Option<i64>,
    /// The same a second, since the last sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received_rate: Option<f64>,
    /// Bytes that went out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent: Option<i64>,
    /// The same a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_rate: Option<f64>,
    /// Bytes read from block devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read: Option<i64>,
    /// The same a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_rate: Option<f64>,
    /// Bytes written to block devices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written: Option<i64>,
    /// The same a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written_rate: Option<f64>,
    /// Processes and threads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids: Option<i64>,
    /// The most there may be, if limited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids_limit: Option<i64>,
}

/// A container that is no longer there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Gone {
    /// The number of its engine.
    pub engine: u32,
    /// Its id.
    pub id: Text,
}

/// A container, as it is called.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Whom {
    /// Its id.
    pub id: Text,
    /// Its name.
    pub name: Text,
}

/// Series that were retracted together.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Retraction {
    /// Its number; they rise.
    pub number: u64,
    /// When it was decided.
    pub at: u64,
    /// The engine's name.
    pub engine: Text,
    /// Whose they were, if one container's.
    pub container: Option<Whom>,
    /// How many.
    pub series: u32,
    /// Why: `removed`, `stopped`, …
    pub reason: Text,
}

/// How grave something is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Worth knowing.
    #[default]
    Info,
    /// Something is missing or lost.
    Warn,
    /// It cannot go on like this.
    Error,
}

/// A line of the log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Note {
    /// Its number; they rise.
    pub number: u64,
    /// When it was said.
    pub at: u64,
    /// How grave it is.
    pub level: Level,
    /// What it is, in a word: `engine_failed`, `export_retrying`, …
    pub event: Text,
    /// The engine it is about.
    pub engine: Option<Text>,
    /// The container it is about.
    pub container: Option<Whom>,
    /// The line.
    pub text: Text,
}

/// How the last request went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Delivery {
    /// There was none yet.
    #[default]
    None,
    /// The collector has it.
    Delivered,
    /// It has it, but for points that it rejected.
    Partial,
    /// It is sent again.
    Retrying,
    /// It was given up.
    Dropped,
}

/// How delivering goes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Export {
    /// The collector, without credentials.
    pub endpoint: Text,
    /// `grpc` or `http/protobuf`.
    pub protocol: Text,
    /// How the last request went.
    pub last: Delivery,
    /// When its outcome was known.
    pub at: Option<u64>,
    /// How long it took.
    pub duration: Option<f64>,
    /// Why it failed, or what the collector said.
    pub error: Option<Text>,
    /// Since when none gets through.
    pub failing_since: Option<u64>,
    /// Failures in a row.
    pub attempts: u32,
    /// When it is tried again.
    pub retry_at: Option<u64>,
    /// What became of the requests so far.
    pub requests: Requests,
}

/// What became of the requests so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Requests {
    /// Those that the collector has.
    pub delivered: u64,
    /// The points in them, retractions included.
    pub points: u64,
    /// The retractions among these.
    pub retractions: u64,
    /// Their bytes before compression.
    pub bytes: u64,
    /// Tries that failed.
    pub failed: u64,
    /// Requests that were given up.
    pub dropped: u64,
}

/// What waits to be delivered.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Outbox {
    /// Whether it outlives the process.
    pub durable: bool,
    /// Its directory, if it has one.
    pub directory: Option<Text>,
    /// Batches, one that is being delivered included.
    pub batches: u64,
    /// Points in them, retractions included.
    pub points: u64,
    /// The retractions among them.
    pub retractions: u64,
    /// Their size.
    pub bytes: u64,
    /// The most that it may hold.
    pub max_bytes: u64,
    /// When the oldest of them was decided.
    pub oldest: Option<u64>,
}
