//! What is kept free for documents when media fill the disk.
//!
//! A file, `reserve`, holds space that nobody else on the machine can take. A small document that meets a full disk is
//! given a piece of it and tried again; so is a deletion, which writes a line to the journal. Media may use what is free
//! beyond the reserve alone; once a piece was given away, they wait until it is taken back from what became free.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::fcntl::posix_fallocate;
use nix::sys::statvfs::statvfs;

use crate::config::Reserve;
use crate::error::{During, Error};

/// Largest body of a document that may use the reserve.
const SMALL: u64 = 1 << 20;
/// The reserve is given away in so many pieces.
const PIECES: u64 = 16;
/// A small disk keeps no more than this part of itself.
const SHARE: u64 = 8;

/// The disk that the bucket lies on.
#[derive(Debug)]
pub(crate) struct Space {
    root: PathBuf,
    media_prefixes: Vec<String>,
    /// What the reserve should be.
    target: u64,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    file: File,
    bytes: u64,
}

impl Space {
    pub(super) fn open(root: &Path, reserve: Reserve) -> Result<Self, Error> {
        let mut options = OpenOptions::new();
        let file = options.create(true).truncate(false).write(true).mode(0o600).open(root.join("reserve"));
        let file = file.during("open the reserve")?;
        let disk = statvfs(root).map_err(Into::into).during("look at the disk")?;
        let target = reserve.bytes.min(disk.blocks() * disk.fragment_size() / SHARE);
        // What a copy of the folder left out of the file is not held.
        let kept = file.metadata().during("open the reserve")?;
        let bytes = if kept.blocks() * 512 < kept.len() { 0 } else { kept.len().min(target) };
        file.set_len(bytes).during("open the reserve")?;
        let space = Self {
            root: root.into(),
            media_prefixes: reserve.media_prefixes,
            target,
            held: Mutex::new(Held { file, bytes }),
        };
        space.refill();
        Ok(space)
    }

    /// Whether an object may use the reserve.
    pub(crate) fn is_document(&self, key: &str, length: u64) -> bool {
        length <= SMALL && !self.media_prefixes.iter().any(|prefix| key.starts_with(prefix))
    }

    /// Whether so much can be written without taking from the reserve.
    pub(crate) fn admit(&self, length: u64) -> Result<(), Error> {
        self.refill();
        let owed = self.target.saturating_sub(self.held().bytes);
        match self.free()? >= owed.saturating_add(length) {
            true => Ok(()),
            false => Err(Error::Full),
        }
    }

    /// Bytes that may still be written, but for the reserve.
    pub(crate) fn free(&self) -> Result<u64, Error> {
        let disk = statvfs(&self.root).map_err(Into::into).during("look at the disk")?;
        Ok(disk.blocks_available() * disk.fragment_size())
    }

    /// Does it, and again with a piece of the reserve as long as the disk is full and there is one.
    pub(crate) fn in_reserve<T>(&self, mut work: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
        loop {
            match work() {
                Err(error) if error.is_full() && self.give() => {}
                result => return result,
            }
        }
    }

    fn give(&self) -> bool {
        let mut held = self.held();
        if held.bytes == 0 {
            return false;
        }
        let left = held.bytes.saturating_sub((self.target / PIECES).max(1));
        // Synced, because a file system may keep freed blocks until then.
        match held.file.set_len(left).and_then(|()| held.file.sync_all()) {
            Ok(()) => {
                tracing::warn!(left, "the disk is full: a document uses the reserve");
                held.bytes = left;
                true
            }
            Err(error) => {
                tracing::error!(%error, "the reserve cannot be used");
                false
            }
        }
    }

    /// Takes back what was given away, once that much is free.
    pub(super) fn refill(&self) {
        let mut held = self.held();
        let owed = self.target.saturating_sub(held.bytes);
        if owed == 0 || !self.free().is_ok_and(|free| free > owed) {
            return;
        }
        match posix_fallocate(&held.file, 0, self.target as i64) {
            Ok(()) => held.bytes = self.target,
            Err(error) => {
                tracing::debug!(%error, "the reserve is not whole");
                // A part of it may have been taken.
                let _ = held.file.set_len(held.bytes);
            }
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
