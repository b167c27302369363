//! Changing, deleting and retrying a video.

use axum::extract::State;
use clipset_core::{
    account::Role,
    id::{EncodeId, JobId, ShortId},
    job::DAMAGED_JOB,
    key::MediaKey,
    listing::Entry,
    settings::LONGEST_LIFE_DAYS,
    text,
    video::{Phase, Publication, Video, VideoError, Visibility},
};
use clipset_service::{Json, PathId, Problem, Service};
use http::StatusCode;
use serde::{Deserialize, Deserializer};

use crate::uploads::release;

use super::{
    first_job, require_manager,
    view::{VideoView, shown},
};
use crate::{
    App,
    extract::{Member, MemberWithPass},
};

const LONGEST_TITLE: usize = 200;
const LONGEST_DESCRIPTION: usize = 2000;

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "VideoChange"))]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schemars(length(min = 1, max = LONGEST_TITLE)))]
    title: Option<String>,
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schemars(length(max = LONGEST_DESCRIPTION)))]
    description: Option<String>,
    #[serde(default)]
    visibility: Option<Visibility>,
    /// A number, or null for what the settings say; not there: as it was.
    #[serde(default, deserialize_with = "given")]
    #[cfg_attr(feature = "openapi", schemars(with = "Option<u32>", range(max = LONGEST_LIFE_DAYS)))]
    expire_after_days: Option<Option<u32>>,
}

/// Tells null from nothing.
fn given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<u32>>, D::Error> {
    Deserialize::deserialize(deserializer).map(Some)
}

/// `PATCH /api/videos/{short_id}`.
pub(crate) async fn change(
    State(service): App,
    MemberWithPass(viewer, pass): MemberWithPass,
    PathId(short_id): PathId<ShortId>,
    Json(given): Json<Change>,
) -> Result<Json<VideoView>, Problem> {
    require_manager(&viewer, &service.video(&short_id).await?)?;
    let title = given.title.as_deref().map(clean_title).transpose()?;
    let description = given.description.as_deref().map(clean_description).transpose()?;
    if given.expire_after_days.flatten().is_some_and(|days| days > LONGEST_LIFE_DAYS) {
        return Err(Problem::invalid(format!("A clip is kept for up to {LONGEST_LIFE_DAYS} days, or always with 0.")));
    }
    let video = update(&service, &short_id, |video| {
        require_manager(&viewer, video)?;
        if let Some(title) = &title {
            video.title.clone_from(title);
        }
        if let Some(description) = &description {
            video.description.clone_from(description);
        }
        if let Some(days) = given.expire_after_days {
            video.expire_after_days = days;
        }
        video.visibility = given.visibility.unwrap_or(video.visibility);
        Ok(())
    });
    let video = video.await?;
    Ok(Json(shown(&service, Entry::from(&video), (&viewer, &pass)).await?))
}

/// `DELETE /api/videos/{short_id}`: at once for everybody; its objects go right after, or with the next sweep. Of a video
/// whose document cannot be read an administrator removes all records.
pub(crate) async fn delete(
    State(service): App,
    Member(viewer): Member,
    PathId(short_id): PathId<ShortId>,
) -> Result<StatusCode, Problem> {
    match service.videos.get(&short_id).await {
        Err(error) if error.is_unreadable() && viewer.role == Role::Admin => {
            let ids = service.videos.remove_damaged(&short_id).await?;
            service.video_changed(&short_id);
            tracing::warn!(%short_id, %error, "its damaged record was deleted");
            bury(&service, &short_id, &ids).await;
            return Ok(StatusCode::NO_CONTENT);
        }
        found => require_manager(&viewer, &found?.ok_or_else(Problem::no_such_video)?.value)?,
    }
    let _told_at_the_end = service.deletions.begin(&short_id);
    let mut was_uploading = false;
    let video = update(&service, &short_id, |video| {
        require_manager(&viewer, video)?;
        was_uploading = video.phase == Phase::Uploading;
        video.delete(service.bucket.now());
        Ok(())
    });
    let video = video.await?;
    let published = video.publication.iter().flat_map(Publication::ids);
    let ids: Vec<EncodeId> = published.chain(video.superseded.iter().map(|old| old.id)).collect();
    bury(&service, &short_id, &ids).await;
    if was_uploading
        && let Some(original) = video.upload.original
        && let Err(error) = service.bucket.abort_upload(&MediaKey::Original(original), &video.upload.upload_id).await
    {
        tracing::warn!(%short_id, %error, "the upload of a deleted video was left to the sweep");
    }
    if was_uploading && let Some(original) = video.upload.original {
        release(&service, &video.owner, original).await;
    }
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /api/videos/{short_id}/retry`.
pub(crate) async fn retry(
    State(service): App,
    MemberWithPass(viewer, pass): MemberWithPass,
    PathId(short_id): PathId<ShortId>,
) -> Result<(StatusCode, Json<VideoView>), Problem> {
    let before = service.video(&short_id).await?;
    require_manager(&viewer, &before)?;
    if before.upload.original.is_none() {
        return Err(Problem::conflict("The original is not there any more: upload the clip again."));
    }
    let job_is_damaged = match &before.job {
        Some(job) => service.jobs.get(job).await.is_err_and(|error| error.is_unreadable()),
        None => false,
    };
    let job = first_job(&short_id, before.job.as_ref().map_or(0, JobId::number) + 1)?;
    let video = update(&service, &short_id, |video| {
        require_manager(&viewer, video)?;
        if video.job != before.job {
            return Err(VideoError::WrongPhase { phase: "being tried again", change: "retried" }.into());
        }
        if job_is_damaged && matches!(video.phase, Phase::Pending | Phase::Processing) {
            video.fail(DAMAGED_JOB.to_owned())?;
        }
        Ok(video.retry(job.id.clone())?)
    });
    let video = video.await?;
    // Killed before this, the sweep enqueues it.
    service.jobs.enqueue(&job).await?;
    Ok((StatusCode::ACCEPTED, Json(shown(&service, Entry::from(&video), (&viewer, &pass)).await?)))
}

/// Changes a video, and counts the change at once in this process.
async fn update(
    service: &Service,
    short_id: &ShortId,
    change: impl FnMut(&mut Video) -> Result<(), Problem>,
) -> Result<Video, Problem> {
    let changed = service.videos.update(short_id, change).await;
    service.video_changed(short_id);
    changed.map_err(|error| match error {
        clipset_bucket::UpdateError::Missing => Problem::no_such_video(),
        error => error.into(),
    })
}

/// Leaves an empty file for each encode where nginx looks before it answers from its cache. What
/// fails here, the keeper of that folder makes up for.
async fn bury(service: &Service, short_id: &ShortId, ids: &[EncodeId]) {
    let Some(folder) = &service.config.tombstones else { return };
    let mut outcome = tokio::fs::create_dir_all(folder).await;
    for id in ids {
        outcome = outcome.and(tokio::fs::File::create(folder.join(id.to_string())).await.map(drop));
    }
    if let Err(error) = outcome {
        tracing::warn!(%short_id, %error, "a tombstone could not be written");
    }
}

/// A title: 1 to 200 characters on one line, trimmed. Those that nobody sees, and that turn the text beside it, are gone.
///
/// # Errors
/// [`Problem`] 422.
pub(crate) fn clean_title(given: &str) -> Result<String, Problem> {
    let title = text::one_line(given);
    let odd = given.trim().chars().any(char::is_control);
    if (1..=LONGEST_TITLE).contains(&title.chars().count()) && !odd {
        Ok(title)
    } else {
        Err(Problem::invalid(format!("A title has 1 to {LONGEST_TITLE} characters on one line.")))
    }
}

/// The listing carries it, hence the bound.
fn clean_description(given: &str) -> Result<String, Problem> {
    let text = text::lines(given);
    let odd = given.trim().chars().any(|c| c.is_control() && !matches!(c, '\r' | '\n' | '\t'));
    if text.chars().count() <= LONGEST_DESCRIPTION && !odd {
        Ok(text)
    } else {
        Err(Problem::invalid(format!("A description has at most {LONGEST_DESCRIPTION} characters of text.")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_are_trimmed_and_stay_on_one_line() {
        assert_eq!(clean_title("  The lake ").ok().as_deref(), Some("The lake"));
        assert_eq!(clean_title("The\u{2028}la\u{202e}ke").ok().as_deref(), Some("The lake"));
        for bad in ["", "   ", "\u{202e}", "a\nb", "a\u{7}b", &"x".repeat(201)] {
            assert!(clean_title(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn descriptions_may_have_lines() {
        assert_eq!(clean_description("one\r\ntwo\n").ok().as_deref(), Some("one\ntwo"));
        assert_eq!(clean_description("a\u{2067}b").ok().as_deref(), Some("ab"));
        assert!(clean_description("a\u{0}b").is_err());
        assert!(clean_description(&"x".repeat(2001)).is_err());
    }
}
