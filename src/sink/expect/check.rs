//! Checks expectations as changes come in. Pure.

use hashbrown::HashMap;

use super::{Expectation, Want, matching};
use crate::model::counted;
use crate::sink::belief::{Belief, Change, Entry, What};
use crate::sink::identity::{Attributes, SeriesId, display_name};

/// The numbers of so many series are counted for an expectation; those of further ones are not.
const COUNTED: usize = 1_000_000;

/// How the check stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Not all are met; more has to come.
    Pending,
    /// All are met.
    Met,
    /// Something came that must not.
    Failed,
}

/// What became of one expectation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Whether it is met.
    pub met: bool,
    /// The expectation in words. Not escaped.
    pub expectation: String,
    /// If it is not met: what came nearest, or what came against it. Not escaped.
    pub nearest: Option<String>,
}

/// The expectations and how far each has come.
#[derive(Debug)]
pub struct Check {
    items: Vec<Item>,
}

#[derive(Debug)]
struct Item {
    expectation: Expectation,
    progress: Progress,
}

#[derive(Debug)]
enum Progress {
    /// Admitted numbers so far, per series.
    Points(HashMap<(Attributes, SeriesId), u64>),
    /// Enough of them.
    Enough,
    /// Series that are live now, and whether one was retracted as wanted.
    Retracted { live: usize, seen: bool },
    /// What came although it must not.
    Absent(Option<String>),
}

impl Item {
    fn new(expectation: Expectation) -> Self {
        let progress = match expectation.want {
            Want::Points(_) => Progress::Points(HashMap::new()),
            Want::Retracted(_) => Progress::Retracted { live: 0, seen: false },
            Want::Absent => Progress::Absent(None),
        };
        Self { expectation, progress }
    }

    fn is_met(&self) -> bool {
        match self.progress {
            Progress::Points(_) => false,
            Progress::Enough => true,
            Progress::Retracted { live, seen } => live == 0 && seen,
            Progress::Absent(ref came) => came.is_none(),
        }
    }

    fn observe(&mut self, change: &Change, belief: &Belief) {
        if !self.expectation.concerns(&change.resource, &change.id) {
            return;
        }
        let admitted = self.expectation.admits(change.value);
        match (&mut self.progress, self.expectation.want) {
            (Progress::Points(counts), Want::Points(wanted)) => {
                if !admitted || change.what == What::Retracted {
                    return;
                }
                let key = (change.resource.clone(), change.id.clone());
                if counts.len() >= COUNTED && !counts.contains_key(&key) {
                    return;
                }
                let count = counts.entry(key).or_insert(0);
                *count += 1;
                if *count >= wanted {
                    self.progress = Progress::Enough;
                }
            }
            (Progress::Retracted { live, seen }, Want::Retracted(wanted)) => match change.what {
                What::Published => *live += 1,
                What::Updated => {}
                What::Retracted => {
                    *live = live.saturating_sub(1);
                    let points = belief.get(&change.resource, &change.id).map_or(0, |s| s.points);
                    *seen |= admitted && points >= wanted;
                }
            },
            (Progress::Absent(came @ None), _) if admitted || self.expectation.value.is_none() => {
                *came = Some(format!("{} came with {}", named(&change.resource, &change.id), change.value));
            }
            _ => {}
        }
    }
}

impl Check {
    /// Nothing has come yet.
    pub fn new(expectations: Vec<Expectation>) -> Self {
        Self { items: expectations.into_iter().map(Item::new).collect() }
    }

    /// Takes in the changes of one request, which `belief` has applied already.
    pub fn observe(&mut self, changes: &[Change], belief: &Belief) -> Verdict {
        for item in &mut self.items {
            for change in changes {
                item.observe(change, belief);
            }
        }
        self.verdict()
    }

    /// How it stands while more may come. If nothing has to come, that is: pending until the end.
    pub fn verdict(&self) -> Verdict {
        let (absent, wanted): (Vec<_>, Vec<_>) =
            self.items.iter().partition(|item| item.expectation.want == Want::Absent);
        if !absent.iter().all(|item| item.is_met()) {
            Verdict::Failed
        } else if !wanted.is_empty() && wanted.iter().all(|item| item.is_met()) {
            Verdict::Met
        } else {
            Verdict::Pending
        }
    }

    /// How it stands when nothing more will come.
    pub fn is_met(&self) -> bool {
        self.items.iter().all(Item::is_met)
    }

    /// What became of each, in the order of the file.
    pub fn findings(&self, belief: &Belief) -> Vec<Finding> {
        self.items
            .iter()
            .map(|item| {
                let met = item.is_met();
                let expectation = item.expectation.to_string();
                let nearest = (!met).then(|| match &item.progress {
                    Progress::Absent(Some(came)) => came.clone(),
                    _ => nearest(&item.expectation, belief),
                });
                Finding { met, expectation, nearest }
            })
            .collect()
    }
}

/// How near a series comes: by the metric's name, then the resource, then the attributes.
type Nearness = (bool, usize, usize, u32);

fn nearest(wanted: &Expectation, belief: &Belief) -> String {
    let nearest = belief.series().max_by_key(|entry| {
        let of_name = wanted.metric.matches(&entry.id.metric.name);
        // In thousandths: a key has to be ordered.
        let likeness = (strsim::jaro_winkler(wanted.metric.as_str(), &entry.id.metric.name) * 1000.0) as u32;
        let attributes = matching(&wanted.attributes, &entry.id.attributes);
        let nearness: Nearness = (of_name, matching(&wanted.resource, entry.resource), attributes, likeness);
        // Of equals the first by name, so that the answer does not hang on the order of a map.
        (nearness, std::cmp::Reverse(named(entry.resource, entry.id)))
    });
    match nearest {
        None => "nothing has come".to_owned(),
        Some(entry) => format!("{}: {}", named(entry.resource, entry.id), shortfall(wanted, entry)),
    }
}

/// What such a series lacks.
fn shortfall(wanted: &Expectation, entry: Entry<'_>) -> String {
    let mut lacks = Vec::new();
    if !wanted.metric.matches(&entry.id.metric.name) {
        lacks.push("another metric".to_owned());
    }
    lacks.extend(differences(&wanted.attributes, &entry.id.attributes));
    lacks.extend(differences(&wanted.resource, entry.resource));
    if !lacks.is_empty() {
        return lacks.join(", ");
    }
    let points = counted(entry.series.points, "point", "points");
    let state = if entry.series.live { "live" } else { "retracted" };
    format!("{state}, {points}, last value {}", entry.series.value)
}

fn differences(wanted: &[(String, super::Pattern)], found: &Attributes) -> Vec<String> {
    let differing =
        wanted.iter().filter(|(key, pattern)| !found.get(key).is_some_and(|v| pattern.matches_attribute(v)));
    differing
        .map(|(key, _)| match found.get(key) {
            Some(value) => format!("{key} is {value}"),
            None => format!("no {key}"),
        })
        .collect()
}

fn named(resource: &Attributes, id: &SeriesId) -> String {
    match display_name(resource) {
        Some(name) => format!("{id} of {name}"),
        None => id.to_string(),
    }
}

#[cfg(test)]
mod tests;
