//! An engine: is it there, does it let us, what is it, which of its calls work and how fast.

mod ask;
mod judge;
mod numbers;
#[cfg(test)]
mod tests;
mod together;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::host::access::Access;
use crate::engine::docker::DockerEngine;
use crate::model::container::ContainerId;
use crate::model::engine::{Answer, EngineError, EngineInfo, Source, Wanted};
use crate::tls::ClientTls;

pub(super) use ask::ask;
pub(super) use judge::judge;
pub(super) use together::judge_together;

/// An engine of the settings.
pub struct Subject {
    /// What the settings call it, if they do.
    pub name: Option<String>,
    /// Where it is, in words.
    pub endpoint: String,
    /// How it is reached.
    pub engine: Arc<DockerEngine>,
    /// Its socket, if it is on this host.
    pub socket: Option<PathBuf>,
    /// Its certificates, if it is behind TLS.
    pub tls: Option<Arc<ClientTls>>,
    /// Which labels and variables are read.
    pub wanted: Arc<Wanted>,
    /// The deadline of one call.
    pub timeout: Duration,
    /// How often it is probed.
    pub interval: Duration,
    /// How numbers are to be got; `None`: the cheapest way that works.
    pub source: Option<Source>,
    /// How many calls for numbers may run at once at most.
    pub at_once: usize,
    /// Whether the settings say so.
    pub is_fixed: bool,
}

/// What came of asking it.
#[derive(Debug, Clone)]
pub(super) struct Findings {
    /// Who may use its socket.
    pub(super) access: Option<Access>,
    /// What it is.
    pub(super) reached: Answer<EngineInfo>,
    /// How long it took to say so.
    pub(super) took: Duration,
    /// What its calls gave; nothing if it was not reached.
    pub(super) calls: Option<Calls>,
}

/// What an engine's calls gave.
#[derive(Debug, Clone)]
pub(super) struct Calls {
    pub(super) list: Answer<Seen>,
    pub(super) lists: Vec<Duration>,
    /// `None` where no container could be asked for.
    pub(super) inspect: Option<Answer<()>>,
    pub(super) events: Answer<()>,
    /// How far its clock is ahead of ours, in seconds: at least, at most. `None`: it does not tell.
    pub(super) ahead: Option<(f64, f64)>,
    pub(super) one_shot: Option<Tried>,
    pub(super) two_sample: Option<Tried>,
    pub(super) stream: Option<Tried>,
}

/// A list, as far as it matters here.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    pub(super) ids: Vec<ContainerId>,
    pub(super) running: Vec<ContainerId>,
    /// Entries that could not be read.
    pub(super) skipped: usize,
}

/// A source of numbers, tried with some containers at once, some rounds long.
#[derive(Debug, Clone, Default)]
pub(super) struct Tried {
    /// The last error, but for containers that stopped meanwhile.
    pub(super) error: Option<EngineError>,
    /// How long each call took.
    pub(super) calls: Vec<Duration>,
    /// How long each round took.
    pub(super) rounds: Vec<Duration>,
    /// How many containers were asked for in a round.
    pub(super) at_once: usize,
}

impl Subject {
    fn called(&self) -> String {
        format!("engine {}", self.name.as_deref().unwrap_or(&self.endpoint))
    }
}

/// How many streams of numbers would be open.
pub(super) fn streams(subjects: &[Subject], findings: &[Findings]) -> usize {
    let both = subjects.iter().zip(findings);
    let streamed = both.filter(|(subject, _)| matches!(subject.source, Some(Source::Stream { .. })));
    let running = |findings: &Findings| Some(findings.calls.as_ref()?.list.as_ref().ok()?.running.len());
    streamed.filter_map(|(_, findings)| running(findings)).sum()
}
