//! What is known of the engines and containers: the deltas so far, put together. Pure.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::history::{History, depth};
use crate::model::Text;
use crate::model::time::Monotonic;
use crate::status::{
    Agent, ContainerRow, Delivery, Delta, EngineRow, Export, NOTES, Note, Outbox, RETRACTIONS, Retraction, Totals,
};

/// A container, by its engine's number and its id.
pub type Key = (u32, Text);

/// One container, and what it did lately.
#[derive(Debug, Clone)]
pub struct Container {
    /// As it was told last.
    pub row: ContainerRow,
    /// What it did lately.
    pub history: History,
}

/// All that is known.
#[derive(Debug, Clone, Default)]
pub struct Scene {
    /// The last delta's.
    pub revision: u64,
    /// When the last delta was made, in unix milliseconds, by the clock of who made it.
    pub at: u64,
    /// When it came, by our own.
    pub came: Monotonic,
    /// Who tells.
    pub agent: Agent,
    /// What was counted.
    pub totals: Totals,
    /// The engines by their numbers.
    pub engines: BTreeMap<u32, EngineRow>,
    /// The containers.
    pub containers: HashMap<Key, Container>,
    /// The last retractions, oldest first.
    pub retractions: VecDeque<Retraction>,
    /// The last notes, oldest first.
    pub notes: VecDeque<Note>,
    /// How delivering goes.
    pub export: Export,
    /// What waits.
    pub outbox: Outbox,
}

/// What a set of containers is doing, in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub containers: usize,
    /// Those that run.
    pub running: usize,
    /// Those whose check fails.
    pub unhealthy: usize,
    /// Those that run and whose numbers cannot be had.
    pub failing: usize,
}

impl Container {
    /// One of which nothing was known before.
    pub fn new(row: ContainerRow) -> Self {
        let mut container = Self { row, history: History::default() };
        container.history.push(container.row.numbers.as_ref(), 1);
        container
    }

    /// Whether it runs, or is paused.
    pub fn runs(&self) -> bool {
        matches!(&*self.row.state, "running" | "paused")
    }
}

impl Scene {
    /// A delta came at a time.
    pub fn apply(&mut self, delta: Delta, came: Monotonic) {
        let Delta {
            revision,
            whole,
            at,
            agent,
            totals,
            engines,
            containers,
            gone,
            retractions,
            notes,
            export,
            outbox,
            ..
        } = delta;
        let before = if whole { self.forget(&agent) } else { HashMap::new() };
        (self.revision, self.at, self.came) = (revision, at, came);
        (self.agent, self.totals, self.export, self.outbox) = (agent, totals, export, outbox);
        self.engines.clear();
        self.engines.extend(engines.into_iter().map(|engine| (engine.id, engine)));
        // Gone first: one that is gone and new in one delta is there again.
        for gone in gone {
            self.containers.remove(&(gone.engine, gone.id));
        }
        let depth = depth(self.containers.len().max(containers.len()));
        for row in containers {
            self.container(row, &before, depth);
        }
        keep_last(&mut self.retractions, retractions, RETRACTIONS);
        keep_last(&mut self.notes, notes, NOTES);
    }

    /// Everything is told anew. What is kept: histories, and what another agent retracted, for it will not say so again.
    fn forget(&mut self, agent: &Agent) -> HashMap<(Text, Text), History> {
        let same = (agent.pid, agent.started) == (self.agent.pid, self.agent.started);
        if same {
            self.retractions.clear();
            self.notes.clear();
        }
        let containers = std::mem::take(&mut self.containers);
        let engines = &self.engines;
        let named = |((engine, id), container): (Key, Container)| {
            Some(((engines.get(&engine)?.endpoint.clone(), id), container.history))
        };
        containers.into_iter().filter_map(named).collect()
    }

    fn container(&mut self, row: ContainerRow, before: &HashMap<(Text, Text), History>, depth: usize) {
        let key = (row.engine, row.id.clone());
        if let Some(known) = self.containers.get_mut(&key) {
            known.history.push(row.numbers.as_ref(), depth);
            known.row = row;
            return;
        }
        let mut container = Container::new(row);
        let engine = self.engines.get(&key.0).map(|engine| engine.endpoint.clone());
        if let Some(history) = engine.and_then(|endpoint| before.get(&(endpoint, key.1.clone()))) {
            container.history = history.clone();
            container.history.push(container.row.numbers.as_ref(), depth);
        }
        self.containers.insert(key, container);
    }

    /// All of it as one whole delta, containers by engine and name.
    pub fn whole(&self) -> Delta {
        let mut containers: Vec<_> = self.containers.values().map(|container| container.row.clone()).collect();
        containers.sort_by(|a, b| (a.engine, &a.name, &a.id).cmp(&(b.engine, &b.name, &b.id)));
        Delta {
            revision: self.revision,
            whole: true,
            at: self.at,
            agent: self.agent.clone(),
            totals: self.totals.clone(),
            engines: self.engines.values().cloned().collect(),
            containers,
            gone: Vec::new(),
            retractions: self.retractions.iter().cloned().collect(),
            notes: self.notes.iter().cloned().collect(),
            export: self.export.clone(),
            outbox: self.outbox.clone(),
            ..Delta::default()
        }
    }

    /// The time now, by the clock of who tells.
    pub fn now(&self, now: Monotonic) -> u64 {
        let passed = now.since(self.came).as_millis();
        self.at.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX))
    }

    /// What they are doing, in numbers.
    pub fn counts(&self) -> Counts {
        let mut counts = Counts { containers: self.containers.len(), ..Counts::default() };
        for container in self.containers.values() {
            counts.running += usize::from(container.runs());
            counts.unhealthy += usize::from(container.row.health.as_deref() == Some("unhealthy"));
            counts.failing += usize::from(container.row.failing.is_some());
        }
        counts
    }

    /// Series that were retracted.
    pub fn retracted(&self) -> u64 {
        self.totals.retracted.values().sum()
    }

    /// Whether anything was ever sent, or tried to be.
    pub fn exports(&self) -> bool {
        self.export.last != Delivery::None
    }
}

fn keep_last<T>(kept: &mut VecDeque<T>, more: Vec<T>, most: usize) {
    kept.extend(more);
    let over = kept.len().saturating_sub(most);
    kept.drain(..over);
}
