//! Where every object of the bucket stands, and what it is served as.

use std::fmt;

use crate::id::{EncodeId, JobId, RenditionName, ShareId, ShortId, Username};

/// Cache policy of everything below an edge prefix: it never changes under its key.
pub const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// The key of a media object. Its `Display` is the object key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MediaKey {
    /// `hls/{uuid}/master.m3u8`: a media playlist (one rendition) or a multivariant one.
    Master(EncodeId),
    /// `hls/{uuid}/{rendition}/playlist.m3u8`.
    RenditionPlaylist(EncodeId, RenditionName),
    /// `hls/{uuid}/[{rendition}/]{file}`: a segment, named by the muxer.
    Segment(EncodeId, Option<RenditionName>, String),
    /// `progressive/{uuid}.mp4`.
    Progressive(EncodeId),
    /// `images/{uuid}.jpg`.
    Poster(EncodeId),
    /// `images/{uuid}/{file}`: storyboard sprites and their index.
    Storyboard(EncodeId, String),
    /// `originals/{uuid}`: what was uploaded.
    Original(EncodeId),
}

/// The prefixes below which everything of one uuid stands.
pub fn prefixes_of(id: EncodeId) -> [String; 5] {
    [
        format!("hls/{id}/"),
        format!("progressive/{id}.mp4"),
        format!("images/{id}.jpg"),
        format!("images/{id}/"),
        format!("originals/{id}"),
    ]
}

impl MediaKey {
    /// The key that is written `text`; `None` if it is none of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let file = |name: &str| {
            let plain = crate::path::is_edge_path(&format!("/hls/{name}")) && !name.contains('/');
            plain.then(|| name.to_owned())
        };
        Some(match text.split('/').collect::<Vec<_>>().as_slice() {
            ["originals", id] => Self::Original(id.parse().ok()?),
            ["progressive", name] => Self::Progressive(name.strip_suffix(".mp4")?.parse().ok()?),
            ["images", name] => Self::Poster(name.strip_suffix(".jpg")?.parse().ok()?),
            ["images", id, name] => Self::Storyboard(id.parse().ok()?, file(name)?),
            ["hls", id, "master.m3u8"] => Self::Master(id.parse().ok()?),
            ["hls", id, name] => Self::Segment(id.parse().ok()?, None, file(name)?),
            ["hls", id, rendition, "playlist.m3u8"] => {
                Self::RenditionPlaylist(id.parse().ok()?, rendition.parse().ok()?)
            }
            ["hls", id, rendition, name] => Self::Segment(id.parse().ok()?, Some(rendition.parse().ok()?), file(name)?),
            _ => return None,
        })
    }

    /// The uuid below which it stands.
    pub fn id(&self) -> EncodeId {
        match self {
            Self::Master(id)
            | Self::RenditionPlaylist(id, _)
            | Self::Segment(id, ..)
            | Self::Progressive(id)
            | Self::Poster(id)
            | Self::Storyboard(id, _)
            | Self::Original(id) => *id,
        }
    }

    /// The media type that the object is stored with.
    pub fn content_type(&self) -> &'static str {
        match self {
            Self::Master(_) | Self::RenditionPlaylist(..) => crate::playlist::CONTENT_TYPE,
            Self::Segment(_, _, name) if name.ends_with(".ts") => "video/mp2t",
            Self::Segment(_, _, name) if name.ends_with(".m4s") || name.ends_with(".mp4") => "video/mp4",
            Self::Progressive(_) => "video/mp4",
            Self::Poster(_) => "image/jpeg",
            Self::Storyboard(_, name) if name.ends_with(".jpg") => "image/jpeg",
            Self::Storyboard(_, name) if name.ends_with(".vtt") => "text/vtt",
            Self::Segment(..) | Self::Storyboard(..) | Self::Original(_) => "application/octet-stream",
        }
    }

    /// The `Cache-Control` that the object is stored with; `None` for what the edge does not serve.
    pub fn cache_control(&self) -> Option<&'static str> {
        match self {
            Self::Original(_) => None,
            _ => Some(IMMUTABLE),
        }
    }

    /// The path that the edge serves it at, with the leading slash.
    pub fn path(&self) -> String {
        format!("/{self}")
    }
}

impl fmt::Display for MediaKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Master(id) => write!(f, "hls/{id}/master.m3u8"),
            Self::RenditionPlaylist(id, name) => write!(f, "hls/{id}/{name}/playlist.m3u8"),
            Self::Segment(id, None, file) => write!(f, "hls/{id}/{file}"),
            Self::Segment(id, Some(name), file) => write!(f, "hls/{id}/{name}/{file}"),
            Self::Progressive(id) => write!(f, "progressive/{id}.mp4"),
            Self::Poster(id) => write!(f, "images/{id}.jpg"),
            Self::Storyboard(id, file) => write!(f, "images/{id}/{file}"),
            Self::Original(id) => write!(f, "originals/{id}"),
        }
    }
}

/// The key of a private JSON document. Its `Display` is the object key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DocumentKey {
    /// `settings.json`.
    Settings,
    /// `settings.last.json`: the settings as they were last written, for the day when those cannot be read.
    LastSettings,
    /// `catalog/videos/{short_id}.json`: the truth about one video.
    Video(ShortId),
    /// `catalog/imports/{short_id}.json`: what an import brought, with its checksums.
    Import(ShortId),
    /// `catalog/shards/{name}.json`: part of the listing, derived.
    Shard(String),
    /// `catalog/summaries/{name}.json`: what the shards from that one on hold, derived.
    Summaries(String),
    /// `catalog/waiting/{shard}/{short_id}-{revision}.json`: an entry that the next writer of that shard takes along.
    Waiting(String, ShortId, u64),
    /// `jobs/documents/{job_id}.json`.
    Job(JobId),
    /// `jobs/queue/{entry}`: an unfinished job in the order of its turn.
    QueueEntry(String),
    /// `jobs/leftovers/{job_id}`: a job that ended and still names what was abandoned.
    Leftover(JobId),
    /// `catalog/orphans/{hex}.json`: since when uuids that begin with this byte have been orphans.
    Orphans(u8),
    /// `jobs/due/{unix seconds}-{short_id}`: when a clip is to be looked at, the soonest first.
    Due(i64, ShortId),
    /// `jobs/walk/state.json`: how far the walk over all there is has come.
    Walk,
    /// `jobs/walk/tally.json`: what each member kept when the walk last came by.
    Tally,
    /// `jobs/marker.json`: rewritten whenever there is news for runners.
    JobMarker,
    /// `jobs/migration.json`: the run in which older videos move to HLS.
    Migration,
    /// `jobs/migrations/{uuid}-{chunk}.json`: part of what a run has before it; never changes.
    MigrationPlan(EncodeId, usize),
    /// `jobs/dispatches/{job_id}.json`: a job given to AWS Batch or MediaConvert.
    Dispatch(JobId),
    /// `jobs/buried.json`: when tombstones end that CloudFront's key value store holds.
    Buried,
    /// `jobs/runners/{name}.json`: what a runner measured of its encoders.
    Runner(String),
    /// `accounts/users/{username}.json`.
    Account(Username),
    /// `accounts/sessions/{id}.json`: one device that is signed in.
    Session(String),
    /// `accounts/invitations/{id}.json`.
    Invitation(String),
    /// `accounts/attempts/{name}.json`: failed attempts, for throttling.
    Attempts(String),
    /// `accounts/quotas/{username}.json`: what a member uploaded in a week.
    Quota(Username),
    /// `shares/{share_id}.json`.
    Share(ShareId),
}

/// The prefixes below which documents of one kind stand, each with its slash.
impl DocumentKey {
    /// Of [`DocumentKey::Video`].
    pub const VIDEOS: &str = "catalog/videos/";
    /// Of [`DocumentKey::Import`].
    pub const IMPORTS: &str = "catalog/imports/";
    /// Of [`DocumentKey::Shard`].
    pub const SHARDS: &str = "catalog/shards/";
    /// Of [`DocumentKey::Orphans`].
    pub const ORPHANS: &str = "catalog/orphans/";
    /// Of [`DocumentKey::Summaries`].
    pub const SUMMARIES: &str = "catalog/summaries/";
    /// Of [`DocumentKey::Waiting`].
    pub const WAITING: &str = "catalog/waiting/";
    /// Of [`DocumentKey::Job`].
    pub const JOBS: &str = "jobs/documents/";
    /// Of [`DocumentKey::QueueEntry`].
    pub const QUEUE: &str = "jobs/queue/";
    /// Of [`DocumentKey::Leftover`].
    pub const LEFTOVERS: &str = "jobs/leftovers/";
    /// Of [`DocumentKey::Due`].
    pub const DUE: &str = "jobs/due/";
    /// Of [`DocumentKey::Walk`] and [`DocumentKey::Tally`].
    pub const WALK: &str = "jobs/walk/";
    /// Of [`DocumentKey::MigrationPlan`].
    pub const MIGRATION_PLANS: &str = "jobs/migrations/";
    /// Of [`DocumentKey::Dispatch`].
    pub const DISPATCHES: &str = "jobs/dispatches/";
    /// Of [`DocumentKey::Runner`].
    pub const RUNNERS: &str = "jobs/runners/";
    /// Of [`DocumentKey::Account`].
    pub const ACCOUNTS: &str = "accounts/users/";
    /// Of [`DocumentKey::Session`].
    pub const SESSIONS: &str = "accounts/sessions/";
    /// Of [`DocumentKey::Invitation`].
    pub const INVITATIONS: &str = "accounts/invitations/";
    /// Of [`DocumentKey::Attempts`].
    pub const ATTEMPTS: &str = "accounts/attempts/";
    /// Of [`DocumentKey::Quota`].
    pub const QUOTAS: &str = "accounts/quotas/";
    /// Of [`DocumentKey::Share`].
    pub const SHARES: &str = "shares/";
}

impl DocumentKey {
    /// The key that is written `text`; `None` if it is none of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let json = |name: &str| name.strip_suffix(".json").map(str::to_owned);
        Some(match text.split('/').collect::<Vec<_>>().as_slice() {
            ["settings.json"] => Self::Settings,
            ["settings.last.json"] => Self::LastSettings,
            ["catalog", "videos", name] => Self::Video(json(name)?.parse().ok()?),
            ["catalog", "imports", name] => Self::Import(json(name)?.parse().ok()?),
            ["catalog", "shards", name] => Self::Shard(json(name)?),
            ["catalog", "summaries", name] => Self::Summaries(json(name)?),
            ["catalog", "waiting", shard, name] => {
                let name = json(name)?;
                let (clip, revision) = name.split_once('-')?;
                Self::Waiting((*shard).to_owned(), clip.parse().ok()?, revision.parse().ok()?)
            }
            ["jobs", "documents", name] => Self::Job(json(name)?.parse().ok()?),
            ["jobs", "queue", entry] => Self::QueueEntry((*entry).to_owned()),
            ["jobs", "due", name] => {
                let (second, clip) = name.split_once('-')?;
                Self::Due(second.parse().ok()?, clip.parse().ok()?)
            }
            ["jobs", "walk", "state.json"] => Self::Walk,
            ["jobs", "walk", "tally.json"] => Self::Tally,
            ["jobs", "marker.json"] => Self::JobMarker,
            ["jobs", "migration.json"] => Self::Migration,
            ["jobs", "migrations", name] => {
                let name = json(name)?;
                let (plan, chunk) = name.rsplit_once('-')?;
                Self::MigrationPlan(plan.parse().ok()?, chunk.parse().ok()?)
            }
            ["jobs", "leftovers", name] => Self::Leftover(name.parse().ok()?),
            ["catalog", "orphans", name] => Self::Orphans(u8::from_str_radix(&json(name)?, 16).ok()?),
            ["jobs", "dispatches", name] => Self::Dispatch(json(name)?.parse().ok()?),
            ["jobs", "buried.json"] => Self::Buried,
            ["jobs", "runners", name] => Self::Runner(json(name)?),
            ["accounts", "users", name] => Self::Account(json(name)?.parse().ok()?),
            ["accounts", "sessions", name @ ..] if !name.is_empty() => Self::Session(json(&name.join("/"))?),
            ["accounts", "invitations", name] => Self::Invitation(json(name)?),
            ["accounts", "attempts", name] => Self::Attempts(json(name)?),
            ["accounts", "quotas", name] => Self::Quota(json(name)?.parse().ok()?),
            ["shares", name] => Self::Share(json(name)?.parse().ok()?),
            _ => return None,
        })
    }

    /// A document of this kind that cannot be read counts as one that is not there, and is written anew: what it held
    /// can be derived, or is worth less than going on. A session that is not there has ended, an invitation opens
    /// nothing, a chunk of a plan is planned again, a job's dispatch begins again under the job's own lease, the days of
    /// orphans and the walk begin anew, and tombstones that have ended go with the next that ends.
    pub fn begins_anew(&self) -> bool {
        match self {
            Self::JobMarker
            | Self::Summaries(_)
            | Self::Waiting(..)
            | Self::Leftover(_)
            | Self::Orphans(_)
            | Self::Due(..)
            | Self::Walk
            | Self::Tally
            | Self::MigrationPlan(..)
            | Self::Dispatch(_)
            | Self::Buried
            | Self::Runner(_)
            | Self::Session(_)
            | Self::Invitation(_)
            | Self::Attempts(_)
            | Self::Quota(_) => true,
            Self::Settings
            | Self::LastSettings
            | Self::Video(_)
            | Self::Import(_)
            | Self::Shard(_)
            | Self::Job(_)
            | Self::QueueEntry(_)
            | Self::Migration
            | Self::Account(_)
            | Self::Share(_) => false,
        }
    }
}

impl fmt::Display for DocumentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Settings => f.write_str("settings.json"),
            Self::LastSettings => f.write_str("settings.last.json"),
            Self::Video(id) => write!(f, "{}{id}.json", Self::VIDEOS),
            Self::Import(id) => write!(f, "{}{id}.json", Self::IMPORTS),
            Self::Shard(name) => write!(f, "{}{name}.json", Self::SHARDS),
            Self::Summaries(name) => write!(f, "{}{name}.json", Self::SUMMARIES),
            Self::Waiting(shard, clip, revision) => write!(f, "{}{shard}/{clip}-{revision}.json", Self::WAITING),
            Self::Job(id) => write!(f, "{}{id}.json", Self::JOBS),
            Self::QueueEntry(entry) => write!(f, "{}{entry}", Self::QUEUE),
            Self::Leftover(id) => write!(f, "{}{id}", Self::LEFTOVERS),
            Self::Orphans(byte) => write!(f, "{}{byte:02x}.json", Self::ORPHANS),
            Self::Due(second, clip) => write!(f, "{}{second:011}-{clip}", Self::DUE),
            Self::Walk => write!(f, "{}state.json", Self::WALK),
            Self::Tally => write!(f, "{}tally.json", Self::WALK),
            Self::JobMarker => f.write_str("jobs/marker.json"),
            Self::Migration => f.write_str("jobs/migration.json"),
            Self::MigrationPlan(plan, chunk) => write!(f, "{}{plan}-{chunk}.json", Self::MIGRATION_PLANS),
            Self::Dispatch(id) => write!(f, "{}{id}.json", Self::DISPATCHES),
            Self::Buried => f.write_str("jobs/buried.json"),
            Self::Runner(name) => write!(f, "{}{name}.json", Self::RUNNERS),
            Self::Account(name) => write!(f, "{}{name}.json", Self::ACCOUNTS),
            Self::Session(id) => write!(f, "{}{id}.json", Self::SESSIONS),
            Self::Invitation(id) => write!(f, "{}{id}.json", Self::INVITATIONS),
            Self::Attempts(name) => write!(f, "{}{name}.json", Self::ATTEMPTS),
            Self::Quota(name) => write!(f, "{}{name}.json", Self::QUOTAS),
            Self::Share(id) => write!(f, "{}{id}.json", Self::SHARES),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edge_keys_have_the_grammar_that_the_edge_accepts() {
        let id = EncodeId::random();
        let rendition: RenditionName = "720p".parse().expect("a rendition name");
        for key in [
            MediaKey::Master(id),
            MediaKey::RenditionPlaylist(id, rendition.clone()),
            MediaKey::Segment(id, Some(rendition), "segment000.ts".into()),
            MediaKey::Progressive(id),
            MediaKey::Poster(id),
            MediaKey::Storyboard(id, "sprite0.jpg".into()),
        ] {
            assert!(crate::path::is_edge_path(&key.path()), "{key}");
            assert_eq!(key.cache_control(), Some(IMMUTABLE));
            assert_eq!(MediaKey::parse(&key.to_string()), Some(key));
        }
        let original = MediaKey::Original(id);
        assert_eq!(MediaKey::parse(&original.to_string()), Some(original));
        for bad in ["settings.json", "hls/x/segment000.ts", "../originals/x", &format!("hls/{id}/..")] {
            assert_eq!(MediaKey::parse(bad), None, "{bad}");
        }
        assert!(!crate::path::is_edge_path(&MediaKey::Original(id).path()));
        assert_eq!(MediaKey::Original(id).cache_control(), None);
    }

    #[test]
    fn keys_of_documents_read_back() {
        let (video, plan) = (ShortId::random(), EncodeId::random());
        let job: JobId = format!("{video}-first-1").parse().expect("a job id");
        let ada: Username = "ada.l".parse().expect("a name");
        for key in [
            DocumentKey::Settings,
            DocumentKey::LastSettings,
            DocumentKey::Video(video.clone()),
            DocumentKey::Import(video.clone()),
            DocumentKey::Shard("0".to_owned()),
            DocumentKey::Summaries("0".to_owned()),
            DocumentKey::Waiting("0".to_owned(), video.clone(), 7),
            DocumentKey::Job(job.clone()),
            DocumentKey::QueueEntry(format!("0-1-{job}")),
            DocumentKey::Due(1_800_000_000, video.clone()),
            DocumentKey::Walk,
            DocumentKey::Tally,
            DocumentKey::JobMarker,
            DocumentKey::Migration,
            DocumentKey::MigrationPlan(plan, 3),
            DocumentKey::Dispatch(job),
            DocumentKey::Runner("one".to_owned()),
            DocumentKey::Account(ada.clone()),
            DocumentKey::Session(format!("{ada}/{plan}")),
            DocumentKey::Invitation(plan.to_string()),
            DocumentKey::Attempts("account-ada.l".to_owned()),
            DocumentKey::Quota(ada),
            DocumentKey::Share(ShareId::random(&video)),
        ] {
            assert_eq!(DocumentKey::parse(&key.to_string()), Some(key));
        }
        let entry = DocumentKey::QueueEntry("0-01795528800-aB3dE6gH9j-first-1".to_owned());
        assert_eq!(entry.to_string(), "jobs/queue/0-01795528800-aB3dE6gH9j-first-1");
        for other in ["", "settings.json.1", "damaged/settings.json", "catalog/videos/x.json", "accounts/sessions"] {
            assert_eq!(DocumentKey::parse(other), None, "{other}");
        }
    }
}
