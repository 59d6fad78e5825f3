//! What it costs to write a probe of 1,000 containers for the disk, and to read it again: `cargo bench --bench records`.
//!
//! The counter is points: the time of one is the median by so many. The size is printed first.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a bench prints what it found, and why it cannot go on")]

#[path = "support/answers.rs"]
mod answers;
#[path = "support/fleet.rs"]
mod fleet;

use std::collections::HashMap;
use std::io::Cursor;
use std::sync::Arc;

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};

use dockpulse::model::batch::Batch;
use dockpulse::model::series::Resource;
use dockpulse::model::time::UnixNanos;
use dockpulse::outbox::record::{
    Kind, Rid, Scan, Words, decode_batch, decode_resource, encode_batch, encode_resource, frame, unframe,
};
use fleet::Fleet;

const CONTAINERS: u64 = 1_000;
const PUSHED: UnixNanos = UnixNanos(1_795_315_523 << 30);

fn main() {
    let probe = Probe::new();
    let (points, bytes) = (probe.batch.points(), probe.encode().len());
    println!("{points} points of {CONTAINERS} containers: {bytes} bytes, {:.2} a point", bytes as f64 / points as f64);
    divan::main();
}

/// A probe of many containers, and under which number each resource is stored.
struct Probe {
    batch: Batch,
    rids: HashMap<*const Resource, Rid>,
    resources: Vec<Arc<Resource>>,
}

impl Probe {
    fn new() -> Self {
        let batch = Fleet::new(CONTAINERS).batch();
        let mut probe = Self { batch, rids: HashMap::new(), resources: Vec::new() };
        for group in &probe.batch.groups {
            let next = Rid(probe.resources.len() as u64);
            if *probe.rids.entry(Arc::as_ptr(&group.resource)).or_insert(next) == next {
                probe.resources.push(group.resource.clone());
            }
        }
        probe
    }

    fn encode(&self) -> Vec<u8> {
        encode_batch(&self.batch, PUSHED, |resource| self.rids[&Arc::as_ptr(resource)])
    }

    fn points(&self) -> ItemsCount {
        ItemsCount::new(self.batch.points())
    }
}

/// Batch → content.
#[divan::bench]
fn encode(bencher: Bencher<'_, '_>) {
    let probe = Probe::new();
    bencher.counter(probe.points()).bench_local(|| probe.encode());
}

/// Content → batch.
#[divan::bench]
fn decode(bencher: Bencher<'_, '_>) {
    let probe = Probe::new();
    let (bytes, mut words) = (probe.encode(), Words::default());
    let resource = |rid: Rid| probe.resources.get(usize::try_from(rid.0).ok()?).cloned();
    bencher.counter(probe.points()).bench_local(|| decode_batch(black_box(&bytes), resource, &mut words));
}

/// A content into its frame, and out of it.
#[divan::bench]
fn frame_and_unframe(bencher: Bencher<'_, '_>) {
    let content = Probe::new().encode();
    bencher.counter(BytesCount::of_slice(&content)).bench(|| {
        let bytes = frame(Kind::Batch, 1, 0, black_box(&content));
        unframe(&bytes).expect("what was framed").content.len()
    });
}

/// One resource, there and back.
#[divan::bench]
fn resource(bencher: Bencher<'_, '_>) {
    let probe = Probe::new();
    bencher.bench_local(|| decode_resource(&encode_resource(black_box(&probe.resources[0]))));
}

/// A file of 64 MiB without a record, and one of records alone.
#[divan::bench(args = ["nothing", "records"])]
fn scan(bencher: Bencher<'_, '_>, of: &str) {
    let piece = if of == "records" { frame(Kind::Batch, 1, 0, &Probe::new().encode()) } else { vec![0xa5; 300_000] };
    let file = piece.repeat((64 << 20) / piece.len());
    bencher.counter(BytesCount::of_slice(&file)).bench(|| {
        let scan = Scan::new(Cursor::new(black_box(&file))).expect("memory can be read");
        scan.count()
    });
}
