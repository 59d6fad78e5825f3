//! The bytes of a file, with nothing but zeroes where the disk does not give them.

use std::io::{self, Read, Seek, SeekFrom};

/// What cannot be read at once is read in pieces of this size: what a disk loses, it loses by such.
const PIECE: usize = 4096;
/// After so many pieces that could not be read, no further one is tried: a disk may take seconds for each.
const MOST_FAILURES: u64 = 1024;

/// A file of known length.
#[derive(Debug)]
pub(super) struct Bytes<F> {
    file: F,
    length: u64,
    unreadable: u64,
    failures: u64,
}

impl<F: Read + Seek> Bytes<F> {
    pub(super) fn new(mut file: F) -> io::Result<Self> {
        let length = file.seek(SeekFrom::End(0))?;
        Ok(Self { file, length, unreadable: 0, failures: 0 })
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// How many bytes could not be read; those that were asked for twice count twice.
    pub(super) fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Reads what is at `at`; zeroes where that fails.
    pub(super) fn read(&mut self, at: u64, into: &mut [u8]) {
        if self.failures < MOST_FAILURES && self.try_read(at, into).is_ok() {
            return;
        }
        for (i, piece) in into.chunks_mut(PIECE).enumerate() {
            let at = at.saturating_add((i * PIECE) as u64);
            if self.failures >= MOST_FAILURES || self.try_read(at, piece).is_err() {
                self.failures = self.failures.saturating_add(1);
                self.unreadable = self.unreadable.saturating_add(piece.len() as u64);
                piece.fill(0);
            }
        }
    }

    fn try_read(&mut self, at: u64, into: &mut [u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(at))?;
        self.file.read_exact(into)
    }
}
