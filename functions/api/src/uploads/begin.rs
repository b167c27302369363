//! Beginning an upload: its bytes reserved, the video's document, and the bucket's multipart upload.

use axum::extract::State;
use clipset_core::{
    Timestamp,
    disk::largest_file,
    id::{EncodeId, ShortId, Username},
    key::MediaKey,
    parts::{LARGEST_PART, PartPlan, PartPlanError},
    settings::Settings,
    size::{Round, said},
    video::{Upload, Video},
};
use clipset_service::{Json, Problem, Service};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Uploader, name, quota, room, upload_id::UploadId};
use crate::App;

/// What whoever writes a client is told.
const SIZE_IS_MISSING: &str = "Say how many bytes the file has, in metadata.size. Uppy sends what stands in a file's meta: \
     uppy.on('file-added', (file) => uppy.setFileMeta(file.id, { size: file.size })), and if allowedMetaFields is set, \
     'size' is among them.";

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "NewUpload"))]
pub(crate) struct Begin {
    filename: String,
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schemars(with = "Metadata"))]
    metadata: Option<Map<String, Value>>,
}

/// What is read of `metadata`. Numbers may be text, as forms send them.
#[cfg(feature = "openapi")]
#[derive(schemars::JsonSchema)]
#[schemars(inline)]
#[expect(dead_code, reason = "only described: the rest of the metadata is a client's own")]
struct Metadata {
    /// The file's name without its extension, if there is none.
    #[schemars(length(max = 200))]
    title: Option<String>,
    /// Bytes of the file.
    #[schemars(range(min = 1))]
    size: u64,
    /// Bytes of every part but the last.
    part_size: Option<u64>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "Upload"))]
pub(crate) struct Begun {
    key: String,
    #[serde(rename = "uploadId")]
    upload_id: String,
    short_id: ShortId,
    /// Bytes of every part but the last.
    part_size: u64,
}

/// What is going to be uploaded.
pub(super) struct New {
    pub(super) original: EncodeId,
    pub(super) owner: Username,
    title: String,
    file_name: String,
    pub(super) plan: PartPlan,
    /// What the owner may upload in a week, bytes.
    pub(super) weekly_limit: u64,
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
    let plan = plan(&metadata)?;
    let settings = service.settings.current().await?;
    require_allowed(&service, plan.size, &settings)?;
    if service.disk.is_too_small_for(plan.size) {
        return Err(Problem::disk_full());
    }
    let new = New {
        original: EncodeId::random(),
        owner: viewer.username,
        title,
        file_name,
        plan,
        weekly_limit: settings.weekly_upload_limit_bytes.get(),
    };
    let begun = begin_in_bucket(&service, &new).await;
    if begun.is_err() {
        quota::release(&service, &new.owner, new.original).await;
    }
    let id = begun?;
    let (key, short_id) = (MediaKey::Original(new.original).to_string(), id.video.clone());
    Ok(Json(Begun { key, upload_id: id.to_string(), short_id, part_size: plan.part_size }))
}

/// How the file is cut, as the client says or as Uppy does by itself.
fn plan(metadata: &Map<String, Value>) -> Result<PartPlan, Problem> {
    let size = metadata.get("size").and_then(bytes).ok_or_else(|| Problem::invalid(SIZE_IS_MISSING))?;
    let part_size = match metadata.get("part_size") {
        None | Some(Value::Null) => None,
        Some(value) => {
            Some(bytes(value).ok_or_else(|| Problem::invalid("Say in bytes how long parts are: metadata.part_size."))?)
        }
    };
    PartPlan::new(size, part_size).map_err(|error| match error {
        PartPlanError::Empty => Problem::invalid("The file is empty: choose another one."),
        PartPlanError::TooLarge => Problem::too_large("The file is larger than any store takes: choose a smaller one."),
        PartPlanError::PartSize { least } => Problem::invalid(format!(
            "Parts of this file have from {least} to {LARGEST_PART} bytes: change metadata.part_size, or leave it out."
        )),
    })
}

/// 413 for a file over the limit for each, or one that could not be converted.
///
/// # Errors
/// [`Problem`] 413.
pub(super) fn require_allowed(service: &Service, size: u64, settings: &Settings) -> Result<(), Problem> {
    let most = settings.max_file_size_bytes.get();
    let (has, allowed) = (said(size, Round::Up), said(most, Round::Down));
    if size > most {
        return Err(Problem::too_large(format!(
            "The file has {has}, and {allowed} are allowed: choose a smaller one."
        )));
    }
    match service.config.task_disk.map(largest_file) {
        Some(room) if size > room => {
            let room = said(room, Round::Down);
            Err(Problem::too_large(format!(
                "The file has {has}, and there is room to convert one of {room}: choose a smaller one."
            )))
        }
        _ => Ok(()),
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

/// The reservation, the multipart upload, then the video's document.
async fn begin_in_bucket(service: &Service, new: &New) -> Result<UploadId, Problem> {
    let short_id = ShortId::random();
    room::reserve(service, new, &short_id).await?;
    let key = MediaKey::Original(new.original);
    let upload_id = service.bucket.for_clip(&short_id).begin_upload(&key).await?;
    match create(service, new, short_id, &upload_id).await {
        Ok(video) => Ok(UploadId { video, upload: upload_id }),
        Err(problem) => {
            if let Err(error) = service.bucket.abort_upload(&key, &upload_id).await {
                tracing::warn!(%error, "an upload without a video was left to the sweep");
            }
            Err(problem)
        }
    }
}

/// The object that will be names its clip, so a short id that is taken is not drawn again: the client asks once more.
async fn create(service: &Service, new: &New, short_id: ShortId, upload_id: &str) -> Result<ShortId, Problem> {
    let upload =
        Upload { original: Some(new.original), upload_id: upload_id.to_owned(), file_name: new.file_name.clone() };
    let (owner, title) = (new.owner.clone(), new.title.clone());
    let video = Video::begin(short_id.clone(), owner, title, upload.clone(), Timestamp::now()).cut(new.plan);
    let Err(error) = service.videos.create(&video).await else { return Ok(short_id) };
    // The document may be there, and only the listing was too busy: a sweep mends that.
    let held = service.videos.get(&short_id).await?;
    if held.is_some_and(|held| held.value.upload == upload) { Ok(short_id) } else { Err(error.into()) }
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
