//! A file is scanned: every whole record in it is found, whatever is around it, and nothing else.

use std::io::{self, Cursor, SeekFrom};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::outbox::record::frame;

/// Content and rubbish have no byte in common, so that no torn record becomes whole by what follows.
const CONTENT: std::ops::RangeInclusive<u8> = 1..=250;
const RUBBISH: std::ops::RangeInclusive<u8> = 251..=255;

/// What stands in a file.
#[derive(Debug, Clone)]
enum Piece {
    Whole(Vec<u8>),
    Torn(Vec<u8>, prop::sample::Index),
    Flipped(Vec<u8>, prop::sample::Index),
    /// Nothing but zeroes from here on.
    Zeroed(Vec<u8>, prop::sample::Index),
    Rubbish(Vec<u8>),
    Zeroes(usize),
    /// As much of a record's mark.
    Mark(usize),
    /// A whole head, and nothing of what it promises.
    Head(u32),
}

fn piece() -> impl Strategy<Value = Piece> {
    let content = || {
        let bytes = |most: usize| vec(CONTENT, 1..most);
        prop_oneof![8 => bytes(200), 1 => (vec(CONTENT, 1..100), 1..100_usize).prop_map(|(c, n)| c.repeat(n * 10))]
    };
    let index = any::<prop::sample::Index>;
    prop_oneof![
        4 => content().prop_map(Piece::Whole),
        1 => (content(), index()).prop_map(|(content, at)| Piece::Torn(content, at)),
        1 => (content(), index()).prop_map(|(content, at)| Piece::Flipped(content, at)),
        1 => (content(), index()).prop_map(|(content, at)| Piece::Zeroed(content, at)),
        1 => vec(RUBBISH, 0..300).prop_map(Piece::Rubbish),
        1 => (0..300_usize).prop_map(Piece::Zeroes),
        1 => (0..80_000_usize).prop_map(Piece::Zeroes),
        1 => (0..=MARK.len()).prop_map(Piece::Mark),
        1 => (1..20_000_u32).prop_map(Piece::Head),
    ]
}

/// A head whose content is wanting.
fn head(length: u32) -> Vec<u8> {
    let mut bytes = frame(Kind::Batch, 0, 0, b"");
    bytes[10..14].copy_from_slice(&length.to_le_bytes());
    bytes[30..34].fill(0x11);
    let sum = crc32fast::hash(&bytes[..34]).to_le_bytes();
    bytes[34..38].copy_from_slice(&sum);
    bytes
}

impl Piece {
    fn bytes(&self, number: u64) -> Vec<u8> {
        let whole = |content: &Vec<u8>| frame(Kind::Owner, number, number / 2, content);
        match self {
            Self::Whole(content) => whole(content),
            Self::Torn(content, at) => {
                let mut bytes = whole(content);
                bytes.truncate(at.index(bytes.len()));
                bytes
            }
            Self::Flipped(content, at) => {
                let mut bytes = whole(content);
                let bit = at.index(bytes.len() * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
                bytes
            }
            Self::Zeroed(content, at) => {
                let mut bytes = whole(content);
                let from = at.index(bytes.len());
                bytes[from..].fill(0);
                bytes
            }
            Self::Rubbish(bytes) => bytes.clone(),
            Self::Zeroes(count) => vec![0; *count],
            Self::Mark(length) => MARK[..*length].to_vec(),
            Self::Head(length) => head(*length),
        }
    }
}

fn scan(file: &[u8]) -> Vec<Found> {
    Scan::new(Cursor::new(file)).expect("memory can be read").collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn every_whole_record_is_found_and_nothing_else(pieces in vec(piece(), 0..30)) {
        let (mut file, mut whole) = (Vec::new(), Vec::new());
        for (number, piece) in (0..).zip(&pieces) {
            let at = file.len() as u64;
            if let Piece::Whole(content) = piece {
                whole.push(Found { at, kind: Kind::Owner, number, acked: number / 2, content: content.clone() });
            }
            file.extend(piece.bytes(number));
        }
        prop_assert_eq!(scan(&file), whole);
    }

    #[test]
    fn whatever_is_in_a_file_nothing_is_found_that_is_no_record(file in vec(RUBBISH, 0..2000)) {
        prop_assert_eq!(scan(&file), vec![]);
    }
}

#[test]
fn a_record_is_found_wherever_it_begins() {
    let record = frame(Kind::Resource, 1, 0, b"content");
    for at in (0..120).chain(4000..4200).chain(WINDOW - 60..WINDOW + 20) {
        let mut file = vec![0xff; at];
        file.extend(&record);
        let found: Vec<u64> = scan(&file).iter().map(|found| found.at).collect();
        assert_eq!(found, [at as u64]);
    }
}

#[test]
fn what_stands_in_a_whole_record_is_none() {
    let inner = frame(Kind::Owner, 2, 0, b"inner");
    let outer = frame(Kind::Batch, 1, 0, &inner);
    let found = scan(&outer);
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].kind, &found[0].content), (Kind::Batch, &inner));
}

/// A file that counts what is read of it, and has a place where nothing can be read.
struct Disk {
    bytes: Cursor<Vec<u8>>,
    read: u64,
    broken: std::ops::Range<u64>,
}

impl Disk {
    fn new(bytes: Vec<u8>) -> Self {
        Self { bytes: Cursor::new(bytes), read: 0, broken: 0..0 }
    }
}

impl Read for &mut Disk {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let (from, most) = (self.bytes.position(), into.len() as u64);
        if from < self.broken.end && from + most > self.broken.start {
            return Err(io::Error::from_raw_os_error(5));
        }
        self.read += most;
        self.bytes.read(into)
    }
}

impl Seek for &mut Disk {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}

/// How much is read of a file that is full of heads which promise almost all that follows.
fn read_of_heads(count: u32) -> u64 {
    let mut file = Vec::new();
    for left in (0..count).rev() {
        file.extend(head(left * HEAD as u32));
    }
    let mut disk = Disk::new(file);
    assert_eq!(Scan::new(&mut disk).expect("memory can be read").count(), 0);
    disk.read
}

#[test]
fn the_work_is_in_proportion_to_the_length_whatever_the_heads_promise() {
    let (once, four_times) = (read_of_heads(1_000), read_of_heads(4_000));
    assert!(four_times <= once * 5, "{once} bytes were read, and {four_times} of a file four times as long");
}

#[test]
fn a_place_that_cannot_be_read_costs_only_what_is_there() {
    let record = |number| frame(Kind::Owner, number, 0, &[7; 5000]);
    let mut disk = Disk::new((0..40).flat_map(record).collect());
    disk.broken = 60_000..60_100;
    let mut scan = Scan::new(&mut disk).expect("memory can be read");
    let found: Vec<u64> = scan.by_ref().map(|found| found.number).collect();
    assert!(scan.unreadable() > 0);
    // The unreadable piece of 4 KiB may reach into one neighbour.
    assert!(found.len() >= 38 && !found.contains(&11), "{found:?}");
}

#[test]
fn a_disk_that_gives_nothing_is_given_up() {
    let mut disk = Disk::new(vec![0; 16 << 20]);
    disk.broken = 0..16 << 20;
    let mut scan = Scan::new(&mut disk).expect("the length is known");
    assert_eq!(scan.next(), None);
    assert!(scan.unreadable() >= 16 << 20);
    assert_eq!(disk.read, 0);
}
