//! Beginning an upload: the video's document and the bucket's multipart upload.

use axum::extract::State;
use clipset_bucket::BucketError;
use clipset_core::{
    Timestamp,
    id::{EncodeId, ShortId, Username},
    key::MediaKey,
    video::{Upload, Video},
};
use clipset_service::{Json, Problem, Service};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Uploader, name, quota, upload_id::UploadId};
use crate::App;

/// How often a short id that is taken is drawn again.
const DRAWS: usize = 5;

#[derive(Deserialize)]
pub(crate) struct Begin {
    filename: String,
    #[serde(default)]
    metadata: Option<Map<String, Value>>,
}

#[derive(Serialize)]
pub(crate) struct Begun {
    key: String,
    #[serde(rename = "uploadId")]
    upload_id: String,
    short_id: ShortId,
}

/// `POST /api/s3/multipart`.
pub(crate) async fn begin(
    State(service): App,
    Uploader(viewer): Uploader,
    Json(given): Json<Begin>,
) -> Result<Json<Begun>, Problem> {
    let metadata = given.metadata.unwrap_or_default();
    let file_name = name::file_name(&given.filename);
    let title = name::title(metadata.get("title").and_then(Value::as_str), &file_name)?;
    let original = EncodeId::random();
    let key = MediaKey::Original(original);
    if let Some(size) = metadata.get("size").and_then(bytes) {
        if service.disk.is_too_small_for(size) {
            return Err(Problem::disk_full());
        }
        reserve_allowed(&service, &viewer.username, original, size).await?;
    }
    let begun = begin_in_bucket(&service, original, viewer.username.clone(), title, file_name).await;
    if begun.is_err() {
        quota::release(&service, &viewer.username, original).await;
    }
    let (short_id, upload_id) = begun?;
    let id = UploadId { video: short_id.clone(), upload: upload_id };
    Ok(Json(Begun { key: key.to_string(), upload_id: id.to_string(), short_id }))
}

/// The multipart upload, then the video's document; gives the video and the bucket's id of the upload.
async fn begin_in_bucket(
    service: &Service,
    original: EncodeId,
    owner: Username,
    title: String,
    file_name: String,
) -> Result<(ShortId, String), Problem> {
    let key = MediaKey::Original(original);
    let short_id = ShortId::random();
    let upload_id = service.bucket.for_clip(&short_id).begin_upload(&key).await?;
    let upload = Upload { original: Some(original), upload_id: upload_id.clone(), file_name };
    let video = Video::begin(short_id, owner, title, upload, Timestamp::now());
    match create(service, video).await {
        Ok(short_id) => Ok((short_id, upload_id)),
        Err(error) => {
            if let Err(error) = service.bucket.abort_upload(&key, &upload_id).await {
                tracing::warn!(%error, "an upload without a video was left to the sweep");
            }
            Err(error.into())
        }
    }
}

/// Reserves `size` bytes for the upload: 413 for a size over a limit, 422 for an empty file.
///
/// # Errors
/// [`Problem`] 413, 422, 503.
pub(super) async fn reserve_allowed(
    service: &Service,
    owner: &Username,
    upload: EncodeId,
    size: u64,
) -> Result<(), Problem> {
    if size == 0 {
        return Err(Problem::invalid("The file is empty: choose another one."));
    }
    let settings = service.settings.current().await?;
    let most = settings.max_file_size_bytes;
    if size <= most {
        return quota::reserve(service, owner, upload, size, settings.weekly_upload_limit_bytes).await;
    }
    let (size, most) = (gibibytes(size), gibibytes(most));
    Err(Problem::too_large(format!("The file has {size} GiB, and {most} GiB are allowed: choose a smaller one.")))
}

/// A number of bytes, however a form wrote it.
fn bytes(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// With two decimals, rounded up, so that a size just over a limit does not look like the limit.
pub(super) fn gibibytes(bytes: u64) -> String {
    let hundredths = (u128::from(bytes) * 100).div_ceil(1 << 30);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

async fn create(service: &Service, mut video: Video) -> Result<ShortId, BucketError> {
    for _ in 1..DRAWS {
        match service.videos.create(&video).await {
            Ok(()) => return Ok(video.short_id),
            Err(BucketError::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
        // The document may be there, and only the listing was too busy: a sweep mends that.
        let held = service.videos.get(&video.short_id).await?;
        if held.is_some_and(|held| held.value.upload == video.upload) {
            return Ok(video.short_id);
        }
        video.short_id = ShortId::random();
    }
    service.videos.create(&video).await.map(|()| video.short_id)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sizes_are_numbers_or_text() {
        assert_eq!(bytes(&json!(12)), Some(12));
        assert_eq!(bytes(&json!("12")), Some(12));
        for bad in [json!(-1), json!("many"), json!(null), json!([])] {
            assert_eq!(bytes(&bad), None, "{bad}");
        }
    }

    #[test]
    fn a_size_just_over_the_limit_does_not_look_like_it() {
        assert_eq!(gibibytes(10 << 30), "10.00");
        assert_eq!(gibibytes((10 << 30) + 1), "10.01");
    }
}
