//! Where something is marked in a Bloom filter: a set that may say it holds what it does not, and never the other way round.

use sha2::{Digest as _, Sha256};

/// The `marks` places of `text` among so many `bits`. By a hash that no release of Rust changes, for filters are stored.
pub fn places(salt: &[u8], text: &str, bits: u64, marks: u64) -> impl Iterator<Item = usize> + use<> {
    let hash = Sha256::new().chain_update(salt).chain_update(text).finalize();
    let half = |from: usize| hash[from..from + 8].iter().fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    let (one, other) = (half(0), half(8) | 1);
    (0..marks).map(move |n| (one.wrapping_add(n.wrapping_mul(other)) % bits) as usize)
}
