//! What is kept on disk. The first byte says what the rest is: a file, or the content of a record of that kind.
#![no_main]

use std::io::Cursor;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use dockpulse::model::series::{AttributeValue, Resource};
use dockpulse::outbox::record::{
    Damage, Found, Kind, Rid, Scan, Words, decode_batch, decode_owner, decode_resource, encode_batch, encode_owner,
    encode_resource, frame, unframe,
};
use dockpulse_fuzz::within;
use libfuzzer_sys::fuzz_target;

/// Those that a store has. Others are not known any more.
static RESOURCES: LazyLock<[Arc<Resource>; 3]> = LazyLock::new(|| {
    let text = |key: &str, copied| (key.into(), AttributeValue::Text("value".into()), copied);
    let all = [vec![], vec![text("a", false)], vec![text("a", false), text("b", true)]];
    all.map(|attributes| Arc::new(Resource::with_copies(attributes)))
});

/// New names are kept for good: one of these for all inputs, until it is full.
static WORDS: Mutex<Option<Words>> = Mutex::new(None);

fuzz_target!(|input: &[u8]| {
    let Some((kind, content)) = input.split_first() else { return };
    let most = (64 << 10) + 128 * input.len();
    match kind % 5 {
        0 => within(most, || resource(content)),
        1 => within(most, || with_words(|words| owner(content, words))),
        2 => within(most, || with_words(|words| batch(content, words))),
        3 => within(2 << 20, || file(content)),
        _ => within(4 << 20, || framed(content)),
    }
});

/// Reads; once more with none of the names of before if there are too many.
fn with_words(read: impl Fn(&mut Words) -> Result<(), Damage>) {
    let mut words = WORDS.lock().unwrap_or_else(PoisonError::into_inner);
    if let Err(Damage::NoRoom(_)) = read(words.get_or_insert_default()) {
        *words = None;
        let _ = read(words.get_or_insert_default());
    }
}

fn resource(content: &[u8]) {
    let Ok(read) = decode_resource(content) else { return };
    assert!(read.attributes().is_sorted_by(|a, b| a.0 < b.0));
    let written = encode_resource(&read);
    let again = decode_resource(&written).expect("what was written can be read");
    assert_eq!((again.version(), again.attributes()), (read.version(), read.attributes()));
    assert_eq!(again.on_points(), read.on_points());
    assert_eq!(encode_resource(&again), written);
}

fn owner(content: &[u8], words: &mut Words) -> Result<(), Damage> {
    let read = decode_owner(content, words)?;
    let written = encode_owner(&read.engine, &read.owner, read.rid, &read.facets);
    let again = decode_owner(&written, words).expect("what was written can be read");
    assert_eq!(again, read);
    assert_eq!(encode_owner(&again.engine, &again.owner, again.rid, &again.facets), written);
    Ok(())
}

fn batch(content: &[u8], words: &mut Words) -> Result<(), Damage> {
    let find = |Rid(n)| RESOURCES.get(usize::try_from(n).ok()?).cloned();
    let rid = |resource: &Arc<Resource>| {
        let place = RESOURCES.iter().position(|known| Arc::ptr_eq(known, resource));
        Rid(place.expect("it is one of them") as u64)
    };
    let read = decode_batch(content, find, words)?;
    assert!(read.batch.points() <= 8 * content.len(), "points are not made of nothing");
    let written = encode_batch(&read.batch, read.pushed, rid);
    let again = decode_batch(&written, find, words).expect("what was written can be read");
    assert_eq!((again.pushed, again.unknown_groups), (read.pushed, 0));
    assert_eq!(encode_batch(&again.batch, again.pushed, rid), written);
    Ok(())
}

/// Any file: what is found in it is whole and in order.
fn file(bytes: &[u8]) {
    let mut end = 0;
    for Found { at, kind, number, acked, content } in scan(bytes) {
        assert!(at >= end, "no byte is of two records");
        let whole = frame(kind, number, acked, &content);
        end = at + whole.len() as u64;
        assert_eq!(bytes.get(at as usize..end as usize), Some(&whole[..]));
    }
    if let Ok(read) = unframe(bytes) {
        assert_eq!(frame(read.kind, read.number, read.acked, read.content), bytes);
    }
}

/// Records with these contents, each behind some of the bytes; one of them is damaged. The others are found.
fn framed(bytes: &[u8]) {
    let Some(([damaged, place, times], rest)) = bytes.split_first_chunk() else { return };
    let parts: Vec<&[u8]> = rest.split(|byte| *byte == b'|').take(8).collect();
    let damaged = usize::from(*damaged) % parts.len();
    let (mut file, mut expected) = (Vec::new(), Vec::new());
    for (i, content) in parts.iter().enumerate() {
        let kind = [Kind::Batch, Kind::Owner, Kind::Resource, Kind::Meta][i % 4];
        let content = content.repeat(usize::from(*times) % 32 + 1);
        let mut record = frame(kind, i as u64, u64::from(*place), &content);
        assert_eq!(unframe(&record).map(|f| (f.kind, f.number, f.content)), Ok((kind, i as u64, &content[..])));
        file.extend(&content);
        if i == damaged {
            let at = usize::from(*place) * 31 % record.len();
            record[at] ^= 1 << (times % 8);
            assert!(unframe(&record).is_err(), "one bit is noticed");
        } else {
            expected.push((file.len() as u64, kind, content));
        }
        file.extend(record);
    }
    // The contents may be records themselves, and a damaged length may lead into the next one: then there are more.
    let found: Vec<_> = scan(&file).map(|f| (f.at, f.kind, f.content)).collect();
    if !contains_mark(rest) {
        assert_eq!(found, expected);
    }
}

fn contains_mark(bytes: &[u8]) -> bool {
    bytes.windows(7).any(|seven| seven == b"dpulse\n") || bytes.contains(&0xff)
}

fn scan(bytes: &[u8]) -> Scan<Cursor<&[u8]>> {
    Scan::new(Cursor::new(bytes)).expect("its length is known")
}
