//! Beginning an upload: the video's document and the bucket's multipart upload.

use axum::extract::State;
use clipset_bucket::BucketError;
use clipset_core::{
    Timestamp,
    id::{EncodeId, ShortId},
    key::MediaKey,
    video::{Upload, Video},
};
use clipset_service::{Json, Problem, Service};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Uploader, limits::require_allowed_size, name, upload_id::UploadId};
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
    if let Some(size) = metadata.get("size").and_then(bytes) {
        require_allowed_size(&service, &viewer, size).await?;
    }
    let original = EncodeId::random();
    let key = MediaKey::Original(original);
    let upload_id = service.bucket.begin_upload(&key).await?;
    let upload = Upload { original: Some(original), upload_id: upload_id.clone(), file_name };
    let video = Video::begin(ShortId::random(), viewer.username, title, upload, Timestamp::now());
    match create(&service, video).await {
        Ok(short_id) => {
            let id = UploadId { video: short_id.clone(), upload: upload_id };
            Ok(Json(Begun { key: key.to_string(), upload_id: id.to_string(), short_id }))
        }
        Err(error) => {
            if let Err(error) = service.bucket.abort_upload(&key, &upload_id).await {
                tracing::warn!(%error, "an upload without a video was left to the sweep");
            }
            Err(error.into())
        }
    }
}

/// A number of bytes, however a form wrote it.
fn bytes(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    }
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
}
