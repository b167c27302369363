//! `/healthz`: whether the bucket answers; and for administrators what is wrong and what to do.

use std::time::Duration;

use axum::{Router, extract::State, routing::get};
use clipset_core::disk::Space;
use clipset_service::{Json, Problem, Service};
use http::{StatusCode, header};
use serde::Serialize;

use crate::{App, extract::Admin};

/// Whoever asks wants to know now, not after every retry.
const PATIENCE: Duration = Duration::from_secs(3);

pub(crate) fn routes() -> Router<std::sync::Arc<Service>> {
    Router::new().route("/healthz", get(health)).route("/api/config/health", get(troubles))
}

#[cfg(feature = "openapi")]
pub(crate) fn operations() -> Vec<crate::openapi::operation::Operation> {
    use crate::openapi::operation::{Access, get};
    vec![
        get("/healthz", "Whether the bucket answers.").answers::<Alive>(200),
        get("/api/config/health", "What is wrong, and what to do.").by(Access::Admin).answers::<Health>(200),
    ]
}

/// The bucket answers.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct Alive {
    /// `ok`.
    status: &'static str,
}

async fn health(State(service): App) -> Result<Json<Alive>, Problem> {
    match tokio::time::timeout(PATIENCE, service.bucket.ping()).await {
        Ok(Ok(())) => Ok(Json(Alive { status: "ok" })),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "The storage does not answer: try again soon.")
            .with_header(header::RETRY_AFTER, "5")),
    }
}

/// What an administrator should know. More may stand beside.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct Health {
    healthy: bool,
    problems: Vec<Trouble>,
}

/// One thing that is wrong.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct Trouble {
    /// For programs.
    code: &'static str,
    /// A sentence that says what to do.
    message: String,
}

/// `GET /api/config/health`.
async fn troubles(State(service): App, _: Admin) -> Result<(crate::NoStore, Json<Health>), Problem> {
    let problems: Vec<Trouble> = disk(&service).into_iter().chain(settings(&service).await?).collect();
    Ok((crate::NO_STORE, Json(Health { healthy: problems.is_empty(), problems })))
}

async fn settings(service: &Service) -> Result<Option<Trouble>, Problem> {
    let message = "The stored settings are damaged, and the last good ones are in force; nothing is deleted on their \
                   word. Look at them under Admin > Settings and replace the damaged ones.";
    let trouble = Trouble { code: "settings_fallen_back", message: message.to_owned() };
    Ok(service.settings.reading().await?.fallen_back.then_some(trouble))
}

fn disk(service: &Service) -> Option<Trouble> {
    let (code, message) = if service.disk.is_full() {
        (
            "disk_full",
            "The server's disk is full: uploads are refused and new clips wait. Delete clips, or give the data a larger disk.",
        )
    } else if service.disk.space().is_some_and(Space::is_low) {
        ("disk_low", "The server's disk is nearly full: delete clips, or give the data a larger disk.")
    } else {
        return None;
    };
    Some(Trouble { code, message: message.to_owned() })
}
