//! What contents are made of: numbers and text, written to the end of a buffer and taken from the front of bytes.

use prost::encoding::{decode_varint, encode_varint};

use super::Damage;

/// Appends a number: one byte below 128, ten at most.
pub(super) fn put_number(out: &mut Vec<u8>, number: u64) {
    encode_varint(number, out);
}

/// Appends a count or an index.
pub(super) fn put_count(out: &mut Vec<u8>, count: usize) {
    put_number(out, count as u64);
}

/// Appends a number that may be negative: the closer to 0 the shorter.
pub(super) fn put_signed(out: &mut Vec<u8>, number: i64) {
    put_number(out, (number.cast_unsigned() << 1) ^ (number >> 63).cast_unsigned());
}

/// Appends how far it is from `last` to `number`, which becomes the last.
pub(super) fn put_step(out: &mut Vec<u8>, last: &mut u64, number: u64) {
    put_signed(out, number.wrapping_sub(*last).cast_signed());
    *last = number;
}

/// Appends text and its length.
pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    put_count(out, text.len());
    out.extend_from_slice(text.as_bytes());
}

/// The bytes of a content that are not read yet.
#[derive(Debug)]
pub(super) struct Content<'a> {
    rest: &'a [u8],
}

impl<'a> Content<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes are left.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }

    /// Nothing may be left.
    pub(super) fn end(&self) -> Result<(), Damage> {
        if self.rest.is_empty() { Ok(()) } else { Err(Damage::Long) }
    }

    pub(super) fn byte(&mut self) -> Result<u8, Damage> {
        let (first, rest) = self.rest.split_first().ok_or(Damage::Short)?;
        self.rest = rest;
        Ok(*first)
    }

    pub(super) fn eight(&mut self) -> Result<[u8; 8], Damage> {
        let (first, rest) = self.rest.split_first_chunk().ok_or(Damage::Short)?;
        self.rest = rest;
        Ok(*first)
    }

    pub(super) fn number(&mut self) -> Result<u64, Damage> {
        decode_varint(&mut self.rest).map_err(|_| Damage::Unusable("number"))
    }

    /// A number that may be negative.
    pub(super) fn signed(&mut self) -> Result<i64, Damage> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    /// The number that is so far from `last`; it becomes the last.
    pub(super) fn step(&mut self, last: &mut u64) -> Result<u64, Damage> {
        *last = last.wrapping_add(self.signed()?.cast_unsigned());
        Ok(*last)
    }

    /// An index.
    pub(super) fn index(&mut self) -> Result<usize, Damage> {
        usize::try_from(self.number()?).map_err(|_| Damage::Unusable("index"))
    }

    /// How many things follow, each of at least so many bytes: no more than there is room for.
    pub(super) fn count(&mut self, least_bytes: usize) -> Result<usize, Damage> {
        let count = self.index()?;
        if count > self.left() / least_bytes { Err(Damage::Short) } else { Ok(count) }
    }

    pub(super) fn text(&mut self) -> Result<&'a str, Damage> {
        let length = self.count(1)?;
        let (text, rest) = self.rest.split_at_checked(length).ok_or(Damage::Short)?;
        self.rest = rest;
        std::str::from_utf8(text).map_err(|_| Damage::Unusable("text"))
    }
}
