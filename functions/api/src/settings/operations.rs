//! The area's operations, for the description of the API.

use clipset_core::settings::Settings;

use super::{Change, Encoders, MigrationStatus, Shown, fields::Fields};
use crate::openapi::operation::{Access, Operation, get, patch, post};

pub(crate) fn operations() -> Vec<Operation> {
    let all = vec![
        get("/api/config", "The settings, with an ETag.").answers::<Shown>(200),
        patch(
            "/api/config",
            "Change settings, over the version of `If-Match` or over the newest; 412 holds the newer ones.",
        )
        .query::<Change>()
        .body::<Settings>()
        .answers::<Shown>(200)
        .answers::<Shown>(412),
        get("/api/config/fields", "What each setting may be, and what the presets fill in.").answers::<Fields>(200),
        get("/api/config/encoders", "What the transcode runners can do, as they last measured it.")
            .answers::<Encoders>(200),
        get("/api/config/hls-migration-status", "How far the migration to HLS is.").answers::<MigrationStatus>(200),
        post("/api/config/hls-migration", "Start the migration to HLS, or go on, or try again what failed.")
            .answers::<MigrationStatus>(202),
    ];
    all.into_iter().map(|operation| operation.by(Access::Admin)).collect()
}
