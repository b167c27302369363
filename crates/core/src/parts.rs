//! How a file is cut into the parts of an upload: fixed when it begins, so that each part has one length.

use std::ops::{Range, RangeInclusive};

use serde::{Deserialize, Serialize};

/// S3 takes no smaller part, but for the last one.
pub const SMALLEST_PART: u64 = 5 << 20;

/// S3 takes no larger part.
pub const LARGEST_PART: u64 = 5 << 30;

/// S3 takes no more parts.
pub const MOST_PARTS: u64 = 10_000;

/// The parts of a file: all of one size but the last, which is the rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartPlan {
    /// Bytes of the file.
    pub size: u64,
    /// Bytes of every part but the last.
    pub part_size: u64,
}

/// A size of parts that does not do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PartPlanError {
    /// No bytes.
    #[error("the file is empty")]
    Empty,
    /// Larger than the largest object.
    #[error("the file is larger than {MOST_PARTS} parts of {LARGEST_PART} bytes")]
    TooLarge,
    /// Too small, too large, or too many.
    #[error("parts have from {least} to {LARGEST_PART} bytes for this file")]
    PartSize {
        /// What this file needs.
        least: u64,
    },
}

impl PartPlan {
    /// For a file of `size` bytes, in parts of `part_size`, else of the size that Uppy's client cuts by itself: 5 MiB, or
    /// more where there would be over 10,000.
    ///
    /// # Errors
    /// [`PartPlanError`].
    pub fn new(size: u64, part_size: Option<u64>) -> Result<Self, PartPlanError> {
        if size == 0 {
            return Err(PartPlanError::Empty);
        }
        let least = size.div_ceil(MOST_PARTS).max(SMALLEST_PART);
        if least > LARGEST_PART {
            return Err(PartPlanError::TooLarge);
        }
        let part_size = part_size.unwrap_or(least);
        if !(least..=LARGEST_PART).contains(&part_size) {
            return Err(PartPlanError::PartSize { least });
        }
        Ok(Self { size, part_size })
    }

    /// How many parts there are.
    pub fn count(&self) -> u64 {
        self.size.div_ceil(self.part_size)
    }

    /// The numbers of the parts.
    pub fn numbers(&self) -> RangeInclusive<u32> {
        1..=u32::try_from(self.count()).unwrap_or(u32::MAX)
    }

    /// The bytes of the file that make part `number`; `None` if there is no such part.
    pub fn bytes(&self, number: u32) -> Option<Range<u64>> {
        let start = self.numbers().contains(&number).then(|| u64::from(number - 1) * self.part_size)?;
        Some(start..self.size.min(start + self.part_size))
    }

    /// How many bytes part `number` has; `None` if there is no such part.
    pub fn length(&self, number: u32) -> Option<u64> {
        self.bytes(number).map(|bytes| bytes.end - bytes.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_a_file_of_any_size_and_s3_takes_each() {
        const GIB: u64 = 1 << 30;
        for size in [1, SMALLEST_PART, SMALLEST_PART + 1, GIB, 48 * GIB + 11, 300 * GIB + 1, 5 << 40] {
            let plan = PartPlan::new(size, None).expect("it fits");
            assert!(plan.count() <= MOST_PARTS);
            let (mut sum, last) = (0, *plan.numbers().end());
            for number in plan.numbers() {
                let length = plan.length(number).expect("a part");
                assert_eq!(plan.bytes(number), Some(sum..sum + length), "{size}: part {number}");
                assert!(number == last || length >= SMALLEST_PART);
                sum += length;
            }
            assert_eq!((sum, plan.length(0), plan.length(last + 1)), (size, None, None));
        }
    }

    #[test]
    fn without_a_wish_parts_are_those_of_uppy() {
        let part_size = |size| PartPlan::new(size, None).expect("it fits").part_size;
        assert_eq!(part_size(1), 5 << 20);
        assert_eq!(part_size(10_000 * (5 << 20)), 5 << 20);
        assert_eq!(part_size(10_000 * (5 << 20) + 1), (5 << 20) + 1);
    }

    #[test]
    fn parts_that_s3_would_not_take_are_refused() {
        assert_eq!(PartPlan::new(0, None), Err(PartPlanError::Empty));
        assert_eq!(PartPlan::new(u64::MAX, None), Err(PartPlanError::TooLarge));
        let refused = |size, part_size| PartPlan::new(size, Some(part_size)).expect_err("refused");
        assert_eq!(refused(10, 0), PartPlanError::PartSize { least: 5 << 20 });
        assert_eq!(refused(10 << 20, (5 << 20) - 1), PartPlanError::PartSize { least: 5 << 20 });
        assert_eq!(refused(100 << 30, 5 << 20), PartPlanError::PartSize { least: 10_737_419 });
        assert_eq!(refused(10, (5 << 30) + 1), PartPlanError::PartSize { least: 5 << 20 });
        assert_eq!(PartPlan::new(10, Some(8 << 20)).expect("one part").length(1), Some(10));
    }
}
