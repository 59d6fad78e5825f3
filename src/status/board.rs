//! The board itself. Pure.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::numbers::Last;
use super::record::{GONE, NOTES, RETRACTIONS, Recent};
use super::rows::{
    Agent, ContainerRow, Delivery, Delta, EngineRow, Export, Gone, Note, Outbox, ProbeRow, Retraction, Totals, Whom,
};
use crate::model::Text;
use crate::model::batch::Reason;
use crate::model::container::{ContainerId, State};
use crate::model::engine::EngineInfo;
use crate::model::observation::{EngineStatus, Facts, Observation, Usage};
use crate::model::published::{Change, Owner};
use crate::model::series::Resource;
use crate::model::time::{Now, UnixNanos};

/// What is going on now.
#[derive(Debug)]
pub struct Board {
    revision: u64,
    agent: Agent,
    engines: BTreeMap<u32, Engine>,
    next_engine: u32,
    gone: Recent<Gone>,
    retractions: Recent<Retraction>,
    notes: Recent<Note>,
    export: Export,
    outbox: Outbox,
}

#[derive(Debug)]
struct Engine {
    row: EngineRow,
    containers: HashMap<ContainerId, Container>,
}

#[derive(Debug)]
struct Container {
    /// At which it changed last.
    revision: u64,
    facts: Arc<Facts>,
    /// The sample that its series are made of, while they can be vouched for.
    usage: Option<Box<Usage>>,
    last: Option<Last>,
    failing: Option<Text>,
    series: u32,
}

/// What has happened to an engine as a whole.
#[derive(Debug, Clone)]
pub enum EngineNews {
    /// It said what it is, and is called so.
    Connected(Text, Arc<EngineInfo>),
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

impl Board {
    /// An empty one.
    pub fn new(agent: Agent) -> Self {
        Self {
            revision: 1,
            agent,
            engines: BTreeMap::new(),
            next_engine: 0,
            gone: Recent::new(GONE),
            retractions: Recent::new(RETRACTIONS),
            notes: Recent::new(NOTES),
            export: Export::default(),
            outbox: Outbox::default(),
        }
    }

    /// At which it is now. It rises with each change.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    fn turn(&mut self) -> u64 {
        self.revision += 1;
        self.revision
    }

    /// The agent is set so from now on.
    pub fn set_agent(&mut self, change: impl FnOnce(&mut Agent)) {
        change(&mut self.agent);
        self.turn();
    }

    /// An engine is watched from now on. Returns its number.
    pub fn engine(&mut self, name: Text, endpoint: Text) -> u32 {
        let id = self.next_engine;
        self.next_engine += 1;
        let row = EngineRow { id, name, endpoint, ..EngineRow::default() };
        self.engines.insert(id, Engine { row, containers: HashMap::new() });
        self.turn();
        id
    }

    /// An engine is no longer watched.
    pub fn engine_left(&mut self, id: u32) {
        let revision = self.turn();
        if let Some(engine) = self.engines.remove(&id) {
            self.clear(id, engine.containers.into_keys(), revision);
        }
    }

    fn clear(&mut self, engine: u32, containers: impl Iterator<Item = ContainerId>, revision: u64) {
        for id in containers {
            self.gone.push(revision, Gone { engine, id: id.text() });
        }
    }

    /// Something of an engine was found out. `cpu` is how many processors the container uses, for a sample.
    pub fn observed(&mut self, engine: u32, observation: Observation, cpu: Option<f64>, now: Now) {
        let revision = self.turn();
        let Some(on) = self.engines.get_mut(&engine) else { return };
        match observation {
            Observation::State(facts) => on.state(facts, revision),
            Observation::Vouched(facts, usage) => on.vouched(facts, usage, cpu, now.wall, revision),
            Observation::Unvouched(id, _) => on.unvouched(&id, revision),
            Observation::Gone(id, _) => {
                if on.containers.remove(&id).is_some() {
                    self.clear(engine, std::iter::once(id), revision);
                }
            }
            Observation::EngineDown => {
                let containers = std::mem::take(&mut on.containers);
                self.clear(engine, containers.into_keys(), revision);
            }
            Observation::Engine(status) => on.status(&status),
            Observation::Measured(..) | Observation::Unmeasured(..) => {}
        }
    }

    /// Something happened to an engine.
    pub fn happened(&mut self, engine: u32, news: EngineNews, now: Now) {
        self.turn();
        if let Some(engine) = self.engines.get_mut(&engine) {
            engine.happened(news, now);
        }
    }

    /// The numbers of a container could not be had.
    pub fn failed(&mut self, engine: u32, id: &ContainerId, why: Text) {
        let revision = self.turn();
        if let Some(container) = self.engines.get_mut(&engine).and_then(|e| e.containers.get_mut(id)) {
            container.failing = Some(why);
            container.revision = revision;
        }
    }

    /// What is published of an engine has changed: `live` series are in all.
    pub fn published(&mut self, engine: u32, changes: &[Change], live: usize) {
        let revision = self.turn();
        let Some(engine) = self.engines.get_mut(&engine) else { return };
        engine.row.series = small(live);
        for change in changes {
            if let Owner::Container(id) = &change.owner
                && let Some(container) = engine.containers.get_mut(id)
            {
                container.series = change.standing.as_ref().map_or(0, |standing| small(standing.live()));
                container.revision = revision;
            }
        }
    }

    /// Series ended together.
    pub fn retracted(&mut self, engine: Text, resource: &Resource, series: u32, reason: Reason, at: UnixNanos) {
        let number = self.turn();
        let text = |key| resource.text(key).cloned();
        let container = text("container.id").map(|id| Whom { name: text("container.name").unwrap_or_default(), id });
        let (at, reason) = (at.millis(), reason.as_str().into());
        self.retractions.push(number, Retraction { number, at, engine, container, series, reason });
    }

    /// A line of the log.
    pub fn note(&mut self, note: Note) {
        let number = self.turn();
        self.notes.push(number, Note { number, ..note });
    }

    /// A request went well, or did not.
    pub fn exported(&mut self, change: impl FnOnce(&mut Export)) {
        change(&mut self.export);
        self.turn();
    }

    /// So much waits to be delivered.
    pub fn set_outbox(&mut self, outbox: Outbox) {
        if self.outbox != outbox {
            self.outbox = outbox;
            self.turn();
        }
    }

    /// What has changed since a revision; everything if that was 0, if it is of another agent, or too long ago.
    pub fn since(&self, revision: u64, totals: Totals, at: UnixNanos) -> Delta {
        let whole = revision == 0 || revision > self.revision || !self.gone.reaches(revision);
        let revision = if whole { 0 } else { revision };
        let changed = |engine: &Engine| {
            let id = engine.row.id;
            let rows = engine.containers.values().filter(|container| container.revision > revision);
            rows.map(|container| container.row(id)).collect::<Vec<_>>()
        };
        Delta {
            revision: self.revision,
            whole,
            at: at.millis(),
            agent: self.agent.clone(),
            totals,
            engines: self.engines.values().map(Engine::row).collect(),
            containers: self.engines.values().flat_map(changed).collect(),
            gone: if whole { Vec::new() } else { self.gone.since(revision) },
            retractions: self.retractions.since(revision),
            notes: self.notes.since(revision),
            export: self.export.clone(),
            outbox: self.outbox.clone(),
        }
    }

    /// Containers by the name or the beginning of the id, each with the number of its engine.
    pub fn find(&self, text: &str) -> Vec<(u32, ContainerId)> {
        let all =
            || self.engines.iter().flat_map(|(n, engine)| engine.containers.iter().map(move |(id, c)| (*n, id, c)));
        let exact = |(_, id, c): &(u32, &ContainerId, &Container)| {
            id.as_str() == text || &*c.facts.listed.display_name() == text
        };
        let own = |(n, id, _): (u32, &ContainerId, &Container)| (n, id.clone());
        let found: Vec<_> = all().filter(exact).map(own).collect();
        if !found.is_empty() || text.is_empty() {
            return found;
        }
        all().filter(|(_, id, _)| id.as_str().starts_with(text)).map(own).collect()
    }

    /// The last sample of a container, while its numbers can be vouched for.
    pub fn sample(&self, engine: u32, id: &ContainerId) -> Option<(Arc<Facts>, Box<Usage>)> {
        let container = self.engines.get(&engine)?.containers.get(id)?;
        Some((container.facts.clone(), container.usage.clone()?))
    }

    /// A container as it is shown.
    pub fn container_row(&self, engine: u32, id: &ContainerId) -> Option<ContainerRow> {
        self.engines.get(&engine)?.containers.get(id).map(|container| container.row(engine))
    }

    /// An engine as it is shown.
    pub fn engine_row(&self, engine: u32) -> Option<EngineRow> {
        self.engines.get(&engine).map(Engine::row)
    }

    /// The engines' numbers with their names.
    pub fn engine_names(&self) -> Vec<(u32, Text)> {
        self.engines.iter().map(|(id, engine)| (*id, engine.row.name.clone())).collect()
    }
}

impl Engine {
    fn row(&self) -> EngineRow {
        EngineRow { watched: small(self.containers.len()), ..self.row.clone() }
    }

    fn state(&mut self, facts: Arc<Facts>, revision: u64) {
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

    fn vouched(&mut self, facts: Arc<Facts>, usage: Box<Usage>, cpu: Option<f64>, at: UnixNanos, revision: u64) {
        self.state(facts.clone(), revision);
        if let Some(container) = self.containers.get_mut(&facts.listed.id) {
            container.last = Some(Last::of(&facts, &usage, cpu, container.last.as_ref(), at));
            container.usage = Some(usage);
            container.failing = None;
            container.revision = revision;
        }
    }

    fn unvouched(&mut self, id: &ContainerId, revision: u64) {
        if let Some(container) = self.containers.get_mut(id) {
            (container.usage, container.last, container.revision) = (None, None, revision);
        }
    }

    fn status(&mut self, status: &EngineStatus) {
        self.row.up = Some(status.up);
        self.row.last_success = status.last_success.is_known().then(|| status.last_success.millis());
        let counts = status.containers.iter().flatten();
        self.row.states = State::KNOWN.iter().zip(counts).map(|(state, n)| (state.as_str().into(), *n)).collect();
    }

    fn happened(&mut self, news: EngineNews, now: Now) {
        let row = &mut self.row;
        match news {
            EngineNews::Connected(name, info) => {
                row.name = name;
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
    fn row(&self, engine: u32) -> ContainerRow {
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

fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl Export {
    /// A request was delivered, as a whole or but for some points.
    pub fn delivered(&mut self, partial: Option<Text>) {
        self.last = if partial.is_some() { Delivery::Partial } else { Delivery::Delivered };
        self.error = partial;
        (self.failing_since, self.retry_at, self.attempts) = (None, None, 0);
    }

    /// A request failed at a time, and is sent again then, or never.
    pub fn failed(&mut self, why: Text, at: u64, retry: Option<(u32, u64)>) {
        self.last = if retry.is_some() { Delivery::Retrying } else { Delivery::Dropped };
        self.error = Some(why);
        self.failing_since.get_or_insert(at);
        self.attempts = retry.map_or(0, |(attempts, _)| attempts);
        self.retry_at = retry.map(|(_, at)| at);
    }
}
