//! What every answer carries.

use axum::response::Response;
use http::{HeaderValue, header};

/// No browser takes an answer for another type than it says. For `map_response`, around every router.
pub async fn never_sniffed(mut response: Response) -> Response {
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
