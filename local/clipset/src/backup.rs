//! `clipset backup` and `clipset restore`: the bucket as a folder, object by object, with a `SHA256SUMS` over all of it.
//!
//! The order is what keeps a copy of a running system whole. A backup reads the documents first and the media after them,
//! so all that a document leads to is there. A restore writes the documents of finished videos first, so that no sweep
//! takes their media for orphans; unfinished ones after the media, so that no job finds its upload missing; jobs last.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use clipset_bucket::{Bucket, BucketError};
use clipset_core::{
    id::{EncodeId, ShortId},
    key::{DocumentKey, MediaKey},
    video::Video,
};
use clipset_service::Service;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;

use crate::{
    args::FolderArgs,
    checksum::{self, Checksum},
    containers::require_bucket,
    data::{make_private_dir, write_private},
    manage::enter_local_system,
    output,
};

const SUMS: &str = "SHA256SUMS";
const LOCK: &str = ".lock";

/// Objects on their way at once.
const PARALLEL: usize = 8;

/// What is of the moment: runners tell it again, people sign in again, the days of orphans and the walk begin anew.
const PASSING: [&str; 9] = [
    "jobs/marker.json",
    DocumentKey::RUNNERS,
    DocumentKey::ATTEMPTS,
    DocumentKey::SESSIONS,
    "catalog/probes/",
    DocumentKey::ORPHANS,
    DocumentKey::WALK,
    DocumentKey::SUMMARIES,
    DocumentKey::WAITING,
];

/// `clipset backup`.
///
/// # Errors
/// A sentence: the bucket cannot be read, or the folder not written.
pub async fn backup(args: &FolderArgs) -> Result<()> {
    enter_local_system()?;
    let service = Service::from_env().await?;
    require_bucket(&service.bucket).await?;
    let (folder, bucket) = (Folder::open(&args.folder)?, &service.bucket);
    let before = folder.sums().unwrap_or_default();
    let documents: Vec<_> = bucket.keys("").await?.into_iter().filter(|key| is_document(key)).collect();
    let documents = stream::iter(documents).map(|key| folder.take_document(bucket, key));
    let documents: Vec<_> = documents.buffer_unordered(PARALLEL).try_collect().await?;
    let media: Vec<_> = bucket.keys("").await?.into_iter().filter_map(|key| MediaKey::parse(&key)).collect();
    let before = &before;
    let media = stream::iter(media).map(|key| folder.take_media(bucket, key, before));
    let media: Vec<_> = media.buffer_unordered(PARALLEL).try_collect().await?;
    let new = media.iter().flatten().filter(|taken| taken.new).count();
    let sums: BTreeMap<_, _> =
        documents.into_iter().chain(media).flatten().map(|taken| (taken.key, taken.sha256)).collect();
    let text: String = sums.iter().map(|(key, sha256)| format!("{sha256}  {key}\n")).collect();
    write_private(&folder.0.join(SUMS), text.as_bytes()).context("the backup cannot be written")?;
    output::line(format!("{} objects, {new} media files new since the last backup", sums.len()));
    Ok(())
}

/// `clipset restore`.
///
/// # Errors
/// A sentence: the backup is damaged, or the library is not empty.
pub async fn restore(args: &FolderArgs) -> Result<()> {
    enter_local_system()?;
    let service = Service::from_env().await?;
    require_bucket(&service.bucket).await?;
    let (folder, bucket) = (Folder::open(&args.folder)?, &service.bucket);
    let sums = folder.sums().with_context(|| format!("{} holds no whole backup", args.folder.display()))?;
    // All of it before anything is written: half of a damaged backup helps nobody.
    let checks = stream::iter(&sums).map(|(key, sha256)| folder.check(key, sha256));
    let checked: BTreeMap<String, Checksum> = checks.buffer_unordered(PARALLEL).try_collect().await?;
    folder.require_nothing_else(bucket, &checked).await?;

    // Since when orphans are some, and how far the walk has come: what a restore writes behind it, it would not know of.
    bucket.remove_all(DocumentKey::ORPHANS).await?;
    bucket.remove_all(DocumentKey::WALK).await?;
    let clips = folder.clips(&checked);
    let (media, documents): (Vec<_>, Vec<_>) = checked.iter().partition(|(key, _)| MediaKey::parse(key).is_some());
    let (jobs, documents): (Vec<_>, Vec<_>) = documents.into_iter().partition(|(key, _)| key.starts_with("jobs/"));
    let (unfinished, documents): (Vec<_>, Vec<_>) =
        documents.into_iter().partition(|(key, _)| folder.is_unfinished_video(key));
    folder.give_documents(bucket, &documents).await?;
    folder.give_media(bucket, &media, &clips).await?;
    folder.give_documents(bucket, &unfinished).await?;
    // What a sweep took before its document was there.
    folder.give_media(bucket, &media, &clips).await?;
    folder.give_documents(bucket, &jobs).await?;
    service.jobs.announce().await?;
    let listed = service.videos.reindex().await?;
    output::line(format!("{} objects are back, of {} clips", checked.len(), listed.videos));
    Ok(())
}

/// A backup, held by this process alone.
struct Folder(PathBuf, #[expect(dead_code, reason = "held as long as the folder")] File);

/// One object that is in the backup.
struct Taken {
    key: String,
    sha256: String,
    new: bool,
}

impl Folder {
    fn open(path: &Path) -> Result<Self> {
        let unusable = || format!("{} cannot be used", path.display());
        make_private_dir(path).with_context(unusable)?;
        let lock = File::create(path.join(LOCK)).with_context(unusable)?;
        lock.try_lock().map_err(|_| anyhow::anyhow!("{} is in use by another backup or restore", path.display()))?;
        Ok(Self(path.to_owned(), lock))
    }

    /// The checksums of the last whole backup, by key.
    fn sums(&self) -> Option<BTreeMap<String, String>> {
        let text = fs::read_to_string(self.0.join(SUMS)).ok()?;
        text.lines().map(|line| line.split_once("  ").map(|(sha, key)| (key.to_owned(), sha.to_owned()))).collect()
    }

    /// Where the object at `key` is kept. A key that would lead elsewhere is refused.
    fn place(&self, key: &str) -> Result<PathBuf> {
        let plain = |part: &str| {
            !part.is_empty()
                && !part.starts_with('.')
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b':'))
        };
        ensure!(key.split('/').all(plain), "{key:?} cannot be a file's name");
        Ok(self.0.join(key))
    }

    async fn take_document(&self, bucket: &Bucket, key: String) -> Result<Option<Taken>> {
        let place = self.place(&key)?;
        // Gone since it was listed.
        let Some(body) = bucket.read_raw(&key).await? else { return Ok(None) };
        make_parent(&place)?;
        write_private(&place, &body).with_context(|| format!("{key} cannot be written"))?;
        Ok(Some(Taken { key, sha256: checksum::of_bytes(&body).sha256, new: true }))
    }

    /// Media never change under their key: what is whole here is not fetched again.
    async fn take_media(
        &self,
        bucket: &Bucket,
        key: MediaKey,
        before: &BTreeMap<String, String>,
    ) -> Result<Option<Taken>> {
        let name = key.to_string();
        let place = self.place(&name)?;
        let Some(size) = bucket.size(&key).await? else { return Ok(None) };
        if let Some(sha256) = before.get(&name)
            && fs::metadata(&place).is_ok_and(|found| found.len() == size)
        {
            return Ok(Some(Taken { key: name, sha256: sha256.clone(), new: false }));
        }
        make_parent(&place)?;
        let unfinished = place.with_added_extension("part");
        match bucket.download(&key, &unfinished).await {
            Ok(_) => {}
            Err(BucketError::Missing { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
        let sum = checksum::of_file(&unfinished).await?;
        File::open(&unfinished)?.sync_all()?;
        fs::rename(&unfinished, &place).with_context(|| format!("{name} cannot be written"))?;
        Ok(Some(Taken { key: name, sha256: sum.sha256, new: true }))
    }

    async fn check(&self, key: &str, sha256: &str) -> Result<(String, Checksum)> {
        let found = checksum::of_file(&self.place(key)?).await;
        let found = found.with_context(|| format!("the backup is damaged: {key} cannot be read"))?;
        ensure!(found.sha256 == sha256, "the backup is damaged: {key} is not what was backed up");
        Ok((key.to_owned(), found))
    }

    /// A clip of the library that the backup does not have, or has otherwise, would be lost.
    async fn require_nothing_else(&self, bucket: &Bucket, backup: &BTreeMap<String, Checksum>) -> Result<()> {
        for name in bucket.children(DocumentKey::VIDEOS).await? {
            let key = format!("{}{name}", DocumentKey::VIDEOS);
            let Some(there) = bucket.read_raw(&key).await? else { continue };
            if backup.get(&key) != Some(&checksum::of_bytes(&there)) {
                bail!("the library holds clips that are not in the backup ({name}): restore into an empty one");
            }
        }
        Ok(())
    }

    fn is_unfinished_video(&self, key: &str) -> bool {
        let state = || {
            let video: Value = serde_json::from_slice(&fs::read(self.place(key).ok()?).ok()?).ok()?;
            Some(video["phase"]["state"].as_str()?.to_owned())
        };
        key.starts_with(DocumentKey::VIDEOS)
            && state().is_some_and(|state| matches!(state.as_str(), "uploading" | "pending" | "processing"))
    }

    /// Whose media the backup holds, as far as its records can be read.
    fn clips(&self, backup: &BTreeMap<String, Checksum>) -> BTreeMap<EncodeId, ShortId> {
        let records = backup.keys().filter(|key| key.starts_with(DocumentKey::VIDEOS));
        let videos =
            records.filter_map(|key| serde_json::from_slice::<Video>(&fs::read(self.place(key).ok()?).ok()?).ok());
        videos.flat_map(|video| video.ids().into_iter().map(move |id| (id, video.short_id.clone()))).collect()
    }

    async fn give_documents(&self, bucket: &Bucket, documents: &[(&String, &Checksum)]) -> Result<()> {
        let writes = documents.iter().map(|(key, _)| async move {
            let body = fs::read(self.place(key)?)?;
            Ok::<_, anyhow::Error>(bucket.write_raw(key, Bytes::from(body)).await?)
        });
        stream::iter(writes).buffer_unordered(PARALLEL).try_collect().await
    }

    async fn give_media(
        &self,
        bucket: &Bucket,
        media: &[(&String, &Checksum)],
        clips: &BTreeMap<EncodeId, ShortId>,
    ) -> Result<()> {
        let writes = media.iter().map(|(name, sum)| async move {
            let key = MediaKey::parse(name).context("no media key")?;
            if bucket.size(&key).await? == Some(sum.size) {
                return Ok(());
            }
            // As they said it before.
            let bucket = &clips.get(&key.id()).map_or_else(|| bucket.clone(), |clip| bucket.for_clip(clip));
            bucket.put_file(&key, &self.place(name)?).await?;
            let stored = checksum::of_object(bucket, &key).await?;
            ensure!(stored.as_ref() == Some(*sum), "{name} changed on its way");
            Ok::<_, anyhow::Error>(())
        });
        stream::iter(writes).buffer_unordered(PARALLEL).try_collect().await
    }
}

fn is_document(key: &str) -> bool {
    MediaKey::parse(key).is_none() && !PASSING.iter().any(|prefix| key.starts_with(prefix))
}

fn make_parent(place: &Path) -> io::Result<()> {
    place.parent().map_or(Ok(()), make_private_dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_leads_out_of_the_folder() {
        let place = tempfile::tempdir().expect("a folder");
        let folder = Folder::open(&place.path().join("backup")).expect("opened");
        assert!(folder.place("catalog/videos/aB3dE6gH9j.json").is_ok());
        for bad in ["../x", "/etc/passwd", "a//b", "a/../b", ".lock", "a/\0", ""] {
            assert!(folder.place(bad).is_err(), "{bad}");
        }
        assert!(Folder::open(&place.path().join("backup")).is_err(), "two at once");
    }

    #[test]
    fn what_is_of_the_moment_is_left_out() {
        assert!(is_document("settings.json") && is_document("jobs/queue/x") && is_document("accounts/users/ada.json"));
        assert!(!is_document("catalog/orphans/0a.json") && !is_document("catalog/summaries/0.json"));
        assert!(!is_document("jobs/runners/one.json") && !is_document("accounts/sessions/x.json"));
    }
}
