//! The store: one file per object in a folder that this process alone owns.
//!
//! ```text
//! lock                   held with flock while a process serves the folder
//! objects/00 … ff/       objects; the file's name is the SHA-256 of the key, its folder comes from
//!                        the key up to the last slash, so that what is deleted together lies together
//! multipart/{upload id}/ an upload: `upload` (key and attributes) and `00001` … (parts)
//! tmp/                   files being written; emptied at start
//! ```
//!
//! Keys never appear as paths, so their length, slashes and dots do not matter; a file's header holds its key.
//!
//! A write goes: temporary file, verify, fsync, lock, check the condition, rename, index, unlock, fsync of the folder,
//! acknowledge. Two writers of a key are thus one after the other. The folder's fsync is outside the lock: a reader may see
//! an object whose writer is not yet answered, and which a power failure (not a killed process) could still take back;
//! whatever follows it in the same folder is on the disk no earlier.

mod checksum;
mod format;
mod index;
mod load;
mod staged;
mod uploads;

use std::fs::{self, File, TryLockError};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use s3s::dto::ETagCondition;
use sha2::{Digest, Sha256};

pub(crate) use checksum::{Checksum, Kind};
pub(crate) use format::{Attributes, Header, Summary, Tag};
pub(crate) use index::{Page, Query};
pub(crate) use staged::{Expected, Sealed, Staged};
pub(crate) use uploads::{Completion, ListedPart, NamedPart, Upload};

use crate::error::{During, Error};
use index::Index;

/// Enough that writers of different keys seldom wait for each other.
const LOCKS: usize = 64;

/// All methods but [`list`](Store::list) block on files; call them off the async threads.
#[derive(Debug)]
pub(crate) struct Store {
    root: PathBuf,
    index: RwLock<Index>,
    /// A key's lock is held from the check of its condition until the index knows the result.
    locks: Vec<Mutex<()>>,
    lock_of: RandomState,
    completions: uploads::Completions,
    /// Unlocked when the process ends, however it ends.
    _owner: File,
}

/// State that an object must be in for a write to happen. Empty: any.
#[derive(Clone, Debug, Default)]
pub(crate) struct Condition {
    pub(crate) if_match: Option<ETagCondition>,
    pub(crate) if_none_match: Option<ETagCondition>,
}

/// An object opened for reading. It stays readable when it is replaced or deleted meanwhile.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: File,
    pub(crate) header: Header,
    /// Where the body begins.
    pub(crate) body: u64,
}

impl Store {
    /// Takes the folder, clears what earlier processes left unfinished and reads the index.
    pub(crate) fn open(root: &Path) -> Result<Self, Error> {
        fs::create_dir_all(root).during("create the bucket's folder")?;
        let owner = File::create(root.join("lock")).during("create the lock file")?;
        match owner.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(Error::InUse(root.into())),
            Err(TryLockError::Error(source)) => return Err(Error::Io { operation: "lock the bucket", source }),
        }
        load::prepare(root)?;
        let index = load::read_index(&root.join("objects"))?;
        tracing::info!(root = %root.display(), objects = index.len(), "bucket opened");
        Ok(Self {
            root: root.into(),
            index: RwLock::new(index),
            locks: (0..LOCKS).map(|_| Mutex::default()).collect(),
            lock_of: RandomState::new(),
            completions: uploads::Completions::default(),
            _owner: owner,
        })
    }

    /// Whether a write with this condition has a chance now. [`commit`](Self::commit) decides.
    pub(crate) fn check(&self, key: &str, condition: &Condition) -> Result<(), Error> {
        condition.check(self.read_index().get(key))
    }

    /// Begins a file that [`commit`](Self::commit) can make an object.
    pub(crate) fn stage(&self, attributes: Attributes, kinds: &[Kind]) -> Result<Staged, Error> {
        Staged::create(&self.root.join("tmp"), attributes, kinds)
    }

    /// Makes the file the object of its key if the condition holds. When this returns, it survives a power failure.
    pub(crate) fn commit(&self, sealed: Sealed, condition: &Condition) -> Result<Header, Error> {
        let path = self.path(&sealed.header.attributes.key);
        let header = {
            let _guard = self.lock(&sealed.header.attributes.key);
            self.check(&sealed.header.attributes.key, condition)?;
            let header = sealed.persist(&path).during("put an object in its place")?;
            self.write_index().insert(&header.attributes.key, header.summary);
            header
        };
        sync_folder_of(&path)?;
        Ok(header)
    }

    pub(crate) fn read(&self, key: &str) -> Result<Opened, Error> {
        if self.read_index().get(key).is_none() {
            return Err(Error::NoSuchKey);
        }
        open(&self.path(key))?.ok_or(Error::NoSuchKey)
    }

    pub(crate) fn list(&self, query: &Query<'_>) -> Page {
        self.read_index().page(query)
    }

    /// Deletes an object; a key without one is no error.
    pub(crate) fn delete(&self, key: &str, condition: &Condition) -> Result<(), Error> {
        {
            let _guard = self.lock(key);
            self.check(key, condition)?;
            self.remove(key)?;
        }
        sync_folder_of(&self.path(key))
    }

    /// Deletes many objects with one sync per folder. A result for each key.
    pub(crate) fn delete_all(&self, keys: &[String]) -> Vec<Result<(), Error>> {
        let removed = keys.iter().map(|key| {
            let _guard = self.lock(key);
            self.remove(key)
        });
        let removed: Vec<_> = removed.collect();
        let mut folders: Vec<_> = keys.iter().map(|key| folder(key)).collect();
        folders.sort_unstable();
        folders.dedup();
        let unsynced: Vec<u8> = folders
            .into_iter()
            .filter(|shard| {
                let path = self.root.join("objects").join(format!("{shard:02x}"));
                sync_folder(&path).inspect_err(|error| tracing::error!(%error, "sync a folder")).is_err()
            })
            .collect();
        let results = keys.iter().zip(removed).map(|(key, result)| match result {
            Ok(()) if unsynced.contains(&folder(key)) => {
                Err(Error::Io { operation: "sync a folder", source: io::Error::other("not synced") })
            }
            result => result,
        });
        results.collect()
    }

    fn remove(&self, key: &str) -> Result<(), Error> {
        match fs::remove_file(self.path(key)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error).during("delete an object"),
            _ => self.write_index().remove(key),
        }
        Ok(())
    }

    fn path(&self, key: &str) -> PathBuf {
        self.root.join("objects").join(relative_path(key))
    }

    fn lock(&self, key: &str) -> MutexGuard<'_, ()> {
        let lock = &self.locks[self.lock_of.hash_one(key) as usize % LOCKS];
        lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_index(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Condition {
    fn check(&self, current: Option<Summary>) -> Result<(), Error> {
        let matches = |condition: &ETagCondition, summary: &Summary| match condition {
            ETagCondition::Any => true,
            ETagCondition::ETag(tag) => tag.as_strong() == Some(&summary.tag.to_string()),
        };
        match (&self.if_match, &current) {
            // S3 answers 404 rather than 412 when there is nothing to match.
            (Some(_), None) => return Err(Error::NoSuchKey),
            (Some(condition), Some(summary)) if !matches(condition, summary) => return Err(Error::PreconditionFailed),
            _ => {}
        }
        match (&self.if_none_match, &current) {
            (Some(condition), Some(summary)) if matches(condition, summary) => Err(Error::PreconditionFailed),
            _ => Ok(()),
        }
    }
}

/// Below `objects/`.
fn relative_path(key: &str) -> PathBuf {
    let mut path = format!("{:02x}/", folder(key));
    for byte in Sha256::digest(key) {
        path.push_str(&format!("{byte:02x}"));
    }
    path.into()
}

fn folder(key: &str) -> u8 {
    let parent = key.rfind('/').map_or("", |at| &key[..at]);
    Sha256::digest(parent)[0]
}

/// `None` if there is no such file.
fn open(path: &Path) -> Result<Option<Opened>, Error> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).during("open an object"),
    };
    match Header::read(&file).during("read an object's header")? {
        Ok((header, body)) => Ok(Some(Opened { file, header, body })),
        Err(reason) => Err(Error::Damaged { path: path.into(), reason }),
    }
}

fn sync_folder_of(path: &Path) -> Result<(), Error> {
    path.parent().map_or(Ok(()), sync_folder)
}

fn sync_folder(path: &Path) -> Result<(), Error> {
    File::open(path).and_then(|folder| folder.sync_all()).during("sync a folder")
}
