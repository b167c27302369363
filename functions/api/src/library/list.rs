//! Reading the library: a page of it, and one video.

use axum::{extract::State, response::IntoResponse};
use clipset_core::{
    Timestamp,
    id::{ShortId, Username},
    listing::{Entry, Query},
};
use clipset_service::{Json, PathId, Problem};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};

use super::{
    require_known,
    view::{VideoView, shown},
};
use crate::{
    App, NO_STORE,
    extract::{MemberWithPass, Params},
};

const PAGE: usize = 24;
const LARGEST_PAGE: usize = 100;
const LONGEST_SEARCH: usize = 200;
const PARALLEL_READS: usize = 8;

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "VideoQuery"))]
pub(crate) struct Asked {
    #[cfg_attr(feature = "openapi", schemars(range(min = 1, max = LARGEST_PAGE)))]
    limit: Option<usize>,
    cursor: Option<String>,
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schemars(length(max = LONGEST_SEARCH)))]
    q: String,
    owner: Option<Username>,
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct VideoPage {
    videos: Vec<VideoView>,
    next_cursor: Option<String>,
}

/// `GET /api/videos`: newest first.
pub(crate) async fn list(
    State(service): App,
    MemberWithPass(viewer, pass): MemberWithPass,
    Params(asked): Params<Asked>,
) -> Result<impl IntoResponse, Problem> {
    let limit = asked.limit.unwrap_or(PAGE);
    if !(1..=LARGEST_PAGE).contains(&limit) {
        return Err(Problem::invalid(format!("The limit must be from 1 to {LARGEST_PAGE}.")));
    }
    let cursor = asked.cursor.as_deref().filter(|cursor| !cursor.is_empty());
    if cursor.is_some_and(|cursor| !is_cursor(cursor)) {
        return Err(Problem::invalid("The cursor is not one that a page gave: begin without one."));
    }
    if asked.q.chars().count() > LONGEST_SEARCH {
        return Err(Problem::invalid(format!("Search for at most {LONGEST_SEARCH} characters.")));
    }
    let query = Query::new(viewer.clone(), &asked.q, asked.owner);
    let page = service.videos.page(&query, cursor, limit).await?;
    let views = page.entries.into_iter().map(|entry| shown(&service, entry, (&viewer, &pass)));
    let videos = stream::iter(views).buffered(PARALLEL_READS).try_collect().await?;
    Ok((NO_STORE, Json(VideoPage { videos, next_cursor: page.next_cursor })))
}

/// One video with what only its page needs.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct VideoDetails {
    #[serde(flatten)]
    video: VideoView,
    has_storyboard: bool,
    has_original: bool,
    /// As the owner chose; null: as the settings say, 0: never.
    expire_after_days: Option<u32>,
    /// When the clip is deleted by itself.
    expires_at: Option<Timestamp>,
    /// What was decided on the way and why; for those who may change it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
}

/// `GET /api/videos/{short_id}`.
pub(crate) async fn one(
    State(service): App,
    MemberWithPass(viewer, pass): MemberWithPass,
    PathId(short_id): PathId<ShortId>,
) -> Result<impl IntoResponse, Problem> {
    let video = service.video(&short_id).await?;
    require_known(&viewer, &video)?;
    let manages = viewer.may_manage(&video.owner);
    let notes = match &video.job {
        Some(job) if manages => match service.jobs.get(job).await {
            Err(error) if error.is_unreadable() => Vec::new(),
            found => found?.map(|job| job.notes).unwrap_or_default(),
        },
        _ => Vec::new(),
    };
    let details = VideoDetails {
        has_storyboard: video.publication.as_ref().is_some_and(|publication| publication.storyboard.is_some()),
        has_original: manages && video.size_bytes.is_some() && video.upload.original.is_some(),
        expire_after_days: video.expire_after_days,
        expires_at: video.expires_at(service.settings.current().await?.expire_after_days),
        notes,
        video: shown(&service, Entry::from(&video), (&viewer, &pass)).await?,
    };
    Ok((NO_STORE, Json(details)))
}

/// As `order_key` makes them; clients need not know.
fn is_cursor(text: &str) -> bool {
    text.split_once('-').is_some_and(|(order, id)| {
        order.len() == 20 && order.bytes().all(|b| b.is_ascii_digit()) && id.parse::<ShortId>().is_ok()
    })
}

#[cfg(test)]
mod tests {
    use clipset_core::{Timestamp, listing::order_key};

    use super::*;

    #[test]
    fn a_page_gives_cursors_that_are_taken_again() {
        assert!(is_cursor(&order_key(Timestamp::now(), &ShortId::random())));
        for bad in ["0", "abc", "00000000000000000000-", "../x-aB3dE6gH9j"] {
            assert!(!is_cursor(bad), "{bad}");
        }
    }
}
