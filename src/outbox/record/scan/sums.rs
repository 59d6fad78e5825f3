//! The checksum of any stretch of a file without reading it for each stretch anew.

use std::collections::VecDeque;
use std::io::{Read, Seek};

use crc32fast::Hasher;

use super::bytes::Bytes;

/// There is a sum at the begin of each block of the file.
const BLOCK: usize = 4096;

/// Checksums of everything from some block's begin to that of each block behind it. Stretches are asked for in the
/// order of their begins; each byte is summed once, and those of the blocks that a stretch begins and ends in once more.
#[derive(Debug, Default)]
pub(super) struct Sums {
    /// The number of the block that the first sum is of.
    first: u64,
    sums: VecDeque<u32>,
}

impl Sums {
    /// The checksum of what is in `file` from `from` to `to`, which lie in it.
    pub(super) fn of<F: Read + Seek>(&mut self, file: &mut Bytes<F>, from: u64, to: u64) -> u32 {
        self.forget_before(from / BLOCK as u64);
        let before = self.up_to(file, from);
        let both = self.up_to(file, to);
        // The sum of A and B is that of A and as many zeroes as B is long, xor that of B.
        let mut padded = Hasher::new_with_initial(before);
        padded.combine(&Hasher::new_with_initial_len(0, to.saturating_sub(from)));
        padded.finalize() ^ both
    }

    fn forget_before(&mut self, block: u64) {
        let known = block.checked_sub(self.first).and_then(|n| usize::try_from(n).ok());
        match known.filter(|n| *n < self.sums.len()) {
            Some(n) => drop(self.sums.drain(..n)),
            None => self.sums = VecDeque::from([0]),
        }
        self.first = block;
    }

    /// The checksum of what is before `at`, from the first block that is known on.
    fn up_to<F: Read + Seek>(&mut self, file: &mut Bytes<F>, at: u64) -> u32 {
        let mut block = [0; BLOCK];
        let (number, rest) = (at / BLOCK as u64, at % BLOCK as u64);
        let index = usize::try_from(number - self.first).unwrap_or(usize::MAX);
        while self.sums.len() <= index {
            let last = self.first + self.sums.len() as u64 - 1;
            let sum = self.sums.back().copied().unwrap_or_default();
            file.read(last * BLOCK as u64, &mut block);
            self.sums.push_back(go_on(sum, &block));
        }
        let part = &mut block[..usize::try_from(rest).unwrap_or_default()];
        file.read(number * BLOCK as u64, part);
        go_on(self.sums[index], part)
    }
}

fn go_on(sum: u32, bytes: &[u8]) -> u32 {
    let mut hasher = Hasher::new_with_initial(sum);
    hasher.update(bytes);
    hasher.finalize()
}
