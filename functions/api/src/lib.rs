//! Everything of the HTTP API but the hot path: accounts, the library, uploads, shares, settings.
//!
//! | Module | Routes |
//! |---|---|
//! | `accounts` | `/api/auth/…`, `/api/invitations`, `/api/users` |
//! | `library` | `/api/videos…` without stream-info and manifests |
//! | `uploads` | `/api/s3/…`: what `@uppy/aws-s3` asks of its Companion |
//! | `shares` | `/api/videos/{short_id}/shares`, `/api/shares/…`, `/s/…`, `/embed/…`, `/api/oembed` |
//! | `settings` | `/api/config…` |
//! | `health` | `/healthz`, `/api/config/health` |
//! | `openapi` | `/api/openapi.json` |

mod accounts;
mod address;
mod cloudfront;
mod cookies;
mod documents;
mod extract;
mod health;
mod library;
pub mod openapi;
mod settings;
mod shares;
mod throttle;
mod uploads;

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, State},
    middleware::map_response,
    response::Response,
};
use clipset_service::{Problem, Service, never_sniffed};
use http::{HeaderName, HeaderValue, StatusCode, header};

pub use accounts::{AccountError, add_user, ensure_first_admin};
pub use cloudfront::behind_cloudfront;

/// What handlers are given.
pub(crate) type App = State<Arc<Service>>;

/// The largest body, which nginx refuses to exceed at the same byte. The list of 10,000 parts takes about 650 kB.
pub const BODY_LIMIT: usize = 1_000_000;

/// The API over `service`, with an answer for every path.
pub fn router(service: Arc<Service>) -> Router {
    Router::new()
        .merge(accounts::routes())
        .merge(library::routes())
        .merge(uploads::routes())
        .merge(shares::routes())
        .merge(settings::routes())
        .merge(health::routes())
        .merge(openapi::routes())
        .fallback(async || Problem::not_found("There is nothing at this address."))
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "This address takes other methods: see the Allow header.")
        })
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(map_response(never_shared))
        .layer(map_response(never_sniffed))
        .with_state(service)
}

/// The header of answers that hold a token or a secret link.
pub(crate) type NoStore = [(HeaderName, HeaderValue); 1];
pub(crate) const NO_STORE: NoStore = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];

/// An answer is for whoever asked, unless its handler said otherwise.
async fn never_shared(mut response: Response) -> Response {
    response.headers_mut().entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-cache"));
    response
}
