//! What each setting may be, for whoever shows a form: the table of `core` as it is.

use clipset_core::settings::{Field, Settings};
use clipset_service::Json;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::extract::Admin;

/// The table of settings.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(super) struct Fields {
    fields: &'static [Field],
    presets: Presets,
}

/// What each preset fills in.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(super) struct Presets {
    quality: Map<String, Value>,
    balanced: Map<String, Value>,
    performance: Map<String, Value>,
}

/// `GET /api/config/fields`.
pub(super) async fn fields(_: Admin) -> Json<Fields> {
    let [quality, balanced, performance] = Settings::presets();
    Json(Fields { fields: Settings::FIELDS, presets: Presets { quality, balanced, performance } })
}
