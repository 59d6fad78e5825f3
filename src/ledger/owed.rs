//! Retractions that the collector refused for good and that are still owed to it.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use super::Ledger;
use crate::model::batch::{Batch, Point};
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
    due: Vec<(Arc<Resource>, Point)>,
    /// Which series are due.
    waiting: HashSet<u64>,
    /// By series: how often its end was refused, and after which commit the last time.
    tries: HashMap<u64, (u8, u64)>,
    commits: u64,
    hasher: hashbrown::DefaultHashBuilder,
}

impl Owed {
    /// A retraction was refused.
    pub(super) fn add(&mut self, resource: &Arc<Resource>, point: &Point) {
        let key: Key<'_> = (resource.fingerprint(), point.metric, &point.attributes);
        let key = std::hash::BuildHasher::hash_one(&self.hasher, key);
        // Two ends of it may have been on their way together: they count once.
        if self.waiting.contains(&key) {
            return;
        }
        if self.tries.len() >= MOST {
            self.tries.clear();
        }
        let (tries, at) = self.tries.entry(key).or_insert((0, self.commits));
        if self.commits - *at > FORGIVEN_AFTER {
            *tries = 0;
        }
        (*tries, *at) = (tries.saturating_add(1), self.commits);
        if *tries <= TRIES && self.due.len() < MOST {
            self.due.push((resource.clone(), point.clone()));
            self.waiting.insert(key);
        }
    }

    /// What is due, by identity; without what lives again and what `open` ends anyway.
    pub(super) fn take(
        &mut self,
        open: &Batch,
        lives: impl Fn(&Arc<Resource>, &Point) -> bool,
    ) -> Vec<(Arc<Resource>, Vec<Point>)> {
        self.commits += 1;
        let mut out: Vec<(Arc<Resource>, Vec<Point>)> = Vec::new();
        let ends = if self.due.is_empty() { HashSet::new() } else { ends(open) };
        self.waiting.clear();
        for (resource, point) in std::mem::take(&mut self.due) {
            let ended = ends.contains(&(&*resource, point.metric.name, &point.attributes));
            if ended || lives(&resource, &point) {
                continue;
            }
            match out.last_mut().filter(|(r, _)| Arc::ptr_eq(r, &resource)) {
                Some((_, points)) => points.push(point),
                None => out.push((resource, vec![point])),
            }
        }
        out
    }
}

impl Ledger {
    /// Under which identities it has published, as far as anybody still has to deliver something of them.
    pub fn identities(&self) -> Vec<Fingerprint> {
        self.retired.iter().chain(self.lives.values().map(|life| life.resource().fingerprint())).collect()
    }

    /// Owes from now on what another ledger, which is no more, would owe. No point of that has a later time stamp than
    /// `latest`.
    pub fn inherit(&mut self, identities: Vec<Fingerprint>, latest: UnixNanos) {
        identities.into_iter().for_each(|identity| self.retired.add(identity));
        self.raise(latest);
    }

    /// Another ledger publishes this: what begins in it is not owed an end any more, and whatever else is refused of
    /// these identities is that ledger's affair.
    pub fn yield_to(&mut self, batch: &Batch) {
        if self.retired.is_empty() && self.owed.due.is_empty() {
            return;
        }
        let mut live: HashMap<&Resource, Vec<&Point>> = HashMap::new();
        for group in &batch.groups {
            let values = group.points.iter().filter(|point| !point.mark.is_retraction());
            live.entry(&group.resource).or_default().extend(values);
        }
        live.retain(|_, values| !values.is_empty());
        live.keys().for_each(|resource| self.retired.forget(resource.fingerprint()));
        self.owed
            .due
            .retain(|(r, p)| !live.get(&**r).is_some_and(|values| values.iter().any(|v| is_same_series(v, p))));
    }
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
