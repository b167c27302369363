//! Folders for files at work: one per job, gone with it, and swept if the runner was killed.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use clipset_core::disk::{Space, largest_file};
use nix::sys::statvfs::statvfs;
use tempfile::TempDir;

use crate::failure::{DISK_FULL, Failure};

const PREFIX: &str = "job-";
const LOCK: &str = ".lock";

/// A folder without its lock yet may belong to a runner that is just making it.
const YOUNG: Duration = Duration::from_secs(60);

/// With less free, a file could not grow by one of FFmpeg's buffers.
const EXHAUSTED: u64 = 1 << 20;

/// The scratch folder of a machine.
#[derive(Debug, Clone)]
pub struct Scratch {
    root: PathBuf,
}

/// One job's folder. Removed when dropped; the lock, held as long as the process lives, tells
/// others that it is in use.
#[derive(Debug)]
pub struct JobFolder {
    folder: TempDir,
    _lock: File,
}

impl Scratch {
    /// Makes the folder at `root` if it is missing.
    ///
    /// # Errors
    /// [`Failure::Passing`].
    pub fn open(root: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(root).map_err(|error| Failure::scratch(&error))?;
        // Absolute, because FFmpeg works in the job's folder.
        let root = fs::canonicalize(root).map_err(|error| Failure::scratch(&error))?;
        Ok(Self { root })
    }

    /// A new folder for one job.
    ///
    /// # Errors
    /// [`Failure::Passing`].
    pub fn job_folder(&self) -> Result<JobFolder, Failure> {
        let make = || {
            let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(&self.root)?;
            let lock = File::create(folder.path().join(LOCK))?;
            lock.try_lock().map_err(io::Error::from)?;
            io::Result::Ok(JobFolder { folder, _lock: lock })
        };
        make().map_err(|error| Failure::scratch(&error))
    }

    /// Removes what runners left that were killed: folders whose lock nobody holds.
    pub fn sweep(&self) {
        let Ok(entries) = fs::read_dir(&self.root) else { return };
        for entry in entries.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX)) {
            if is_abandoned(&entry.path())
                && let Err(error) = fs::remove_dir_all(entry.path())
            {
                tracing::warn!(%error, "a folder that a killed runner left could not be removed");
            }
        }
    }

    /// Refuses to begin on a file of `bytes` where it and the MP4 that is made from it would fill the disk.
    ///
    /// # Errors
    /// [`Failure::NoSpace`].
    pub fn make_sure_of(&self, bytes: u64) -> Result<(), Failure> {
        // Where the file system does not say, the write itself will.
        let fits = space(&self.root).is_none_or(|space| bytes < largest_file(space.room()));
        if fits { Ok(()) } else { Err(Failure::NoSpace(DISK_FULL)) }
    }
}

impl JobFolder {
    /// Where it is, absolute.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// The disk that `folder` is on, if it says.
fn space(folder: &Path) -> Option<Space> {
    let disk = statvfs(folder).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(disk.fragment_size());
    Some(Space { free: bytes(disk.blocks_available()), total: bytes(disk.blocks()) })
}

/// Nothing more can be written below `folder`: what failed there may have failed for that.
pub(crate) fn is_exhausted(folder: &Path) -> bool {
    space(folder).is_some_and(|space| space.free < EXHAUSTED)
}

fn is_abandoned(folder: &Path) -> bool {
    match File::open(folder.join(LOCK)) {
        Ok(lock) => lock.try_lock().is_ok(),
        Err(_) => {
            let made = fs::metadata(folder).and_then(|found| found.modified()).unwrap_or_else(|_| SystemTime::now());
            made.elapsed().is_ok_and(|age| age > YOUNG)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_runner_left_is_swept_and_what_is_in_use_stays() {
        let root = tempfile::tempdir().expect("a folder");
        let scratch = Scratch::open(root.path()).expect("made");
        let in_use = scratch.job_folder().expect("made");
        let left = root.path().join("job-left");
        fs::create_dir(&left).expect("made");
        File::create(left.join(LOCK)).expect("made");
        let young = root.path().join("job-young");
        fs::create_dir(&young).expect("made");
        let foreign = root.path().join("something-else");
        fs::create_dir(&foreign).expect("made");
        scratch.sweep();
        assert!(in_use.path().exists() && young.exists() && foreign.exists());
        assert!(!left.exists());
        let path = in_use.path().to_owned();
        drop(in_use);
        assert!(!path.exists());
    }

    #[test]
    fn more_than_the_disk_has_is_refused_at_once() {
        let root = tempfile::tempdir().expect("a folder");
        let scratch = Scratch::open(root.path()).expect("made");
        assert_eq!(scratch.make_sure_of(u64::MAX / 2), Err(Failure::NoSpace(DISK_FULL)));
    }
}
