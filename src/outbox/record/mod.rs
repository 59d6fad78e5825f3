//! What is kept on disk, as bytes: each record is a value in a frame that shows whether it is whole.
//!
//! Pure and total. Whatever bytes come in, a value or a [`Damage`] comes out, and what is allocated is in proportion to
//! them: no length and no number in a record is believed before the bytes that it speaks of are there.
//!
//! `frame` is the outside of every record, `scan` finds records in a file that nothing else can be said of, `batch`,
//! `owner` and `resource` are the contents. `series` says metrics and attributes once a record; `words` turns stored
//! text into what lives as long as the program; `content` has the numbers and the text that all are made of.
//!
//! Numbers are LEB128, signed ones zigzag; differences wrap around. Every change of the bytes needs another
//! [`VERSION`]; `tests/stable.rs` notices it.

mod batch;
mod content;
mod frame;
mod marks;
mod owner;
mod resource;
mod scan;
mod series;
mod words;

pub use batch::{StoredBatch, decode_batch, encode_batch};
pub use frame::{Frame, Kind, LONGEST, VERSION, frame, unframe};
pub use owner::{StoredOwner, decode_owner, encode_owner};
pub use resource::{decode_resource, encode_resource};
pub use scan::{Found, Scan};
pub use words::Words;

/// The number of a stored resource. Batches and owners refer to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rid(pub u64);

/// Why bytes are no record, or not the one that was asked for. There is nothing to mend: what they said is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// There are fewer bytes than there have to be.
    #[error("the record ends too early")]
    Short,
    /// There are more bytes than there may be.
    #[error("bytes follow the record's end")]
    Long,
    /// It does not begin as a record does.
    #[error("the bytes are not a record")]
    NoRecord,
    /// Its head has another checksum.
    #[error("the record's head is damaged")]
    Head,
    /// Its content has another checksum.
    #[error("the record's content is damaged")]
    Content,
    /// Another version of dockpulse wrote it.
    #[error("the record is in format {0}; this version reads format {VERSION}")]
    Version(u8),
    /// It is of no known kind.
    #[error("the record is of the unknown kind {0}")]
    Kind(u8),
    /// Something in it is none of what may stand there.
    #[error("the record holds an unusable {0}")]
    Unusable(&'static str),
    /// It would need more names than are kept for good.
    #[error("the record has one more new {0} than there is room for")]
    NoRoom(&'static str),
}

#[cfg(test)]
mod tests;
