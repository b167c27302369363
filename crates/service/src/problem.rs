//! Errors as clients see them: RFC 9457 `application/problem+json`.

use axum::response::{IntoResponse, Response};
use clipset_bucket::{BucketError, UpdateError};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;

/// An answer that is an error. `detail` says what to do; never a path, a secret or an SDK message.
#[derive(Debug)]
pub struct Problem {
    status: StatusCode,
    detail: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    more: serde_json::Map<String, serde_json::Value>,
}

impl Problem {
    /// A problem with `status` and a sentence.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into(), headers: Vec::new(), more: serde_json::Map::new() }
    }

    /// 400: not JSON, or not of the form.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 401: no token, or a bad one.
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, detail).with_header(header::WWW_AUTHENTICATE, "Bearer")
    }

    /// 403: known, but not allowed.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    /// 404: not there, or not for this caller to know of.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 404 for a video.
    pub fn no_such_video() -> Self {
        Self::not_found("There is no such video; check the address.")
    }

    /// 409: not in the present state.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, detail)
    }

    /// 413: more bytes than allowed.
    pub fn too_large(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, detail)
    }

    /// 422: well-formed but invalid.
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    /// 429: come back in `seconds`.
    pub fn too_many_attempts(seconds: u64) -> Self {
        let detail = format!("Too many attempts: try again in {seconds} seconds.");
        Self::new(StatusCode::TOO_MANY_REQUESTS, detail).with_header(header::RETRY_AFTER, &seconds.to_string())
    }

    /// 507: there is no room for it.
    pub fn disk_full() -> Self {
        let detail = "The server's disk is full: delete clips, or ask an administrator to make room.";
        Self::new(StatusCode::INSUFFICIENT_STORAGE, detail)
    }

    /// 409 for a document that cannot be read, 507 where the bucket's disk is full, else 503: it is away. The reason goes
    /// to the log alone.
    pub fn storage(error: &BucketError) -> Self {
        tracing::error!(%error, "the bucket failed");
        if let BucketError::Malformed { key, .. } | BucketError::Damaged { key } = error {
            return Self::conflict(damaged(key)).with("damaged", true);
        }
        if let BucketError::Full { .. } = error {
            crate::disk::refused();
            return Self::disk_full();
        }
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "The storage cannot be reached: try again in a few seconds.")
            .with_header(header::RETRY_AFTER, "5")
    }

    /// With one more header.
    pub fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.push((name, value));
        }
        self
    }

    /// With one more member, such as the messages per field of a form.
    pub fn with(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

/// What is said of a clip whose document cannot be read.
pub const DAMAGED_CLIP: &str = "Its record is damaged; an administrator can repair or delete it.";

/// What is said where the object at `key` cannot be read.
fn damaged(key: &str) -> &'static str {
    match key.split('/').next() {
        Some("catalog") => DAMAGED_CLIP,
        Some("accounts") => "The record of this account is damaged: ask an administrator to repair it.",
        Some("shares") => "The record of this share is damaged: ask for a new link.",
        Some("hls" | "progressive" | "images" | "originals") => {
            "A file of this clip is damaged in the storage: ask the owner to upload it again."
        }
        _ => "A record that this needs is damaged: ask an administrator to run `clipset repair`.",
    }
}

impl From<BucketError> for Problem {
    fn from(error: BucketError) -> Self {
        Self::storage(&error)
    }
}

impl<E: Into<Problem>> From<UpdateError<E>> for Problem {
    fn from(error: UpdateError<E>) -> Self {
        match error {
            UpdateError::Refused(error) => error.into(),
            UpdateError::Missing => Self::not_found("It is not there any more."),
            UpdateError::Bucket(error) => Self::storage(&error),
        }
    }
}

impl From<clipset_core::video::VideoError> for Problem {
    fn from(error: clipset_core::video::VideoError) -> Self {
        Self::conflict(format!("That cannot be done now: {error}."))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut body = self.more;
        body.insert("type".into(), json!("about:blank"));
        body.insert("title".into(), json!(self.status.canonical_reason().unwrap_or("Error")));
        body.insert("status".into(), json!(self.status.as_u16()));
        body.insert("detail".into(), json!(self.detail));
        let mut response = (self.status, axum::Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        // Here too, for those that are made outside of every router.
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.extend(self.headers);
        response
    }
}
