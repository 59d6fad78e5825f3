//! Numbers that depend on two moments.

use std::time::Duration;

use crate::model::observation::{Facts, Previous, Usage};

/// By how much the engine's clock may be off ours, between two samples, before it is taken for a step of the clock.
const CLOCK_SLACK: Duration = Duration::from_secs(2);

/// Processor time a second since the previous sample, in CPUs; at most what the host has. `None` for the first sample
/// of a run.
///
/// Time passed is taken from the engine's own times of the two samples, which are exact however late the answers were;
/// if its clock was set meanwhile, from the host's processor time; else from ours. What the engine itself says of an
/// earlier sample (precpu) is never used: it is zero with one-shot and wrong with Podman.
pub fn cpu_usage(usage: &Usage) -> Option<f64> {
    let previous = usage.previous.as_ref()?;
    let used = usage.sample.cpu.total?.checked_sub(previous.cpu_total?).filter(|used| *used >= 0)?;
    let passed = by_engine(usage, previous).or_else(|| by_host(usage, previous)).or_else(|| by_us(usage, previous))?;
    let cpus = used as f64 / 1e9 / passed.as_secs_f64();
    let most = usage.sample.cpu.online.map_or(f64::INFINITY, f64::from);
    Some(cpus.min(most))
}

fn by_us(usage: &Usage, previous: &Previous) -> Option<Duration> {
    Some(usage.at.since(previous.at)).filter(|d| !d.is_zero())
}

fn by_engine(usage: &Usage, previous: &Previous) -> Option<Duration> {
    let passed = usage.sample.read?.since(previous.read?).filter(|d| !d.is_zero())?;
    let ours = usage.at.since(previous.at);
    let sane = passed <= ours * 2 + CLOCK_SLACK && passed + CLOCK_SLACK >= ours / 2;
    sane.then_some(passed)
}

fn by_host(usage: &Usage, previous: &Previous) -> Option<Duration> {
    let host = usage.sample.cpu.host?.checked_sub(previous.cpu_host?).filter(|host| *host > 0)?;
    let nanos = host.checked_div(i64::from(usage.sample.cpu.online?))?;
    u64::try_from(nanos).ok().filter(|n| *n > 0).map(Duration::from_nanos)
}

/// Seconds since the run began, both times by the engine's clock.
pub(super) fn uptime(facts: &Facts, usage: &Usage) -> Option<f64> {
    let started = facts.details.as_ref()?.started_at?;
    Some(usage.sample.read?.since(started).unwrap_or_default().as_secs_f64())
}
