//! Batches, owners and resources of all kinds.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use crate::model::batch::{Batch, Group, Mark, Point, Reason};
use crate::model::container::ContainerId;
use crate::model::published::{Owner, Published};
use crate::model::series::{AttributeInterner, AttributeValue, Attributes, Kind, Metric, Resource, Value};
use crate::model::time::UnixNanos;
use crate::outbox::record::{Rid, StoredBatch, Words, decode_batch, encode_batch};

static METRICS: [Metric; 4] = [
    Metric { name: "a", unit: "1", kind: Kind::Gauge },
    Metric { name: "b", unit: "By", kind: Kind::Counter },
    Metric { name: "c", unit: "", kind: Kind::UpDownSum },
    Metric { name: "a", unit: "1", kind: Kind::Counter },
];

const SETS: [&[(&str, &str)]; 4] = [&[], &[("x", "1")], &[("x", "2"), ("y", "")], &[("interface", "veth ü\u{0}")]];

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![any::<i64>().prop_map(Value::Int), (-99..99_i64).prop_map(Value::Int), any_double()]
}

fn any_double() -> impl Strategy<Value = Value> {
    any::<f64>().prop_filter("is equal to itself", |n| !n.is_nan()).prop_map(Value::Double)
}

fn mark() -> impl Strategy<Value = Mark> {
    let reason = prop::sample::select(&Reason::ALL[..]);
    prop_oneof![value().prop_map(Mark::First), value().prop_map(Mark::Next), reason.prop_map(Mark::Retracted)]
}

fn start() -> impl Strategy<Value = UnixNanos> {
    prop_oneof![Just(0), 1..4_u64, any::<u64>()].prop_map(UnixNanos)
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[a-z.]{0,9}", 1 => any::<String>()]
}

/// Which metric, which attributes, since when.
fn series() -> impl Strategy<Value = (usize, usize, UnixNanos)> {
    (0..METRICS.len(), 0..SETS.len(), start())
}

fn interned() -> [Attributes; SETS.len()] {
    let mut interner = AttributeInterner::default();
    SETS.map(|set| interner.intern(set))
}

/// Resources with and without lists and copies.
pub(super) fn resource() -> impl Strategy<Value = Resource> {
    let value = prop_oneof![
        4 => text().prop_map(|text| AttributeValue::from(text.as_str())),
        1 => vec(text(), 0..4).prop_map(|list| AttributeValue::List(list.iter().map(|t| t.as_str().into()).collect())),
    ];
    vec((text(), value, any::<bool>()), 0..6).prop_map(|attributes| {
        let attributes = attributes.into_iter().map(|(key, value, copied)| (key.as_str().into(), value, copied));
        Resource::with_copies(attributes.collect())
    })
}

/// Points in groups; groups with the same series, and points in a row with the same mark, are as frequent as in life.
pub(super) fn batch() -> impl Strategy<Value = Batch> {
    let shapes = vec(vec(series(), 0..24), 1..4);
    let marks = vec((mark(), 1..20_usize), 1..5);
    let group = (0..3_usize, 0..4_usize, any::<u64>(), marks);
    (vec(resource(), 3), shapes, vec(group, 0..20)).prop_map(|(resources, mut shapes, groups)| {
        // The same metrics with other attributes are other series.
        shapes.push(shapes[0].iter().map(|(metric, set, start)| (*metric, (set + 1) % SETS.len(), *start)).collect());
        let (sets, resources) = (interned(), resources.into_iter().map(Arc::new).collect::<Vec<_>>());
        let group = |(whose, shape, time, marks): (usize, usize, u64, Vec<(Mark, usize)>)| {
            let point = |((metric, set, start), mark): (&(usize, usize, UnixNanos), Mark)| Point {
                metric: &METRICS[*metric],
                attributes: sets[*set].clone(),
                start: *start,
                mark,
            };
            let marks = marks.iter().flat_map(|(mark, count)| std::iter::repeat_n(*mark, *count)).cycle();
            let points = shapes[shape % shapes.len()].iter().zip(marks).map(point).collect();
            Group { resource: resources[whose].clone(), time: UnixNanos(time), points }
        };
        Batch { groups: groups.into_iter().map(group).collect() }
    })
}

fn facet() -> impl Strategy<Value = Arc<[Published]>> {
    vec(series(), 0..20).prop_map(|series| {
        let sets = interned();
        let published = |(metric, set, start): (usize, usize, UnixNanos)| Published {
            metric: &METRICS[metric],
            attributes: sets[set].clone(),
            start,
        };
        series.into_iter().map(published).collect()
    })
}

/// Engines and containers with what is live of them.
pub(super) fn owner() -> impl Strategy<Value = (String, Owner, Rid, [Arc<[Published]>; 3])> {
    let container = "[0-9a-f]{12,64}".prop_map(|id| ContainerId::try_new(&id).expect("an id"));
    let owner = prop_oneof![Just(Owner::Engine), container.prop_map(Owner::Container)];
    (text(), owner, any::<u64>().prop_map(Rid), [facet(), facet(), facet()])
}

/// The bytes of a batch, and its resources by number.
pub(super) fn encoded(batch: &Batch, pushed: UnixNanos) -> (Vec<u8>, Vec<Arc<Resource>>) {
    let mut resources: Vec<Arc<Resource>> = Vec::new();
    let bytes = encode_batch(batch, pushed, |resource| {
        let at = resources.iter().position(|known| Arc::ptr_eq(known, resource)).unwrap_or_else(|| {
            resources.push(resource.clone());
            resources.len() - 1
        });
        Rid(at as u64)
    });
    (bytes, resources)
}

/// The batch of these bytes.
pub(super) fn decoded(bytes: &[u8], resources: &[Arc<Resource>]) -> StoredBatch {
    let resource = |rid: Rid| resources.get(usize::try_from(rid.0).ok()?).cloned();
    decode_batch(bytes, resource, &mut Words::default()).expect("what was encoded")
}
