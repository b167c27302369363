//! How a file is cut into parts.

use std::ops::Range;

const MIB: u64 = 1 << 20;

/// The size of a part, unless the file is so large that there would be too many.
pub const PART_SIZE: u64 = 8 * MIB;

/// S3 takes no more.
pub const MAX_PARTS: u64 = 10_000;

/// The parts of a file: all of one size but the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    size: u64,
    part_size: u64,
}

impl Plan {
    /// For a new upload of `size` bytes.
    pub fn new(size: u64) -> Self {
        let least = size.div_ceil(MAX_PARTS).next_multiple_of(MIB);
        Self { size, part_size: least.max(PART_SIZE) }
    }

    /// For an upload that was begun with parts of `part_size`; none if that cannot be.
    pub fn resumed(size: u64, part_size: u64) -> Option<Self> {
        (part_size > 0 && size.div_ceil(part_size) <= MAX_PARTS).then_some(Self { size, part_size })
    }

    /// Bytes of every part but the last.
    pub fn part_size(&self) -> u64 {
        self.part_size
    }

    /// The numbers of the parts: from 1.
    pub fn numbers(&self) -> Range<u32> {
        let count = self.size.div_ceil(self.part_size);
        1..u32::try_from(count).unwrap_or(u32::MAX - 1) + 1
    }

    /// The bytes of the file that make part `number`.
    pub fn bytes(&self, number: u32) -> Range<u64> {
        let start = u64::from(number.saturating_sub(1)) * self.part_size;
        start.min(self.size)..(start + self.part_size).min(self.size)
    }

    /// How many bytes part `number` has.
    pub fn length(&self, number: u32) -> u64 {
        let bytes = self.bytes(number);
        bytes.end - bytes.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn parts_cover_the_file_without_gap_or_overlap() {
        for size in [1, PART_SIZE - 1, PART_SIZE, PART_SIZE + 1, 100 * MIB + 7, 300 * GIB + 1] {
            let plan = Plan::new(size);
            let mut end = 0;
            for number in plan.numbers() {
                let bytes = plan.bytes(number);
                assert_eq!(bytes.start, end, "{size}: part {number}");
                assert!(!bytes.is_empty() && plan.length(number) <= plan.part_size());
                end = bytes.end;
            }
            assert_eq!(end, size);
        }
    }

    #[test]
    fn parts_grow_only_where_there_would_be_too_many() {
        assert_eq!(Plan::new(MAX_PARTS * PART_SIZE).part_size(), PART_SIZE);
        let large = Plan::new(MAX_PARTS * PART_SIZE + 1);
        assert_eq!(large.part_size(), 9 * MIB);
        assert!(large.numbers().len() <= MAX_PARTS as usize);
        assert!(Plan::new(5 << 40).numbers().len() <= MAX_PARTS as usize);
    }

    #[test]
    fn a_remembered_part_size_that_cannot_be_is_refused() {
        assert_eq!(Plan::resumed(10, 0), None);
        assert_eq!(Plan::resumed(GIB, 1), None);
        assert_eq!(Plan::resumed(100 * MIB, PART_SIZE), Some(Plan::new(100 * MIB)));
    }
}
