//! What the readers of stored records take of memory, whatever the bytes are: no more than in proportion to them.
//!
//! One test alone: it measures the whole process.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use dockpulse::model::series::Resource;
use dockpulse::outbox::record::{Kind, Scan, Words, decode_batch, decode_owner, decode_resource, frame, unframe};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What the test itself may take meanwhile.
const ALWAYS: usize = 16 << 10;
/// A byte that says of eight points that they are retractions makes eight points.
const A_BYTE: usize = 8 * 56;

/// How many bytes `work` takes at most at one time.
fn peak<T>(work: impl FnOnce() -> T) -> usize {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let made = work();
    let peak = MEMORY.peak_usage() - before;
    drop(made);
    peak
}

#[test]
fn no_bytes_take_more_memory_than_in_proportion() {
    let known = Arc::new(Resource::new(vec![], &[]));
    let mut words = Words::default();
    for bytes in random().chain(hostile()) {
        let most = ALWAYS + A_BYTE * bytes.len();
        let took = [
            peak(|| unframe(&bytes).is_ok()),
            peak(|| decode_batch(&bytes, |_| Some(known.clone()), &mut words)),
            peak(|| decode_owner(&bytes, &mut words)),
            peak(|| decode_resource(&bytes)),
        ];
        assert!(took.iter().all(|took| *took <= most), "{took:?} for {} bytes: {:?}", bytes.len(), first(&bytes));
    }
    let stored = decode_batch(&bomb(), |_| Some(known.clone()), &mut words).unwrap();
    assert_eq!(stored.batch.points(), 3_001 * 127, "the worst is among what was read");
    let heads = peak(|| Scan::new(Repeated::new(head(), 8 << 20)).unwrap().count());
    assert!(heads <= 1 << 20, "{heads} bytes to scan a file of heads alone");
    let record = frame(Kind::Batch, 1, 0, &[7; 300_000]);
    let most = (1 << 20) + 2 * record.len();
    let records = peak(|| assert_eq!(Scan::new(Repeated::new(record, 8 << 20)).unwrap().count(), 27));
    assert!(records <= most, "{records} bytes to scan a file of records");
}

fn first(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(80)]
}

/// Bytes at random: of all values, and of small ones, which get further.
fn random() -> impl Iterator<Item = Vec<u8>> {
    let mut random = fastrand::Rng::with_seed(7);
    (0..2_000).map(move |_| {
        let (length, most) = (random.usize(0..3_000), random.choice([4, 16, 128, 255]).unwrap());
        (0..length).map(|_| random.u8(0..=most)).collect()
    })
}

/// Bytes that promise much.
fn hostile() -> impl Iterator<Item = Vec<u8>> {
    const MANY: u8 = 0x7f;
    let huge = [&[0xff; 9][..], &[1]].concat();
    let then = |begin: &[u8], rest: &[u8], times: usize| [begin, &rest.repeat(times)].concat();
    [
        huge.clone(),
        then(&[0], &huge, 100),
        then(&[0, 0, 0], &huge, 100),
        bomb(),
        // Groups, facets, attributes and items of lists, each as small as they come.
        then(&[0, 0xff, MANY], &[0, 0, 0], 20_000),
        then(&[0, 0, 0, 0xff, MANY], &[0, 0], 20_000),
        then(&[0xff, MANY], &[1, b'k', 0, 0], 20_000),
        then(&[1, 1, b'k', 2, 0xff, MANY], &[0], 20_000),
    ]
    .into_iter()
}

/// 3,001 groups of the same 127 series; each retracts them all.
fn bomb() -> Vec<u8> {
    let shape = [&[127, 0, 1, b'm', 0, 1, 0, 0][..], &[0, 0].repeat(126)].concat();
    let marks = [&[7 << 5 | 8; 15][..], &[6 << 5 | 8]].concat();
    let group = [&[0, 0, 0][..], &marks].concat();
    [&[0, 0xb9, 0x17, 0, 0, 0][..], &shape, &marks, &group.repeat(3_000)].concat()
}

/// A head that promises ten million bytes, and a page of nothing.
fn head() -> Vec<u8> {
    let mut bytes = frame(Kind::Batch, 0, 0, b"");
    bytes[10..14].copy_from_slice(&10_000_000_u32.to_le_bytes());
    let sum = crc32fast::hash(&bytes[..34]).to_le_bytes();
    bytes[34..38].copy_from_slice(&sum);
    bytes.extend([0; 4096]);
    bytes
}

/// A file that takes no memory: the same again and again.
struct Repeated {
    piece: Vec<u8>,
    length: u64,
    at: u64,
}

impl Repeated {
    fn new(piece: Vec<u8>, length: u64) -> Self {
        Self { piece, length, at: 0 }
    }
}

impl Read for Repeated {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let from = usize::try_from(self.at % self.piece.len() as u64).unwrap();
        let left = usize::try_from(self.length.saturating_sub(self.at)).unwrap();
        let length = into.len().min(left).min(self.piece.len() - from);
        into[..length].copy_from_slice(&self.piece[from..from + length]);
        self.at += length as u64;
        Ok(length)
    }
}

impl Seek for Repeated {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::End(by) => self.length.saturating_add_signed(by),
            SeekFrom::Current(by) => self.at.saturating_add_signed(by),
        };
        Ok(self.at)
    }
}
