//! The second place where keys stand: a file to which every put and every deletion is appended.
//!
//! The file `keys` begins with `CLIPKEYS` and the version of the store's format, then [records](super::record). Behind them
//! is space that was allocated beforehand, zeros, so that a deletion can be written down on a full disk. When most of it is
//! superseded, it is written anew beside itself and renamed.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::fcntl::posix_fallocate;
use tempfile::NamedTempFile;

use super::format::{Summary, array};
use super::index::Index;
use super::record::{self, Found, Record};
use super::sync_folder;
use crate::error::{During, Error};

const MAGIC: &[u8; 8] = b"CLIPKEYS";
/// 1 was without a journal.
const VERSION: u32 = 2;
const BEGIN: usize = 16;
/// Allocated at once.
const CHUNK: u64 = 512 << 10;
/// What puts leave of it, for deletions.
const FOR_DELETIONS: u64 = 256 << 10;
/// Superseded records that do not matter.
const SLACK: u64 = 1 << 20;

/// What was read from the file.
#[derive(Debug, Default)]
pub(super) struct Replayed {
    /// The last known state of every key.
    pub(super) keys: HashMap<String, Option<Summary>>,
    /// Where the next record goes.
    pub(super) end: u64,
    pub(super) damaged: bool,
}

/// The file being appended to.
#[derive(Debug)]
pub(super) struct Journal {
    root: PathBuf,
    file: Option<Arc<File>>,
    end: u64,
    allocated: u64,
    /// Room for records that are on their way.
    promised: u64,
    /// Where the end was after it was last written anew.
    begun: u64,
    /// Not to be trusted any more, and to be written anew.
    broken: bool,
    /// Bytes appended since the start, through all files.
    appended: u64,
}

pub(super) fn path(root: &Path) -> PathBuf {
    root.join("keys")
}

/// `None` if there is no such file. Safe while another process appends: it is read up to where that one was.
pub(super) fn replay(root: &Path) -> Result<Option<Replayed>, Error> {
    let bytes = match fs::read(path(root)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            tracing::error!(%error, "the journal of keys cannot be read");
            return Ok(Some(Replayed { damaged: true, ..Replayed::default() }));
        }
        Ok(bytes) => bytes,
    };
    let mut replayed = Replayed::default();
    let mut at = BEGIN;
    if bytes.len() < BEGIN || &bytes[..8] != MAGIC {
        replayed.damaged = true;
    } else if u32::from_le_bytes(array(&bytes, 8)) > VERSION {
        return Err(Error::Newer(root.into()));
    }
    loop {
        match record::decode(&bytes, at) {
            Found::Record(Record { key, object }, next) => {
                replayed.keys.insert(key, object);
                at = next;
            }
            // With a whole record behind it, it is neither the end nor what a killed process left half-written.
            Found::End | Found::Damage => match record::next_whole(&bytes, at) {
                Some(next) => {
                    replayed.damaged = true;
                    at = next;
                }
                None => break,
            },
        }
    }
    replayed.end = at as u64;
    Ok(Some(replayed))
}

impl Journal {
    /// Goes on with the file as it was read, or, without one, begins with [`rewrite`](Self::rewrite).
    pub(super) fn open(root: &Path, replayed: Option<&Replayed>) -> Result<Self, Error> {
        let mut journal = Self {
            root: root.into(),
            file: None,
            end: 0,
            allocated: 0,
            promised: 0,
            begun: 0,
            broken: replayed.is_none_or(|replayed| replayed.damaged),
            appended: 0,
        };
        if let Some(replayed) = replayed.filter(|replayed| !replayed.damaged) {
            let file = File::options().read(true).write(true).open(path(root)).during("open the journal of keys")?;
            // What a killed process left half-written must not stand behind the next record.
            file.set_len(replayed.end).during("open the journal of keys")?;
            (journal.end, journal.allocated, journal.begun) = (replayed.end, replayed.end, replayed.end);
            journal.file = Some(Arc::new(file));
        }
        Ok(journal)
    }

    /// Makes room for a record, which [`append`](Self::append) then finds.
    pub(super) fn promise(&mut self, length: u64, deletion: bool, index: &Index) -> Result<(), Error> {
        if self.broken {
            match self.rewrite(index) {
                // Nothing on the disk that the deletion would contradict.
                Err(error) if error.is_full() && deletion && self.file.is_none() => return Ok(()),
                result => result?,
            }
        } else if self.end > 2 * self.begun + SLACK
            && let Err(error) = self.rewrite(index)
        {
            tracing::warn!(%error, "the journal of keys was not written anew");
        }
        let needed = self.end + self.promised + length + if deletion { 0 } else { FOR_DELETIONS };
        if needed > self.allocated {
            self.allocate()?;
        }
        self.promised += length;
        Ok(())
    }

    pub(super) fn withdraw(&mut self, length: u64) {
        self.promised = self.promised.saturating_sub(length);
    }

    /// Returns what [`appended`](Self::appended) must reach for the record to be on the disk.
    pub(super) fn append(&mut self, record: &[u8]) -> Result<u64, Error> {
        if let Some(file) = &self.file {
            if let Err(error) = file.write_all_at(record, self.end) {
                self.broken = true;
                return Err(error).during("write the journal of keys");
            }
            self.end += record.len() as u64;
        }
        self.appended += record.len() as u64;
        Ok(self.appended)
    }

    /// What is to be synced, and what is on the disk then.
    pub(super) fn unsynced(&self) -> (Option<Arc<File>>, u64) {
        (self.file.clone(), self.appended)
    }

    /// After a failed sync nobody knows what the file holds.
    pub(super) fn distrust(&mut self) {
        self.broken = true;
    }

    /// Writes every key of the index, and nothing else, to a new file that takes the place of this one.
    pub(super) fn rewrite(&mut self, index: &Index) -> Result<(), Error> {
        self.broken = true;
        let new = NamedTempFile::new_in(self.root.join("tmp")).during("write the journal of keys anew")?;
        let end = write_all(new.as_file(), index).during("write the journal of keys anew")?;
        new.as_file().sync_all().during("write the journal of keys anew")?;
        let file = new.persist(path(&self.root)).map_err(|error| error.error);
        self.file = Some(Arc::new(file.during("write the journal of keys anew")?));
        (self.end, self.allocated, self.begun) = (end, end, end);
        sync_folder(&self.root)?;
        self.broken = false;
        Ok(())
    }

    fn allocate(&mut self) -> Result<(), Error> {
        let to = (self.end + self.promised + FOR_DELETIONS + CHUNK).next_multiple_of(4096);
        if let Some(file) = &self.file {
            let allocated = posix_fallocate(&**file, self.end as i64, (to - self.end) as i64);
            allocated.map_err(io::Error::from).during("extend the journal of keys")?;
            self.allocated = to;
        }
        Ok(())
    }
}

fn write_all(file: &File, index: &Index) -> io::Result<u64> {
    let mut out = BufWriter::with_capacity(1 << 16, file);
    let mut begin = [0; BEGIN];
    begin[..8].copy_from_slice(MAGIC);
    begin[8..12].copy_from_slice(&VERSION.to_le_bytes());
    out.write_all(&begin)?;
    let mut end = BEGIN as u64;
    for (key, summary) in index.iter() {
        let record = record::encode(key, Some(summary));
        out.write_all(&record)?;
        end += record.len() as u64;
    }
    out.flush()?;
    Ok(end)
}
