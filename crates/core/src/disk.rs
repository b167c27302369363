//! The space on a disk, and from when on it counts as low or full.

/// Left free on a disk of a usual size, bytes.
const LEFT_FREE: u64 = 512 << 20;

/// What a file system says of itself, bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// That may still be written.
    pub free: u64,
    /// Of the whole disk.
    pub total: u64,
}

impl Space {
    /// What media leave free for small documents and for the system: 512 MiB, on a small disk a tenth of it.
    pub fn reserve(self) -> u64 {
        LEFT_FREE.min(self.total / 10)
    }

    /// What media may still take.
    pub fn room(self) -> u64 {
        self.free.saturating_sub(self.reserve())
    }

    /// There is no room for media.
    pub fn is_full(self) -> bool {
        self.room() == 0
    }

    /// It will be full soon.
    pub fn is_low(self) -> bool {
        self.free < 4 * self.reserve()
    }
}

/// The largest file that whoever converts clips with so much room can take: with it, as large as it may be, goes the MP4 that
/// is made of it, or the segments of its best size.
pub fn largest_file(room: u64) -> u64 {
    room / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_low_before_it_is_full_and_full_before_nothing_is_left() {
        let disk = |free: u64| Space { free: free << 20, total: 100 << 30 };
        assert!(!disk(4096).is_low() && !disk(4096).is_full());
        assert!(disk(1024).is_low() && !disk(1024).is_full());
        assert!(disk(500).is_full() && disk(500).room() == 0);
        assert_eq!(disk(600).room(), 88 << 20);
    }

    #[test]
    fn a_small_disk_is_not_full_from_the_beginning() {
        let small = Space { free: 190 << 20, total: 200 << 20 };
        assert!(!small.is_full() && small.room() == 170 << 20);
    }
}
