//! Start of the store: folders made, leftovers of killed processes removed, the index read from files and journal.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::aside::{self, set_aside};
use super::format::Summary;
use super::index::Index;
use super::journal::Replayed;
use super::opened::{Flaw, Look, look};
use super::{relative_path, sync_folder};
use crate::error::{During, Error};

/// Reading headers waits for the disk, not for the processor.
const READERS: usize = 8;

/// Refuses a folder in which another program keeps its data: nothing of ours is written among it.
pub(super) fn refuse_foreign(root: &Path) -> Result<(), Error> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(root).during("read the bucket's folder")? {
        names.insert(entry.during("read the bucket's folder")?.file_name());
    }
    let foreign = |what| Err(Error::Foreign { root: root.into(), what });
    if names.contains(OsStr::new(".minio.sys")) {
        return foreign("the data of MinIO".into());
    }
    // A folder of ours holds one of these two before anything else. A fresh disk holds the third.
    let ours = ["lock", "objects"].iter().any(|name| names.contains(OsStr::new(name)));
    match names.iter().find(|name| *name != "lost+found") {
        Some(other) if !ours => foreign(format!("other files ({})", other.display())),
        _ => Ok(()),
    }
}

/// Takes the folder for this process alone.
///
/// The version before, which would take every newer file for a damaged one, locks a *file* of the name `lock`. A folder in
/// its place keeps it from starting here.
pub(super) fn own(root: &Path) -> Result<File, Error> {
    let folder = root.join("lock");
    let earlier = if folder.is_file() { Some(lock(root, &folder)?) } else { None };
    if earlier.is_some() {
        fs::remove_file(&folder).during("create the lock file")?;
    }
    fs::create_dir_all(&folder).during("create the lock file")?;
    lock(root, &folder.join("owner"))
}

fn lock(root: &Path, path: &Path) -> Result<File, Error> {
    let file = File::create(path).during("create the lock file")?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::InUse(root.into())),
        Err(TryLockError::Error(source)) => Err(Error::Io { operation: "lock the bucket", source }),
    }
}

pub(super) fn prepare(root: &Path) -> Result<(), Error> {
    let objects = root.join("objects");
    for folder in [&objects, &root.join("multipart"), &root.join("tmp"), &aside::folder(root)] {
        fs::create_dir_all(folder).during("create the bucket's folders")?;
    }
    for shard in 0..=255u8 {
        match fs::create_dir(objects.join(format!("{shard:02x}"))) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(error).during("create the bucket's folders");
            }
            _ => {}
        }
    }
    clear(&root.join("tmp")).during("remove temporary files")?;
    sync_folder(&objects)?;
    sync_folder(root)?;
    // The folder itself may be new, and an object in it must not vanish with its name.
    root.canonicalize().during("find the bucket's folder")?.parent().map_or(Ok(()), sync_folder)
}

fn clear(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => fs::remove_dir_all(entry.path())?,
            false => fs::remove_file(entry.path())?,
        }
    }
    Ok(())
}

/// What the folder holds.
pub(super) struct Loaded {
    pub(super) index: Index,
    /// Damaged files whose keys stand nowhere.
    pub(super) unknown: BTreeSet<PathBuf>,
    /// Whether the journal must be written anew for what was found.
    pub(super) differs: bool,
}

/// Reads every file's header and holds it against the journal. A whole file is the truth, for a killed process may not have
/// come to write it down; where a file is damaged or missing, the journal says which object it is.
pub(super) fn read(root: &Path, journal: Option<Replayed>) -> Result<Loaded, Error> {
    let objects = root.join("objects");
    let mut damaged = BTreeMap::new();
    let mut strays = Vec::new();
    let mut entries = Vec::new();
    for seen in scan(&objects, &|path| see(&objects, path))? {
        match seen {
            Seen::Nothing => {}
            Seen::Object(key, summary) => entries.push((key, summary)),
            Seen::Stray(path, key) => strays.push((path, key)),
            Seen::Damaged(path, flaw) => drop(damaged.insert(path, flaw)),
        }
    }
    let mut known = journal.map(|journal| journal.keys).unwrap_or_default();
    let mut index = Index::default();
    let mut differs = false;
    for (key, summary) in entries {
        differs |= known.remove(&key).flatten() != Some(summary);
        index.insert(&key, summary);
    }
    for (key, object) in &known {
        let path = objects.join(relative_path(key));
        let flaw = damaged.remove(&path);
        let reason = flaw.map_or("its file is missing".into(), |flaw| flaw.reason);
        match object {
            Some(summary) => {
                tracing::error!(key, path = %path.display(), %reason, "a stored object is damaged");
                index.insert(key, *summary);
            }
            // A process was killed between writing down the deletion and doing it.
            None if path.exists() => set_aside(&aside::folder(root), &path, key, &reason)?,
            None => {}
        }
    }
    let mut unknown = BTreeSet::new();
    for (path, flaw) in damaged {
        match flaw.header.filter(|header| path == objects.join(relative_path(&header.attributes.key))) {
            Some(header) => {
                let key = &header.attributes.key;
                tracing::error!(key, path = %path.display(), reason = %flaw.reason, "a stored object is damaged");
                index.insert(key, header.summary);
                differs = true;
            }
            None => {
                let reason = &flaw.reason;
                tracing::error!(path = %path.display(), %reason, "damaged, and nothing says which object it is");
                unknown.insert(path);
            }
        }
    }
    for (path, key) in strays {
        tracing::error!(key, path = %path.display(), "not where its key belongs; ignored");
        // The only trace of an object is no copy of it.
        if index.get(&key).is_none() && !known.contains_key(&key) {
            unknown.insert(path);
        }
    }
    Ok(Loaded { index, unknown, differs })
}

enum Seen {
    Nothing,
    Object(String, Summary),
    Stray(PathBuf, String),
    Damaged(PathBuf, Flaw),
}

fn see(objects: &Path, path: PathBuf) -> Result<Seen, Error> {
    Ok(match look(&path)? {
        Look::Missing => Seen::Nothing,
        Look::Damaged(flaw) => Seen::Damaged(path, flaw),
        Look::Whole(opened) => {
            let key = opened.header.attributes.key;
            match path == objects.join(relative_path(&key)) {
                true => Seen::Object(key, opened.header.summary),
                false => Seen::Stray(path, key),
            }
        }
    })
}

/// What `see` says of every file below `objects/`, by several threads.
pub(super) fn scan<T: Send>(
    objects: &Path,
    see: &(dyn Fn(PathBuf) -> Result<T, Error> + Sync),
) -> Result<Vec<T>, Error> {
    let next = AtomicUsize::new(0);
    let read = || -> Result<Vec<_>, Error> {
        let mut all = Vec::new();
        loop {
            let shard = next.fetch_add(1, Ordering::Relaxed);
            if shard > 255 {
                return Ok(all);
            }
            let files = match fs::read_dir(objects.join(format!("{shard:02x}"))) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                result => result.during("read the bucket's folders")?,
            };
            for file in files {
                all.push(see(file.during("read the bucket's folders")?.path())?);
            }
        }
    };
    let results = thread::scope(|scope| {
        let readers: Vec<_> = (0..READERS).map(|_| scope.spawn(read)).collect();
        readers.into_iter().map(|reader| reader.join()).collect::<Vec<_>>()
    });
    let mut all = Vec::new();
    for result in results {
        all.extend(result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?);
    }
    Ok(all)
}
