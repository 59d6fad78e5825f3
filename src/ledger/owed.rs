//! Retractions that the collector refused for good and that are still owed to it.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use super::life::Life;
use super::{Commit, Ledger, STEP};
use crate::model::batch::{Batch, Group, Point};
use crate::model::series::{Attributes, Fingerprint, Metric, Resource};
use crate::model::time::UnixNanos;

/// A retraction is sent anew so often; a collector that refuses it each time will not be told.
pub const TRIES: u8 = 5;
/// After so many commits without a refusal the count begins anew: series of long-lived identities end many times.
const FORGIVEN_AFTER: u64 = 64;
/// The most retractions that are owed at once.
const MOST: usize = 100_000;

type Key<'a> = (Fingerprint, &'a Metric, &'a Attributes);

/// What is owed, each series once.
#[derive(Debug, Default)]
pub(super) struct Owed {
    due: Vec<Due>,
    /// Which series are due.
    waiting: HashSet<u64>,
    /// By series: how often its end was refused, and after which commit the last time.
    tries: HashMap<u64, (u8, u64)>,
    commits: u64,
    hasher: hashbrown::DefaultHashBuilder,
}

/// A retraction that is to be sent anew.
#[derive(Debug)]
pub(super) struct Due {
    resource: Arc<Resource>,
    point: Point,
    /// How often it was refused.
    tries: u8,
}

impl Owed {
    /// A retraction was refused. How often it was by now, if it is owed.
    pub(super) fn add(&mut self, resource: &Arc<Resource>, point: &Point) -> Option<u8> {
        let key: Key<'_> = (resource.fingerprint(), point.metric, &point.attributes);
        let key = std::hash::BuildHasher::hash_one(&self.hasher, key);
        // Two ends of it may have been on their way together: they count once.
        if self.waiting.contains(&key) {
            return None;
        }
        if self.tries.len() >= MOST {
            self.tries.clear();
        }
        let (tries, at) = self.tries.entry(key).or_insert((0, self.commits));
        if self.commits - *at > FORGIVEN_AFTER {
            *tries = 0;
        }
        (*tries, *at) = (tries.saturating_add(1), self.commits);
        if *tries > TRIES || self.due.len() >= MOST {
            return None;
        }
        self.due.push(Due { resource: resource.clone(), point: point.clone(), tries: *tries });
        self.waiting.insert(key);
        Some(*tries)
    }

    /// What is due with a commit; without what lives again and what `open` ends anyway.
    pub(super) fn take(&mut self, open: &Batch, lives: impl Fn(&Arc<Resource>, &Point) -> bool) -> Vec<Due> {
        self.commits += 1;
        let mut due = self.take_all();
        if !due.is_empty() {
            let ends = ends(open);
            let ended = |Due { resource, point, .. }: &Due| {
                ends.contains(&(&**resource, point.metric.name, &point.attributes)) || lives(resource, point)
            };
            due.retain(|due| !ended(due));
        }
        due
    }

    fn take_all(&mut self) -> Vec<Due> {
        self.waiting.clear();
        std::mem::take(&mut self.due)
    }
}

impl Ledger {
    /// Under which identities it has published what is over: somebody may still have to deliver something of them. Where
    /// something is live, nobody but this ledger knows what must not end.
    pub fn identities(&self) -> Vec<Fingerprint> {
        let (live, over): (Vec<&Life>, Vec<&Life>) = self.lives.values().partition(|life| life.live() > 0);
        let identity = |life: &Life| life.resource().fingerprint();
        let live: HashSet<Fingerprint> = live.into_iter().map(identity).collect();
        self.retired.iter().chain(over.into_iter().map(identity)).filter(|identity| !live.contains(identity)).collect()
    }

    /// Owes from now on what another ledger, which is no more, would owe. No point of that has a later time stamp than
    /// `latest`.
    pub fn inherit(&mut self, identities: Vec<Fingerprint>, latest: UnixNanos) {
        identities.into_iter().for_each(|identity| self.retired.add(identity));
        self.raise(latest.max(self.latest));
        // A series of theirs may have had another life since it was refused here.
        self.owed.tries.clear();
    }

    /// What is owed of ledgers that it has inherited. It bears times right behind their last points, one step later with
    /// each try: whoever publishes the same identities has no point in this span.
    pub fn pay_inherited(&mut self) -> Commit {
        let groups = groups(self.owed.take_all(), |tries| self.floor.after(STEP * u32::from(tries)));
        self.latest = groups.iter().map(|group| group.time).fold(self.latest, UnixNanos::max);
        Commit { batch: Batch { groups }, latest: self.latest(), ..Commit::default() }
    }

    /// Another ledger publishes this: what begins in it is not owed an end any more, and whatever else is refused of
    /// these identities is that ledger's affair.
    pub fn yield_to(&mut self, batch: &Batch) {
        if !self.retired.is_empty() {
            let lives = |group: &&Group| group.points.iter().any(|point| !point.mark.is_retraction());
            self.retired.forget(batch.groups.iter().filter(lives).map(|group| group.resource.fingerprint()));
        }
        if self.owed.due.is_empty() {
            return;
        }
        let mut live: HashMap<&Resource, Vec<&Point>> = HashMap::new();
        for group in &batch.groups {
            let values = group.points.iter().filter(|point| !point.mark.is_retraction());
            live.entry(&group.resource).or_default().extend(values);
        }
        self.owed
            .due
            .retain(|due| !live.get(&*due.resource).is_some_and(|v| v.iter().any(|v| is_same_series(v, &due.point))));
    }
}

/// What is due, by identity, at the times that the tries give it.
pub(super) fn groups(due: Vec<Due>, time: impl Fn(u8) -> UnixNanos) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for Due { resource, point, tries } in due {
        let time = time(tries);
        match groups.last_mut().filter(|group| group.time == time && Arc::ptr_eq(&group.resource, &resource)) {
            Some(group) => group.points.push(point),
            None => groups.push(Group { resource, time, points: vec![point] }),
        }
    }
    groups
}

/// The series that end in a batch.
fn ends(batch: &Batch) -> HashSet<(&Resource, &'static str, &Attributes)> {
    let points = batch.groups.iter().flat_map(|group| group.points.iter().map(move |point| (&*group.resource, point)));
    let ends = points.filter(|(_, point)| point.mark.is_retraction());
    ends.map(|(resource, point)| (resource, point.metric.name, &point.attributes)).collect()
}

fn is_same_series(p: &Point, point: &Point) -> bool {
    p.metric.is(point.metric) && p.attributes == point.attributes
}
