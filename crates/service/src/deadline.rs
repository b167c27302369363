//! Every request ends in time, also while the bucket hangs.

use std::time::Duration;

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{Method, StatusCode, header};

use crate::Problem;

/// The contract's 8 s less what lies before us.
const DEADLINE: Duration = Duration::from_secs(7);

/// Answers 503 for what is not answered in time. What was under way is dropped, as at a kill, and every step of it may be
/// done again.
pub async fn in_time(request: Request, next: Next) -> Response {
    if may_take_long(request.method(), request.uri().path()) {
        return next.run(request).await;
    }
    match tokio::time::timeout(DEADLINE, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "The storage does not answer: try again in a few seconds.")
                .with_header(header::RETRY_AFTER, "5")
                .into_response()
        }
    }
}

/// The bucket puts the parts of a large upload together.
fn may_take_long(method: &Method, path: &str) -> bool {
    *method == Method::POST && path.starts_with("/api/s3/multipart/") && path.ends_with("/complete")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_completion_of_an_upload_may_take_long() {
        assert!(may_take_long(&Method::POST, "/api/s3/multipart/u/complete"));
        for (method, path) in [
            (Method::POST, "/api/s3/multipart"),
            (Method::DELETE, "/api/s3/multipart/u"),
            (Method::GET, "/api/s3/multipart/u/complete"),
            (Method::POST, "/api/auth/login"),
        ] {
            assert!(!may_take_long(&method, path), "{method} {path}");
        }
    }
}
