//! Handing all clips of one member over to another, as when somebody leaves.

use std::time::{Duration, Instant};

use axum::extract::State;
use clipset_bucket::UpdateError;
use clipset_core::{
    account::Viewer,
    id::{ShortId, Username},
    key::DocumentKey,
    listing::{Query, SHARD_LIMIT},
    share::Share,
    video::{Phase, Video},
};
use clipset_service::{Json, PathId, Problem, Service};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use super::users::{account, no_such_user};
use crate::{App, extract::Admin};

/// Clips handed over at once.
const PARALLEL: usize = 8;

/// Clips whose entries are written together.
const CHUNK: usize = 64;

/// What is not done by then is asked for again: AWS cuts an answer off after 29 s.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "Transfer"))]
#[serde(deny_unknown_fields)]
pub(crate) struct Handover {
    to: Username,
}

/// What was done. Asked again, it goes on with what is left.
#[derive(Default, Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct Transferred {
    /// Clips that were handed over.
    transferred: u64,
    /// Clips that are still to be handed over: ask again.
    remaining: u64,
    /// Uploads under way. They stay with whoever sends them, whose quota they are counted on.
    uploading: u64,
    /// Clips whose records cannot be read. They stay as they are.
    unreadable: Vec<ShortId>,
}

enum Outcome {
    Transferred(Box<Video>),
    Uploading,
    Unreadable(ShortId),
    /// Deleted meanwhile.
    Gone,
}

/// `POST /api/users/{username}/clips/transfer`. Quotas stay as they are: a week's bytes are those that one has uploaded,
/// whoever keeps them.
pub(crate) async fn transfer(
    State(service): App,
    Admin(admin): Admin,
    PathId(from): PathId<Username>,
    Json(Handover { to }): Json<Handover>,
) -> Result<Json<Transferred>, Problem> {
    if from == to {
        return Err(Problem::invalid("These clips are theirs already: choose another member."));
    }
    match account(&service, &to).await? {
        None => return Err(Problem::invalid(format!("There is no member named {to}: choose another one."))),
        Some(account) if account.disabled => {
            return Err(Problem::invalid(format!("{to} is disabled: choose another member, or enable them first.")));
        }
        Some(_) => {}
    }
    let clips = clips_of(&service, admin, &from).await?;
    if clips.is_empty() && account(&service, &from).await?.is_none() {
        return Err(no_such_user());
    }
    let mut done = Transferred { remaining: clips.len() as u64, ..Transferred::default() };
    let until = Instant::now() + PATIENCE;
    for chunk in clips.chunks(CHUNK) {
        if Instant::now() > until {
            break;
        }
        let moves = chunk.iter().map(|id| hand_over(&service, id, &from, &to));
        // Collected first: the compiler cannot see that a closure held over an await is for every lifetime.
        let moves: Vec<_> = moves.collect();
        let outcomes: Vec<Outcome> = stream::iter(moves).buffer_unordered(PARALLEL).try_collect().await?;
        done.remaining -= chunk.len() as u64;
        let mut moved = Vec::new();
        for outcome in outcomes {
            match outcome {
                Outcome::Transferred(video) => moved.push(*video),
                Outcome::Uploading => done.uploading += 1,
                Outcome::Unreadable(id) => done.unreadable.push(id),
                Outcome::Gone => {}
            }
        }
        // Killed before this, the entries still say `from`, so that the next request or sweep brings them up to date.
        service.videos.relist(&moved).await?;
        moved.iter().for_each(|video| service.video_changed(&video.short_id));
        done.transferred += moved.len() as u64;
    }
    tracing::info!(%from, %to, transferred = done.transferred, remaining = done.remaining, "clips were handed over");
    Ok(Json(done))
}

/// The shares that `from` made of the clip go first, so that a kill in between leaves the clip to be found again.
async fn hand_over(service: &Service, id: &ShortId, from: &Username, to: &Username) -> Result<Outcome, Problem> {
    for key in service.bucket.keys(&format!("{}{id}", DocumentKey::SHARES)).await? {
        let Some(key @ DocumentKey::Share(_)) = DocumentKey::parse(&key) else { continue };
        let changed = service.bucket.update(&key, |share: &mut Share| {
            if share.created_by == *from {
                share.created_by.clone_from(to);
            }
            Ok::<_, Problem>(())
        });
        match changed.await {
            Ok(_) | Err(UpdateError::Missing) => {}
            Err(UpdateError::Bucket(error)) if error.is_unreadable() => {
                tracing::warn!(%error, "a share was left with the clip's owner before");
            }
            Err(error) => return Err(error.into()),
        }
    }
    let mut uploading = false;
    let changed = service.videos.update_document(id, |video| {
        uploading = video.phase == Phase::Uploading;
        if !uploading && video.owner == *from {
            video.owner.clone_from(to);
        }
        Ok::<_, Problem>(())
    });
    match changed.await {
        Ok(_) if uploading => Ok(Outcome::Uploading),
        Ok(video) => Ok(Outcome::Transferred(Box::new(video))),
        Err(UpdateError::Missing) => Ok(Outcome::Gone),
        Err(UpdateError::Bucket(error)) if error.is_unreadable() => {
            tracing::warn!(%error, "a clip was not handed over");
            Ok(Outcome::Unreadable(id.clone()))
        }
        Err(error) => Err(error.into()),
    }
}

async fn clips_of(service: &Service, admin: Viewer, owner: &Username) -> Result<Vec<ShortId>, Problem> {
    let query = Query::new(admin, "", Some(owner.clone()));
    let (mut clips, mut cursor) = (Vec::new(), None);
    loop {
        let page = service.videos.page(&query, cursor.as_deref(), SHARD_LIMIT).await?;
        clips.extend(page.entries.into_iter().map(|entry| entry.short_id));
        match page.next_cursor {
            Some(next) => cursor = Some(next),
            None => return Ok(clips),
        }
    }
}
