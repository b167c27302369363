//! `/healthz`: whether the bucket answers.

use std::time::Duration;

use axum::{Router, extract::State, routing::get};
use clipset_service::{Json, Problem, Service};
use http::{StatusCode, header};
use serde_json::{Value, json};

use crate::App;

/// Whoever asks wants to know now, not after every retry.
const PATIENCE: Duration = Duration::from_secs(3);

pub(crate) fn routes() -> Router<std::sync::Arc<Service>> {
    Router::new().route("/healthz", get(health))
}

async fn health(State(service): App) -> Result<Json<Value>, Problem> {
    match tokio::time::timeout(PATIENCE, service.bucket.ping()).await {
        Ok(Ok(())) => Ok(Json(json!({"status": "ok"}))),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "The storage does not answer: try again soon.")
            .with_header(header::RETRY_AFTER, "5")),
    }
}
