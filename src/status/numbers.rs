//! What is shown of a sample.

use super::rows::Numbers;
use crate::model::observation::{Facts, Usage};
use crate::model::sample::{Count, Cpu};
use crate::model::time::{Monotonic, UnixNanos};

/// The numbers that were shown last, with what is needed to make rates from them.
#[derive(Debug, Clone)]
pub(super) struct Last {
    pub(super) shown: Numbers,
    cpu: Cpu,
    at: Monotonic,
    start: UnixNanos,
}

impl Last {
    /// Numbers of a sample; `before` are those before it, `cpu` is how many processors are in use.
    pub(super) fn of(facts: &Facts, usage: &Usage, cpu: Option<f64>, before: Option<&Self>, wall: UnixNanos) -> Self {
        let sample = &usage.sample;
        let details = facts.details.as_deref();
        let of_run = before.filter(|before| before.start == facts.run_start);
        let networks = || sample.networks.iter();
        let devices = || sample.devices.iter();
        let mut shown = Numbers {
            at: wall.millis(),
            cpu,
            cpu_limit: details.and_then(|d| d.cpu_limit),
            throttled: of_run.and_then(|before| throttled(&before.cpu, &sample.cpu)),
            memory: sample.memory.working_set.or(sample.memory.usage),
            memory_limit: facts.memory_limit(sample),
            received: sum(networks().map(|n| n.receive.bytes)),
            sent: sum(networks().map(|n| n.transmit.bytes)),
            read: sum(devices().map(|d| d.read_bytes)),
            written: sum(devices().map(|d| d.written_bytes)),
            pids: sample.pids,
            pids_limit: sample.pids_limit,
            ..Numbers::default()
        };
        if let Some(before) = of_run {
            let passed = usage.at.since(before.at).as_secs_f64();
            let rate = |now: Option<Count>, then: Option<Count>| rate(now?.checked_sub(then?)?, passed);
            shown.received_rate = rate(shown.received, before.shown.received);
            shown.sent_rate = rate(shown.sent, before.shown.sent);
            shown.read_rate = rate(shown.read, before.shown.read);
            shown.written_rate = rate(shown.written, before.shown.written);
        }
        Self { shown, cpu: sample.cpu.clone(), at: usage.at, start: facts.run_start }
    }
}

/// The sum of what is known; nothing if nothing is.
fn sum(counts: impl Iterator<Item = Option<Count>>) -> Option<Count> {
    counts.flatten().fold(None, |sum: Option<Count>, count| Some(sum.unwrap_or(0).saturating_add(count)))
}

/// A second; nothing if it fell, which an interface or a device that came or went makes it.
fn rate(more: Count, passed: f64) -> Option<f64> {
    (more >= 0 && passed > 0.0).then(|| more as f64 / passed)
}

fn throttled(before: &Cpu, now: &Cpu) -> Option<f64> {
    let periods = now.periods?.checked_sub(before.periods?)?;
    let throttled = now.throttled_periods?.checked_sub(before.throttled_periods?)?;
    match periods {
        0 => Some(0.0),
        periods if periods > 0 && throttled >= 0 => Some((throttled as f64 / periods as f64).min(1.0)),
        _ => None,
    }
}
