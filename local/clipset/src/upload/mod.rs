//! `clipset upload`: from a file to a clip, in parts that go straight to the bucket.
//!
//! What was begun is remembered on disk right after the server knows of it ([`state`]), so a command that was stopped at
//! any moment goes on where it was: parts that arrived are not sent again.

pub mod command;
mod part;
pub mod parts;
pub mod state;

use std::path::Path;

use anyhow::{Context as _, Result, bail};
use clipset_core::parts::PartPlan;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use indicatif::ProgressBar;
use reqwest::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

use self::{
    part::{PartError, Sender},
    parts::part_size,
    state::{Begun, FileStamp, Slot},
};
use crate::client::{Client, ClientError, Patience};

/// This many parts are on their way at once.
const PARALLEL: usize = 4;

/// A part as the completing request names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartTag {
    /// From 1.
    #[serde(rename = "PartNumber")]
    pub number: u32,
    /// As the bucket named it.
    #[serde(rename = "ETag")]
    pub etag: String,
}

/// What came of an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Uploaded {
    /// The clip's id.
    pub short_id: String,
    /// Where it is watched.
    pub url: String,
    /// Bytes that were there already when this run began.
    pub resumed_bytes: u64,
}

/// Uploads the file at `path`; its name is the title unless one is given. `states` is the folder that remembers uploads.
///
/// # Errors
/// A sentence: about the file, the server, or in the server's own words why it does not take the file.
pub async fn upload(
    client: &Client,
    path: &Path,
    title: Option<&str>,
    states: &Path,
    bar: &ProgressBar,
) -> Result<Uploaded> {
    let file = FileStamp::of(path)?;
    let slot = Slot::take(states, &client.server().to_string(), &file.path)?;
    bar.set_length(file.size);
    let remembered = match slot.read() {
        Some(begun) if begun.file == file => Some(begun),
        Some(other) => {
            // The file is another one now. What was sent of the old one is of no use; the server sweeps what stays.
            let _ = client.delete(&address(&other, "")).await;
            None
        }
        None => None,
    };
    if let Some(begun) = remembered
        && let Some(done) = send(client, &slot, begun, bar).await?
    {
        return Ok(done);
    }
    let begun = begin(client, &slot, file, title).await?;
    match send(client, &slot, begun, bar).await? {
        Some(done) => Ok(done),
        None => bail!("the server forgot the upload while it was going on; run the same command again"),
    }
}

async fn begin(client: &Client, slot: &Slot, file: FileStamp, title: Option<&str>) -> Result<Begun> {
    #[derive(Deserialize)]
    struct Created {
        key: String,
        #[serde(rename = "uploadId")]
        upload_id: String,
        short_id: String,
        /// A server that does not say it takes any.
        part_size: Option<u64>,
    }
    let wanted = part_size(file.size);
    let name = file.path.file_name().unwrap_or_default().to_string_lossy();
    let stem = file.path.file_stem().unwrap_or_default().to_string_lossy();
    let body = json!({
        "filename": name,
        "type": content_type(&file.path),
        "metadata": {"title": title.unwrap_or(&stem), "size": file.size, "part_size": wanted},
    });
    let created: Created = client.post("/api/s3/multipart", &body, Patience::IfBusy).await?;
    let begun = Begun {
        part_size: created.part_size.unwrap_or(wanted),
        file,
        key: created.key,
        upload_id: created.upload_id,
        short_id: created.short_id,
        parts: None,
    };
    slot.write(&begun)?;
    Ok(begun)
}

/// Sends what is missing and completes. `None` if the server does not know the upload (any more).
async fn send(client: &Client, slot: &Slot, mut begun: Begun, bar: &ProgressBar) -> Result<Option<Uploaded>> {
    let Ok(plan) = PartPlan::new(begun.file.size, Some(begun.part_size)) else { return Ok(None) };
    let mut resumed_bytes = 0;
    let parts = match begun.parts.clone() {
        Some(parts) => {
            resumed_bytes = begun.file.size;
            parts
        }
        None => {
            let Some(there) = known(list(client, &begun, plan).await)? else { return forget(slot) };
            resumed_bytes += there.iter().filter_map(|part| plan.length(part.number)).sum::<u64>();
            bar.set_position(resumed_bytes);
            // Speed and remaining time count what is sent now.
            bar.reset_eta();
            let sent = send_missing(client, &begun, plan, there, bar).await;
            if sent.is_err() && begun.file.has_changed() {
                return changed(client, slot, &begun).await;
            }
            let Some(parts) = sent? else { return forget(slot) };
            // Once all was read: the parts of a file that was written to meanwhile do not fit together.
            if begun.file.has_changed() {
                return changed(client, slot, &begun).await;
            }
            begun.parts = Some(parts.clone());
            slot.write(&begun)?;
            parts
        }
    };
    bar.set_position(begun.file.size);
    let (path, body) = (address(&begun, "/complete"), json!({ "parts": parts }));
    match client.post::<serde_json::Value>(&path, &body, Patience::Waits).await {
        Ok(answer) => {
            slot.clear()?;
            // The server knows the address that people use; this client may have come another way.
            let url = answer.get("location").and_then(|location| location.as_str());
            let url = url.map_or_else(|| client.watch_url(&begun.short_id), str::to_owned);
            Ok(Some(Uploaded { url, short_id: begun.short_id, resumed_bytes }))
        }
        Err(error) if error.is_gone() => forget(slot),
        Err(error) => {
            if matches!(error.status(), Some(status) if status.is_client_error() && status != StatusCode::UNAUTHORIZED)
            {
                // It will not be taken as it is (too large, over the limit, parts lost): the next run begins anew.
                slot.clear()?;
            }
            Err(error.into())
        }
    }
}

/// What was sent of the old file is of no use.
async fn changed<T>(client: &Client, slot: &Slot, begun: &Begun) -> Result<T> {
    let _ = client.delete(&address(begun, "")).await;
    slot.clear()?;
    bail!("{} changed while it was being sent; run the same command again", begun.file.path.display());
}

fn forget(slot: &Slot) -> Result<Option<Uploaded>> {
    slot.clear()?;
    Ok(None)
}

/// `None` for what the server does not know.
fn known<T>(outcome: Result<T, ClientError>) -> Result<Option<T>, ClientError> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_gone() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The parts that arrived whole.
async fn list(client: &Client, begun: &Begun, plan: PartPlan) -> Result<Vec<PartTag>, ClientError> {
    #[derive(Deserialize)]
    struct Listed {
        #[serde(rename = "Size")]
        size: u64,
        #[serde(flatten)]
        tag: PartTag,
    }
    let listed: Vec<Listed> = client.get(&address(begun, "")).await?;
    let whole = |part: &Listed| plan.length(part.tag.number) == Some(part.size);
    Ok(listed.into_iter().filter(whole).map(|part| part.tag).collect())
}

/// Sends the parts that are not `there`; gives all of them in order. `None` if the upload is gone.
async fn send_missing(
    client: &Client,
    begun: &Begun,
    plan: PartPlan,
    mut there: Vec<PartTag>,
    bar: &ProgressBar,
) -> Result<Option<Vec<PartTag>>> {
    let missing: Vec<u32> = plan.numbers().filter(|number| there.iter().all(|part| part.number != *number)).collect();
    let sender = Sender { client, begun, plan, bar };
    let sent: Result<Vec<PartTag>, PartError> =
        stream::iter(missing).map(|number| sender.send(number)).buffer_unordered(PARALLEL).try_collect().await;
    match sent {
        Ok(sent) => there.extend(sent),
        Err(PartError::Gone) => return Ok(None),
        Err(PartError::Failed(error)) => {
            return Err(error).context("the upload stopped; run the same command again to go on where it was");
        }
    }
    there.sort_by_key(|part| part.number);
    Ok(Some(there))
}

/// The address of an upload's endpoint, with the key in the query.
fn address(begun: &Begun, end: &str) -> String {
    format!("/api/s3/multipart/{}{end}?key={}", encoded(&begun.upload_id), encoded(&begun.key))
}

/// Percent-encoded for a path segment or a query value (RFC 3986 §2.3).
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// The media type that a file's name promises.
fn content_type(path: &Path) -> &'static str {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    match extension.as_str() {
        "mp4" | "m4v" => "video/mp4",
        "mov" | "qt" => "video/quicktime",
        "mkv" => "video/x-matroska",
        "webm" => "video/webm",
        "avi" => "video/x-msvideo",
        "wmv" => "video/x-ms-wmv",
        "flv" => "video/x-flv",
        "mpg" | "mpeg" => "video/mpeg",
        "ts" | "mts" | "m2ts" => "video/mp2t",
        "3gp" => "video/3gpp",
        "ogv" => "video/ogg",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_keys_are_encoded_in_addresses() {
        let begun = Begun {
            file: FileStamp { path: "/x".into(), size: 1, modified: 0 },
            key: "originals/a b".into(),
            upload_id: "u/1?".into(),
            short_id: "s".into(),
            part_size: 1,
            parts: None,
        };
        assert_eq!(address(&begun, "/complete"), "/api/s3/multipart/u%2F1%3F/complete?key=originals%2Fa%20b");
    }

    #[test]
    fn parts_are_named_as_s3_names_them() {
        let part = PartTag { number: 3, etag: "\"x\"".into() };
        assert_eq!(serde_json::to_value(&part).expect("JSON"), json!({"PartNumber": 3, "ETag": "\"x\""}));
    }

    #[test]
    fn the_type_follows_from_the_name() {
        assert_eq!(content_type(Path::new("/a/Clip.MP4")), "video/mp4");
        assert_eq!(content_type(Path::new("/a/clip")), "application/octet-stream");
    }
}
