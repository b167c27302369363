//! The store: one file per object in a folder that this process alone owns.
//!
//! ```text
//! lock/owner             held with flock while a process serves the folder
//! objects/00 … ff/       objects; the file's name is the SHA-256 of the key, its folder comes from
//!                        the key up to the last slash, so that what is deleted together lies together
//! keys                   the journal: every key and what its object should be
//! multipart/{upload id}/ an upload: `upload` and its copy (key and attributes) and `00001` … (parts)
//! damaged/               damaged files whose place was taken; never emptied
//! reserve                space that only documents may use
//! tmp/                   files being written; emptied at start
//! ```
//!
//! Keys never appear as paths, so their length, slashes and dots do not matter; a file's header holds its key, and so does
//! the journal, so that an object whose file is damaged or gone is still known: it is listed, and reading it is an error.
//!
//! A write goes: temporary file, verify, fsync, room in the journal, lock, check the condition, rename, fsync of the folder,
//! journal and index, unlock, fsync of the journal, acknowledge. Killed anywhere between, the file is in its place and whole
//! and the next start writes it down, or it never was. A deletion goes: lock, check, journal and index, unlock, fsync of the
//! journal, lock, unlink, unlock, fsync of the folder, acknowledge: the journal never names a file that was deleted.
//! Two writers of a key are thus one after the other. A reader may see an object whose writer is not yet answered, and
//! which a power failure (not a killed process) could still take back.

mod aside;
mod blocks;
mod body;
mod checksum;
mod format;
mod index;
mod journal;
mod keys;
mod load;
mod opened;
mod record;
mod space;
mod staged;
mod uploads;
mod verify;

use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use s3s::dto::ETagCondition;
use sha2::{Digest, Sha256};

pub(crate) use body::Body;
pub(crate) use checksum::{Checksum, Kind};
pub(crate) use format::{Attributes, Header, Summary, Tag};
pub(crate) use index::{Page, Query};
pub(crate) use opened::{Opened, Reason};
pub(crate) use space::Space;
pub(crate) use staged::{Expected, Sealed, Staged};
pub(crate) use uploads::{Completion, ListedPart, NamedPart, Upload};
pub use verify::{Finding, Report, verify};

use crate::config::Reserve;
use crate::error::{During, Error};
use aside::Damaged;
use journal::Journal;
use keys::{Keys, Position};
use opened::{Look, damaged, look, look_for, open};

/// Enough that writers of different keys seldom wait for each other.
const LOCKS: usize = 64;

/// Bodies up to this size are verified whole before they are unlinked for another.
const SHORT: u64 = 64 << 10;

/// All methods but [`list`](Store::list) block on files; call them off the async threads.
#[derive(Debug)]
pub(crate) struct Store {
    root: PathBuf,
    keys: Keys,
    /// A key's lock is held from the check of its condition until the index knows the result.
    locks: Vec<Mutex<()>>,
    lock_of: RandomState,
    damaged: Damaged,
    space: Arc<Space>,
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

/// What is at a key, as far as conditions ask.
enum Current {
    Nothing,
    Object(Summary),
    /// A damaged file that must be this key's, of which no more is known.
    Unknown,
}

impl Store {
    /// Takes the folder, clears what earlier processes left unfinished and reads the index.
    pub(crate) fn open(root: &Path, reserve: Reserve) -> Result<Self, Error> {
        fs::create_dir_all(root).during("create the bucket's folder")?;
        load::refuse_foreign(root)?;
        let owner = load::own(root)?;
        load::prepare(root)?;
        let space = Arc::new(Space::open(root, reserve)?);
        let replayed = journal::replay(root)?;
        let journal = Journal::open(root, replayed.as_ref())?;
        let (is_new, is_damaged) = (replayed.is_none(), replayed.as_ref().is_some_and(|replayed| replayed.damaged));
        let loaded = load::read(root, replayed)?;
        if is_damaged {
            aside::set_aside(&aside::folder(root), &journal::path(root), "", "the journal of keys is damaged")?;
        }
        tracing::info!(root = %root.display(), objects = loaded.index.len(), "bucket opened");
        let store = Self {
            root: root.into(),
            keys: Keys::new(loaded.index, journal),
            locks: (0..LOCKS).map(|_| Mutex::default()).collect(),
            lock_of: RandomState::new(),
            damaged: Damaged::new(root, loaded.unknown),
            space,
            completions: uploads::Completions::default(),
            _owner: owner,
        };
        if is_new || is_damaged || loaded.differs {
            match store.space.in_reserve(|| store.keys.rewrite()) {
                // Else nobody could delete anything to make room.
                Err(error) if error.is_full() => tracing::error!(%error, "no room for the journal of keys"),
                result => result?,
            }
        }
        Ok(store)
    }

    /// What keeps space for documents.
    pub(crate) fn space(&self) -> &Arc<Space> {
        &self.space
    }

    /// Whether a write with this condition has a chance now. [`commit`](Self::commit) decides.
    pub(crate) fn check(&self, key: &str, condition: &Condition) -> Result<(), Error> {
        condition.check(&self.current(key))
    }

    /// Begins a file that [`commit`](Self::commit) can make an object, of which so much is known to come.
    pub(crate) fn stage(&self, attributes: Attributes, kinds: &[Kind], length: u64) -> Result<Staged, Error> {
        let space = (!self.space.is_document(&attributes.key, length)).then(|| self.space.clone());
        Staged::create(&self.root.join("tmp"), attributes, kinds, space)
    }

    /// Makes the file the object of its key if the condition holds. When this returns, it survives a power failure.
    pub(crate) fn commit(&self, sealed: Sealed, condition: &Condition) -> Result<Header, Error> {
        let key = sealed.header.attributes.key.clone();
        let path = self.path(&key);
        let room = self.keys.room(&key)?;
        let (header, position) = {
            let _guard = self.lock(&key);
            self.check(&key, condition)?;
            self.set_aside_if_damaged(&path, &key)?;
            let header = sealed.persist(&path).during("put an object in its place")?;
            // Before the journal, which must not name what a power failure could take back.
            sync_folder_of(&path)?;
            let position = self.keys.put(room, &key, header.summary)?;
            self.damaged.forget(&path, &key);
            (header, position)
        };
        self.keys.sync(position)?;
        Ok(header)
    }

    pub(crate) fn read(&self, key: &str) -> Result<Opened, Error> {
        let path = self.path(key);
        match self.current(key) {
            Current::Nothing => return Err(Error::NoSuchKey),
            Current::Unknown => return Err(damaged(&path, key, "its header cannot be read")),
            Current::Object(_) => {}
        }
        if let Some(opened) = open(&path, key)? {
            return Ok(opened);
        }
        // Deleted since, or gone from the disk: under the lock, index and files agree.
        let _guard = self.lock(key);
        match self.current(key) {
            Current::Nothing => Err(Error::NoSuchKey),
            _ => open(&path, key)?.ok_or_else(|| damaged(&path, key, "its file is missing")),
        }
    }

    /// Told when an object's body was found damaged while it was read.
    pub(crate) fn notice(&self, key: &str, reason: Reason) -> Error {
        self.damaged.notice(key, reason.clone());
        damaged(&self.path(key), key, reason)
    }

    /// A page of keys; of all of them if [`check_complete`](Self::check_complete) says so. Does not block.
    pub(crate) fn list(&self, query: &Query<'_>) -> Page {
        self.keys.index().page(query)
    }

    /// An error while there are damaged files of which nobody knows whose they are: a listing without them would say that
    /// their objects are gone.
    pub(crate) fn check_complete(&self) -> Result<(), Error> {
        let mut files = Vec::new();
        for path in self.damaged.unknown() {
            if !self.is_settled(&path)? {
                let name = path.strip_prefix(&self.root).unwrap_or(&path);
                files.push(name.display().to_string());
            }
        }
        if files.is_empty() { Ok(()) } else { Err(Error::Incomplete { files }) }
    }

    /// Whether a file whose key was not known was taken away or put right by hand.
    fn is_settled(&self, path: &Path) -> Result<bool, Error> {
        let key = match look(path)? {
            Look::Damaged(_) => return Ok(false),
            Look::Missing => String::new(),
            Look::Whole(opened) => {
                let Header { attributes: Attributes { key, .. }, summary, .. } = opened.header;
                let _guard = self.lock(&key);
                if self.keys.index().get(&key).is_none() {
                    if path != self.path(&key) {
                        return Ok(false);
                    }
                    let position = self.keys.put(self.keys.room(&key)?, &key, summary)?;
                    self.keys.sync(position)?;
                }
                key
            }
        };
        self.damaged.forget(path, &key);
        Ok(true)
    }

    /// Deletes an object; a key without one is no error.
    pub(crate) fn delete(&self, key: &str, condition: &Condition) -> Result<(), Error> {
        let deletion = self.begin_deletion(key, condition)?;
        if let Some(Err(error)) = deletion.as_ref().map(|deletion| self.keys.sync(deletion.position)) {
            self.take_back(key, deletion);
            return Err(error);
        }
        self.finish_deletion(key, deletion)?;
        sync_folder_of(&self.path(key))
    }

    /// Deletes many objects with one sync of the journal and one per folder. A result for each key.
    pub(crate) fn delete_all(&self, keys: &[String]) -> Vec<Result<(), Error>> {
        let begun = keys.iter().map(|key| self.space.in_reserve(|| self.begin_deletion(key, &Condition::default())));
        let mut begun: Vec<_> = begun.collect();
        let last = begun.iter().flatten().flatten().map(|deletion| deletion.position).max();
        if let Some(Err(error)) = last.map(|last| self.keys.sync(last)) {
            tracing::error!(%error, "sync the journal of keys");
            for (key, deletion) in keys.iter().zip(&mut begun) {
                if let Ok(deletion) = std::mem::replace(deletion, Err(unsynced("sync the journal of keys"))) {
                    self.take_back(key, deletion);
                }
            }
        }
        let removed = keys.iter().zip(begun).map(|(key, deletion)| self.finish_deletion(key, deletion?));
        let removed: Vec<_> = removed.collect();
        let mut folders: Vec<_> = keys.iter().map(|key| folder(key)).collect();
        folders.sort_unstable();
        folders.dedup();
        let unsynced_folders: Vec<u8> = folders
            .into_iter()
            .filter(|shard| {
                let path = self.root.join("objects").join(format!("{shard:02x}"));
                sync_folder(&path).inspect_err(|error| tracing::error!(%error, "sync a folder")).is_err()
            })
            .collect();
        let results = keys.iter().zip(removed).map(|(key, result)| match result {
            Ok(()) if unsynced_folders.contains(&folder(key)) => Err(unsynced("sync a folder")),
            result => result,
        });
        results.collect()
    }

    /// Checks, and writes down that the key is gone; `None` if nothing is there.
    fn begin_deletion(&self, key: &str, condition: &Condition) -> Result<Option<Deletion>, Error> {
        let room = self.keys.room_for_deletion(key)?;
        let _guard = self.lock(key);
        let current = self.current(key);
        condition.check(&current)?;
        Ok(match current {
            Current::Nothing => None,
            Current::Object(summary) => {
                Some(Deletion { position: self.keys.delete(room, key)?, summary: Some(summary) })
            }
            Current::Unknown => Some(Deletion { position: self.keys.delete(room, key)?, summary: None }),
        })
    }

    /// Removes the file, unless the key was written again meanwhile.
    fn finish_deletion(&self, key: &str, deletion: Option<Deletion>) -> Result<(), Error> {
        let Some(Deletion { summary, .. }) = deletion else { return Ok(()) };
        let path = self.path(key);
        let _guard = self.lock(key);
        if self.keys.index().get(key).is_some() {
            return Ok(());
        }
        let removed = self.set_aside_if_damaged(&path, key).and_then(|()| match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error).during("delete an object"),
            _ => Ok(()),
        });
        match removed {
            Ok(()) => {
                self.damaged.forget(&path, key);
                self.space.refill();
            }
            Err(_) => self.know_again(key, summary),
        }
        removed
    }

    /// A deletion that cannot be done: the object is still there, and must be known.
    fn take_back(&self, key: &str, deletion: Option<Deletion>) {
        let _guard = self.lock(key);
        if let Some(Deletion { summary, .. }) = deletion.filter(|_| self.keys.index().get(key).is_none()) {
            self.know_again(key, summary);
        }
    }

    fn know_again(&self, key: &str, summary: Option<Summary>) {
        let Some(summary) = summary else { return };
        if let Err(error) = self.keys.room(key).and_then(|room| self.keys.put(room, key, summary)) {
            tracing::error!(%error, key, "an object that was not deleted is unknown until the next start");
        }
    }

    /// Before another takes its place, or none. The bytes may be all that is left of something.
    fn set_aside_if_damaged(&self, path: &Path, key: &str) -> Result<(), Error> {
        let reason = match look_for(path, key)? {
            Look::Missing => None,
            Look::Damaged(flaw) => Some(flaw.reason),
            Look::Whole(opened) if opened.header.summary.size <= SHORT => Body::whole(*opened).verify().err(),
            Look::Whole(_) => self.damaged.noticed(key),
        };
        reason.map_or(Ok(()), |reason| self.damaged.set_aside(path, key, &reason))
    }

    fn current(&self, key: &str) -> Current {
        match self.keys.index().get(key) {
            Some(summary) => Current::Object(summary),
            None if self.damaged.is_unknown(&self.path(key)) => Current::Unknown,
            None => Current::Nothing,
        }
    }

    fn path(&self, key: &str) -> PathBuf {
        self.root.join("objects").join(relative_path(key))
    }

    fn lock(&self, key: &str) -> MutexGuard<'_, ()> {
        let lock = &self.locks[self.lock_of.hash_one(key) as usize % LOCKS];
        lock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A deletion that is written down and not yet done.
struct Deletion {
    position: Position,
    summary: Option<Summary>,
}

impl Condition {
    fn check(&self, current: &Current) -> Result<(), Error> {
        let matches = |condition: &ETagCondition| match (condition, current) {
            (_, Current::Nothing) => false,
            (ETagCondition::Any, _) => true,
            (ETagCondition::ETag(tag), Current::Object(summary)) => tag.as_strong() == Some(&summary.tag.to_string()),
            (ETagCondition::ETag(_), Current::Unknown) => false,
        };
        match (&self.if_match, current) {
            // S3 answers 404 rather than 412 when there is nothing to match.
            (Some(_), Current::Nothing) => return Err(Error::NoSuchKey),
            (Some(condition), _) if !matches(condition) => return Err(Error::PreconditionFailed),
            _ => {}
        }
        match self.if_none_match.as_ref().is_some_and(matches) {
            true => Err(Error::PreconditionFailed),
            false => Ok(()),
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

fn unsynced(operation: &'static str) -> Error {
    Error::Io { operation, source: io::Error::other("not synced") }
}

fn sync_folder_of(path: &Path) -> Result<(), Error> {
    path.parent().map_or(Ok(()), sync_folder)
}

fn sync_folder(path: &Path) -> Result<(), Error> {
    File::open(path).and_then(|folder| folder.sync_all()).during("sync a folder")
}
