//! `/api/openapi.json`: the description of the API (OpenAPI 3.1). It is made from the Rust types by the feature `openapi`,
//! stands in the repository, and is served as it stands there; a test holds it fresh.

#[cfg(feature = "openapi")]
mod description;
#[cfg(feature = "openapi")]
mod elsewhere;
#[cfg(feature = "openapi")]
pub(crate) mod operation;

use std::sync::Arc;

use axum::{Router, routing::get};
use clipset_service::Service;
use http::{HeaderValue, header};

#[cfg(feature = "openapi")]
pub use description::document;

const DOCUMENT: &str = include_str!("../../openapi.json");

pub(crate) fn routes() -> Router<Arc<Service>> {
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))];
    Router::new().route("/api/openapi.json", get(async move || (json, DOCUMENT)))
}

#[cfg(feature = "openapi")]
pub(crate) fn operations() -> Vec<operation::Operation> {
    vec![
        operation::get("/api/openapi.json", "This description.")
            .answers::<std::collections::BTreeMap<String, serde_json::Value>>(200)
            .reads_nothing(),
    ]
}
