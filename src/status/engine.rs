//! One engine on the board, with its containers. Pure.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::numbers::Last;
use super::rows::{ContainerRow, EngineRow, ProbeRow};
use crate::model::Text;
use crate::model::container::{ContainerId, State};
use crate::model::engine::EngineInfo;
use crate::model::observation::{EngineStatus, Facts, Usage};
use crate::model::time::{Now, UnixNanos};

#[derive(Debug)]
pub(super) struct Engine {
    pub(super) row: EngineRow,
    pub(super) containers: HashMap<ContainerId, Container>,
}

#[derive(Debug)]
pub(super) struct Container {
    /// At which it changed last.
    pub(super) revision: u64,
    pub(super) facts: Arc<Facts>,
    /// The sample that its series are made of, while they can be vouched for.
    pub(super) usage: Option<Box<Usage>>,
    last: Option<Last>,
    pub(super) failing: Option<Text>,
    pub(super) series: u32,
}

/// What has happened to an engine as a whole.
#[derive(Debug, Clone)]
pub enum EngineNews {
    /// It said what it is.
    Connected(Arc<EngineInfo>),
    /// It failed, and is tried again in so long.
    Failed(Text, Duration),
    /// It answers again.
    Recovered,
    /// Its events come, or do not.
    Events(bool),
    /// A probe ended.
    Probed(ProbeRow),
    /// So many containers are left out for there being too many.
    OverCap(u32),
}

impl Engine {
    pub(super) fn row(&self) -> EngineRow {
        EngineRow { watched: small(self.containers.len()), ..self.row.clone() }
    }

    pub(super) fn state(&mut self, facts: Arc<Facts>, revision: u64) {
        match self.containers.get_mut(&facts.listed.id) {
            Some(container) if container.facts == facts => {}
            Some(container) => {
                if !facts.listed.state.is_running() {
                    container.failing = None;
                }
                (container.facts, container.revision) = (facts, revision);
            }
            None => {
                let id = facts.listed.id.clone();
                let container = Container { revision, facts, usage: None, last: None, failing: None, series: 0 };
                self.containers.insert(id, container);
            }
        }
    }

    pub(super) fn vouched(
        &mut self,
        facts: Arc<Facts>,
        usage: Box<Usage>,
        cpu: Option<f64>,
        at: UnixNanos,
        revision: u64,
    ) {
        self.state(facts.clone(), revision);
        if let Some(container) = self.containers.get_mut(&facts.listed.id) {
            container.last = Some(Last::of(&facts, &usage, cpu, container.last.as_ref(), at));
            container.usage = Some(usage);
            container.failing = None;
            container.revision = revision;
        }
    }

    pub(super) fn unvouched(&mut self, id: &ContainerId, revision: u64) {
        if let Some(container) = self.containers.get_mut(id) {
            (container.usage, container.last, container.revision) = (None, None, revision);
        }
    }

    pub(super) fn status(&mut self, status: &EngineStatus) {
        self.row.up = Some(status.up);
        self.row.last_success = status.last_success.is_known().then(|| status.last_success.millis());
        let counts = status.containers.iter().flatten();
        self.row.states.clear();
        self.row.states.extend(State::KNOWN.iter().zip(counts).map(|(state, n)| (state.as_str().into(), *n)));
    }

    pub(super) fn happened(&mut self, news: EngineNews, now: Now) {
        let row = &mut self.row;
        match news {
            EngineNews::Connected(info) => {
                (row.runtime, row.version) = (info.runtime.clone(), info.version.clone());
                (row.host, row.arch) = (info.host_name.clone(), info.host_arch.clone());
                row.api = Some(info.api.to_string().into());
            }
            EngineNews::Failed(why, retry_in) => {
                row.up = Some(false);
                row.error = Some(why);
                row.failing_since.get_or_insert(now.wall.millis());
                row.retry_at = Some(now.wall.after(retry_in).millis());
            }
            EngineNews::Recovered => {
                row.up = Some(true);
                (row.error, row.failing_since, row.retry_at) = (None, None, None);
            }
            EngineNews::Events(come) => row.events = Some(come),
            EngineNews::Probed(probe) => {
                row.probes += 1;
                row.probe = Some(probe);
            }
            EngineNews::OverCap(containers) => row.over_cap = containers,
        }
    }
}

impl Container {
    pub(super) fn row(&self, engine: u32) -> ContainerRow {
        let Facts { listed, details, .. } = &*self.facts;
        let details = details.as_deref();
        let runs = listed.state.is_running();
        ContainerRow {
            engine,
            id: listed.id.text(),
            name: listed.display_name(),
            image: listed.image.clone(),
            state: listed.state.as_str().into(),
            health: listed.health.filter(|_| runs).map(|health| health.as_str().into()),
            exit_code: listed.exit_code.filter(|_| !runs),
            created: details.and_then(|d| d.created).map(UnixNanos::millis),
            started: Some(self.facts.run_start).filter(|start| runs && start.is_known()).map(UnixNanos::millis),
            restarts: details.and_then(|d| d.restart_count),
            oom_kills: self.facts.oom_kills,
            series: self.series,
            numbers: self.last.as_ref().map(|last| last.shown),
            failing: self.failing.clone(),
        }
    }
}

pub(super) fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
