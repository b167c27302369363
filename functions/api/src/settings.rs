//! The settings, and what runners measured.

mod fields;
#[cfg(feature = "openapi")]
mod operations;

use std::{collections::BTreeSet, sync::Arc};

use axum::{
    Router,
    extract::State,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use clipset_bucket::{BucketError, Etag, Reading, UpdateError, Versioned};
use clipset_core::{
    Timestamp,
    account::Viewer,
    encoders::EncoderReport,
    key::DocumentKey,
    migration::{Failed, Migration},
    settings::{FieldErrors, Settings, SettingsDocument},
};
use clipset_service::{Json, Problem, Service};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    App,
    extract::{Admin, Params},
};

#[cfg(feature = "openapi")]
pub(crate) use operations::operations;

/// The version of the defaults, before anything was ever set.
const NO_VERSION: &str = "\"0\"";

pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/api/config", get(show).patch(change))
        .route("/api/config/fields", get(fields::fields))
        .route("/api/config/encoders", get(encoders))
        .route("/api/config/hls-migration", post(migrate))
        .route("/api/config/hls-migration-status", get(migration_status))
}

/// What an administrator wants done with settings that cannot be read.
#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "ConfigQuery"))]
struct Change {
    #[serde(default)]
    replace_damaged: bool,
}

/// `GET /api/config`: what was set, or what is in force where that cannot be read.
async fn show(State(service): App, _: Admin) -> Result<Response, Problem> {
    match service.settings.document().await {
        Ok(Some(found)) => return Ok(answer(StatusCode::OK, Some(found), false)),
        Err(error) if !error.is_unreadable() => return Err(error.into()),
        Ok(None) | Err(_) => {}
    }
    let Reading { settings, fallen_back } = service.settings.reading().await?;
    let document = SettingsDocument { settings, ..SettingsDocument::default() };
    let found = Versioned { value: document, etag: Etag(NO_VERSION.to_owned()) };
    Ok(answer(StatusCode::OK, Some(found), fallen_back))
}

/// `PATCH /api/config`: over the version of `If-Match`, or over the newest. Saving `hls` starts the migration.
async fn change(
    State(service): App,
    Admin(admin): Admin,
    Params(how): Params<Change>,
    headers: HeaderMap,
    Json(patch): Json<Map<String, Value>>,
) -> Result<Response, Problem> {
    let answer = change_document(&service, &admin, &headers, &patch, how.replace_damaged).await?;
    if answer.status().is_success()
        && patch.contains_key("video_output_format")
        && let Err(error) = service.migrations.start(false).await
    {
        tracing::warn!(%error, "the migration was not begun; the next sweep begins it");
    }
    Ok(answer)
}

async fn change_document(
    service: &Service,
    admin: &Viewer,
    headers: &HeaderMap,
    patch: &Map<String, Value>,
    replace_damaged: bool,
) -> Result<Response, Problem> {
    let gpu_error = gpu_error(service, patch).await?;
    let held = match service.settings.document().await {
        Err(error) if error.is_unreadable() => {
            if !replace_damaged {
                return Err(damaged());
            }
            let change = |before| apply(before, patch, gpu_error.as_deref(), admin).map_err(UpdateError::Refused);
            return Ok(answer(StatusCode::OK, Some(service.settings.replace_damaged(change).await?), false));
        }
        held => held?,
    };
    // Where nothing was set, or what was set is gone.
    let in_force = match &held {
        Some(_) => Settings::default(),
        None => service.settings.reading().await?.settings,
    };
    let in_force = SettingsDocument { settings: in_force, ..SettingsDocument::default() };
    let apply = |before: Option<SettingsDocument>| {
        apply(before.unwrap_or_else(|| in_force.clone()), patch, gpu_error.as_deref(), admin)
    };
    let wanted = headers.get(header::IF_MATCH).map(|value| value.to_str().unwrap_or_default());
    let Some(wanted) = wanted.filter(|wanted| wanted.trim() != "*") else {
        let changed = service.bucket.upsert(&DocumentKey::Settings, |found: Option<SettingsDocument>| {
            apply(found).map_err(UpdateError::Refused)
        });
        let changed = changed.await?;
        service.settings.keep(&changed.value).await;
        return Ok(answer(StatusCode::OK, Some(changed), false));
    };
    let version = held.as_ref().map_or(NO_VERSION, |held| &held.etag.0);
    // A proxy that compresses marks the tag as weak; the document is the same.
    let strong = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    if !wanted.split(',').any(|tag| strong(tag) == version) {
        return Ok(answer(StatusCode::PRECONDITION_FAILED, held, false));
    }
    let (before, etag) = held.map(|held| (held.value, held.etag)).unzip();
    let value = apply(before)?;
    let written = match &etag {
        Some(etag) => service.bucket.replace(&DocumentKey::Settings, &value, etag).await,
        None => service.bucket.create(&DocumentKey::Settings, &value).await,
    };
    match written {
        Ok(etag) => {
            service.settings.keep(&value).await;
            Ok(answer(StatusCode::OK, Some(Versioned { value, etag }), false))
        }
        Err(BucketError::Conflict { .. }) => {
            Ok(answer(StatusCode::PRECONDITION_FAILED, service.settings.document().await?, false))
        }
        Err(error) => Err(error.into()),
    }
}

fn damaged() -> Problem {
    Problem::conflict(
        "Nothing was changed: the stored settings are damaged, and the last good ones are in force. Replace the damaged \
         ones with `?replace_damaged=true`; they are kept aside.",
    )
    .with("damaged", true)
}

fn apply(
    before: SettingsDocument,
    patch: &Map<String, Value>,
    gpu_error: Option<&str>,
    admin: &Viewer,
) -> Result<SettingsDocument, Problem> {
    let patched = before.settings.patched(patch);
    let mut errors = patched.as_ref().err().cloned().unwrap_or_default();
    if let Some(error) = gpu_error {
        errors.entry("use_gpu_transcoding".to_owned()).or_insert_with(|| error.to_owned());
    }
    match patched {
        Ok(settings) if errors.is_empty() => {
            if settings == before.settings {
                return Ok(before);
            }
            let (updated_by, updated_at) = (Some(admin.username.clone()), Some(Timestamp::now()));
            Ok(SettingsDocument { settings, updated_by, updated_at })
        }
        _ => Err(refused(&errors)),
    }
}

fn refused(errors: &FieldErrors) -> Problem {
    let fields: Vec<_> = errors.keys().map(String::as_str).collect();
    let messages: Map<_, _> = errors.iter().map(|(field, message)| (field.clone(), message.clone().into())).collect();
    Problem::invalid(format!("Nothing was changed; correct these settings: {}.", fields.join(", ")))
        .with("errors", messages)
}

/// GPU transcoding cannot be switched on where no runner has encoded a frame with NVENC.
async fn gpu_error(service: &Service, patch: &Map<String, Value>) -> Result<Option<String>, Problem> {
    if patch.get("use_gpu_transcoding") != Some(&Value::Bool(true)) {
        return Ok(None);
    }
    let available = reports(service).await?.iter().any(|report| report.gpu_available);
    Ok((!available).then(|| "no transcode runner has a GPU that encoded a test frame".to_owned()))
}

/// The document, and whether it is only what was fallen back to.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "SettingsDocument"))]
struct Shown {
    #[serde(flatten)]
    document: SettingsDocument,
    settings_fallen_back: bool,
}

fn answer(status: StatusCode, found: Option<Versioned<SettingsDocument>>, settings_fallen_back: bool) -> Response {
    let (document, etag) = match found {
        Some(found) => (found.value, found.etag.0),
        None => (SettingsDocument::default(), NO_VERSION.to_owned()),
    };
    let mut response = (status, axum::Json(Shown { document, settings_fallen_back })).into_response();
    if let Ok(etag) = HeaderValue::try_from(etag) {
        response.headers_mut().insert(header::ETAG, etag);
    }
    response
}

/// What the runners can do together.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
struct Encoders {
    gpu_available: bool,
    gpu_name: Option<String>,
    encoders: BTreeSet<String>,
}

/// `GET /api/config/encoders`.
async fn encoders(State(service): App, _: Admin) -> Result<Json<Encoders>, Problem> {
    let reports = reports(&service).await?;
    Ok(Json(Encoders {
        gpu_available: reports.iter().any(|report| report.gpu_available),
        gpu_name: reports.iter().filter(|report| report.gpu_available).find_map(|report| report.gpu_name.clone()),
        encoders: reports.into_iter().flat_map(|report| report.encoders).collect(),
    }))
}

/// The runners' reports, the newest first.
async fn reports(service: &Service) -> Result<Vec<EncoderReport>, Problem> {
    let mut reports = Vec::new();
    for name in service.bucket.children(DocumentKey::RUNNERS).await? {
        let Some(name) = name.strip_suffix(".json") else { continue };
        let found = service.bucket.read::<EncoderReport>(&DocumentKey::Runner(name.to_owned())).await?;
        reports.extend(found.map(|found| found.value));
    }
    reports.sort_by_key(|report| std::cmp::Reverse(report.measured_at));
    Ok(reports)
}

/// Exactly these fields.
#[derive(Default, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
struct MigrationStatus {
    is_running: bool,
    total: u64,
    completed: u64,
    current_video: Option<String>,
    errors: Vec<String>,
}

impl From<Migration> for MigrationStatus {
    fn from(run: Migration) -> Self {
        Self {
            is_running: run.is_running(),
            total: run.total(),
            completed: run.done,
            errors: run.failed.iter().map(Failed::line).collect(),
            current_video: run.current,
        }
    }
}

/// `GET /api/config/hls-migration-status`: one read, however many videos there are. Only where nobody tended a run for
/// some seconds, because its runners were killed, its few jobs at work are looked at first.
async fn migration_status(State(service): App, _: Admin) -> Result<Json<MigrationStatus>, Problem> {
    let mut run = service.migrations.current().await?;
    if run.as_ref().is_some_and(|run| run.is_stale(Timestamp::now())) {
        run = service.migrations.tend().await?;
    }
    Ok(Json(run.map(MigrationStatus::from).unwrap_or_default()))
}

/// `POST /api/config/hls-migration`: starts, goes on, and tries again what failed; nothing where the settings do not
/// want HLS.
async fn migrate(State(service): App, _: Admin) -> Result<(StatusCode, Json<MigrationStatus>), Problem> {
    let run = service.migrations.start(true).await?;
    Ok((StatusCode::ACCEPTED, Json(run.map(MigrationStatus::from).unwrap_or_default())))
}
