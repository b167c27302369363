//! A stored body, read in pieces, none of which is given away before it is verified.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use bytes::Bytes;
use md5::{Digest, Md5};

use super::blocks::{self, BLOCK, SUM};
use super::opened::{Opened, Reason};

/// Read at once: whole blocks.
const PIECE: u64 = 8 * BLOCK;

/// What is still to be read of a part of a body.
pub(crate) struct Body {
    file: File,
    /// Where the body begins.
    start: u64,
    size: u64,
    rest: Range<u64>,
    check: Check,
}

enum Check {
    /// The checksums of the blocks begin here.
    Blocks(u64),
    /// A file without them that is read whole: its MD5 so far, and what it must be in the end.
    Whole(Box<Md5>, [u8; 16]),
    /// Nothing is known of a part of such a file, nor of one whose tag is of its parts.
    Nothing,
}

impl Body {
    pub(crate) fn new(opened: Opened, part: Range<u64>) -> Self {
        let summary = opened.header.summary;
        let check = match opened.layout.sums {
            Some(sums) => Check::Blocks(sums),
            None if summary.tag.parts == 0 && part == (0..summary.size) => {
                Check::Whole(Box::default(), summary.tag.md5)
            }
            None => Check::Nothing,
        };
        Self { file: opened.file, start: opened.layout.body, size: summary.size, rest: part, check }
    }

    /// The whole of it.
    pub(crate) fn whole(opened: Opened) -> Self {
        let size = opened.header.summary.size;
        Self::new(opened, 0..size)
    }

    /// Bytes still to come.
    pub(crate) fn remaining(&self) -> u64 {
        self.rest.end - self.rest.start
    }

    pub(crate) fn is_verified(&self) -> bool {
        !matches!(self.check, Check::Nothing)
    }

    /// The next piece; `None` at the end. Blocks.
    pub(crate) fn next(&mut self) -> Result<Option<Bytes>, Reason> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let first = self.rest.start - self.rest.start % BLOCK;
        let piece = self.rest.start..self.rest.end.min(first + PIECE);
        self.rest.start = piece.end;
        let bytes = match &self.check {
            Check::Blocks(sums) => self.verified(*sums, first, piece.clone())?,
            Check::Whole(..) | Check::Nothing => self.read(self.start, piece.clone())?.into(),
        };
        if let Check::Whole(md5, expected) = &mut self.check {
            md5.update(&bytes);
            if piece.end == self.size && md5.clone().finalize() != *expected {
                return Err("its content does not match its MD5".into());
            }
        }
        Ok(Some(bytes))
    }

    /// Reads all that is left.
    pub(super) fn verify(mut self) -> Result<(), Reason> {
        while self.next()?.is_some() {}
        Ok(())
    }

    /// Whole blocks around the piece, of which the first begins at `first`.
    fn verified(&self, sums: u64, first: u64, piece: Range<u64>) -> Result<Bytes, Reason> {
        let blocks = first..piece.end.next_multiple_of(BLOCK).min(self.size);
        let bytes = self.read(self.start, blocks.clone())?;
        let stored = self.read(sums, first / BLOCK * SUM..blocks.end.div_ceil(BLOCK) * SUM)?;
        let pairs = bytes.chunks(BLOCK as usize).zip(stored.chunks(SUM as usize));
        for (n, (block, stored)) in pairs.enumerate() {
            if blocks::sum(block) != stored {
                return Err(
                    format!("the block at byte {} does not match its checksum", first + n as u64 * BLOCK).into()
                );
            }
        }
        let (from, to) = ((piece.start - first) as usize, (piece.end - first) as usize);
        Ok(Bytes::from(bytes).slice(from..to))
    }

    fn read(&self, from: u64, range: Range<u64>) -> Result<Vec<u8>, Reason> {
        let mut bytes = vec![0; (range.end - range.start) as usize];
        let unreadable = |error: io::Error| format!("cannot be read at byte {}: {error}", range.start);
        self.file.read_exact_at(&mut bytes, from + range.start).map_err(unreadable)?;
        Ok(bytes)
    }
}
