//! Whoever wants to watch one video, and whether they may.

use clipset_core::{
    account::Viewer,
    id::{ShortId, Username},
    listing::may_know,
    video::Video,
};

use crate::{Gate, Pass, Problem};

/// Whoever wants to watch one video, by a token that is good. Whether they may is for
/// [`Gate::require_may_watch`] to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watcher {
    pub(crate) who: Who,
    pub(crate) pass: Pass,
    /// The playback token that they came by.
    pub(crate) presented: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Who {
    /// A member, by an access token.
    Member(Viewer),
    /// Whoever holds a playback token of this member.
    Holder(Viewer),
    /// Whoever opened a share that this member made.
    Guest(Username),
    /// Whoever holds a token of the version before, which names no member.
    Unnamed,
}

impl Watcher {
    /// The member, if they ask by their own access token.
    pub fn member(&self) -> Option<&Viewer> {
        match &self.who {
            Who::Member(viewer) => Some(viewer),
            _ => None,
        }
    }

    /// The end of signatures for this watcher, unix seconds. None outlives the playback token or the
    /// share that it was asked for with.
    pub fn expires(&self) -> u64 {
        self.pass.expires
    }
}

impl Gate {
    /// The playback token of this watcher: the one that they came by, as it is, so that none is ever exchanged for
    /// one that ends later or is signed with a newer key.
    pub fn playback_token(&self, watcher: &Watcher, video: &ShortId) -> String {
        watcher.presented.clone().unwrap_or_else(|| self.tokens.playback(video, &watcher.pass))
    }

    /// Refuses a watcher who may not know of the video, or whose share has stopped.
    ///
    /// # Errors
    /// [`Problem`] 404, 401 for a share that has stopped, 503.
    pub async fn require_may_watch(&self, watcher: &Watcher, video: &Video) -> Result<(), Problem> {
        let may = match &watcher.who {
            Who::Member(viewer) | Who::Holder(viewer) => may_know(viewer, &video.owner, video.visibility, &video.phase),
            Who::Guest(_) | Who::Unnamed => !video.is_deleted(),
        };
        if !may {
            return Err(Problem::no_such_video());
        }
        match &watcher.who {
            // Boxed, for it is large and seldom.
            Who::Guest(sharer) if !Box::pin(self.share_stands(sharer, &video.owner)).await? => Err(ended_share()),
            _ => Ok(()),
        }
    }

    /// Whether shares that `sharer` made of a video of `owner` open: they stop while either is disabled.
    ///
    /// # Errors
    /// [`Problem`] 503.
    pub async fn share_stands(&self, sharer: &Username, owner: &Username) -> Result<bool, Problem> {
        let active = async |name| Ok::<_, Problem>(self.account(name).await?.is_none_or(|account| !account.disabled));
        if sharer == owner {
            return active(owner).await;
        }
        let (sharer, owner) = tokio::try_join!(active(sharer), active(owner))?;
        Ok(sharer && owner)
    }
}

pub(crate) fn ended_share() -> Problem {
    Problem::unauthorized("This share has ended.")
}
