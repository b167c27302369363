//! Tombstones of deleted videos where nginx looks for them: one empty file per uuid.

use std::{io, path::Path, time::Duration};

use clipset_core::id::EncodeId;

/// Older than any signature can be (they live a week at most).
const KEEP: Duration = Duration::from_secs(8 * 24 * 3600);

/// From now on nginx answers 410 for what stands below `ids`.
///
/// # Errors
/// What the file system said.
pub fn bury(folder: &Path, ids: &[EncodeId]) -> io::Result<()> {
    for id in ids {
        match std::fs::File::create_new(folder.join(id.to_string())) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

/// Removes the tombstones that no signature leads to any more.
///
/// # Errors
/// What the file system said.
pub fn clear_old(folder: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.metadata()?.modified()?.elapsed().is_ok_and(|age| age > KEEP) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
