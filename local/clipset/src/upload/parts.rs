//! How long the parts are that a new upload asks for.

use clipset_core::parts::MOST_PARTS;

const MIB: u64 = 1 << 20;

/// Bytes of a part, unless the file is so large that there would be too many.
pub const PART_SIZE: u64 = 8 * MIB;

/// Bytes of a part of a file of `size` bytes.
pub fn part_size(size: u64) -> u64 {
    size.div_ceil(MOST_PARTS).next_multiple_of(MIB).max(PART_SIZE)
}

#[cfg(test)]
mod tests {
    use clipset_core::parts::PartPlan;

    use super::*;

    #[test]
    fn parts_grow_only_where_there_would_be_too_many() {
        assert_eq!(part_size(1), PART_SIZE);
        assert_eq!(part_size(MOST_PARTS * PART_SIZE), PART_SIZE);
        assert_eq!(part_size(MOST_PARTS * PART_SIZE + 1), 9 * MIB);
        for size in [1, PART_SIZE + 1, 300 << 30, 5 << 40] {
            assert!(PartPlan::new(size, Some(part_size(size))).is_ok(), "{size}");
        }
    }
}
