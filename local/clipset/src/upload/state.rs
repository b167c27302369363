//! What is remembered of an upload, so that the same command goes on where it was stopped.

use std::{
    env,
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::UNIX_EPOCH,
};

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::PartTag;
use crate::data::{make_private_dir, write_private};

/// The file as it was looked at: another size or time means other bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStamp {
    /// Absolute, without links.
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// Nanoseconds since 1970.
    pub modified: u128,
}

impl FileStamp {
    /// Looks at `path`.
    ///
    /// # Errors
    /// A sentence if it is no file that can be read, or empty.
    pub fn of(path: &Path) -> Result<Self> {
        let shown = path.display();
        let meta = match fs::metadata(path) {
            Ok(meta) => meta,
            Err(error) if error.kind() == io::ErrorKind::NotFound => bail!("{shown} does not exist"),
            Err(error) => return Err(error).with_context(|| format!("{shown} cannot be read")),
        };
        if !meta.is_file() {
            bail!("{shown} is not a file");
        }
        if meta.len() == 0 {
            bail!("{shown} is empty");
        }
        let modified = meta.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
        let path = fs::canonicalize(path).with_context(|| format!("{shown} cannot be read"))?;
        Ok(Self { path, size: meta.len(), modified: modified.as_nanos() })
    }

    /// The file is another one now, or gone.
    pub fn has_changed(&self) -> bool {
        Self::of(&self.path).ok().as_ref() != Some(self)
    }
}

/// An upload that the server knows of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// What is sent.
    pub file: FileStamp,
    /// Of the object.
    pub key: String,
    /// Of the multipart upload.
    pub upload_id: String,
    /// Of the video.
    pub short_id: String,
    /// Bytes of every part but the last.
    pub part_size: u64,
    /// Set once every part is there, before the upload is completed: completing is then all that is left.
    #[serde(default)]
    pub parts: Option<Vec<PartTag>>,
}

/// The place of one (server, file) in the state folder, held by this process alone.
#[derive(Debug)]
pub struct Slot {
    path: PathBuf,
    _lock: File,
}

impl Slot {
    /// Takes the place of `path` on `server`.
    ///
    /// # Errors
    /// A sentence if another process holds it, or the folder cannot be used.
    pub fn take(folder: &Path, server: &str, path: &Path) -> Result<Self> {
        let unusable = || format!("{} cannot be used to remember uploads", folder.display());
        make_private_dir(folder).with_context(unusable)?;
        let name =
            Sha256::new().chain_update(server).chain_update([0]).chain_update(path.as_os_str().as_encoded_bytes());
        let name: String = name.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        let lock_path = folder.join(format!("{name}.lock"));
        loop {
            let lock = File::create(&lock_path).with_context(unusable)?;
            match lock.try_lock() {
                // The holder before may have removed the file between the two lines above.
                Ok(()) if !is_at(&lock, &lock_path) => {}
                Ok(()) => return Ok(Self { path: folder.join(format!("{name}.json")), _lock: lock }),
                Err(TryLockError::WouldBlock) => bail!("{} is being uploaded by another clipset", path.display()),
                Err(TryLockError::Error(error)) => return Err(error).with_context(unusable),
            }
        }
    }

    /// What was begun here. What cannot be read counts as nothing.
    pub fn read(&self) -> Option<Begun> {
        serde_json::from_slice(&fs::read(&self.path).ok()?).ok()
    }

    /// Remembers `begun`, whole or not at all.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub fn write(&self, begun: &Begun) -> Result<()> {
        let bytes = serde_json::to_vec_pretty(begun)?;
        write_private(&self.path, &bytes).with_context(|| format!("{} cannot be written", self.path.display()))
    }

    /// Forgets what was begun.
    ///
    /// # Errors
    /// Why it cannot be removed.
    pub fn clear(&self) -> Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("{} cannot be removed", self.path.display()))
            }
            _ => Ok(()),
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // Still locked here; see `take` for whoever opened it already.
        let _ = fs::remove_file(self.path.with_extension("lock"));
    }
}

fn is_at(file: &File, path: &Path) -> bool {
    let inode = |meta: fs::Metadata| (meta.dev(), meta.ino());
    file.metadata().map(inode).ok() == fs::metadata(path).map(inode).ok()
}

/// `$XDG_STATE_HOME/clipset/uploads`, by default `~/.local/state/clipset/uploads`.
///
/// # Errors
/// A sentence if there is no home folder.
pub fn state_folder() -> Result<PathBuf> {
    let set = |name: &str| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local/state")));
    Ok(base.context("set HOME or XDG_STATE_HOME: uploads are remembered there")?.join("clipset/uploads"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(path: &Path) -> Begun {
        Begun {
            file: FileStamp { path: path.into(), size: 1, modified: 2 },
            key: "originals/x".into(),
            upload_id: "u".into(),
            short_id: "s".into(),
            part_size: 3,
            parts: None,
        }
    }

    #[test]
    fn what_was_begun_is_found_again_until_it_is_cleared() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = Path::new("/clip.mp4");
        let slot = Slot::take(folder.path(), "http://one", path).expect("free");
        assert_eq!(slot.read(), None);
        slot.write(&begun(path)).expect("written");
        drop(slot);
        assert_eq!(Slot::take(folder.path(), "http://two", path).expect("free").read(), None);
        let slot = Slot::take(folder.path(), "http://one", path).expect("free");
        assert_eq!(slot.read(), Some(begun(path)));
        slot.clear().expect("removed");
        slot.clear().expect("nothing left to remove");
        drop(slot);
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 0);
    }

    #[test]
    fn one_file_is_sent_by_one_process() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = Path::new("/clip.mp4");
        let _held = Slot::take(folder.path(), "http://one", path).expect("free");
        let error = Slot::take(folder.path(), "http://one", path).expect_err("held");
        assert_eq!(error.to_string(), "/clip.mp4 is being uploaded by another clipset");
    }

    #[test]
    fn a_broken_state_file_counts_as_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let slot = Slot::take(folder.path(), "s", Path::new("/x")).expect("free");
        fs::write(&slot.path, "{\"key\":").expect("written");
        assert_eq!(slot.read(), None);
    }

    #[test]
    fn what_cannot_be_uploaded_is_said_in_a_sentence() {
        let folder = tempfile::tempdir().expect("a folder");
        let empty = folder.path().join("empty.mp4");
        fs::write(&empty, "").expect("written");
        for (path, end) in [
            (empty.as_path(), "is empty"),
            (folder.path(), "is not a file"),
            (Path::new("/nope.mp4"), "does not exist"),
        ] {
            let error = FileStamp::of(path).expect_err(end).to_string();
            assert!(error.ends_with(end), "{error}");
        }
    }
}
