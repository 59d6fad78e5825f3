//! The ledger: what a collector has been told, series by series, and so what it has to be told next.
//!
//! Whoever publishes says what a container's series *are*; the ledger finds out which of them are new, which go on and
//! which have ended, and writes points and retractions into the open batch. It is the only one that does. Rules
//! (contract §2): a live series is never retracted, one that was never published is never retracted, one retraction a
//! life, with the exact identity of the last point, and time stamps of a series rise by 1 ms or more whatever the
//! wall clock does.

mod life;
mod owed;
#[cfg(test)]
mod resumed;
mod retired;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use hashbrown::HashMap;

use crate::model::batch::{Batch, Group, Mark, Point, Reason, SeriesPoint};
use crate::model::container::ContainerId;
use crate::model::published::{Change, Standing};
pub use crate::model::published::{Facet, Owner};
use crate::model::series::{Metric, Resource};
use crate::model::time::UnixNanos;
use life::Life;
use owed::Owed;
pub use owed::TRIES;
use retired::Retired;

/// The least distance of two points of one series: Prometheus counts in milliseconds.
pub const STEP: Duration = Duration::from_millis(1);

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
    /// Owners whose live series changed, or the start times of these; each once.
    pub changes: Vec<Change>,
    /// No point of this ledger bears a later time stamp.
    pub latest: UnixNanos,
}

/// What is published, exactly.
#[derive(Debug, Default)]
pub struct Ledger {
    lives: HashMap<Owner, Life>,
    /// Time stamps of owners that were forgotten lie at or below this one.
    floor: UnixNanos,
    open: Commit,
    open_points: usize,
    open_is_urgent: bool,
    /// The latest time stamp that was given.
    latest: UnixNanos,
    live: usize,
    /// Metrics that a first sample does not tell.
    late: Vec<&'static Metric>,
    /// Whether a life has changed since the last commit.
    changed: bool,
    /// Owners that were forgotten since then, and of which something may have been told.
    forgotten: Vec<Owner>,
    owed: Owed,
    retired: Retired,
}

impl Ledger {
    /// Goes on where an agent before this one has ended: `owners` have these live series, and no point bears a later time
    /// stamp than `latest`. Nothing is said of them until somebody publishes or ends them.
    ///
    /// Series of `late` metrics are not ended by the first two publishings of their owner's usage, but by the third: they
    /// need two samples, so the first of this agent cannot have them, and a stream may give its first one twice.
    pub fn restore(owners: Vec<(Owner, Standing)>, latest: UnixNanos, late: Vec<&'static Metric>) -> Self {
        let lives = owners.into_iter().filter(|(_, standing)| standing.live() > 0);
        let lives: HashMap<_, _> = lives.map(|(owner, standing)| (owner, Life::resume(standing, latest))).collect();
        let live = lives.values().map(Life::live).sum();
        Self { lives, live, late, floor: latest, latest, ..Self::default() }
    }

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
        if let Some(old) = self.lives.get(&owner).filter(|life| !life.is_of(resource)).map(Life::resource) {
            self.end(&owner, &Facet::ALL, Reason::IdentityChanged, now);
            self.retired.add(old.fingerprint());
        }
        let floor = self.floor;
        let life = self.lives.entry(owner).or_insert_with(|| Life::new(resource.clone(), floor));
        life.adopt(resource);
        let before = life.live();
        let (group, ended) = life.publish(facet, points, &self.late, now);
        self.live = self.live + life.live() - before;
        self.changed |= life.has_changed();
        self.write(group, ended, facet.ending());
    }

    /// Ends the owner's series of these facets.
    fn end(&mut self, owner: &Owner, facets: &[Facet], reason: Reason, now: UnixNanos) {
        let Some(life) = self.lives.get_mut(owner) else { return };
        let (group, ended) = life.end(facets, reason, now);
        self.live -= ended as usize;
        self.changed |= ended > 0;
        self.write(group, ended, reason);
    }

    /// Ends the series that `which` names by owner, facet and metric.
    pub fn end_series(
        &mut self,
        which: impl Fn(&Owner, Facet, &'static Metric) -> bool,
        reason: Reason,
        now: UnixNanos,
    ) {
        for owner in self.owners(&|_| true) {
            let Some(life) = self.lives.get_mut(&owner) else { continue };
            let (group, ended) = life.end_series(|facet, metric| which(&owner, facet, metric), reason, now);
            self.live -= ended as usize;
            self.changed |= ended > 0;
            self.write(group, ended, reason);
        }
    }

    /// Ends what the owner uses, the disk included; its state series stay.
    pub fn end_usage(&mut self, owner: &Owner, reason: Reason, now: UnixNanos) {
        self.end(owner, &[Facet::Usage, Facet::Filesystem], reason, now);
    }

    /// Ends what the owner takes of the disk, and nothing else.
    pub fn end_filesystem(&mut self, owner: &Owner, reason: Reason, now: UnixNanos) {
        self.end(owner, &[Facet::Filesystem], reason, now);
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
            self.retired.add(life.resource().fingerprint());
            if life.has_changed() {
                self.forgotten.push(owner.clone());
            }
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
        for owner in self.owners(&which) {
            self.end_owner(&owner, reason, now);
        }
    }

    fn owners(&self, which: &dyn Fn(&Owner) -> bool) -> Vec<Owner> {
        let mut owners: Vec<Owner> = self.lives.keys().filter(|o| which(o)).cloned().collect();
        owners.sort_by(|a, b| order(a).cmp(&order(b)));
        owners
    }

    /// Retractions that the collector refused for good are owed again, with the next commit and as new points, unless
    /// the series lives again or was refused too often. Those of other ledgers are passed over. Whether one is owed that
    /// was not refused before.
    pub fn owe_again(&mut self, refused: &[(Arc<Resource>, Point)]) -> bool {
        let mut is_first = false;
        let mut last: Option<(&Arc<Resource>, bool)> = None;
        for (resource, point) in refused.iter().filter(|(_, point)| point.mark.is_retraction()) {
            let known = last.filter(|(of, _)| Arc::ptr_eq(of, resource)).map(|(_, known)| known);
            let known = known.unwrap_or_else(|| self.knows(resource));
            last = Some((resource, known));
            is_first |= known && self.owed.add(resource, point) == Some(1);
        }
        is_first
    }

    fn knows(&self, resource: &Arc<Resource>) -> bool {
        self.retired.has(resource.fingerprint()) || self.lives.values().any(|life| life.is_of(resource))
    }

    fn pay(&mut self, now: UnixNanos) {
        let lives = &self.lives;
        let owed =
            self.owed.take(&self.open.batch, |resource, point| lives.values().any(|life| life.has(resource, point)));
        if owed.is_empty() {
            return;
        }
        // Above every time stamp that any of these series may have had.
        let time = now.max(self.latest().after(STEP));
        (self.floor, self.latest) = (time, time);
        self.lives.values_mut().for_each(|life| life.raise(time));
        self.open.batch.groups.extend(owed::groups(owed, |_| time));
    }

    fn write(&mut self, group: Group, ended: u32, reason: Reason) {
        if ended > 0 {
            self.open.ended.push(Ended { resource: group.resource.clone(), series: ended, reason });
        }
        if !group.points.is_empty() {
            self.open_points += group.points.len();
            self.open_is_urgent |= group.points.iter().any(|point| !matches!(point.mark, Mark::Next(_)));
            self.latest = self.latest.max(group.time);
            self.open.batch.groups.push(group);
        }
    }

    /// Whether something waits to be committed.
    pub fn is_dirty(&self) -> bool {
        !self.open.batch.is_empty()
    }

    /// How many points wait to be committed.
    pub fn waiting(&self) -> usize {
        self.open_points
    }

    /// Whether it begins or ends a series, of which the collector has to know soon.
    pub fn is_urgent(&self) -> bool {
        self.open_is_urgent
    }

    /// Takes what was decided since the last commit.
    pub fn commit(&mut self, now: UnixNanos) -> Commit {
        self.pay(now);
        (self.open_points, self.open_is_urgent) = (0, false);
        let mut commit = std::mem::take(&mut self.open);
        (commit.changes, commit.latest) = (self.changes(), self.latest());
        commit
    }

    /// With the next commit everything that is live is told as changed: it is kept under another engine's name from then on.
    pub fn tell_all(&mut self) {
        self.changed = true;
        self.lives.values_mut().for_each(Life::tell);
    }

    /// What has changed since this was asked last.
    fn changes(&mut self) -> Vec<Change> {
        let mut changes = Vec::new();
        if std::mem::take(&mut self.changed) {
            for (owner, life) in self.lives.iter_mut().filter(|(_, life)| life.has_changed()) {
                life.told();
                changes.push(Change { owner: owner.clone(), standing: life.standing() });
            }
        }
        changes.extend(self.forgotten.drain(..).map(|owner| Change { owner, standing: None }));
        // One that was forgotten and is back has what is live of it first.
        changes.sort_by(|a, b| order(&a.owner).cmp(&order(&b.owner)));
        changes.dedup_by(|a, b| a.owner == b.owner);
        changes
    }

    /// How many series are live.
    pub fn live(&self) -> usize {
        self.live
    }

    /// No point bears a later time stamp.
    pub fn latest(&self) -> UnixNanos {
        self.latest.max(self.floor)
    }

    /// Time stamps of owners that are not known yet lie above `floor`.
    pub fn raise(&mut self, floor: UnixNanos) {
        self.floor = self.floor.max(floor);
    }
}

/// Containers in the order of their ids and the engine last, so that what is sent does not depend on hashing.
fn order(owner: &Owner) -> (bool, Option<&ContainerId>) {
    match owner {
        Owner::Engine => (true, None),
        Owner::Container(id) => (false, Some(id)),
    }
}
