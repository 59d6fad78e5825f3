//! A batch that waits, folded: a quarter of its size, and no less in it. Which series a container has is said once for
//! all containers that have the same; a point is its number and what that says of its life.

use std::sync::Arc;

use crate::model::batch::{Batch, Group, Mark, Point, Reason};
use crate::model::series::{Attributes, Metric, Resource, Value};
use crate::model::time::UnixNanos;

/// A group is looked up among so many of the last shapes: few differ, and one that is not found costs only space.
const LOOK_BACK: usize = 16;

/// A folded batch.
#[derive(Debug)]
pub(super) struct Folded {
    shapes: Box<[Shape]>,
    groups: Box<[Head]>,
    /// All points, group by group.
    points: Box<[Told]>,
    /// The values of those that have one, as bits.
    values: Box<[u64]>,
    /// The start times of those that have one, each with how many points in a row have it.
    starts: Box<[(UnixNanos, u32)]>,
}

/// The series of a group, in order.
type Shape = Box<[(&'static Metric, Attributes)]>;

#[derive(Debug)]
struct Head {
    resource: Arc<Resource>,
    time: UnixNanos,
    shape: usize,
}

/// A point without its numbers.
#[derive(Debug, Clone, Copy)]
struct Told {
    mark: Folding,
    has_start: bool,
}

/// A [`Mark`] without its value.
#[derive(Debug, Clone, Copy)]
enum Folding {
    FirstInt,
    FirstDouble,
    NextInt,
    NextDouble,
    Retracted(Reason),
}

impl Folded {
    /// Folds a batch.
    pub(super) fn new(batch: &Batch) -> Self {
        let mut shapes: Vec<Shape> = Vec::new();
        let mut groups = Vec::with_capacity(batch.groups.len());
        let mut starts: Vec<(UnixNanos, u32)> = Vec::new();
        for Group { resource, time, points } in &batch.groups {
            groups.push(Head { resource: resource.clone(), time: *time, shape: shape(&mut shapes, points) });
            for start in points.iter().map(|p| p.start).filter(|s| s.is_known()) {
                match starts.last_mut().filter(|(last, count)| *last == start && *count < u32::MAX) {
                    Some((_, count)) => *count += 1,
                    None => starts.push((start, 1)),
                }
            }
        }
        let points = || batch.groups.iter().flat_map(|group| &group.points);
        Self {
            shapes: shapes.into(),
            groups: groups.into(),
            points: points().map(|p| Told { mark: Folding::of(p.mark), has_start: p.start.is_known() }).collect(),
            values: points().filter_map(|p| bits(p.mark)).collect(),
            starts: starts.into(),
        }
    }

    /// The batch that it was.
    pub(super) fn unfold(&self) -> Batch {
        let mut told = self.points.iter();
        let mut values = self.values.iter().copied();
        let mut starts = self.starts.iter().flat_map(|(start, count)| std::iter::repeat_n(*start, *count as usize));
        let mut group = |head: &Head| {
            let mut points = Vec::with_capacity(self.shapes[head.shape].len());
            for ((metric, attributes), told) in self.shapes[head.shape].iter().zip(told.by_ref()) {
                let start = if told.has_start { starts.next() } else { None };
                let (start, attributes) = (start.unwrap_or_default(), attributes.clone());
                points.push(Point { metric, attributes, start, mark: told.mark.with(&mut values) });
            }
            Group { resource: head.resource.clone(), time: head.time, points }
        };
        Batch { groups: self.groups.iter().map(&mut group).collect() }
    }

    /// About how much it takes, in bytes; what it shares with others is not counted.
    pub(super) fn memory(&self) -> usize {
        let shapes: usize = self.shapes.iter().map(|shape| size_of_val(shape) + size_of_val(&**shape)).sum();
        shapes
            + size_of_val(&*self.groups)
            + size_of_val(&*self.points)
            + size_of_val(&*self.values)
            + size_of_val(&*self.starts)
    }
}

/// Where the shape of these points is, or is from now on.
fn shape(shapes: &mut Vec<Shape>, points: &[Point]) -> usize {
    let is_of = |shape: &Shape| {
        let same = |(of, point): (&(&'static Metric, Attributes), &Point)| {
            std::ptr::eq(of.0, point.metric) && of.1.is_same(&point.attributes)
        };
        shape.len() == points.len() && shape.iter().zip(points).all(same)
    };
    let from = shapes.len().saturating_sub(LOOK_BACK);
    if let Some(at) = shapes[from..].iter().rposition(is_of) {
        return from + at;
    }
    shapes.push(points.iter().map(|p| (p.metric, p.attributes.clone())).collect());
    shapes.len() - 1
}

fn bits(mark: Mark) -> Option<u64> {
    match mark {
        Mark::First(Value::Int(n)) | Mark::Next(Value::Int(n)) => Some(n.cast_unsigned()),
        Mark::First(Value::Double(n)) | Mark::Next(Value::Double(n)) => Some(n.to_bits()),
        Mark::Retracted(_) => None,
    }
}

impl Folding {
    fn of(mark: Mark) -> Self {
        match mark {
            Mark::First(Value::Int(_)) => Self::FirstInt,
            Mark::First(Value::Double(_)) => Self::FirstDouble,
            Mark::Next(Value::Int(_)) => Self::NextInt,
            Mark::Next(Value::Double(_)) => Self::NextDouble,
            Mark::Retracted(reason) => Self::Retracted(reason),
        }
    }

    /// The mark again; `values` has one for each that is no retraction.
    fn with(self, values: &mut impl Iterator<Item = u64>) -> Mark {
        let mut int = || Value::Int(values.next().unwrap_or_default().cast_signed());
        match self {
            Self::FirstInt => Mark::First(int()),
            Self::NextInt => Mark::Next(int()),
            Self::FirstDouble => Mark::First(double(values)),
            Self::NextDouble => Mark::Next(double(values)),
            Self::Retracted(reason) => Mark::Retracted(reason),
        }
    }
}

fn double(values: &mut impl Iterator<Item = u64>) -> Value {
    Value::Double(f64::from_bits(values.next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::series::{AttributeInterner, Kind};

    static METRICS: [Metric; 3] = [
        Metric { name: "a", unit: "1", kind: Kind::Gauge },
        Metric { name: "b", unit: "By", kind: Kind::Counter },
        Metric { name: "c", unit: "s", kind: Kind::UpDownSum },
    ];

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![any::<i64>().prop_map(Value::Int), (-1e300..1e300).prop_map(Value::Double)]
    }

    fn mark() -> impl Strategy<Value = Mark> {
        let reason = prop::sample::select(&Reason::ALL[..]);
        prop_oneof![value().prop_map(Mark::First), value().prop_map(Mark::Next), reason.prop_map(Mark::Retracted)]
    }

    /// Metric, attributes, start and mark of points, in groups, with the times of these.
    type Plan = Vec<(u64, Vec<(usize, usize, u64, Mark)>)>;

    fn plan() -> impl Strategy<Value = Plan> {
        let point = (0..METRICS.len(), 0..3_usize, 0..4_u64, mark());
        prop::collection::vec((any::<u64>(), prop::collection::vec(point, 0..20)), 0..40)
    }

    fn batch(plan: &Plan) -> Batch {
        let mut interner = AttributeInterner::default();
        let sets: [&[(&str, &str)]; 3] = [&[], &[("x", "1")], &[("x", "2"), ("y", "3")]];
        let mut point = |(metric, set, start, mark): &(usize, usize, u64, Mark)| {
            let attributes = interner.intern(sets[*set]);
            Point { metric: &METRICS[*metric], attributes, start: UnixNanos(*start), mark: *mark }
        };
        let group = |(i, (time, points)): (usize, &(u64, Vec<_>))| {
            let resource = Resource::new(vec![("id".into(), i.to_string().as_str().into())], &[]);
            let points = points.iter().map(&mut point).collect();
            Group { resource: Arc::new(resource), time: UnixNanos(*time), points }
        };
        Batch { groups: plan.iter().enumerate().map(group).collect() }
    }

    proptest! {
        #[test]
        fn what_is_unfolded_is_what_was_folded(plan in plan()) {
            let batch = batch(&plan);
            prop_assert_eq!(Folded::new(&batch).unfold(), batch);
        }
    }

    #[test]
    fn containers_with_the_same_series_take_a_quarter() {
        let value = |i: usize| Mark::Next(Value::Int(i.cast_signed() as i64));
        let points: Vec<_> = (0..40).map(|i| (i % 3, i % 2, (i % 3 == 1).into(), value(i))).collect();
        let batch = batch(&(0..100).map(|n| (n, points.clone())).collect());
        assert!(Folded::new(&batch).memory() * 4 < batch.memory() * 11 / 10);
    }
}
