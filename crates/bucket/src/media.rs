//! Media objects: streamed to and from files, multipart above 16 MiB, never whole in memory.

use std::{collections::BTreeSet, path::Path};

use aws_sdk_s3::{
    operation::list_objects_v2::ListObjectsV2Output,
    primitives::{ByteStream, Length},
    types::{CompletedMultipartUpload, CompletedPart, Delete, MetadataDirective, Object, ObjectIdentifier},
};
use bytes::Bytes;
use clipset_core::{
    id::{EncodeId, ShortId},
    key::{MediaKey, prefixes_of},
};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::io::AsyncWriteExt;

use crate::{
    Etag,
    connection::{Bucket, CLIP},
    error::{BucketError, sdk},
};

/// Larger files go in parts of this size (or larger, so that there are at most 10,000).
const PART_SIZE: u64 = 16 << 20;
/// Parts on their way at once.
const PARALLEL_PARTS: usize = 4;
/// How often a broken download is taken up again where it was.
const DOWNLOAD_RESUMES: u32 = 5;

impl Bucket {
    /// Stores a small object.
    ///
    /// # Errors
    /// [`BucketError::Store`].
    pub async fn put_bytes(&self, key: &MediaKey, body: impl Into<Bytes>) -> Result<(), BucketError> {
        self.put_object(key, ByteStream::from(body.into())).await
    }

    /// Stores a file, streamed.
    ///
    /// # Errors
    /// [`BucketError::Store`], [`BucketError::Local`].
    pub async fn put_file(&self, key: &MediaKey, path: &Path) -> Result<(), BucketError> {
        let size = tokio::fs::metadata(path).await.map_err(local("upload"))?.len();
        if size > PART_SIZE {
            return self.put_in_parts(key, path, size).await;
        }
        let body = ByteStream::read_from().path(path).build().await.map_err(|error| local("upload")(error.into()))?;
        self.put_object(key, body).await
    }

    /// Reads an object into a new file, streamed; a connection that breaks is taken up again.
    /// Gives the size in bytes.
    ///
    /// # Errors
    /// [`BucketError::Missing`], [`BucketError::Store`], [`BucketError::Local`].
    pub async fn download(&self, key: &MediaKey, path: &Path) -> Result<u64, BucketError> {
        let mut file = tokio::fs::File::create(path).await.map_err(local("download"))?;
        self.read_into(key, &mut file).await
    }

    /// Reads an object into `to`, as [`Bucket::download`].
    ///
    /// # Errors
    /// As [`Bucket::download`].
    pub async fn read_into(
        &self,
        key: &MediaKey,
        mut to: impl tokio::io::AsyncWrite + Unpin,
    ) -> Result<u64, BucketError> {
        let mut written = 0;
        let mut version = None;
        for resume in 0..=DOWNLOAD_RESUMES {
            let get = self.client().get_object().bucket(self.name()).key(key.to_string());
            let get = get.set_if_match(version.clone());
            let get = if written > 0 { get.range(format!("bytes={written}-")) } else { get };
            let mut output = get.send().await.map_err(|error| sdk("read", key, error))?;
            let size = written + output.content_length().unwrap_or_default().max(0) as u64;
            version = version.or(output.e_tag().map(str::to_owned));
            loop {
                match output.body.next().await {
                    Some(Ok(chunk)) => {
                        to.write_all(&chunk).await.map_err(local("download"))?;
                        written += chunk.len() as u64;
                    }
                    None if written == size => {
                        to.flush().await.map_err(local("download"))?;
                        return Ok(size);
                    }
                    None => break,
                    Some(Err(error)) => {
                        tracing::warn!(%key, resume, error = %error, "a download broke off");
                        break;
                    }
                }
            }
            if size == 0 {
                return Ok(0);
            }
        }
        let message = format!("the connection broke {DOWNLOAD_RESUMES} times");
        Err(BucketError::Store { operation: "read", key: key.to_string(), message })
    }

    /// Reads a playlist or another small text; `None` if it is not there.
    ///
    /// # Errors
    /// [`BucketError::Store`], also if it is not UTF-8.
    pub async fn read_text(&self, key: &MediaKey) -> Result<Option<String>, BucketError> {
        let get = self.client().get_object().bucket(self.name()).key(key.to_string());
        let output = match get.send().await.map_err(|error| sdk("read", key, error)) {
            Ok(output) => output,
            Err(BucketError::Missing { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let failed = |message: String| BucketError::Store { operation: "read", key: key.to_string(), message };
        let body = output.body.collect().await.map_err(|error| failed(error.to_string()))?;
        String::from_utf8(body.to_vec()).map(Some).map_err(|error| failed(error.to_string()))
    }

    /// The first `most` bytes of an object, or all of a smaller one.
    ///
    /// # Errors
    /// [`BucketError::Missing`], [`BucketError::Store`].
    pub async fn beginning(&self, key: &MediaKey, most: u64) -> Result<Bytes, BucketError> {
        let get = self.client().get_object().bucket(self.name()).key(key.to_string());
        let get = get.range(format!("bytes=0-{}", most.saturating_sub(1)));
        let output = get.send().await.map_err(|error| sdk("read", key, error))?;
        let body = output.body.collect().await.map_err(|error| {
            let message = error.to_string();
            BucketError::Store { operation: "read", key: key.to_string(), message }
        })?;
        Ok(body.into_bytes())
    }

    /// Copies an object of at most 5 GB within the bucket, with the headers of its new key; false if there is none at
    /// `from`.
    ///
    /// # Errors
    /// [`BucketError::Store`].
    pub async fn copy(&self, from: &str, key: &MediaKey) -> Result<bool, BucketError> {
        let copy = self.client().copy_object().bucket(self.name()).key(key.to_string());
        let copy = copy.copy_source(format!("{}/{from}", self.name()));
        let copy = copy.metadata_directive(MetadataDirective::Replace).content_type(key.content_type());
        let copy = copy.set_cache_control(key.cache_control().map(str::to_owned)).set_metadata(self.media_metadata());
        match copy.send().await.map_err(|error| sdk("copy", from, error)) {
            Ok(_) => Ok(true),
            Err(BucketError::Missing { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Bytes of an object; `None` if it is not there.
    ///
    /// # Errors
    /// [`BucketError::Store`].
    pub async fn size(&self, key: &MediaKey) -> Result<Option<u64>, BucketError> {
        let head = self.client().head_object().bucket(self.name()).key(key.to_string());
        match head.send().await.map_err(|error| sdk("look up", key, error)) {
            Ok(output) => Ok(Some(output.content_length().unwrap_or_default().max(0) as u64)),
            Err(BucketError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The clip that the media below `id` say they are of; `None` if they say nothing, or contradict each other. One of
    /// each kind is asked.
    ///
    /// # Errors
    /// [`BucketError::Store`].
    pub async fn clip_of(&self, id: EncodeId) -> Result<Option<ShortId>, BucketError> {
        let mut said = BTreeSet::new();
        for prefix in prefixes_of(id) {
            let list = self.client().list_objects_v2().bucket(self.name()).prefix(&prefix).max_keys(1).send().await;
            let first = list.map_err(|error| sdk("list", &prefix, error))?.contents.unwrap_or_default();
            let Some(key) = first.into_iter().find_map(|object| object.key) else { continue };
            let head = self.client().head_object().bucket(self.name()).key(&key).send().await;
            said.insert(match head.map_err(|error| sdk("look up", &key, error)) {
                Ok(output) => output.metadata().and_then(|held| held.get(CLIP)?.parse().ok()),
                // A damaged one that cannot say it.
                Err(error) if error.is_unreadable() => None,
                Err(BucketError::Missing { .. }) => continue,
                Err(error) => return Err(error),
            });
        }
        Ok(said.pop_first().flatten().filter(|_| said.is_empty()))
    }

    /// The keys below `prefix`, in byte order.
    ///
    /// # Errors
    /// [`BucketError::Store`].
    pub async fn keys(&self, prefix: &str) -> Result<Vec<String>, BucketError> {
        Ok(self.objects(prefix).await?.into_iter().filter_map(|object| object.key).collect())
    }

    /// The keys below `prefix`, in byte order, with their sizes in bytes.
    ///
    /// # Errors
    /// [`BucketError::Store`].
    pub async fn sizes(&self, prefix: &str) -> Result<Vec<(String, u64)>, BucketError> {
        let objects = self.objects(prefix).await?.into_iter();
        Ok(objects.filter_map(|object| Some((object.key?, object.size?.try_into().ok()?))).collect())
    }

    async fn objects(&self, prefix: &str) -> Result<Vec<Object>, BucketError> {
        let list = self.client().list_objects_v2().bucket(self.name()).prefix(prefix);
        let pages = list.into_paginator().send().try_collect().await;
        let pages = pages.map_err(|error| sdk("list", prefix, error))?;
        Ok(pages.into_iter().flat_map(|page| page.contents.unwrap_or_default()).collect())
    }

    /// What stands directly below `prefix` (which ends with a slash): keys, and folders with
    /// their slash, each without the prefix.
    ///
    /// # Errors
    /// [`BucketError::Store`].
    pub async fn children(&self, prefix: &str) -> Result<Vec<String>, BucketError> {
        let list = self.client().list_objects_v2().bucket(self.name()).prefix(prefix).delimiter("/");
        let pages = list.into_paginator().send().try_collect().await;
        let pages = pages.map_err(|error| sdk("list", prefix, error))?;
        let mut children = Vec::new();
        for page in pages {
            children.extend(page.common_prefixes.unwrap_or_default().into_iter().filter_map(|folder| folder.prefix));
            children.extend(page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key));
        }
        Ok(children.into_iter().filter_map(|key| key.strip_prefix(prefix).map(str::to_owned)).collect())
    }

    /// At most `most` of what [`Bucket::keys`] gives below `prefix` after `after`, with `folders` for what stands behind a
    /// slash; whole keys, in byte order. Less than `most` is the end.
    ///
    /// # Errors
    /// [`BucketError::Store`].
    pub async fn page(
        &self,
        prefix: &str,
        folders: bool,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<String>, BucketError> {
        // Behind all of a folder: a zero follows the slash.
        let after = after.map(|after| after.strip_suffix('/').map_or(after.to_owned(), |folder| format!("{folder}0")));
        let page = self.list_page(prefix, folders, after, most).await?;
        let folders = page.common_prefixes.unwrap_or_default().into_iter().filter_map(|folder| folder.prefix);
        let objects = page.contents.unwrap_or_default().into_iter().filter_map(|object| object.key);
        let mut keys: Vec<_> = folders.chain(objects).collect();
        keys.sort();
        Ok(keys)
    }

    /// At most `most` objects below `prefix` after the key `after`, in byte order, each with its version.
    ///
    /// # Errors
    /// [`BucketError::Store`].
    pub(crate) async fn versions(
        &self,
        prefix: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<(String, Etag)>, BucketError> {
        let page = self.list_page(prefix, false, after.map(str::to_owned), most).await?;
        let objects = page.contents.unwrap_or_default().into_iter();
        Ok(objects.filter_map(|object| Some((object.key?, Etag(object.e_tag.unwrap_or_default())))).collect())
    }

    async fn list_page(
        &self,
        prefix: &str,
        folders: bool,
        after: Option<String>,
        most: usize,
    ) -> Result<ListObjectsV2Output, BucketError> {
        let list = self.client().list_objects_v2().bucket(self.name()).prefix(prefix).set_start_after(after);
        let list = list.set_delimiter(folders.then(|| "/".to_owned())).max_keys(i32::try_from(most).unwrap_or(1000));
        list.send().await.map_err(|error| sdk("list", prefix, error))
    }

    /// Removes every object below `prefix`; gives their number. What was removed before is no
    /// error, so a sweep that was killed begins again.
    ///
    /// # Errors
    /// [`BucketError::Store`].
    pub async fn remove_all(&self, prefix: &str) -> Result<u64, BucketError> {
        let mut removed = 0;
        loop {
            // From the front again each time: what was listed is gone by then.
            let list = self.client().list_objects_v2().bucket(self.name()).prefix(prefix).send().await;
            let objects = list.map_err(|error| sdk("list", prefix, error))?.contents.unwrap_or_default();
            if objects.is_empty() {
                return Ok(removed);
            }
            let keys = objects.into_iter().filter_map(|object| object.key);
            let objects: Vec<_> =
                keys.map(|key| ObjectIdentifier::builder().key(key).build().expect("it has a key")).collect();
            removed += objects.len() as u64;
            let delete = Delete::builder().set_objects(Some(objects)).quiet(true).build().expect("it has objects");
            let output = self.client().delete_objects().bucket(self.name()).delete(delete).send().await;
            let errors = output.map_err(|error| sdk("remove", prefix, error))?.errors.unwrap_or_default();
            if let Some(error) = errors.first() {
                let message = error.message().unwrap_or("no reason given").to_owned();
                return Err(BucketError::Store { operation: "remove", key: prefix.to_owned(), message });
            }
        }
    }

    async fn put_object(&self, key: &MediaKey, body: ByteStream) -> Result<(), BucketError> {
        let put = self.client().put_object().bucket(self.name()).key(key.to_string());
        let put = put.set_metadata(self.media_metadata());
        let put = put.content_type(key.content_type()).set_cache_control(key.cache_control().map(str::to_owned));
        put.body(body).send().await.map(drop).map_err(|error| sdk("write", key, error))
    }

    async fn put_in_parts(&self, key: &MediaKey, path: &Path, size: u64) -> Result<(), BucketError> {
        let create = self.client().create_multipart_upload().bucket(self.name()).key(key.to_string());
        let create = create.content_type(key.content_type()).set_metadata(self.media_metadata());
        let create = create.set_cache_control(key.cache_control().map(str::to_owned));
        let created = create.send().await.map_err(|error| sdk("begin", key, error))?;
        let id = created.upload_id().unwrap_or_default();
        let outcome = self.send_parts(key, path, size, id).await;
        if outcome.is_err() {
            let abort = self.client().abort_multipart_upload().bucket(self.name()).key(key.to_string());
            if let Err(error) = abort.upload_id(id).send().await {
                // The bucket's lifecycle rule and the sweep remove it.
                tracing::warn!(%key, error = %sdk("abort", key, error), "an upload was left behind");
            }
        }
        outcome
    }

    async fn send_parts(&self, key: &MediaKey, path: &Path, size: u64, id: &str) -> Result<(), BucketError> {
        let part_size = PART_SIZE.max(size.div_ceil(10_000));
        let parts = (0..size.div_ceil(part_size)).map(|index| async move {
            let offset = index * part_size;
            let length = Length::Exact(part_size.min(size - offset));
            let body = ByteStream::read_from().path(path).offset(offset).length(length).build().await;
            let body = body.map_err(|error| local("upload")(error.into()))?;
            let number = i32::try_from(index + 1).expect("at most 10,000 parts");
            let part = self.client().upload_part().bucket(self.name()).key(key.to_string());
            let part = part.upload_id(id).part_number(number).body(body).send().await;
            let etag = part.map_err(|error| sdk("write", key, error))?.e_tag;
            Ok::<_, BucketError>(CompletedPart::builder().part_number(number).set_e_tag(etag).build())
        });
        let parts: Vec<_> = stream::iter(parts).buffered(PARALLEL_PARTS).try_collect().await?;
        let complete = self.client().complete_multipart_upload().bucket(self.name()).key(key.to_string());
        let complete = complete.upload_id(id);
        let complete = complete.multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts)).build());
        let completed = complete.customize().config_override(Self::patient()).send().await;
        completed.map(drop).map_err(|error| sdk("complete", key, error))
    }
}

fn local(operation: &'static str) -> impl Fn(std::io::Error) -> BucketError {
    move |reason| BucketError::Local { operation, reason }
}
