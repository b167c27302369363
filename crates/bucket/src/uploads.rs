//! Uploads that clients send part by part to presigned URLs.

use std::time::Duration;

use aws_sdk_s3::{
    error::ProvideErrorMetadata,
    presigning::PresigningConfig,
    types::{CompletedMultipartUpload, CompletedPart},
};
use clipset_core::{Timestamp, key::MediaKey};

use crate::{
    connection::Bucket,
    error::{BucketError, sdk},
};

/// A part that has arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// 1 to 10,000.
    pub number: i32,
    /// As the store named it.
    pub etag: String,
    /// Bytes.
    pub size: u64,
    /// When it arrived.
    pub stored_at: Option<Timestamp>,
}

/// An object that was put together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whole {
    /// As the store named it.
    pub etag: String,
    /// Bytes.
    pub size: u64,
    /// Of how many parts; 1 where the store does not say.
    pub parts: u32,
}

/// Why an upload was not completed.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// No such upload: completed, aborted or never begun.
    #[error("there is no such upload")]
    Missing,
    /// The list of parts is not what arrived; the store's words.
    #[error("the parts are not what arrived: {0}")]
    Parts(String),
    /// The store failed.
    #[error(transparent)]
    Bucket(BucketError),
}

impl Bucket {
    /// Begins an upload to `key`; gives its id.
    ///
    /// # Errors
    /// [`BucketError::Store`].
    pub async fn begin_upload(&self, key: &MediaKey) -> Result<String, BucketError> {
        let create = self.client().create_multipart_upload().bucket(self.name()).key(key.to_string());
        let create = create.content_type(key.content_type()).set_metadata(self.media_metadata());
        let created = create.send().await.map_err(|error| sdk("begin", key, error))?;
        Ok(created.upload_id().unwrap_or_default().to_owned())
    }

    /// The parts that have arrived, in order.
    ///
    /// # Errors
    /// [`BucketError::Missing`] if there is no such upload, [`BucketError::Store`].
    pub async fn parts(&self, key: &MediaKey, upload_id: &str) -> Result<Vec<Part>, BucketError> {
        let mut parts = Vec::new();
        let mut marker = None;
        loop {
            let list = self.client().list_parts().bucket(self.name()).key(key.to_string()).upload_id(upload_id);
            let page = list.set_part_number_marker(marker).send().await.map_err(|error| sdk("list", key, error))?;
            let more = page.is_truncated().unwrap_or_default();
            marker = page.next_part_number_marker;
            parts.extend(page.parts.unwrap_or_default().into_iter().map(|part| Part {
                number: part.part_number.unwrap_or_default(),
                etag: part.e_tag.unwrap_or_default(),
                size: part.size.unwrap_or_default().max(0) as u64,
                stored_at: part.last_modified.and_then(|stored| Timestamp::from_second(stored.secs()).ok()),
            }));
            if !more || marker.is_none() {
                return Ok(parts);
            }
        }
    }

    /// When the last part arrived; `None` if none has.
    ///
    /// # Errors
    /// As [`Bucket::parts`].
    pub async fn last_part_at(&self, key: &MediaKey, upload_id: &str) -> Result<Option<Timestamp>, BucketError> {
        Ok(self.parts(key, upload_id).await?.into_iter().filter_map(|part| part.stored_at).max())
    }

    /// What became of an upload; `None` if there is no object. The number of parts stands at the
    /// end of the etag, as S3 makes it.
    ///
    /// # Errors
    /// [`BucketError::Store`].
    pub async fn whole(&self, key: &MediaKey) -> Result<Option<Whole>, BucketError> {
        let head = self.client().head_object().bucket(self.name()).key(key.to_string());
        match head.send().await.map_err(|error| sdk("look up", key, error)) {
            Ok(output) => {
                let etag = output.e_tag().unwrap_or_default().to_owned();
                let parts = etag.trim_matches('"').rsplit_once('-').and_then(|(_, parts)| parts.parse().ok());
                let size = output.content_length().unwrap_or_default().max(0) as u64;
                Ok(Some(Whole { etag, size, parts: parts.unwrap_or(1) }))
            }
            Err(BucketError::Missing { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A URL to which the client puts part `number`, and of `length` bytes no other; good for `life`. The length is a
    /// signed header, which HTTP clients send by themselves. `None` leaves it open.
    ///
    /// # Errors
    /// [`BucketError::Store`] if there are no credentials to sign with.
    pub async fn presign_part(
        &self,
        key: &MediaKey,
        upload_id: &str,
        number: i32,
        length: Option<u64>,
        life: Duration,
    ) -> Result<String, BucketError> {
        let length = length.map(|length| i64::try_from(length).unwrap_or(i64::MAX));
        let part = self.presigner().upload_part().bucket(self.name()).key(key.to_string());
        let signed =
            part.upload_id(upload_id).part_number(number).set_content_length(length).presigned(presigning(life)).await;
        Ok(signed.map_err(|error| sdk("presign", key, error))?.uri().to_owned())
    }

    /// A URL from which the object is downloaded under `file_name`; good for `life`.
    ///
    /// # Errors
    /// [`BucketError::Store`] if there are no credentials to sign with.
    pub async fn presign_download(
        &self,
        key: &MediaKey,
        file_name: &str,
        life: Duration,
    ) -> Result<String, BucketError> {
        let get = self.presigner().get_object().bucket(self.name()).key(key.to_string());
        let get = get.response_content_disposition(attachment(file_name));
        Ok(get.presigned(presigning(life)).await.map_err(|error| sdk("presign", key, error))?.uri().to_owned())
    }

    /// Puts the parts together.
    ///
    /// # Errors
    /// [`UploadError`].
    pub async fn complete_upload(&self, key: &MediaKey, upload_id: &str, parts: &[Part]) -> Result<(), UploadError> {
        let parts =
            parts.iter().map(|part| CompletedPart::builder().part_number(part.number).e_tag(&part.etag).build());
        let complete = self.client().complete_multipart_upload().bucket(self.name()).key(key.to_string());
        let complete = complete
            .upload_id(upload_id)
            .multipart_upload(CompletedMultipartUpload::builder().set_parts(Some(parts.collect())).build());
        match complete.customize().config_override(Self::patient()).send().await {
            Ok(_) => Ok(()),
            Err(error) => match error.code() {
                Some("NoSuchUpload") => Err(UploadError::Missing),
                Some("InvalidPart" | "InvalidPartOrder" | "EntityTooSmall" | "MalformedXML" | "InvalidRequest") => {
                    Err(UploadError::Parts(error.message().unwrap_or("no reason given").to_owned()))
                }
                _ => Err(match sdk("complete", key, error) {
                    BucketError::Missing { .. } => UploadError::Missing,
                    other => UploadError::Bucket(other),
                }),
            },
        }
    }

    /// Forgets an upload and its parts. One that is not there is no error.
    ///
    /// # Errors
    /// [`BucketError::Store`].
    pub async fn abort_upload(&self, key: &MediaKey, upload_id: &str) -> Result<(), BucketError> {
        self.abort_by_key(&key.to_string(), upload_id).await
    }

    /// The keys and ids of uploads below `prefix` that were begun before `before`.
    ///
    /// # Errors
    /// [`BucketError::Store`].
    pub async fn uploads_before(&self, prefix: &str, before: Timestamp) -> Result<Vec<(String, String)>, BucketError> {
        let mut uploads = Vec::new();
        let (mut key_marker, mut id_marker) = (None, None);
        loop {
            let list = self.client().list_multipart_uploads().bucket(self.name()).prefix(prefix);
            let list = list.set_key_marker(key_marker).set_upload_id_marker(id_marker);
            let page = list.send().await.map_err(|error| sdk("list", prefix, error))?;
            let more = page.is_truncated().unwrap_or_default();
            (key_marker, id_marker) = (page.next_key_marker, page.next_upload_id_marker);
            uploads.extend(page.uploads.unwrap_or_default().into_iter().filter_map(|upload| {
                let old = upload.initiated.is_some_and(|begun| begun.secs() < before.as_second());
                upload.key.zip(upload.upload_id).filter(|_| old)
            }));
            if !more {
                return Ok(uploads);
            }
        }
    }

    /// Forgets an upload that [`Bucket::uploads_before`] named.
    ///
    /// # Errors
    /// [`BucketError::Store`].
    pub async fn abort_by_key(&self, key: &str, upload_id: &str) -> Result<(), BucketError> {
        let abort = self.client().abort_multipart_upload().bucket(self.name()).key(key).upload_id(upload_id);
        match abort.send().await.map_err(|error| sdk("abort", key, error)) {
            Ok(_) | Err(BucketError::Missing { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

fn presigning(life: Duration) -> PresigningConfig {
    // S3 takes at most a week.
    let life = life.clamp(Duration::from_secs(1), Duration::from_secs(7 * 24 * 3600));
    PresigningConfig::expires_in(life).expect("within a week")
}

/// `Content-Disposition` of a download (RFC 6266): a plain name, and the true one in UTF-8.
fn attachment(file_name: &str) -> String {
    let plain: String =
        file_name.chars().map(|c| if c.is_ascii_alphanumeric() || " .-_()".contains(c) { c } else { '_' }).collect();
    let mut encoded = String::new();
    for byte in file_name.bytes() {
        match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'.' | b'-' | b'_' => encoded.push(byte.into()),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_file_name_cannot_break_out_of_its_header() {
        let header = super::attachment("a\"b\r\nSet-Cookie: é.mp4");
        assert_eq!(
            header,
            "attachment; filename=\"a_b__Set-Cookie_ _.mp4\"; filename*=UTF-8''a%22b%0D%0ASet-Cookie%3A%20%C3%A9.mp4"
        );
    }
}
