//! Damaged files: those whose keys are not known, and the folder that they are moved to when something takes their place.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::opened::Reason;
use super::sync_folder;
use crate::error::{During, Error};

/// What is known to be damaged.
#[derive(Debug)]
pub(super) struct Damaged {
    /// `damaged/`: nothing in it is ever removed by this program.
    folder: PathBuf,
    /// Files whose headers cannot be read, and which the journal does not know either.
    unknown: Mutex<BTreeSet<PathBuf>>,
    /// Keys whose bodies were found damaged while they were read, which their headers do not show.
    noticed: Mutex<BTreeMap<String, Reason>>,
}

impl Damaged {
    pub(super) fn new(root: &Path, unknown: BTreeSet<PathBuf>) -> Self {
        Self { folder: folder(root), unknown: Mutex::new(unknown), noticed: Mutex::default() }
    }

    pub(super) fn is_unknown(&self, path: &Path) -> bool {
        lock(&self.unknown).contains(path)
    }

    pub(super) fn unknown(&self) -> Vec<PathBuf> {
        lock(&self.unknown).iter().cloned().collect()
    }

    /// The file is known now, or gone.
    pub(super) fn forget(&self, path: &Path, key: &str) {
        lock(&self.unknown).remove(path);
        lock(&self.noticed).remove(key);
    }

    pub(super) fn notice(&self, key: &str, reason: Reason) {
        lock(&self.noticed).insert(key.to_owned(), reason);
    }

    pub(super) fn noticed(&self, key: &str) -> Option<Reason> {
        lock(&self.noticed).get(key).cloned()
    }

    pub(super) fn set_aside(&self, path: &Path, key: &str, reason: &str) -> Result<(), Error> {
        set_aside(&self.folder, path, key, reason)
    }
}

pub(super) fn folder(root: &Path) -> PathBuf {
    root.join("damaged")
}

/// Moves a file into `folder`, under its own name or one with a number, and writes down what it was.
pub(super) fn set_aside(folder: &Path, path: &Path, key: &str, reason: &str) -> Result<(), Error> {
    let name = path.file_name().unwrap_or_default();
    let numbered = (0..).map(|n| match n {
        0 => folder.join(name),
        n => folder.join(name).with_added_extension(n.to_string()),
    });
    let Some(place) = numbered.into_iter().find(|place| place.symlink_metadata().is_err()) else { return Ok(()) };
    match fs::rename(path, &place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        result => result.during("set a damaged file aside")?,
    }
    tracing::error!(key, file = %place.display(), reason, "a damaged file was set aside");
    if let Err(error) = write_down(folder, &place, key, reason) {
        tracing::warn!(%error, "write down what was set aside");
    }
    sync_folder(folder)
}

/// A line in `damaged/list`, for who looks for what these files were. A full disk is no reason to keep the file in its place.
fn write_down(folder: &Path, place: &Path, key: &str, reason: &str) -> io::Result<()> {
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    let line = serde_json::json!({ "file": name, "key": key, "why": reason });
    let mut list = OpenOptions::new().create(true).append(true).open(folder.join("list"))?;
    list.write_all(format!("{line}\n").as_bytes())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
