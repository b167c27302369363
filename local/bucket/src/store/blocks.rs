//! Checksums of a body by blocks, so that any part of it can be verified without reading the rest.

use s3s::crypto::{Checksum as _, Crc32c};

/// Small enough that a range reads little beside what it asks for.
pub(crate) const BLOCK: u64 = 64 << 10;
/// Bytes of a block's checksum.
pub(super) const SUM: u64 = 4;

pub(super) fn sum(block: &[u8]) -> [u8; 4] {
    Crc32c::checksum(block)
}

/// Bytes of all checksums of a body of this size.
pub(super) fn length(size: u64) -> u64 {
    size.div_ceil(BLOCK) * SUM
}

/// Computes the checksums while a body is written.
#[derive(Default)]
pub(super) struct Sums {
    done: Vec<u8>,
    /// Of the block that is not full yet.
    open: Crc32c,
    filled: u64,
}

impl Sums {
    pub(super) fn update(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let count = bytes.len().min((BLOCK - self.filled) as usize);
            let (now, rest) = bytes.split_at(count);
            self.open.update(now);
            self.filled += count as u64;
            bytes = rest;
            if self.filled == BLOCK {
                self.close();
            }
        }
    }

    /// Whether a stored body could follow with its own checksums.
    pub(super) fn at_block(&self) -> bool {
        self.filled == 0
    }

    /// Takes over the checksums of a stored body. Nothing may follow one that does not end with a whole block.
    pub(super) fn append(&mut self, stored: &[u8]) {
        self.done.extend_from_slice(stored);
    }

    pub(super) fn finish(mut self) -> Vec<u8> {
        if !self.at_block() {
            self.close();
        }
        self.done
    }

    fn close(&mut self) {
        self.done.extend_from_slice(&std::mem::take(&mut self.open).finalize());
        self.filled = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_the_same_however_the_bytes_come() {
        let bytes: Vec<u8> = (0..BLOCK * 2 + 100).map(|n| (n % 251) as u8).collect();
        let expected: Vec<u8> = bytes.chunks(BLOCK as usize).flat_map(sum).collect();
        for step in [1, 999, BLOCK as usize, bytes.len()] {
            let mut sums = Sums::default();
            bytes.chunks(step).for_each(|chunk| sums.update(chunk));
            assert!(sums.finish() == expected, "in steps of {step}");
        }
        assert_eq!(expected.len() as u64, length(bytes.len() as u64));
        assert!(Sums::default().finish().is_empty());
    }
}
