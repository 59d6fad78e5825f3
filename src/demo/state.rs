//! What the demo knows: the collector's belief by container, and the reasons that came beside it. Pure.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;

use super::Retraction;
use super::numbers::{Numbers, is_state_metric};
use crate::model::Text;
use crate::model::batch::Reason;
use crate::model::time::{Monotonic, Now};
use crate::sink::belief::{Belief, Change, Counts, What};
use crate::sink::identity::{Attributes, display_name};

/// A series that is no longer pushed stays in Prometheus for this long, its look-back.
pub const LOOK_BACK: Duration = Duration::from_secs(300);
/// The last retractions that are kept.
pub const LOGGED: usize = 32;
/// Containers that are kept; further ones are counted with the series and the points only.
const CONTAINERS: usize = 50_000;
/// Between two looks for containers to forget.
const SWEEP: Duration = Duration::from_secs(1);
/// A reason and the end it explains are no further apart than this.
const SAME_END: Duration = Duration::from_secs(5);

/// What the demo knows.
#[derive(Debug, Default)]
pub struct DemoState {
    belief: Belief,
    /// By their id.
    containers: HashMap<Text, Container>,
    /// Ids by name; may name some that have another name by now, until the next sweep.
    named: HashMap<Text, Vec<Text>>,
    swept: Monotonic,
    engines: BTreeMap<Text, bool>,
    log: VecDeque<Retraction>,
}

/// One container as the collector knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Container {
    /// The name that was published last.
    pub name: Text,
    /// Its live series.
    pub live: usize,
    /// Those of them that measure something: they end when it stops.
    pub measured: usize,
    /// When the last number came, of whatever series.
    pub last_number: Monotonic,
    /// When the last number came of what is measured.
    pub last_measured: Monotonic,
    /// Its end, or the last one if it is back: see [`Container::is_ended`].
    pub end: Option<End>,
    /// Whether it was measured before.
    pub was_measured: bool,
    /// Retractions since the last number of what is measured.
    leaving: usize,
    identities: Vec<Attributes>,
    last_reason: Option<(Reason, Monotonic)>,
}

/// The end of what was measured of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct End {
    /// When the collector was told.
    pub at: Monotonic,
    /// How many series were retracted then.
    pub series: usize,
    /// Why, once it is known.
    pub reason: Option<Reason>,
}

/// Something worth a line where there is no live view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A container is measured.
    Appeared {
        /// Its name.
        container: Text,
        /// Its live series.
        series: usize,
        /// Whether it was measured before.
        again: bool,
    },
    /// Series were retracted.
    Retracted(Retraction),
    /// An engine answers or does not.
    Engine {
        /// Its name.
        name: Text,
        /// Whether it answers.
        up: bool,
    },
}

impl Container {
    fn new(name: Text, now: Monotonic) -> Self {
        Self {
            name,
            live: 0,
            measured: 0,
            last_number: now,
            last_measured: now,
            end: None,
            was_measured: false,
            leaving: 0,
            identities: Vec::new(),
            last_reason: None,
        }
    }

    /// Whether it was measured and is not any more.
    pub fn is_ended(&self) -> bool {
        self.measured == 0 && self.end.is_some()
    }

    /// How much longer a dashboard would show it if its points had just stopped.
    pub fn would_stay(&self, now: Monotonic) -> Option<Duration> {
        LOOK_BACK.checked_sub(now.since(self.last_measured)).filter(|left| !left.is_zero())
    }

    fn explain(&mut self, reason: Reason, at: Monotonic) {
        self.last_reason = Some((reason, at));
        if let Some(end) = self.end.as_mut().filter(|end| apart(end.at, at) <= SAME_END) {
            end.reason = Some(reason);
        }
    }

    /// Notes that nothing is measured any more, or nothing known at all.
    fn ended(&mut self, at: Monotonic) {
        let known = self.last_reason.filter(|(_, said)| apart(*said, at) <= SAME_END);
        self.end = Some(End { at, series: self.leaving, reason: known.map(|(reason, _)| reason) });
    }

    /// Takes in one change of its series.
    fn take(&mut self, change: &Change, now: Monotonic) {
        let measures = !is_state_metric(&change.id.metric.name);
        if change.what == What::Retracted {
            self.live = self.live.saturating_sub(1);
            self.measured = self.measured.saturating_sub(usize::from(measures));
            self.leaving += 1;
            return;
        }
        self.last_number = now;
        if measures {
            self.last_measured = now;
            self.leaving = 0;
        }
        if change.what == What::Published {
            self.live += 1;
            self.measured += usize::from(measures);
            if !self.identities.contains(&change.resource) {
                self.identities.push(change.resource.clone());
            }
        }
    }
}

fn apart(a: Monotonic, b: Monotonic) -> Duration {
    a.since(b).max(b.since(a))
}

/// How a container stood before a request.
struct Before {
    live: usize,
    measured: usize,
}

impl DemoState {
    /// Takes in what the collector received at `now`.
    pub fn apply(&mut self, request: &ExportMetricsServiceRequest, now: Now) -> Vec<Notice> {
        let changes = self.belief.apply(request, now);
        let mut notices = Vec::new();
        // Sorted, so that the notices come in an order that does not hang on chance.
        let mut touched: BTreeMap<Text, Before> = BTreeMap::new();
        for change in &changes {
            if let Some(engine) = change.resource.text("dockpulse.engine.name") {
                notices.extend(self.engine(engine, change));
            }
            if let Some(id) = change.resource.text("container.id") {
                self.container(id, change, now.mono, &mut touched);
            }
        }
        for (id, before) in touched {
            notices.extend(self.settle(&id, &before, now.mono));
        }
        if now.mono.since(self.swept) >= SWEEP {
            self.forget(now.mono);
        }
        notices
    }

    /// Takes in why series were retracted.
    pub fn retracted(&mut self, retraction: Retraction) -> Notice {
        for id in self.named.get(&retraction.container).into_iter().flatten() {
            if let Some(container) = self.containers.get_mut(id).filter(|c| c.name == retraction.container) {
                container.explain(retraction.reason, retraction.at.mono);
            }
        }
        if self.log.len() == LOGGED {
            self.log.pop_front();
        }
        self.log.push_back(retraction.clone());
        Notice::Retracted(retraction)
    }

    /// All containers that are known, in no order.
    pub fn containers(&self) -> impl Iterator<Item = &Container> {
        self.containers.values()
    }

    /// What the collector knows of a container in numbers.
    pub fn numbers(&self, container: &Container) -> Numbers {
        let entries = container.identities.iter().flat_map(|identity| self.belief.of_resource(identity));
        Numbers::of(entries.filter(|entry| entry.series.live))
    }

    /// The engines that tell of themselves, and whether they are up.
    pub fn engines(&self) -> impl Iterator<Item = (&Text, bool)> {
        self.engines.iter().map(|(name, up)| (name, *up))
    }

    /// The last retractions, the latest first.
    pub fn log(&self) -> impl Iterator<Item = &Retraction> {
        self.log.iter().rev()
    }

    /// Totals of the collector.
    pub fn counts(&self) -> Counts {
        self.belief.counts()
    }

    fn engine(&mut self, name: &Text, change: &Change) -> Option<Notice> {
        if &*change.id.metric.name != "dockpulse.engine.up" {
            return None;
        }
        if change.what == What::Retracted {
            self.engines.remove(name);
            return None;
        }
        let up = change.value.as_f64() != 0.0;
        let before = self.engines.insert(name.clone(), up);
        (before != Some(up)).then(|| Notice::Engine { name: name.clone(), up })
    }

    fn container(&mut self, id: &Text, change: &Change, now: Monotonic, touched: &mut BTreeMap<Text, Before>) {
        if self.containers.len() >= CONTAINERS && !self.containers.contains_key(id) {
            return;
        }
        let name = display_name(&change.resource).unwrap_or(id).clone();
        let container = self.containers.entry(id.clone()).or_insert_with(|| Container::new(name.clone(), now));
        touched.entry(id.clone()).or_insert(Before { live: container.live, measured: container.measured });
        container.take(change, now);
        if change.what == What::Published {
            let ids = self.named.entry(name.clone()).or_default();
            if !ids.contains(id) {
                ids.push(id.clone());
            }
            container.name = name;
        }
    }

    /// What follows from a whole request for one container.
    fn settle(&mut self, id: &Text, before: &Before, now: Monotonic) -> Option<Notice> {
        let belief = &self.belief;
        let container = self.containers.get_mut(id)?;
        container.identities.retain(|identity| belief.of_resource(identity).any(|entry| entry.series.live));
        if before.measured == 0 && container.measured > 0 {
            let again = std::mem::replace(&mut container.was_measured, true);
            return Some(Notice::Appeared { container: container.name.clone(), series: container.live, again });
        }
        if before.live == 0 && container.live > 0 {
            // Known again, but not measured: what is stopped is back with its engine, say.
            (container.end, container.leaving) = (None, 0);
        }
        if (before.measured > 0 && container.measured == 0) || (before.live > 0 && container.live == 0) {
            container.ended(now);
        }
        None
    }

    /// Forgets containers of which nothing is live, once no dashboard would show them either.
    fn forget(&mut self, now: Monotonic) {
        self.swept = now;
        self.containers.retain(|_, c| c.live > 0 || c.would_stay(now).is_some());
        self.named.clear();
        for (id, container) in &self.containers {
            self.named.entry(container.name.clone()).or_default().push(id.clone());
        }
    }
}

#[cfg(test)]
mod tests;
