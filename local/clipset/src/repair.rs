//! `clipset repair`: finds documents that cannot be read, mends what can be derived, and sets the rest aside.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use clipset_bucket::{BucketError, DAMAGED_FOLDER, loggable};
use clipset_core::{
    Timestamp,
    account::{Account, Attempts, Invitation, Role, Session},
    encoders::EncoderReport,
    id::{JobId, Username},
    job::{Job, JobKind},
    key::DocumentKey,
    listing::{Entry, Shard, Tally},
    migration::{Migration, Planned},
    quota::{Charge, Quota, WEEK},
    settings::SettingsDocument,
    share::Share,
    summary::Summaries,
    video::Video,
};
use clipset_events::{Walk, buried::Ends, dispatch::Dispatch, note::Note};
use clipset_service::Service;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{args::RepairArgs, import::record::Record, manage::enter_local_system, output};

/// Documents read at once.
const PARALLEL: usize = 16;

/// Where documents stand.
const PLACES: [&str; 5] = ["settings", "catalog/", "accounts/", "jobs/", "shares/"];

/// One document that cannot be read.
#[derive(Debug, Serialize)]
pub struct Finding {
    /// Its key, without what opens a share.
    pub key: String,
    /// What is wrong with it.
    pub why: String,
    /// What was done, or would be.
    pub action: &'static str,
    /// What an administrator has to do now; `None` if it is mended.
    pub next: Option<&'static str>,
}

/// `clipset repair`.
///
/// # Errors
/// A sentence about the environment or the bucket, or that something is left to an administrator.
pub async fn repair(args: &RepairArgs) -> Result<()> {
    enter_local_system()?;
    let service = Service::from_env().await?;
    let findings = mend(&service, args.dry_run).await?;
    match args.json {
        true => output::json(&serde_json::json!({ "damaged": findings })),
        false if findings.is_empty() => output::line("no document is damaged"),
        false => findings.iter().for_each(|Finding { key, why, action, next }| {
            output::line(format!("{key}\n  {why}\n  {}{action}", if args.dry_run { "would be " } else { "" }));
            next.iter().for_each(|next| output::line(format!("  next: {next}")));
        }),
    }
    let left = findings.iter().filter(|finding| finding.next.is_some()).count();
    ensure!(left == 0, "{left} damaged documents need an administrator; their bytes are kept below damaged/");
    Ok(())
}

/// Finds all that is damaged and, unless it is only to look, mends it. Killed anywhere, it is run again.
///
/// # Errors
/// A sentence about the bucket.
pub async fn mend(service: &Service, dry_run: bool) -> Result<Vec<Finding>> {
    let mut keys = Vec::new();
    for place in PLACES {
        keys.extend(service.bucket.keys(place).await?);
    }
    let known = keys.into_iter().filter_map(|key| Some((DocumentKey::parse(&key)?, key)));
    let looks =
        known.map(|(kind, key)| async move { Ok::<_, BucketError>((fault(service, &kind, &key).await?, kind, key)) });
    let looked: Vec<_> = stream::iter(looks).buffered(PARALLEL).try_collect().await?;
    let damaged: Vec<_> = looked.into_iter().filter_map(|(why, kind, key)| Some((why?, kind, key))).collect();
    let mut findings = Vec::new();
    for (why, kind, key) in &damaged {
        let (action, next) = treatment(kind);
        if !dry_run {
            mend_one(service, kind, key, why).await?;
        }
        findings.push(Finding { key: loggable(key), why: why.clone(), action, next });
    }
    if !dry_run {
        derive(service).await?;
    }
    Ok(findings)
}

/// Why the document cannot be read; `None` if it can.
async fn fault(service: &Service, kind: &DocumentKey, key: &str) -> Result<Option<String>, BucketError> {
    let body = match service.bucket.read_raw(key).await {
        Ok(Some(body)) => body,
        Ok(None) => return Ok(None),
        Err(BucketError::Damaged { .. }) => return Ok(Some("its bytes changed in the storage".to_owned())),
        Err(error) => return Err(error),
    };
    Ok(match kind {
        DocumentKey::Settings | DocumentKey::LastSettings => why::<SettingsDocument>(&body),
        DocumentKey::Video(_) => why::<Video>(&body),
        DocumentKey::Import(_) => why::<Record>(&body),
        DocumentKey::Shard(_) => why::<Shard>(&body),
        DocumentKey::Summaries(_) => why::<Summaries>(&body),
        DocumentKey::Waiting(..) => why::<Entry>(&body),
        DocumentKey::Job(_) => why::<Job>(&body),
        DocumentKey::QueueEntry(entry) => Job::id_of_entry(entry).err().map(|error| error.to_string()),
        DocumentKey::JobMarker | DocumentKey::Leftover(_) => why::<Value>(&body),
        // The key says it all.
        DocumentKey::Due(..) => None,
        DocumentKey::Walk => why::<Walk>(&body),
        DocumentKey::Tally => why::<Tally>(&body),
        DocumentKey::Orphans(_) => why::<Note>(&body),
        DocumentKey::Migration => why::<Migration>(&body),
        DocumentKey::MigrationPlan(..) => why::<Vec<Planned>>(&body),
        DocumentKey::Dispatch(_) => why::<Dispatch>(&body),
        DocumentKey::Buried => why::<Ends>(&body),
        DocumentKey::Runner(_) => why::<EncoderReport>(&body),
        DocumentKey::Account(_) => why::<Account>(&body),
        DocumentKey::Session(_) => why::<Session>(&body),
        DocumentKey::Invitation(_) => why::<Invitation>(&body),
        DocumentKey::Attempts(_) => why::<Attempts>(&body),
        DocumentKey::Quota(_) => why::<Quota>(&body),
        DocumentKey::Share(_) => why::<Share>(&body),
    })
}

fn why<T: DeserializeOwned>(body: &[u8]) -> Option<String> {
    serde_json::from_slice::<T>(body).err().map(|error| error.to_string())
}

/// What is done with a damaged document of this kind, and what is left to an administrator.
fn treatment(kind: &DocumentKey) -> (&'static str, Option<&'static str>) {
    match kind {
        DocumentKey::Shard(_) => ("written anew from the clips' records", None),
        DocumentKey::JobMarker | DocumentKey::LastSettings => ("written anew", None),
        DocumentKey::QueueEntry(_) => ("set aside; unfinished jobs are in the queue again", None),
        DocumentKey::Waiting(..) => ("set aside; the listing follows the clip's record", None),
        DocumentKey::Job(_) => ("set aside; begun anew if it was not done", None),
        DocumentKey::Quota(_) => ("set aside; counted anew from the member's clips", None),
        DocumentKey::Migration | DocumentKey::MigrationPlan(..) => ("set aside; the next sweep begins a new run", None),
        DocumentKey::Dispatch(_) | DocumentKey::Runner(_) => ("set aside; made again by itself", None),
        DocumentKey::Leftover(_) => ("set aside; what the job left is an orphan now", None),
        DocumentKey::Due(..) | DocumentKey::Walk | DocumentKey::Tally | DocumentKey::Summaries(_) => {
            ("set aside; begun anew", None)
        }
        DocumentKey::Orphans(_) => ("set aside; the days of orphans begin anew", None),
        DocumentKey::Buried => ("set aside; tombstones that have ended go with the next that ends", None),
        DocumentKey::Session(_) => ("set aside; the device signs in again", None),
        DocumentKey::Attempts(_) => ("set aside; counted from nothing", None),
        DocumentKey::Invitation(_) => ("set aside", Some("make the invitation or the password link again")),
        DocumentKey::Share(_) => ("set aside", Some("its owner makes a new link")),
        DocumentKey::Import(_) => ("set aside", Some("import the clip again, or delete it")),
        DocumentKey::Account(_) => (
            "set aside; a disabled account of the name stands in for it",
            Some("under Admin > Members enable it, choose its role, and send a password link"),
        ),
        DocumentKey::Settings => {
            ("set aside; the last good ones are in force", Some("look at Admin > Settings and save them"))
        }
        DocumentKey::Video(_) => (
            "set aside; its files are kept",
            Some("put the record back from a backup, or delete the clip as an administrator"),
        ),
    }
}

async fn mend_one(service: &Service, kind: &DocumentKey, key: &str, why: &str) -> Result<()> {
    match kind {
        // Written anew at the end, out of what can be read.
        DocumentKey::Shard(_) => {}
        DocumentKey::JobMarker => service.jobs.announce().await?,
        DocumentKey::LastSettings => {
            service.bucket.set_aside(key, why).await?;
            if let Ok(Some(settings)) = service.settings.document().await {
                service.settings.keep(&settings.value).await;
            }
        }
        DocumentKey::Account(name) => {
            // Never a moment without: an account that is not there would let in whoever holds a token of it.
            service.bucket.copy_aside(key, why).await?;
            service.bucket.put(kind, &stand_in(name)).await?;
        }
        _ => drop(service.bucket.set_aside(key, why).await?),
    }
    Ok(())
}

/// In the place of an account of which nothing is known: nobody signs in with it, and it holds the name.
fn stand_in(name: &Username) -> Account {
    Account { disabled: true, ..Account::new(name.clone(), Role::User, String::new(), Timestamp::now()) }
}

/// Makes again what follows from the documents that can be read; also what a run before this one did not come to.
async fn derive(service: &Service) -> Result<()> {
    let videos = service.videos.all().await?.videos;
    let aside = set_aside(service).await?;
    service.videos.reindex().await?;
    for kind in &aside {
        match kind {
            DocumentKey::Quota(owner) => match service.bucket.create(kind, &quota(owner, &videos)).await {
                Ok(_) | Err(BucketError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            },
            DocumentKey::Job(id) => begin_anew(service, id, &videos).await?,
            _ => {}
        }
    }
    let queue: BTreeSet<_> = service.jobs.queue().await?.into_iter().collect();
    for name in service.bucket.children(DocumentKey::JOBS).await? {
        let Some(id) = name.strip_suffix(".json").and_then(|name| name.parse::<JobId>().ok()) else { continue };
        if !queue.contains(&id)
            && let Some(job) = service.jobs.get(&id).await?
            && !job.has_ended()
        {
            service.jobs.enqueue(&job).await?;
        }
    }
    Ok(())
}

/// The kinds of what stands below `damaged/`.
async fn set_aside(service: &Service) -> Result<Vec<DocumentKey>, BucketError> {
    let keys = service.bucket.keys(DAMAGED_FOLDER).await?;
    let original = |key: &str| {
        let key = key.strip_prefix(DAMAGED_FOLDER)?;
        DocumentKey::parse(key).or_else(|| DocumentKey::parse(key.rsplit_once('.')?.0))
    };
    Ok(keys.iter().filter_map(|key| original(key)).collect())
}

/// What the clips of a week say that `owner` uploaded.
fn quota(owner: &Username, videos: &[Video]) -> Quota {
    let now = Timestamp::now();
    let recent = videos.iter().filter(|video| video.owner == *owner && video.created_at + WEEK > now);
    let charges = recent.filter_map(|video| {
        let (upload, bytes) = (video.upload.original?, video.size_bytes?);
        let video_id = Some(video.short_id.clone());
        Some(Charge { upload, video: video_id, bytes, at: video.created_at, settled: true })
    });
    Quota { charges: charges.collect() }
}

/// A job of which nothing but its id is known, if its video waits for it or it still stands in the queue.
async fn begin_anew(service: &Service, id: &JobId, videos: &[Video]) -> Result<()> {
    let video = videos.iter().find(|video| video.short_id == *id.video() && !video.is_deleted());
    let (Some(video), Some(kind)) = (video, id.kind()) else { return Ok(()) };
    let waits = video.publication.is_none() && video.job.as_ref() == Some(id);
    if waits || service.jobs.queue().await?.contains(id) {
        let made = if kind == JobKind::Migrate { video.created_at } else { Timestamp::now() };
        service.jobs.enqueue(&Job::new(video.short_id.clone(), kind, id.number(), made)?).await?;
    }
    Ok(())
}
