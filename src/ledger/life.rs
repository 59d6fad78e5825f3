//! The published series of one owner under one resource.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};

use super::{Facet, STEP};
use crate::model::batch::{Group, Mark, Point, Reason, SeriesPoint};
use crate::model::published::{Published, Standing};
use crate::model::series::{Attributes, Metric, Resource, Value};
use crate::model::time::UnixNanos;

/// How often series that need two samples may be missing after a restart: a stream may give its first one twice.
const LATE_PUBLISHES: u8 = 2;

/// The published series of one owner. It outlives its series, so that their time goes on rising.
#[derive(Debug)]
pub(super) struct Life {
    resource: Arc<Resource>,
    /// Shared with the [`Standing`]s that were told.
    facets: [Arc<[Published]>; Facet::ALL.len()],
    last: UnixNanos,
    /// What is live is not what was told last, or counts since another time.
    changed: bool,
    /// How often its usage may still be published without what needs two samples: an agent before this one began it.
    resumed: u8,
    /// What that agent had published, with the latest start of each since: that is known here alone.
    before: [Arc<[Published]>; Facet::ALL.len()],
}

impl Life {
    /// A life without series whose time stamps will lie above `floor`.
    pub(super) fn new(resource: Arc<Resource>, floor: UnixNanos) -> Self {
        Self {
            resource,
            facets: Default::default(),
            last: floor,
            changed: false,
            resumed: 0,
            before: Default::default(),
        }
    }

    /// A life that an agent before this one began, and no point of which is later than `latest`.
    pub(super) fn resume(standing: Standing, latest: UnixNanos) -> Self {
        let Standing { resource, facets } = standing;
        let before = facets.clone();
        Self { resource, facets, last: latest, changed: false, resumed: LATE_PUBLISHES, before }
    }

    /// Whether its series are published under this identity.
    pub(super) fn is_of(&self, resource: &Arc<Resource>) -> bool {
        Arc::ptr_eq(&self.resource, resource) || self.resource == *resource
    }

    /// Whose series they are.
    pub(super) fn resource(&self) -> Arc<Resource> {
        self.resource.clone()
    }

    /// Goes on under `resource`. Nothing may be live under another one.
    pub(super) fn adopt(&mut self, resource: &Arc<Resource>) {
        if !self.is_of(resource) {
            debug_assert_eq!(self.live(), 0, "the old identity has been ended");
            self.resource = resource.clone();
        }
    }

    /// The time stamp of its last point.
    pub(super) fn last(&self) -> UnixNanos {
        self.last
    }

    /// Time stamps lie above `floor` from now on.
    pub(super) fn raise(&mut self, floor: UnixNanos) {
        self.last = self.last.max(floor);
    }

    /// How many series are live.
    pub(super) fn live(&self) -> usize {
        self.facets.iter().map(|series| series.len()).sum()
    }

    /// What is live; `None` if nothing is.
    pub(super) fn standing(&self) -> Option<Standing> {
        (self.live() > 0).then(|| Standing { resource: self.resource.clone(), facets: self.facets.clone() })
    }

    /// Whether that has changed since it was told.
    pub(super) fn has_changed(&self) -> bool {
        self.changed
    }

    /// It is to be told, changed or not.
    pub(super) fn tell(&mut self) {
        self.changed = true;
    }

    /// It is told.
    pub(super) fn told(&mut self) {
        self.changed = false;
    }

    /// Whether the series of `point` under `resource` is live.
    pub(super) fn has(&self, resource: &Arc<Resource>, point: &Point) -> bool {
        self.is_of(resource)
            && self.facets.iter().flat_map(|series| &**series).any(|p| p.is(point.metric, &point.attributes))
    }

    fn stamp(&mut self, now: UnixNanos) -> UnixNanos {
        self.last = now.max(self.last.after(STEP));
        self.last
    }

    /// Makes `points` the series of `facet`. Those of `late` metrics may be missing the first times after a restart. Returns
    /// what to send and how many series ended.
    pub(super) fn publish(
        &mut self,
        facet: Facet,
        points: Vec<SeriesPoint>,
        late: &[&'static Metric],
        now: UnixNanos,
    ) -> (Group, u32) {
        let waits = facet == Facet::Usage && self.resumed > 0;
        let late = if waits { late } else { &[] };
        self.resumed -= u8::from(waits);
        let known = &mut self.facets[facet.index()];
        if goes_on(known, &points) {
            self.changed |= move_starts(known, &points);
            let marked = known.iter().zip(points).map(|(k, p)| value(p, k.start, Mark::Next)).collect();
            return (self.group(marked, now), 0);
        }
        let before = &mut self.before[facet.index()];
        remember(before, known);
        let (live, marked, ended) = replace(known, before, points, late, facet.ending());
        *known = live;
        self.changed = true;
        (self.group(marked, now), ended)
    }

    /// Ends the series of `facets`. Returns what to send and how many series ended.
    pub(super) fn end(&mut self, facets: &[Facet], reason: Reason, now: UnixNanos) -> (Group, u32) {
        let mut points = Vec::new();
        for facet in facets {
            let ended = std::mem::take(&mut self.facets[facet.index()]);
            remember(&mut self.before[facet.index()], &ended);
            points.extend(retractions(&ended, reason));
        }
        self.ended(points, now)
    }

    /// Ends the series that `which` names. Returns what to send and how many series ended.
    pub(super) fn end_series(
        &mut self,
        which: impl Fn(Facet, &'static Metric) -> bool,
        reason: Reason,
        now: UnixNanos,
    ) -> (Group, u32) {
        let mut points = Vec::new();
        for facet in Facet::ALL {
            let known = &mut self.facets[facet.index()];
            let (ended, live): (Vec<_>, Vec<_>) = known.iter().cloned().partition(|k| which(facet, k.metric));
            if !ended.is_empty() {
                *known = live.into();
                points.extend(retractions(&ended, reason));
            }
        }
        self.ended(points, now)
    }

    fn ended(&mut self, points: Vec<Point>, now: UnixNanos) -> (Group, u32) {
        let ended = u32::try_from(points.len()).unwrap_or(u32::MAX);
        self.changed |= ended > 0;
        (self.group(points, now), ended)
    }

    fn group(&mut self, points: Vec<Point>, now: UnixNanos) -> Group {
        let time = if points.is_empty() { self.last } else { self.stamp(now) };
        Group { resource: self.resource.clone(), time, points }
    }
}

/// Whether `points` are just the known series in the same order: almost always so.
fn goes_on(known: &[Published], points: &[SeriesPoint]) -> bool {
    known.len() == points.len() && known.iter().zip(points).all(|(k, p)| k.is(p.metric, &p.attributes))
}

/// Since when a series that goes on counts. A start never goes back: a collector has what was counted since the later
/// one, and would take what it is told to have been counted before that for new. Who tells of an earlier start has
/// forgotten what happened since: an agent that was restarted does not know of the counters that started over within
/// a run.
fn start(known: &Published, told: UnixNanos) -> UnixNanos {
    known.start.max(told)
}

/// Takes over start times; returns whether one is another than before. Copies nothing if none is.
fn move_starts(known: &mut Arc<[Published]>, points: &[SeriesPoint]) -> bool {
    let moved = known.iter().zip(points).any(|(k, p)| start(k, p.start) != k.start);
    if moved {
        Arc::make_mut(known).iter_mut().zip(points).for_each(|(k, p)| k.start = start(k, p.start));
    }
    moved
}

/// Keeps the starts of series that may end in mind, of those that an agent before this one had published.
fn remember(before: &mut Arc<[Published]>, known: &[Published]) {
    let later = |b: &Published| known.iter().find(|k| k.start > b.start && b.is(k.metric, &k.attributes));
    if before.iter().any(|b| later(b).is_some()) {
        Arc::make_mut(before).iter_mut().for_each(|b| b.start = later(b).map_or(b.start, |k| k.start));
    }
}

/// What is live then, what to send, and how many series ended: retractions first, then the points. Of two points of
/// one series the first counts. Series of `late` metrics that are not given stay live. The starts of those that begin
/// do not lie before those of their `former` lives.
fn replace(
    known: &[Published],
    former: &[Published],
    points: Vec<SeriesPoint>,
    late: &[&'static Metric],
    reason: Reason,
) -> (Arc<[Published]>, Vec<Point>, u32) {
    let key = |metric: &'static Metric, attributes: &Attributes| (metric, attributes.clone());
    let before: HashMap<_, &Published> = known.iter().map(|k| (key(k.metric, &k.attributes), k)).collect();
    let mut seen = HashSet::with_capacity(points.len());
    let points: Vec<SeriesPoint> = points.into_iter().filter(|p| seen.insert(key(p.metric, &p.attributes))).collect();
    let missing = known.iter().filter(|k| !seen.contains(&key(k.metric, &k.attributes)));
    let (kept, ended): (Vec<&Published>, Vec<&Published>) = missing.partition(|k| is_one_of(late, k.metric));
    let count = u32::try_from(ended.len()).unwrap_or(u32::MAX);
    let mut live = Vec::with_capacity(points.len() + kept.len());
    let mut out = Vec::with_capacity(points.len() + ended.len());
    out.extend(ended.into_iter().map(|series| retraction(series, reason)));
    for p in points {
        let old = before.get(&key(p.metric, &p.attributes));
        let ended = || former.iter().find(|b| b.is(p.metric, &p.attributes));
        let start = old.copied().or_else(ended).map_or(p.start, |old| start(old, p.start));
        live.push(Published { metric: p.metric, attributes: p.attributes.clone(), start });
        out.push(value(p, start, if old.is_some() { Mark::Next } else { Mark::First }));
    }
    live.extend(kept.into_iter().cloned());
    (live.into(), out, count)
}

fn is_one_of(metrics: &[&'static Metric], metric: &'static Metric) -> bool {
    metrics.iter().any(|m| m.is(metric))
}

fn value(p: SeriesPoint, start: UnixNanos, mark: fn(Value) -> Mark) -> Point {
    Point { metric: p.metric, attributes: p.attributes, start, mark: mark(p.value) }
}

fn retractions(series: &[Published], reason: Reason) -> Vec<Point> {
    series.iter().map(|series| retraction(series, reason)).collect()
}

fn retraction(series: &Published, reason: Reason) -> Point {
    let Published { metric, attributes, start } = series.clone();
    Point { metric, attributes, start, mark: Mark::Retracted(reason) }
}
