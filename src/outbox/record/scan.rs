//! Finds the records in a file that nothing else can be said of: torn, zeroed, overwritten, or a database's whose own
//! books are lost. The records have to stand there in one piece each, at any place.
//!
//! A record that is whole is never looked into; behind the first byte of one that is not, the search goes on. That is
//! linear in the file's length, whatever is in it: the checksum of any stretch follows from two sums of everything
//! before its ends ([`Sums`]), so that no byte is summed for each of the many heads that may claim it.

mod bytes;
mod sums;

use std::io::{self, Read, Seek};

use memchr::memmem::Finder;

use super::frame::{HEAD, Head, MARK};
use super::{Frame, Kind, unframe};
use bytes::Bytes;
use sums::Sums;

/// So much of the file is searched at once.
const WINDOW: usize = 64 << 10;

/// A record that was found, and is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Where it begins.
    pub at: u64,
    /// What it is.
    pub kind: Kind,
    /// See [`Frame::number`].
    pub number: u64,
    /// See [`Frame::acked`].
    pub acked: u64,
    /// What is in it.
    pub content: Vec<u8>,
}

/// Gives the whole records of a file, in their order, one at a time. It takes less than 1 MiB, and the record.
pub struct Scan<F> {
    file: Bytes<F>,
    sums: Sums,
    mark: Finder<'static>,
    /// Nothing before is searched any more.
    at: u64,
    /// The part of the file that is being searched, and where it begins.
    window: Vec<u8>,
    window_at: u64,
}

impl<F: Read + Seek> Scan<F> {
    /// Scans a file from its first to its last byte. It should not grow meanwhile.
    ///
    /// # Errors
    /// The file does not tell how long it is.
    pub fn new(file: F) -> io::Result<Self> {
        let file = Bytes::new(file)?;
        let mark = Finder::new(&MARK);
        Ok(Self { file, sums: Sums::default(), mark, at: 0, window: Vec::new(), window_at: 0 })
    }

    /// How many bytes could not be read; nothing was found in them.
    pub fn unreadable(&self) -> u64 {
        self.file.unreadable()
    }

    /// Where the next mark is, from `self.at` on.
    fn next_mark(&mut self) -> Option<u64> {
        while self.at.saturating_add(HEAD as u64) <= self.file.length() {
            let skipped = self.at.checked_sub(self.window_at).and_then(|n| usize::try_from(n).ok());
            match skipped.and_then(|n| self.window.get(n..)).filter(|rest| rest.len() >= HEAD) {
                Some(rest) => match self.mark.find(rest) {
                    Some(n) => return Some(self.at + n as u64),
                    None => self.at += (rest.len() + 1 - MARK.len()) as u64,
                },
                None => self.fill(self.at),
            }
        }
        None
    }

    fn fill(&mut self, from: u64) {
        let length = self.file.length().saturating_sub(from).min(WINDOW as u64);
        self.window.resize(usize::try_from(length).unwrap_or(WINDOW), 0);
        self.window_at = from;
        self.file.read(from, &mut self.window);
    }

    /// The head at `at`, where a mark is; none if it is not whole.
    fn head(&mut self, at: u64) -> Option<Head> {
        let of = |scan: &Self| {
            let from = usize::try_from(at.checked_sub(scan.window_at)?).ok()?;
            scan.window.get(from..)?.first_chunk::<HEAD>().copied()
        };
        if of(self).is_none() {
            self.fill(at);
        }
        Head::read(&of(self)?).ok()
    }

    /// The record at `at`, where a mark is; none if it is not whole.
    fn record(&mut self, at: u64) -> Option<Found> {
        let head = self.head(at)?;
        let from = at.checked_add(HEAD as u64)?;
        let to = from.checked_add(head.length as u64)?;
        if to > self.file.length() || self.sums.of(&mut self.file, from, to) != head.sum {
            return None;
        }
        // The bytes are there: only now is room made for them.
        let mut bytes = vec![0; HEAD + head.length];
        self.file.read(at, &mut bytes);
        let Frame { kind, number, acked, .. } = unframe(&bytes).ok()?;
        bytes.drain(..HEAD);
        Some(Found { at, kind, number, acked, content: bytes })
    }
}

impl<F: Read + Seek> Iterator for Scan<F> {
    type Item = Found;

    fn next(&mut self) -> Option<Found> {
        while let Some(at) = self.next_mark() {
            if let Some(found) = self.record(at) {
                self.at = at + (HEAD + found.content.len()) as u64;
                return Some(found);
            }
            self.at = at + 1;
        }
        None
    }
}

impl<F> std::fmt::Debug for Scan<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scan").field("at", &self.at).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
