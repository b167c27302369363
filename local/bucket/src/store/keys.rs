//! The keys in both their places: the index in memory, and the journal on the disk. Both change in one step.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use super::format::Summary;
use super::index::Index;
use super::journal::Journal;
use super::record;
use crate::error::{During, Error};

/// Who holds the journal's lock may take the index's, never the other way round.
#[derive(Debug)]
pub(super) struct Keys {
    journal: Mutex<Journal>,
    index: RwLock<Index>,
    /// How much of what was appended is on the disk. Held while syncing, so that one sync does for all who wait.
    synced: Mutex<u64>,
}

/// Room in the journal for one record. What is not used is given back.
pub(super) struct Room<'a> {
    keys: &'a Keys,
    length: u64,
}

/// A record's place in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position(u64);

impl Keys {
    pub(super) fn new(index: Index, journal: Journal) -> Self {
        Self { journal: Mutex::new(journal), index: RwLock::new(index), synced: Mutex::default() }
    }

    pub(super) fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Room for a put, found before anything is changed.
    pub(super) fn room(&self, key: &str) -> Result<Room<'_>, Error> {
        self.promise(key, false)
    }

    /// Room for a deletion, which may use what puts must leave.
    pub(super) fn room_for_deletion(&self, key: &str) -> Result<Room<'_>, Error> {
        self.promise(key, true)
    }

    /// Notes an object that has taken its place. On the disk after [`sync`](Self::sync).
    pub(super) fn put(&self, room: Room<'_>, key: &str, summary: Summary) -> Result<Position, Error> {
        self.record(room, key, Some(summary))
    }

    /// Notes a deletion that is about to be done.
    pub(super) fn delete(&self, room: Room<'_>, key: &str) -> Result<Position, Error> {
        self.record(room, key, None)
    }

    pub(super) fn sync(&self, position: Position) -> Result<(), Error> {
        let mut synced = self.synced.lock().unwrap_or_else(PoisonError::into_inner);
        if *synced >= position.0 {
            return Ok(());
        }
        let (file, reached) = self.journal().unsynced();
        if let Some(file) = file
            && let Err(error) = file.sync_data()
        {
            self.journal().distrust();
            return Err(error).during("sync the journal of keys");
        }
        *synced = reached;
        Ok(())
    }

    /// Writes the journal anew, after the index was read from elsewhere.
    pub(super) fn rewrite(&self) -> Result<(), Error> {
        self.journal().rewrite(&self.index())
    }

    fn promise(&self, key: &str, deletion: bool) -> Result<Room<'_>, Error> {
        let length = record::encode(key.as_bytes(), None).len() as u64;
        self.journal().promise(length, deletion, &self.index())?;
        Ok(Room { keys: self, length })
    }

    fn record(&self, room: Room<'_>, key: &str, object: Option<Summary>) -> Result<Position, Error> {
        let record = record::encode(key.as_bytes(), object);
        let mut journal = self.journal();
        let appended = journal.append(&record);
        {
            let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
            match object {
                Some(summary) => index.insert(key, summary),
                None => index.remove(key),
            }
        }
        drop(journal);
        drop(room);
        appended.map(Position)
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        self.keys.journal().withdraw(self.length);
    }
}
