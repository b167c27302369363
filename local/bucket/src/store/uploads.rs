//! Multipart uploads: a folder each, with a file per part. They survive a restart.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use md5::{Digest, Md5};
use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;

use super::opened::{Look, damaged, look};
use super::{
    Attributes, Checksum, Condition, Error, Expected, Header, Opened, Sealed, Staged, Store, Tag, sync_folder,
};
use crate::error::During;

/// Smallest part but the last, by S3's rules.
const MIN_PART: u64 = 5 << 20;

/// Key and attributes of an upload, twice: without them its parts are nobody's.
const RECORDS: [&str; 2] = ["upload", "upload.copy"];

/// An upload in progress.
#[derive(Debug)]
pub(crate) struct Upload {
    pub(crate) id: String,
    pub(crate) header: Header,
}

/// A part as it lies here.
#[derive(Debug)]
pub(crate) struct ListedPart {
    pub(crate) number: u16,
    pub(crate) header: Header,
}

/// A part as the client names it to complete an upload.
#[derive(Clone, Debug)]
pub(crate) struct NamedPart {
    pub(crate) number: u16,
    pub(crate) tag: String,
    pub(crate) checksums: Vec<Checksum>,
}

/// How to complete an upload.
#[derive(Debug, Default)]
pub(crate) struct Completion {
    pub(crate) parts: Vec<NamedPart>,
    pub(crate) condition: Condition,
    /// Checksums of the whole object.
    pub(crate) checksums: Vec<Checksum>,
    /// Length of the whole object.
    pub(crate) size: Option<u64>,
}

/// Uploads whose end, by completion or abort, is under way. The second to come waits, and then finds it ended.
#[derive(Debug, Default)]
pub(super) struct Completions(Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>);

impl Store {
    pub(crate) fn create_upload(&self, attributes: Attributes) -> Result<String, Error> {
        let id = Uuid::new_v4().simple().to_string();
        let attributes = Attributes { upload_id: Some(id.clone()), ..attributes };
        let folder = self.root.join("tmp").join(&id);
        self.space.admit(0)?;
        fs::create_dir(&folder).during("create an upload")?;
        for name in RECORDS {
            let staged = Staged::create(&folder, attributes.clone(), &[], Some(self.space.clone()))?;
            let sealed = staged.seal(&Expected::default(), None)?;
            sealed.persist(&folder.join(name)).during("create an upload")?;
        }
        sync_folder(&folder)?;
        fs::rename(&folder, self.uploads().join(&id)).during("create an upload")?;
        sync_folder(&self.uploads())?;
        Ok(id)
    }

    pub(crate) fn upload(&self, key: &str, id: &str) -> Result<Upload, Error> {
        let header = record(&self.upload_folder(id)?)?.ok_or(Error::NoSuchUpload)?;
        match header.attributes.key == key {
            true => Ok(Upload { id: id.into(), header }),
            false => Err(Error::NoSuchUpload),
        }
    }

    /// Keeps a part, in place of one of the same number.
    pub(crate) fn commit_part(&self, id: &str, number: u16, sealed: Sealed) -> Result<Header, Error> {
        let folder = self.upload_folder(id)?;
        // The folder is gone when the upload has ended meanwhile.
        let ended = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        let header = match sealed.persist(&part_path(&folder, number)) {
            Err(error) if ended(&error) => return Err(Error::NoSuchUpload),
            result => result.during("keep a part")?,
        };
        match sync_folder(&folder) {
            Err(Error::Io { source, .. }) if ended(&source) => Err(Error::NoSuchUpload),
            result => result.map(|()| header),
        }
    }

    /// Parts behind the given number, in order, and whether there are more than `limit`.
    pub(crate) fn parts(&self, id: &str, after: u16, limit: usize) -> Result<(Vec<ListedPart>, bool), Error> {
        let folder = self.upload_folder(id)?;
        let mut numbers: Vec<u16> = names(&folder)?.iter().filter_map(|name| name.parse().ok()).collect();
        numbers.retain(|number| *number > after);
        numbers.sort_unstable();
        let more = numbers.len() > limit;
        numbers.truncate(limit);
        let mut parts = Vec::new();
        for number in numbers {
            // A damaged one is not listed, so that it is sent again.
            if let Some(Opened { header, .. }) = whole_part(&part_path(&folder, number))? {
                parts.push(ListedPart { number, header });
            }
        }
        Ok((parts, more))
    }

    /// All uploads in progress, by key and id.
    pub(crate) fn all_uploads(&self) -> Result<Vec<Upload>, Error> {
        let mut uploads = Vec::new();
        for id in names(&self.uploads())? {
            if let Some(header) = record(&self.uploads().join(&id))? {
                uploads.push(Upload { id, header });
            }
        }
        uploads.sort_by(|a, b| (&a.header.attributes.key, &a.id).cmp(&(&b.header.attributes.key, &b.id)));
        Ok(uploads)
    }

    /// Waits until no one else is ending the upload. Hold the guard while doing so.
    pub(crate) async fn ending(&self, id: &str) -> OwnedMutexGuard<()> {
        let lock = {
            let mut known = self.completions.0.lock().unwrap_or_else(PoisonError::into_inner);
            known.retain(|_, lock| lock.strong_count() > 0);
            let lock = known.get(id).and_then(Weak::upgrade).unwrap_or_default();
            known.insert(id.into(), Arc::downgrade(&lock));
            lock
        };
        lock.lock_owned().await
    }

    /// Puts the parts together and makes them the object. An upload that was completed before is answered the same again,
    /// as long as its object is there: a client that lost the answer asks twice.
    pub(crate) fn complete_upload(&self, key: &str, id: &str, completion: &Completion) -> Result<Header, Error> {
        let upload = match self.upload(key, id) {
            Err(Error::NoSuchUpload) => return self.completed_before(key, id).ok_or(Error::NoSuchUpload),
            result => result?,
        };
        if let Some(header) = self.completed_before(key, id) {
            // Killed between the object's rename and the removal of the upload.
            self.remove_upload(id)?;
            return Ok(header);
        }
        let tag = self.check_parts(id, &completion.parts)?;
        self.check(key, &completion.condition)?;
        let sealed = self.assemble(upload, completion, tag)?;
        let header = self.commit(sealed, &completion.condition)?;
        self.remove_upload(id)?;
        Ok(header)
    }

    /// Ends an upload and forgets its parts.
    pub(crate) fn abort_upload(&self, key: &str, id: &str) -> Result<(), Error> {
        match self.upload(key, id) {
            // Whoever knows the id may end it: nobody can complete it any more.
            Ok(_) | Err(Error::Damaged { .. }) => self.remove_upload(id),
            Err(error) => Err(error),
        }
    }

    fn completed_before(&self, key: &str, id: &str) -> Option<Header> {
        let header = self.read(key).ok()?.header;
        (header.attributes.upload_id.as_deref() == Some(id)).then_some(header)
    }

    fn check_parts(&self, id: &str, parts: &[NamedPart]) -> Result<Tag, Error> {
        if !parts.is_sorted_by(|a, b| a.number < b.number) {
            return Err(Error::InvalidPartOrder);
        }
        let mut md5 = Md5::new();
        for (at, part) in parts.iter().enumerate() {
            let header = self.open_part(id, part)?.header;
            let same = |checksum: &Checksum| {
                header.checksum.is_none_or(|ours| ours.kind() != checksum.kind() || ours == *checksum)
            };
            if !part.checksums.iter().all(same) {
                return Err(Error::InvalidPart);
            }
            if header.summary.size < MIN_PART && at + 1 < parts.len() {
                return Err(Error::EntityTooSmall);
            }
            md5.update(header.summary.tag.md5);
        }
        Ok(Tag { md5: md5.finalize().into(), parts: parts.len() as u32 })
    }

    /// Opened one by one: an upload may have more parts than a process may have open files.
    fn assemble(&self, upload: Upload, completion: &Completion, tag: Tag) -> Result<Sealed, Error> {
        let kinds: Vec<_> = completion.checksums.iter().map(Checksum::kind).collect();
        let mut staged = self.stage(upload.header.attributes, &kinds, u64::MAX)?;
        let mut size = 0;
        for (at, part) in completion.parts.iter().enumerate() {
            let opened = self.open_part(&upload.id, part)?;
            size += opened.header.summary.size;
            staged.append(opened, !kinds.is_empty(), at + 1 == completion.parts.len())?;
        }
        if completion.size.is_some_and(|expected| expected != size) {
            return Err(Error::BadDigest("x-amz-mp-object-size"));
        }
        staged.seal(&Expected { md5: None, checksums: completion.checksums.clone() }, Some(tag))
    }

    fn open_part(&self, id: &str, part: &NamedPart) -> Result<Opened, Error> {
        let opened = whole_part(&part_path(&self.upload_folder(id)?, part.number))?.ok_or(Error::InvalidPart)?;
        match opened.header.summary.tag.to_string() == part.tag {
            true => Ok(opened),
            false => Err(Error::InvalidPart),
        }
    }

    /// First out of sight in one step, then deleted.
    fn remove_upload(&self, id: &str) -> Result<(), Error> {
        let grave = self.root.join("tmp").join(id);
        fs::rename(self.upload_folder(id)?, &grave).during("remove an upload")?;
        sync_folder(&self.uploads())?;
        if let Err(error) = fs::remove_dir_all(&grave) {
            // The next start tries again.
            tracing::warn!(%error, "delete an upload's parts");
        }
        Ok(())
    }

    fn uploads(&self) -> PathBuf {
        self.root.join("multipart")
    }

    fn upload_folder(&self, id: &str) -> Result<PathBuf, Error> {
        // An id comes from the client; only one of ours becomes a path.
        let ours = id.len() == 32 && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        ours.then(|| self.uploads().join(id)).ok_or(Error::NoSuchUpload)
    }
}

fn part_path(folder: &Path, number: u16) -> PathBuf {
    folder.join(format!("{number:05}"))
}

/// `None` too if it is damaged: the client has what it was, and sends it again.
fn whole_part(path: &Path) -> Result<Option<Opened>, Error> {
    match look(path)? {
        Look::Missing => Ok(None),
        Look::Whole(opened) => Ok(Some(*opened)),
        Look::Damaged(flaw) => {
            tracing::error!(path = %path.display(), reason = %flaw.reason, "a part of an upload is damaged");
            Ok(None)
        }
    }
}

/// Key and attributes of the upload in this folder, if it is one.
fn record(folder: &Path) -> Result<Option<Header>, Error> {
    let mut found = Ok(None);
    for path in RECORDS.map(|name| folder.join(name)) {
        match look(&path)? {
            Look::Missing => {}
            Look::Whole(opened) => return Ok(Some(opened.header)),
            Look::Damaged(flaw) => found = Err(damaged(&path, "", flaw.reason)),
        }
    }
    found
}

fn names(folder: &Path) -> Result<Vec<String>, Error> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Error::NoSuchUpload),
        result => result.during("list an upload")?,
    };
    let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    names.collect::<io::Result<_>>().during("list an upload")
}
