//! What is known of the disk that holds the bucket.

use std::{
    sync::{PoisonError, RwLock},
    time::{Duration, Instant},
};

use clipset_core::disk::Space;

/// A store that said it was full is believed for so long.
const TRUST: Duration = Duration::from_secs(60);

/// When any store last said that it was full.
static REFUSED_AT: RwLock<Option<Instant>> = RwLock::new(None);

/// The space of a disk of this machine; nothing where the bucket is elsewhere.
#[derive(Debug, Default)]
pub struct Disk {
    space: RwLock<Option<Space>>,
}

impl Disk {
    /// What was just seen.
    pub fn seen(&self, space: Option<Space>) {
        *self.space.write().unwrap_or_else(PoisonError::into_inner) = space;
    }

    /// What was last seen.
    pub fn space(&self) -> Option<Space> {
        *self.space.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether media have no room: by what was seen, or by what the store said within a minute.
    pub fn is_full(&self) -> bool {
        let refused = *REFUSED_AT.read().unwrap_or_else(PoisonError::into_inner);
        refused.is_some_and(|at| at.elapsed() < TRUST) || self.space().is_some_and(Space::is_full)
    }

    /// Whether `bytes` surely do not fit.
    pub fn is_too_small_for(&self, bytes: u64) -> bool {
        self.space().is_some_and(|space| space.room() < bytes)
    }
}

/// The store answered that it is full.
pub(crate) fn refused() {
    *REFUSED_AT.write().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
}
