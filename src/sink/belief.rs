//! What a collector believes now: every series that was published and not retracted, with its last number.
//!
//! Replays OTLP requests the way a store would, and watches the rules that can be seen from here ([`Rule`]). A
//! repeated delivery, which OTLP allows, changes nothing.

mod known;

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use hashbrown::HashMap;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::InstrumentationScope;
use opentelemetry_proto::tonic::metrics::v1::{Metric, ResourceMetrics};
use prost::Message;

pub use self::known::{Change, Counts, Entry, Limits, Series, What};
use super::identity::{Attribute, Attributes, Interner, MetricId, SeriesId, display_name};
use super::points::{self, Point, Value};
use super::rules::{Effect, Rule, Violation, judge};
use crate::model::Text;
use crate::model::time::Now;

/// So many requests back a repeated one is recognised as a whole.
const RECENT_REQUESTS: usize = 64;

/// What a collector believes. See the module.
#[derive(Debug)]
pub struct Belief {
    limits: Limits,
    resources: HashMap<Attributes, Owned>,
    /// Retracted series in the order of their retraction.
    retracted: BTreeMap<u64, (Attributes, SeriesId)>,
    requests: VecDeque<u64>,
    metrics: Interner<MetricId>,
    attributes: Interner<[(Text, Attribute)]>,
    bytes: usize,
    counts: Counts,
    violations: Vec<Violation>,
}

/// The series of one resource.
#[derive(Debug, Default)]
struct Owned {
    series: HashMap<SeriesId, Series>,
    live: usize,
}

/// What the points of one Metric message have in common.
struct Context<'a> {
    resource: &'a Attributes,
    metric: Arc<MetricId>,
    now: Now,
}

impl Default for Belief {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Belief {
    /// One that believes nothing yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            resources: HashMap::new(),
            retracted: BTreeMap::new(),
            requests: VecDeque::new(),
            metrics: Interner::new(),
            attributes: Interner::new(),
            bytes: 0,
            counts: Counts::default(),
            violations: Vec::new(),
        }
    }

    /// Takes in one request that was received at `now`. Tells what changed, in the order of the request.
    pub fn apply(&mut self, request: &ExportMetricsServiceRequest, now: Now) -> Vec<Change> {
        self.counts.requests += 1;
        let mut changes = Vec::new();
        if self.is_repeated(request) {
            self.counts.repeated += request.resource_metrics.iter().map(count_points).sum::<u64>();
            return changes;
        }
        if request.resource_metrics.is_empty() {
            self.breach(Rule::Empty, &Attributes::of(&[]), "", "a request without ResourceMetrics");
        }
        for of_resource in &request.resource_metrics {
            self.apply_resource(of_resource, now, &mut changes);
        }
        changes
    }

    /// Every series, live and retracted, in no order.
    pub fn series(&self) -> impl Iterator<Item = Entry<'_>> {
        self.resources
            .iter()
            .flat_map(|(resource, owned)| owned.series.iter().map(move |(id, series)| Entry { resource, id, series }))
    }

    /// Every live series, in no order.
    pub fn live(&self) -> impl Iterator<Item = Entry<'_>> {
        self.series().filter(|entry| entry.series.live)
    }

    /// Every resource that has series, live or retracted, and how many of its series are live; in no order.
    pub fn resources(&self) -> impl Iterator<Item = (&Attributes, usize)> {
        self.resources.iter().map(|(resource, owned)| (resource, owned.live))
    }

    /// The series of one resource, live and retracted, in no order.
    pub fn of_resource(&self, resource: &Attributes) -> impl Iterator<Item = Entry<'_>> {
        self.resources
            .get_key_value(resource)
            .into_iter()
            .flat_map(|(resource, owned)| owned.series.iter().map(move |(id, series)| Entry { resource, id, series }))
    }

    /// What is known of one series.
    pub fn get(&self, resource: &Attributes, id: &SeriesId) -> Option<&Series> {
        self.resources.get(resource)?.series.get(id)
    }

    /// Totals.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// The breaches of rules, the first ones up to [`Limits::violations`].
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    fn is_repeated(&mut self, request: &ExportMetricsServiceRequest) -> bool {
        let mut hasher = DefaultHasher::new();
        request.encode_to_vec().hash(&mut hasher);
        let digest = hasher.finish();
        if self.requests.contains(&digest) {
            return true;
        }
        if self.requests.len() == RECENT_REQUESTS {
            self.requests.pop_front();
        }
        self.requests.push_back(digest);
        false
    }

    fn apply_resource(&mut self, message: &ResourceMetrics, now: Now, changes: &mut Vec<Change>) {
        let pairs = message.resource.as_ref().map_or(&[][..], |r| &r.attributes);
        let resource = Attributes::of(pairs);
        if let Some(key) = resource.bad_key() {
            self.breach(Rule::BadKey, &resource, "", &format!("key {key:?} of the resource"));
        }
        if message.scope_metrics.is_empty() {
            self.breach(Rule::Empty, &resource, "", "ResourceMetrics without ScopeMetrics");
        }
        for of_scope in &message.scope_metrics {
            if of_scope.metrics.is_empty() {
                self.breach(Rule::Empty, &resource, "", "ScopeMetrics without metrics");
            }
            for metric in &of_scope.metrics {
                self.apply_metric(&resource, of_scope.scope.as_ref(), metric, now, changes);
            }
        }
    }

    fn apply_metric(
        &mut self,
        resource: &Attributes,
        scope: Option<&InstrumentationScope>,
        message: &Metric,
        now: Now,
        changes: &mut Vec<Change>,
    ) {
        let points = points::of(message);
        let (Some(metric), false) = (MetricId::of(scope, message), points.is_empty()) else {
            return self.breach(Rule::Empty, resource, &message.name, "a metric without data points");
        };
        if points.len() > 1 && points.iter().any(|p| p.flagged) {
            self.breach(Rule::RetractionNotAlone, resource, &message.name, &format!("{} points", points.len()));
        }
        let context = Context { resource, metric: self.metrics.intern(Arc::new(metric)), now };
        for point in &points {
            self.apply_point(&context, point, changes);
        }
    }

    fn apply_point(&mut self, context: &Context<'_>, point: &Point<'_>, changes: &mut Vec<Change>) {
        let id = SeriesId { metric: context.metric.clone(), attributes: self.attributes.attributes(point.attributes) };
        if let Some(key) = id.attributes.bad_key() {
            self.breach(Rule::BadKey, context.resource, &id.to_string(), &format!("key {key:?}"));
        }
        let known = self.get(context.resource, &id);
        let (effect, breaches) = judge(known, &id.metric, point);
        for (rule, detail) in breaches {
            // The series may have been published when there was no room, or be forgotten by now.
            let unsure = rule == Rule::NeverPublished && self.counts.left_out + self.counts.forgotten > 0;
            if !unsure {
                self.breach(rule, context.resource, &id.to_string(), &detail);
            }
        }
        changes.extend(match effect {
            Effect::Refused => None,
            Effect::Repeated => {
                self.counts.repeated += 1;
                None
            }
            Effect::Publish(value) | Effect::Update(value) => self.take_in(context, &id, point, value),
            Effect::Retract => self.retract(context, &id, point),
        });
    }

    /// Takes in a number, unless there is no room for its series.
    fn take_in(&mut self, context: &Context<'_>, id: &SeriesId, point: &Point<'_>, value: Value) -> Option<Change> {
        if self.get(context.resource, id).is_none() && !self.make_room(context.resource, id) {
            self.counts.left_out += 1;
            return None;
        }
        let owned = self.resources.entry(context.resource.clone()).or_default();
        let series = owned.series.entry(id.clone()).or_insert_with(|| Series::begun(value, context.now));
        let what = if series.live { What::Updated } else { What::Published };
        if what == What::Published {
            if self.retracted.remove(&series.retraction).is_some() {
                self.counts.retracted -= 1;
            }
            series.lives = series.lives.saturating_add(1);
            owned.live += 1;
            self.counts.live += 1;
            self.counts.published += 1;
        }
        series.points += 1;
        series.value = value;
        series.start = point.start;
        series.mark(point, context.now, true);
        self.counts.points += 1;
        Some(Change { what, resource: context.resource.clone(), id: id.clone(), time: point.time, value })
    }

    fn retract(&mut self, context: &Context<'_>, id: &SeriesId, point: &Point<'_>) -> Option<Change> {
        let owned = self.resources.get_mut(context.resource)?;
        let series = owned.series.get_mut(id)?;
        owned.live -= 1;
        self.counts.live -= 1;
        self.counts.retractions += 1;
        self.counts.retracted += 1;
        series.retraction = self.counts.retractions;
        series.mark(point, context.now, false);
        let value = series.value;
        self.retracted.insert(self.counts.retractions, (context.resource.clone(), id.clone()));
        while self.retracted.len() > self.limits.retracted && self.forget_oldest() {}
        let what = What::Retracted;
        Some(Change { what, resource: context.resource.clone(), id: id.clone(), time: point.time, value })
    }

    /// Whether one more series may be kept; retracted ones are forgotten for it.
    fn make_room(&mut self, resource: &Attributes, id: &SeriesId) -> bool {
        let needed = self.memory_of(resource, id);
        while self.counts.live + self.counts.retracted >= self.limits.series
            || self.bytes.saturating_add(needed) > self.limits.bytes
        {
            if !self.forget_oldest() {
                return false;
            }
        }
        // Again: the resource may have been forgotten with the last of its series.
        self.bytes += self.memory_of(resource, id);
        true
    }

    /// What a series costs; the first of a resource bears the resource's cost.
    fn memory_of(&self, resource: &Attributes, id: &SeriesId) -> usize {
        let own = size_of::<(SeriesId, Series)>() + id.attributes.memory() + id.metric.name.len();
        let first = !self.resources.contains_key(resource);
        own + if first { size_of::<(Attributes, Owned)>() + resource.memory() } else { 0 }
    }

    /// Forgets the series that was retracted longest ago; `false` if none is retracted.
    fn forget_oldest(&mut self) -> bool {
        let Some((_, (resource, id))) = self.retracted.pop_first() else {
            return false;
        };
        self.counts.retracted -= 1;
        self.counts.forgotten += 1;
        if let Some(owned) = self.resources.get_mut(&resource) {
            owned.series.remove(&id);
            if owned.series.is_empty() {
                self.resources.remove(&resource);
            }
        }
        self.bytes = self.bytes.saturating_sub(self.memory_of(&resource, &id));
        true
    }

    fn breach(&mut self, rule: Rule, resource: &Attributes, series: &str, detail: &str) {
        self.counts.violations += 1;
        if self.violations.len() < self.limits.violations {
            let resource = clipped(display_name(resource).map_or("", |name| name));
            self.violations.push(Violation { rule, resource, series: clipped(series), detail: clipped(detail) });
        }
    }
}

/// Enough to know it again.
fn clipped(text: &str) -> Text {
    const BYTES: usize = 512;
    text[..text.floor_char_boundary(BYTES)].into()
}

fn count_points(message: &ResourceMetrics) -> u64 {
    let metrics = message.scope_metrics.iter().flat_map(|s| &s.metrics);
    metrics.map(|metric| points::of(metric).len() as u64).sum()
}

#[cfg(test)]
mod tests;
