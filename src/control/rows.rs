//! What the board shows, as messages and back. Nothing is lost on the way.

use std::collections::BTreeMap;

use prost_types::Timestamp;

use super::v1;
use crate::model::Text;
use crate::status::{Agent, ContainerRow, Delta, EngineRow, Gone, Numbers, ProbeRow, Totals, Whom};

// -- times, texts -----------------------------------------------------------------------------------------------------

const MILLIS: u64 = 1000;
const NANOS_OF_A_MILLI: i32 = 1_000_000;

/// Unix milliseconds as a message.
pub(super) fn time(millis: u64) -> Timestamp {
    // OK because a thousandth of all there are is far from the end of i64, and the rest is less than a thousand.
    let (seconds, rest) = ((millis / MILLIS).cast_signed(), i32::try_from(millis % MILLIS).unwrap_or(0));
    Timestamp { seconds, nanos: rest * NANOS_OF_A_MILLI }
}

/// Unix milliseconds of a message; 0 if they are before 1970.
pub(super) fn millis(time: Timestamp) -> u64 {
    let seconds = u64::try_from(time.seconds).unwrap_or(0);
    let rest = u64::try_from(time.nanos / NANOS_OF_A_MILLI).unwrap_or(0);
    seconds.saturating_mul(MILLIS).saturating_add(rest)
}

fn millis_or_none(time: Option<Timestamp>) -> u64 {
    time.map_or(0, millis)
}

fn text(text: Option<Text>) -> Option<String> {
    text.map(|text| text.to_string())
}

fn shared(text: Option<String>) -> Option<Text> {
    text.map(Into::into)
}

fn words<N>(counts: BTreeMap<Text, N>) -> BTreeMap<String, N> {
    // Not collected: that sorts first, which is code of its own for each type.
    let mut words = BTreeMap::new();
    words.extend(counts.into_iter().map(|(word, count)| (word.to_string(), count)));
    words
}

fn shared_words<N>(counts: BTreeMap<String, N>) -> BTreeMap<Text, N> {
    let mut words = BTreeMap::new();
    words.extend(counts.into_iter().map(|(word, count)| (word.into(), count)));
    words
}

fn all<A, B: From<A>>(rows: Vec<A>) -> Vec<B> {
    rows.into_iter().map(Into::into).collect()
}

// -- the whole --------------------------------------------------------------------------------------------------------

impl From<Delta> for v1::Delta {
    fn from(delta: Delta) -> Self {
        Self {
            revision: delta.revision,
            whole: delta.whole,
            time: Some(time(delta.at)),
            agent: Some(delta.agent.into()),
            totals: Some(delta.totals.into()),
            engines: all(delta.engines),
            containers: all(delta.containers),
            gone: all(delta.gone),
            retractions: all(delta.retractions),
            missed_retractions: delta.missed_retractions,
            notes: all(delta.notes),
            missed_notes: delta.missed_notes,
            export: Some(delta.export.into()),
            outbox: Some(delta.outbox.into()),
        }
    }
}

impl From<v1::Delta> for Delta {
    fn from(delta: v1::Delta) -> Self {
        Self {
            revision: delta.revision,
            whole: delta.whole,
            at: millis_or_none(delta.time),
            agent: delta.agent.unwrap_or_default().into(),
            totals: delta.totals.unwrap_or_default().into(),
            engines: all(delta.engines),
            containers: all(delta.containers),
            gone: all(delta.gone),
            retractions: all(delta.retractions),
            missed_retractions: delta.missed_retractions,
            notes: all(delta.notes),
            missed_notes: delta.missed_notes,
            export: delta.export.unwrap_or_default().into(),
            outbox: delta.outbox.unwrap_or_default().into(),
        }
    }
}

// -- the agent --------------------------------------------------------------------------------------------------------

impl From<Agent> for v1::Agent {
    fn from(agent: Agent) -> Self {
        Self {
            version: agent.version.to_string(),
            host: agent.host.to_string(),
            pid: agent.pid,
            start_time: Some(time(agent.started)),
            interval_seconds: agent.interval,
            profile: agent.profile.to_string(),
            settings: text(agent.settings),
            log_level: agent.log_level.to_string(),
        }
    }
}

impl From<v1::Agent> for Agent {
    fn from(agent: v1::Agent) -> Self {
        Self {
            version: agent.version.into(),
            host: agent.host.into(),
            pid: agent.pid,
            started: millis_or_none(agent.start_time),
            interval: agent.interval_seconds,
            profile: agent.profile.into(),
            settings: shared(agent.settings),
            log_level: agent.log_level.into(),
        }
    }
}

impl From<Totals> for v1::Totals {
    fn from(totals: Totals) -> Self {
        Self {
            series_live: totals.series_live,
            probes: totals.probes,
            failures: words(totals.failures),
            retracted: words(totals.retracted),
            dropped: words(totals.dropped),
            rejected: totals.rejected,
            requests: totals.requests,
        }
    }
}

impl From<v1::Totals> for Totals {
    fn from(totals: v1::Totals) -> Self {
        Self {
            series_live: totals.series_live,
            probes: totals.probes,
            failures: shared_words(totals.failures),
            retracted: shared_words(totals.retracted),
            dropped: shared_words(totals.dropped),
            rejected: totals.rejected,
            requests: totals.requests,
        }
    }
}

// -- engines ----------------------------------------------------------------------------------------------------------

impl From<EngineRow> for v1::Engine {
    fn from(row: EngineRow) -> Self {
        Self {
            id: row.id,
            name: row.name.to_string(),
            endpoint: row.endpoint.to_string(),
            up: row.up,
            error: text(row.error),
            failing_since: row.failing_since.map(time),
            retry_time: row.retry_at.map(time),
            runtime: text(row.runtime),
            version: text(row.version),
            api_version: text(row.api),
            host: text(row.host),
            arch: text(row.arch),
            events: row.events,
            states: words(row.states),
            watched: row.watched,
            over_cap: row.over_cap,
            series: row.series,
            last_success: row.last_success.map(time),
            probes: row.probes,
            probe: row.probe.map(Into::into),
        }
    }
}

impl From<v1::Engine> for EngineRow {
    fn from(engine: v1::Engine) -> Self {
        Self {
            id: engine.id,
            name: engine.name.into(),
            endpoint: engine.endpoint.into(),
            up: engine.up,
            error: shared(engine.error),
            failing_since: engine.failing_since.map(millis),
            retry_at: engine.retry_time.map(millis),
            runtime: shared(engine.runtime),
            version: shared(engine.version),
            api: shared(engine.api_version),
            host: shared(engine.host),
            arch: shared(engine.arch),
            events: engine.events,
            states: shared_words(engine.states),
            watched: engine.watched,
            over_cap: engine.over_cap,
            series: engine.series,
            last_success: engine.last_success.map(millis),
            probes: engine.probes,
            probe: engine.probe.map(Into::into),
        }
    }
}

impl From<ProbeRow> for v1::ProbeRun {
    fn from(row: ProbeRow) -> Self {
        Self {
            end_time: Some(time(row.at)),
            duration_seconds: row.duration,
            list_seconds: row.list,
            sampled: row.sampled,
            failed: row.failed,
            late: row.late,
        }
    }
}

impl From<v1::ProbeRun> for ProbeRow {
    fn from(run: v1::ProbeRun) -> Self {
        Self {
            at: millis_or_none(run.end_time),
            duration: run.duration_seconds,
            list: run.list_seconds,
            sampled: run.sampled,
            failed: run.failed,
            late: run.late,
        }
    }
}

// -- containers -------------------------------------------------------------------------------------------------------

impl From<ContainerRow> for v1::Container {
    fn from(row: ContainerRow) -> Self {
        Self {
            engine: row.engine,
            id: row.id.to_string(),
            name: row.name.to_string(),
            image: row.image.to_string(),
            state: row.state.to_string(),
            health: text(row.health),
            exit_code: row.exit_code,
            create_time: row.created.map(time),
            start_time: row.started.map(time),
            restarts: row.restarts,
            oom_kills: row.oom_kills,
            series: row.series,
            numbers: row.numbers.map(Into::into),
            failing: text(row.failing),
        }
    }
}

impl From<v1::Container> for ContainerRow {
    fn from(container: v1::Container) -> Self {
        Self {
            engine: container.engine,
            id: container.id.into(),
            name: container.name.into(),
            image: container.image.into(),
            state: container.state.into(),
            health: shared(container.health),
            exit_code: container.exit_code,
            created: container.create_time.map(millis),
            started: container.start_time.map(millis),
            restarts: container.restarts,
            oom_kills: container.oom_kills,
            series: container.series,
            numbers: container.numbers.map(Into::into),
            failing: shared(container.failing),
        }
    }
}

impl From<Numbers> for v1::Numbers {
    fn from(numbers: Numbers) -> Self {
        Self {
            time: Some(time(numbers.at)),
            cpu: numbers.cpu,
            cpu_limit: numbers.cpu_limit,
            throttled: numbers.throttled,
            memory_bytes: numbers.memory,
            memory_limit_bytes: numbers.memory_limit,
            received_bytes: numbers.received,
            received_rate: numbers.received_rate,
            sent_bytes: numbers.sent,
            sent_rate: numbers.sent_rate,
            read_bytes: numbers.read,
            read_rate: numbers.read_rate,
            written_bytes: numbers.written,
            written_rate: numbers.written_rate,
            pids: numbers.pids,
            pids_limit: numbers.pids_limit,
        }
    }
}

impl From<v1::Numbers> for Numbers {
    fn from(numbers: v1::Numbers) -> Self {
        Self {
            at: millis_or_none(numbers.time),
            cpu: numbers.cpu,
            cpu_limit: numbers.cpu_limit,
            throttled: numbers.throttled,
            memory: numbers.memory_bytes,
            memory_limit: numbers.memory_limit_bytes,
            received: numbers.received_bytes,
            received_rate: numbers.received_rate,
            sent: numbers.sent_bytes,
            sent_rate: numbers.sent_rate,
            read: numbers.read_bytes,
            read_rate: numbers.read_rate,
            written: numbers.written_bytes,
            written_rate: numbers.written_rate,
            pids: numbers.pids,
            pids_limit: numbers.pids_limit,
        }
    }
}

impl From<Gone> for v1::Gone {
    fn from(Gone { engine, id }: Gone) -> Self {
        Self { engine, id: id.to_string() }
    }
}

impl From<v1::Gone> for Gone {
    fn from(v1::Gone { engine, id }: v1::Gone) -> Self {
        Self { engine, id: id.into() }
    }
}

impl From<Whom> for v1::ContainerName {
    fn from(Whom { id, name }: Whom) -> Self {
        Self { id: id.to_string(), name: name.to_string() }
    }
}

impl From<v1::ContainerName> for Whom {
    fn from(v1::ContainerName { id, name }: v1::ContainerName) -> Self {
        Self { id: id.into(), name: name.into() }
    }
}
