//! The ledger: what a collector has been told, series by series, and so what it has to be told next.
//!
//! Whoever publishes says what a container's series *are*; the ledger finds out which of them are new, which go on and
//! which have ended, and writes points and retractions into the open batch. It is the only one that does. Rules
//! (contract §2): a live series is never retracted, one that was never published is never retracted, one retraction a
//! life, with the exact identity of the last point, and time stamps of a series rise by 1 ms or more whatever the
//! wall clock does.

mod life;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;

use crate::model::batch::{Batch, Group, Reason, SeriesPoint};
use crate::model::container::ContainerId;
use crate::model::series::Resource;
use crate::model::time::UnixNanos;
use life::Life;

/// The least distance of two points of one series: Prometheus counts in milliseconds.
const STEP: Duration = Duration::from_millis(1);

/// Whose series they are.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Owner {
    /// The engine's own.
    Engine,
    /// A container's.
    Container(ContainerId),
}

/// Series of one owner that come and go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Facet {
    /// What the list and inspect tell; stays after a stop.
    State,
    /// What a sample tells.
    Usage,
}

impl Facet {
    /// All of them.
    const ALL: [Self; 2] = [Self::State, Self::Usage];

    fn index(self) -> usize {
        match self {
            Self::State => 0,
            Self::Usage => 1,
        }
    }
}

/// Series that ended together, for logs and counters.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// Whose they were.
    pub resource: Arc<Resource>,
    /// How many.
    pub series: u32,
    /// Why.
    pub reason: Reason,
}

/// What has been decided since the last commit.
#[derive(Debug, Default)]
pub struct Commit {
    /// What the collector has to be told.
    pub batch: Batch,
    /// Which series ended in it.
    pub ended: Vec<Ended>,
}

/// What is published, exactly.
#[derive(Debug, Default)]
pub struct Ledger {
    lives: HashMap<Owner, Life>,
    /// Time stamps of owners that were forgotten lie at or below this one.
    floor: UnixNanos,
    open: Commit,
    live: usize,
}

impl Ledger {
    /// Says that `points` are the owner's series of this facet from now on: those not yet published begin, those
    /// published go on, those no longer among them end. Under another resource than before, everything of the owner
    /// ends first.
    pub fn publish(
        &mut self,
        owner: Owner,
        facet: Facet,
        resource: &Arc<Resource>,
        points: Vec<SeriesPoint>,
        now: UnixNanos,
    ) {
        if self.lives.get(&owner).is_some_and(|life| !life.is_of(resource)) {
            self.end(&owner, &Facet::ALL, Reason::IdentityChanged, now);
        }
        let floor = self.floor;
        let life = self.lives.entry(owner).or_insert_with(|| Life::new(resource.clone(), floor));
        life.adopt(resource);
        let before = life.live();
        let (group, ended) = life.publish(facet, points, now);
        self.live = self.live + life.live() - before;
        self.write(group, ended, Reason::SeriesEnded);
    }

    /// Ends the owner's series of these facets.
    fn end(&mut self, owner: &Owner, facets: &[Facet], reason: Reason, now: UnixNanos) {
        let Some(life) = self.lives.get_mut(owner) else { return };
        let (group, ended) = life.end(facets, reason, now);
        self.live -= ended as usize;
        self.write(group, ended, reason);
    }

    /// Ends what a sample told of the owner; its state series stay.
    pub fn end_usage(&mut self, owner: &Owner, reason: Reason, now: UnixNanos) {
        self.end(owner, &[Facet::Usage], reason, now);
    }

    /// Ends everything of the owner. It may come back: its time goes on rising.
    pub fn end_owner(&mut self, owner: &Owner, reason: Reason, now: UnixNanos) {
        self.end(owner, &Facet::ALL, reason, now);
    }

    /// Ends everything of the owner and forgets it.
    pub fn remove(&mut self, owner: &Owner, reason: Reason, now: UnixNanos) {
        self.end_owner(owner, reason, now);
        if let Some(life) = self.lives.remove(owner) {
            self.floor = self.floor.max(life.last());
        }
    }

    /// Ends everything of all containers; the engine's own series stay.
    pub fn end_containers(&mut self, reason: Reason, now: UnixNanos) {
        self.end_where(|owner| *owner != Owner::Engine, reason, now);
    }

    /// Ends everything.
    pub fn end_all(&mut self, reason: Reason, now: UnixNanos) {
        self.end_where(|_| true, reason, now);
    }

    fn end_where(&mut self, which: impl Fn(&Owner) -> bool, reason: Reason, now: UnixNanos) {
        let mut owners: Vec<Owner> = self.lives.keys().filter(|o| which(o)).cloned().collect();
        owners.sort_by(|a, b| order(a).cmp(&order(b)));
        for owner in owners {
            self.end_owner(&owner, reason, now);
        }
    }

    /// Retractions that the collector refused for good are owed again, as new points, unless the series lives again.
    pub fn owe_again(&mut self, groups: &[Group], now: UnixNanos) {
        let latest = self.lives.values().map(Life::last).max().unwrap_or_default().max(self.floor);
        let time = now.max(latest.after(STEP));
        for group in groups {
            let is_live = |p: &crate::model::batch::Point| self.lives.values().any(|l| l.has(&group.resource, p));
            let points: Vec<_> =
                group.points.iter().filter(|p| p.mark.is_retraction() && !is_live(p)).cloned().collect();
            if !points.is_empty() {
                self.open.batch.groups.push(Group { resource: group.resource.clone(), time, points });
                self.floor = self.floor.max(time);
            }
        }
        let floor = self.floor;
        self.lives.values_mut().for_each(|life| life.raise(floor));
    }

    fn write(&mut self, group: Group, ended: u32, reason: Reason) {
        if ended > 0 {
            self.open.ended.push(Ended { resource: group.resource.clone(), series: ended, reason });
        }
        if !group.points.is_empty() {
            self.open.batch.groups.push(group);
        }
    }

    /// Whether something waits to be committed.
    pub fn is_dirty(&self) -> bool {
        !self.open.batch.is_empty()
    }

    /// Takes what was decided since the last commit.
    pub fn commit(&mut self) -> Commit {
        std::mem::take(&mut self.open)
    }

    /// How many series are live.
    pub fn live(&self) -> usize {
        self.live
    }
}

/// Containers in the order of their ids and the engine last, so that what is sent does not depend on hashing.
fn order(owner: &Owner) -> (bool, Option<&ContainerId>) {
    match owner {
        Owner::Engine => (true, None),
        Owner::Container(id) => (false, Some(id)),
    }
}
