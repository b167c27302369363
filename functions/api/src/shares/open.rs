//! Opening a share: a token for its video alone.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use clipset_bucket::UpdateError;
use clipset_core::{
    Timestamp,
    account::Attempts,
    id::{ShareId, ShortId},
    key::DocumentKey,
    listing::Entry,
    share::Share,
    video::Video,
};
use clipset_service::{Json, PathId, Problem, Service};
use serde::{Deserialize, Serialize};

use super::{end, find, no_such_share};
use crate::{
    App, NO_STORE,
    accounts::Turn,
    extract::MaybeJson,
    library::{format_name, work},
};

#[derive(Deserialize, Default)]
pub(crate) struct Key {
    #[serde(default)]
    password: Option<String>,
}

/// What a stranger sees of a video: neither its owner nor what the owner wrote for the circle.
#[derive(Serialize)]
struct SharedVideo {
    short_id: ShortId,
    title: String,
    duration_seconds: Option<f64>,
    width: Option<u32>,
    height: Option<u32>,
    format: &'static str,
    processing_status: &'static str,
    progress: f64,
    has_poster: bool,
    has_storyboard: bool,
}

#[derive(Serialize)]
struct Opened {
    token: String,
    /// Unix seconds; open the share again before.
    expires: u64,
    video: SharedVideo,
}

/// `POST /api/shares/{share_id}/open`.
pub(crate) async fn open(
    State(service): App,
    PathId(id): PathId<ShareId>,
    MaybeJson(key): MaybeJson<Key>,
) -> Result<Response, Problem> {
    let (share, video) = find(&service, &id).await?;
    if share.password_hash.is_some() {
        let wanted = || Problem::forbidden("This share asks for its password.").with("password_required", true);
        require_password(&service, &id, key.password.ok_or_else(wanted)?).await?;
    }
    let expires = service.signature_end(end(&share));
    let token = service.tokens.playback(&video.short_id, Some(&id), expires);
    let video = shared(&service, &video).await?;
    Ok((NO_STORE, Json(Opened { token, expires, video })).into_response())
}

/// 403 unless `password` is the share's; wrong ones cost time, counted with the share. As at a
/// sign-in, the turn is held from the look at past failures until this one is counted, and after a
/// failure each further attempt counts before it is tried.
async fn require_password(service: &Service, id: &ShareId, password: String) -> Result<(), Problem> {
    let turn = Turn::take().await?;
    let key = DocumentKey::Share(id.clone());
    let found = service.bucket.read::<Share>(&key).await?.ok_or_else(no_such_share)?;
    require_no_wait(&found.value.attempts)?;
    let counted = found.value.attempts.failures > 0;
    if counted {
        change(service, &key, |attempts| {
            require_no_wait(attempts)?;
            attempts.fail(Timestamp::now());
            Ok(())
        })
        .await?;
    }
    let (_turn, good) = turn.verify(password, found.value.password_hash).await?;
    match (good, counted) {
        (true, false) => Ok(()),
        (true, true) => {
            change(service, &key, |attempts| {
                *attempts = Attempts::default();
                Ok(())
            })
            .await
        }
        (false, _) => {
            if !counted {
                change(service, &key, |attempts| {
                    attempts.fail(Timestamp::now());
                    Ok(())
                })
                .await?;
            }
            Err(Problem::forbidden("The password is wrong.").with("password_required", true))
        }
    }
}

async fn change(
    service: &Service,
    key: &DocumentKey,
    mut change: impl FnMut(&mut Attempts) -> Result<(), Problem>,
) -> Result<(), Problem> {
    match service.bucket.update(key, |share: &mut Share| change(&mut share.attempts)).await {
        Ok(_) => Ok(()),
        Err(UpdateError::Missing) => Err(no_such_share()),
        Err(error) => Err(error.into()),
    }
}

fn require_no_wait(attempts: &Attempts) -> Result<(), Problem> {
    match attempts.wait(Timestamp::now()) {
        0 => Ok(()),
        seconds => Err(Problem::too_many_attempts(seconds)),
    }
}

async fn shared(service: &Service, video: &Video) -> Result<SharedVideo, Problem> {
    let published = Entry::from(video).published;
    let (phase, progress) = work(service, &video.phase, video.job.as_ref()).await?;
    let storyboard = video.publication.as_ref().and_then(|publication| publication.storyboard);
    Ok(SharedVideo {
        short_id: video.short_id.clone(),
        title: video.title.clone(),
        duration_seconds: published.as_ref().map(|published| published.duration_seconds),
        width: published.as_ref().map(|published| published.width),
        height: published.as_ref().map(|published| published.height),
        format: format_name(published.as_ref()),
        processing_status: phase.name(),
        progress,
        has_poster: published.is_some_and(|published| published.poster),
        has_storyboard: storyboard.is_some(),
    })
}
