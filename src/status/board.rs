//! The board itself. Pure.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::engine::{Container, Engine, EngineNews, small};
use super::record::{GONE, NOTES, RETRACTIONS, Recent};
use super::rows::{
    Agent, ContainerRow, Delivery, Delta, EngineRow, Export, Gone, Note, Outbox, Retraction, Totals, Whom,
};
use crate::model::Text;
use crate::model::batch::Reason;
use crate::model::container::ContainerId;
use crate::model::observation::{Facts, Observation, Usage};
use crate::model::published::{Change, Owner};
use crate::model::series::Resource;
use crate::model::time::{Now, UnixNanos};

/// What is going on now.
#[derive(Debug)]
pub struct Board {
    /// The revision that this agent began at.
    first: u64,
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

impl Board {
    /// An empty one of an agent that begins at `now`.
    pub fn new(agent: Agent, now: UnixNanos) -> Self {
        let first = first_revision(now);
        Self {
            first,
            revision: first,
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

    /// An engine is called so from now on: other settings may have renamed it.
    pub fn called(&mut self, engine: u32, name: &Text) {
        if let Some(engine) = self.engines.get_mut(&engine).filter(|engine| engine.row.name != *name) {
            engine.row.name = name.clone();
            self.turn();
        }
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
        let known = self.first..=self.revision;
        let whole = revision == 0 || !known.contains(&revision) || !self.gone.reaches(revision);
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
            engines: self.engine_rows(),
            containers: self.engines.values().flat_map(changed).collect(),
            gone: if whole { Vec::new() } else { self.gone.since(revision) },
            retractions: self.retractions.since(revision),
            missed_retractions: !self.retractions.reaches(revision),
            notes: self.notes.since(revision),
            missed_notes: !self.notes.reaches(revision),
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

    /// The engines.
    pub fn engine_rows(&self) -> Vec<EngineRow> {
        self.engines.values().map(Engine::row).collect()
    }
}

/// Above all revisions of an agent that began earlier, unless that changed more than 1024 times a millisecond; below 2⁵³ until
/// the year 2248, so that a number of JavaScript holds it.
fn first_revision(began: UnixNanos) -> u64 {
    began.millis().saturating_mul(1024).max(1)
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
