//! What is written is read again.

use std::sync::Arc;

use proptest::prelude::*;

use super::samples::{batch, decoded, encoded, owner, resource};
use crate::convert::Profile;
use crate::model::series::Resource;
use crate::model::time::UnixNanos;
use crate::outbox::record::{
    Frame, Kind, Rid, StoredOwner, Words, decode_batch, decode_owner, decode_resource, encode_owner, encode_resource,
    frame, unframe,
};

const KINDS: [Kind; 4] = [Kind::Batch, Kind::Owner, Kind::Resource, Kind::Meta];

proptest! {
    #[test]
    fn a_batch_is_read_as_it_was_written(batch in batch(), pushed: u64) {
        let (bytes, resources) = encoded(&batch, UnixNanos(pushed));
        let stored = decoded(&bytes, &resources);
        prop_assert_eq!((stored.pushed, stored.unknown_groups), (UnixNanos(pushed), 0));
        prop_assert_eq!(stored.batch, batch);
    }

    #[test]
    fn groups_of_unknown_resources_are_left_out_and_counted(batch in batch(), known: u64) {
        let (bytes, resources) = encoded(&batch, UnixNanos(1));
        let known = known % 3;
        let resource = |rid: Rid| resources.get(usize::try_from(rid.0).ok()?).filter(|_| rid.0 < known).cloned();
        let stored = decode_batch(&bytes, resource, &mut Words::default()).expect("what was encoded");
        let is_known = |of: &Arc<Resource>| resources.iter().take(known as usize).any(|r| Arc::ptr_eq(r, of));
        let left: Vec<_> = batch.groups.iter().filter(|group| is_known(&group.resource)).cloned().collect();
        prop_assert_eq!(stored.unknown_groups, batch.groups.len() - left.len());
        prop_assert_eq!(stored.batch.groups, left);
    }

    #[test]
    fn an_owner_is_read_as_it_was_written((engine, owner, rid, facets) in owner()) {
        let bytes = encode_owner(&engine, &owner, rid, &facets);
        let stored = decode_owner(&bytes, &mut Words::default());
        prop_assert_eq!(stored, Ok(StoredOwner { engine: engine.as_str().into(), owner, rid, facets }));
    }

    #[test]
    fn a_resource_is_read_as_it_was_written(resource in resource()) {
        prop_assert_eq!(decode_resource(&encode_resource(&resource)), Ok(resource));
    }

    #[test]
    fn a_frame_gives_what_was_put_into_it(kind in 0..4_usize, number: u64, acked: u64, content: Vec<u8>) {
        let (kind, content) = (KINDS[kind], &content[..]);
        let bytes = frame(kind, number, acked, content);
        prop_assert_eq!(unframe(&bytes), Ok(Frame { kind, number, acked, content }));
    }
}

#[test]
fn every_name_that_is_published_can_be_read_again() {
    let mut words = Words::default();
    for profile in Profile::ALL {
        for metric in profile.metrics() {
            let read = words.metric(metric.name, metric.unit, metric.kind).expect(metric.name);
            assert_eq!((read.name, read.unit, read.kind), (metric.name, metric.unit, metric.kind));
        }
        for &key in profile.point_attributes() {
            assert_eq!(words.key(key), Ok(key));
        }
    }
}

#[test]
fn a_batch_of_many_alike_takes_a_few_bytes_a_point() {
    use crate::model::batch::{Batch, Group, Mark, Point};
    use crate::model::series::{AttributeInterner, Kind, Metric, Value};
    static METRIC: Metric = Metric { name: "container.memory.usage", unit: "By", kind: Kind::UpDownSum };
    let mut interner = AttributeInterner::default();
    let sets: Vec<_> = (0..40).map(|n| interner.intern(&[("key", &n.to_string())])).collect();
    let group = |n: u64| {
        let value = |i: i64| Mark::Next(Value::Int(1_000_000_000 + i * n.cast_signed()));
        let point = |(i, set): (i64, &_)| Point {
            metric: &METRIC,
            attributes: Clone::clone(set),
            start: UnixNanos(1_700_000_000 << 30 | n),
            mark: value(i),
        };
        let resource = Resource::new(vec![("container.id".into(), n.to_string().as_str().into())], &[]);
        let points = (0..).zip(&sets).map(point).collect();
        Group { resource: Arc::new(resource), time: UnixNanos(1_700_000_000 << 30 | n), points }
    };
    let batch = Batch { groups: (0..100).map(group).collect() };
    let (bytes, _) = encoded(&batch, UnixNanos(1_700_000_000 << 30));
    assert!(bytes.len() <= 6 * batch.points(), "{} bytes for {} points", bytes.len(), batch.points());
}
