//! The published series of one owner under one resource.

use std::sync::Arc;

use hashbrown::HashSet;

use super::{Facet, STEP};
use crate::model::batch::{Group, Mark, Point, Reason, SeriesPoint};
use crate::model::published::Published;
use crate::model::series::{Attributes, Metric, Resource};
use crate::model::time::UnixNanos;

/// The published series of one owner. It outlives its series, so that their time goes on rising.
#[derive(Debug)]
pub(super) struct Life {
    resource: Arc<Resource>,
    facets: [Vec<Published>; Facet::ALL.len()],
    last: UnixNanos,
}

impl Life {
    /// A life without series whose time stamps will lie above `floor`.
    pub(super) fn new(resource: Arc<Resource>, floor: UnixNanos) -> Self {
        Self { resource, facets: Default::default(), last: floor }
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
        self.facets.iter().map(Vec::len).sum()
    }

    /// Whether the series of `point` under `resource` is live.
    pub(super) fn has(&self, resource: &Arc<Resource>, point: &Point) -> bool {
        self.is_of(resource) && self.facets.iter().flatten().any(|p| p.is(point.metric, &point.attributes))
    }

    fn stamp(&mut self, now: UnixNanos) -> UnixNanos {
        self.last = now.max(self.last.after(STEP));
        self.last
    }

    /// Makes `points` the series of `facet`. Returns what to send and how many series ended.
    pub(super) fn publish(&mut self, facet: Facet, points: Vec<SeriesPoint>, now: UnixNanos) -> (Group, u32) {
        let known = &mut self.facets[facet.index()];
        let (marked, ended) =
            if goes_on(known, &points) { (all_next(known, points), 0) } else { replace(known, points, facet.ending()) };
        (self.group(marked, now), ended)
    }

    /// Ends the series of `facets`. Returns what to send and how many series ended.
    pub(super) fn end(&mut self, facets: &[Facet], reason: Reason, now: UnixNanos) -> (Group, u32) {
        let points: Vec<Point> = facets
            .iter()
            .flat_map(|facet| std::mem::take(&mut self.facets[facet.index()]))
            .map(|series| retraction(series, reason))
            .collect();
        let ended = u32::try_from(points.len()).unwrap_or(u32::MAX);
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

fn all_next(known: &mut [Published], points: Vec<SeriesPoint>) -> Vec<Point> {
    let next = |(k, p): (&mut Published, SeriesPoint)| {
        k.start = p.start;
        Point { metric: p.metric, attributes: p.attributes, start: p.start, mark: Mark::Next(p.value) }
    };
    known.iter_mut().zip(points).map(next).collect()
}

/// Retractions first, then the points. Of two points of one series the first counts.
fn replace(known: &mut Vec<Published>, points: Vec<SeriesPoint>, reason: Reason) -> (Vec<Point>, u32) {
    let key = |metric: &'static Metric, attributes: &Attributes| (metric, attributes.clone());
    let before: HashSet<_> = known.iter().map(|k| key(k.metric, &k.attributes)).collect();
    let mut seen = HashSet::with_capacity(points.len());
    let points: Vec<SeriesPoint> = points.into_iter().filter(|p| seen.insert(key(p.metric, &p.attributes))).collect();
    let ended = std::mem::take(known).into_iter().filter(|k| !seen.contains(&key(k.metric, &k.attributes)));
    let mut out: Vec<Point> = ended.map(|series| retraction(series, reason)).collect();
    let count = u32::try_from(out.len()).unwrap_or(u32::MAX);
    out.reserve(points.len());
    known.reserve_exact(points.len());
    for p in points {
        let mark =
            if before.contains(&key(p.metric, &p.attributes)) { Mark::Next(p.value) } else { Mark::First(p.value) };
        known.push(Published { metric: p.metric, attributes: p.attributes.clone(), start: p.start });
        out.push(Point { metric: p.metric, attributes: p.attributes, start: p.start, mark });
    }
    (out, count)
}

fn retraction(series: Published, reason: Reason) -> Point {
    Point { metric: series.metric, attributes: series.attributes, start: series.start, mark: Mark::Retracted(reason) }
}
