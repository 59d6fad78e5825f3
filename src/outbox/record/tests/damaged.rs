//! What is damaged is noticed, and nothing that comes in leads to a panic.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::samples::{batch, encoded, owner, resource};
use crate::model::series::Resource;
use crate::model::time::UnixNanos;
use crate::outbox::record::{
    Damage, Kind, Rid, VERSION, Words, decode_batch, decode_owner, decode_resource, encode_owner, encode_resource,
    frame, unframe,
};

fn sample() -> Vec<u8> {
    frame(Kind::Owner, 77, 12, b"what is in it")
}

/// With a right checksum again, as another version of the program would have written it.
fn with_head(change: impl FnOnce(&mut [u8])) -> Vec<u8> {
    let mut bytes = sample();
    change(&mut bytes);
    let sum = crc32fast::hash(&bytes[..34]).to_le_bytes();
    bytes[34..38].copy_from_slice(&sum);
    bytes
}

fn everything_refuses_or_reads(bytes: &[u8], words: &mut Words) {
    let known = Arc::new(Resource::new(vec![], &[]));
    let _ = unframe(bytes);
    let _ = decode_resource(bytes);
    let _ = decode_owner(bytes, words);
    if let Ok(stored) = decode_batch(bytes, |rid| (rid.0 & 1 == 0).then(|| known.clone()), words) {
        assert!(stored.batch.points() <= 8 * bytes.len(), "{} points of {bytes:?}", stored.batch.points());
    }
}

#[test]
fn every_truncation_of_a_frame_is_noticed() {
    let bytes = sample();
    for length in 0..bytes.len() {
        assert_eq!(unframe(&bytes[..length]), Err(Damage::Short), "{length}");
    }
}

#[test]
fn every_flipped_bit_of_a_frame_is_noticed() {
    let bytes = sample();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(unframe(&flipped).is_err(), "bit {bit}");
    }
}

#[test]
fn a_frame_says_why_it_is_refused() {
    let mut longer = sample();
    longer.push(0);
    let mut other = sample();
    other[40] ^= 1;
    let cases = [
        (longer, Damage::Long),
        (other, Damage::Content),
        (sample().split_off(1), Damage::NoRecord),
        (with_head(|head| head[8] = VERSION + 1), Damage::Version(VERSION + 1)),
        (with_head(|head| head[9] = 5), Damage::Kind(5)),
        (with_head(|head| head[10..14].fill(0xff)), Damage::Unusable("length")),
    ];
    for (bytes, damage) in cases {
        assert_eq!(unframe(&bytes), Err(damage));
    }
}

#[test]
fn a_content_that_says_more_than_it_holds_is_refused_before_room_is_made() {
    let huge = [&[0][..], &[0xff; 9], &[1]].concat();
    let none = |_: Rid| None;
    let words = &mut Words::default();
    assert_eq!(decode_batch(&huge, none, words), Err(Damage::Short));
    assert_eq!(decode_resource(&huge[1..]), Err(Damage::Short));
    assert_eq!(decode_owner(&[&[0, 0, 0][..], &huge[1..]].concat(), words), Err(Damage::Short));
}

#[test]
fn runs_that_do_not_fit_their_group_are_refused() {
    // One group of one series that has a start time: the run of start times, the run of marks.
    let batch = |starts: u8, marks: u8| [0, 1, 0, 0, 0, 1, 1, 1, b'm', 0, 1, 0, 0, 2, starts, marks];
    let read = |bytes: [u8; 16]| decode_batch(&bytes, |_| None, &mut Words::default()).map(|b| b.unknown_groups);
    assert_eq!(read(batch(1, 8)), Ok(1));
    for starts in [0, 2] {
        assert_eq!(read(batch(starts, 8)), Err(Damage::Unusable("run of start times")));
    }
    assert_eq!(read(batch(1, 1 << 5 | 8)), Err(Damage::Unusable("run of marks")));
    for code in [4, 7, 17, 31] {
        assert_eq!(read(batch(1, code)), Err(Damage::Unusable("mark")), "{code}");
    }
}

#[test]
fn an_owner_with_an_id_that_is_none_is_refused() {
    for id in ["", "abc", "../../version?x", "ABCDEF012345"] {
        let bytes = [&[0, 1, id.len() as u8][..], id.as_bytes(), &[0, 0, 0, 0]].concat();
        assert_eq!(decode_owner(&bytes, &mut Words::default()), Err(Damage::Unusable("container id")), "{id}");
    }
}

#[test]
fn keys_that_do_not_rise_are_refused() {
    let resource = |keys: [&[u8]; 2]| [&[0, 2, 1][..], keys[0], &[0, 0, 1], keys[1], &[0, 0]].concat();
    assert!(decode_resource(&resource([b"a", b"b"])).is_ok());
    for keys in [[b"b", b"a"], [b"a", b"a"]] {
        let keys = keys.map(|key| &key[..]);
        assert_eq!(decode_resource(&resource(keys)), Err(Damage::Unusable("order of attribute keys")));
    }
}

proptest! {
    #[test]
    fn whatever_comes_in_is_read_or_refused(bytes in vec(any::<u8>(), 0..400)) {
        everything_refuses_or_reads(&bytes, &mut Words::default());
    }

    /// Small numbers get further than any: they are counts and indices that may be.
    #[test]
    fn small_numbers_are_read_or_refused(bytes in vec(0..12_u8, 0..400)) {
        everything_refuses_or_reads(&bytes, &mut Words::default());
    }

    #[test]
    fn a_changed_content_is_read_or_refused(
        batch in batch(),
        (engine, owner, rid, facets) in owner(),
        resource in resource(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut words = Words::default();
        let owner = encode_owner(&engine, &owner, rid, &facets);
        for mut bytes in [encoded(&batch, UnixNanos(1)).0, owner, encode_resource(&resource)] {
            for (at, to) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *to;
            }
            everything_refuses_or_reads(&bytes, &mut words);
        }
    }

    #[test]
    fn a_content_that_is_cut_is_refused(
        batch in batch(),
        (engine, owner, rid, facets) in owner(),
        resource in resource(),
        at: prop::sample::Index,
    ) {
        let mut words = Words::default();
        let cut = |bytes: Vec<u8>| bytes[..at.index(bytes.len())].to_vec();
        let none = |_: Rid| None;
        prop_assert!(decode_batch(&cut(encoded(&batch, UnixNanos(1)).0), none, &mut words).is_err());
        prop_assert!(decode_owner(&cut(encode_owner(&engine, &owner, rid, &facets)), &mut words).is_err());
        prop_assert!(decode_resource(&cut(encode_resource(&resource))).is_err());
    }
}
