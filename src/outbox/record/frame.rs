//! The outside of every record: what it is, how long, of when, and whether it is whole.
//!
//! | at | bytes | what |
//! |---|---|---|
//! | 0 | 8 | the mark that a record begins with |
//! | 8 | 1 | the format of everything behind it |
//! | 9 | 1 | the kind |
//! | 10 | 4 | the content's length |
//! | 14 | 8 | the number |
//! | 22 | 8 | what was acknowledged |
//! | 30 | 4 | CRC-32 of the content |
//! | 34 | 4 | CRC-32 of the 34 bytes before |
//! | 38 | | the content |
//!
//! Numbers are little-endian. The head has a checksum of its own, so that a length is believed only where one was written.

use super::Damage;

/// The format that is written and read. A record of another one is refused.
pub const VERSION: u8 = 1;

/// The most bytes of a content: far more than the largest batch has. A longer one cannot be read again.
pub const LONGEST: usize = 256 << 20;

/// What a record begins with. 0xFF stands in no UTF-8 text, so that no name or label that somebody chose has it in it.
pub(super) const MARK: [u8; 8] = *b"\xffdpulse\n";

/// The bytes before the content.
pub(super) const HEAD: usize = 38;
const SUMMED: usize = HEAD - 4;

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A batch that is to be delivered.
    Batch = 1,
    /// What is live of one owner.
    Owner = 2,
    /// A resource that others refer to.
    Resource = 3,
    /// Of the store itself.
    Meta = 4,
}

/// A record that is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it is.
    pub kind: Kind,
    /// A batch's place in the order of all; of another record the transaction that wrote it: the newest counts.
    pub number: u64,
    /// All batches up to this one were acknowledged when it was written.
    pub acked: u64,
    /// What is in it.
    pub content: &'a [u8],
}

/// What a head says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    kind: Kind,
    number: u64,
    acked: u64,
    /// The content's length.
    pub(super) length: usize,
    /// The content's checksum.
    pub(super) sum: u32,
}

/// Puts `content`, of [`LONGEST`] bytes at most, into a frame.
pub fn frame(kind: Kind, number: u64, acked: u64, content: &[u8]) -> Vec<u8> {
    debug_assert!(content.len() <= LONGEST, "a content of {} bytes", content.len());
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
    let mut out = Vec::with_capacity(HEAD + content.len());
    out.extend(MARK);
    out.extend([VERSION, kind as u8]);
    out.extend(length.to_le_bytes());
    out.extend(number.to_le_bytes());
    out.extend(acked.to_le_bytes());
    out.extend(crc32fast::hash(content).to_le_bytes());
    out.extend(crc32fast::hash(&out).to_le_bytes());
    out.extend_from_slice(content);
    out
}

/// The record that `bytes` are, from the first to the last.
///
/// # Errors
/// What is wrong if a single bit is not as it was written.
pub fn unframe(bytes: &[u8]) -> Result<Frame<'_>, Damage> {
    let (head, content) = bytes.split_first_chunk().ok_or(Damage::Short)?;
    let head = Head::read(head)?;
    if content.len() != head.length {
        return Err(if content.len() < head.length { Damage::Short } else { Damage::Long });
    }
    if crc32fast::hash(content) != head.sum {
        return Err(Damage::Content);
    }
    let Head { kind, number, acked, .. } = head;
    Ok(Frame { kind, number, acked, content })
}

impl Head {
    /// Reads a head that is whole.
    pub(super) fn read(bytes: &[u8; HEAD]) -> Result<Self, Damage> {
        let (summed, sum) = bytes.split_at(SUMMED);
        if !summed.starts_with(&MARK) {
            return Err(Damage::NoRecord);
        }
        if crc32fast::hash(summed).to_le_bytes() != sum {
            return Err(Damage::Head);
        }
        if bytes[8] != VERSION {
            return Err(Damage::Version(bytes[8]));
        }
        let length = usize::try_from(u32::from_le_bytes(piece(bytes, 10))).unwrap_or(usize::MAX);
        if length > LONGEST {
            return Err(Damage::Unusable("length"));
        }
        Ok(Self {
            kind: Kind::read(bytes[9])?,
            number: u64::from_le_bytes(piece(bytes, 14)),
            acked: u64::from_le_bytes(piece(bytes, 22)),
            length,
            sum: u32::from_le_bytes(piece(bytes, 30)),
        })
    }
}

/// The bytes of a head from `at` on, which are there: no number begins further back than at 34.
fn piece<const N: usize>(bytes: &[u8; HEAD], at: usize) -> [u8; N] {
    std::array::from_fn(|i| bytes[at + i])
}

impl Kind {
    fn read(byte: u8) -> Result<Self, Damage> {
        match byte {
            1 => Ok(Self::Batch),
            2 => Ok(Self::Owner),
            3 => Ok(Self::Resource),
            4 => Ok(Self::Meta),
            unknown => Err(Damage::Kind(unknown)),
        }
    }
}
