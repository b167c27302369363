//! The walk: everything there is, part by part, from run to run.
//!
//! A lap reads the listing, every video's document, private documents that end by themselves, then the names of all media,
//! and keeps what it met in a filter. At its end it has seen what a whole sweep sees at once, only stretched over time, and
//! judges by the same plan: what was stored before the lap began and is named by no document that was read since is an
//! orphan, for a uuid that is stored was noted in its job before, the jobs were read first, and what a job publishes moves
//! to its video, which was read later. What was stored meanwhile may look like one, and is none by the next lap.

mod filter;
mod judge;
mod places;
mod state;

use std::time::Instant;

use clipset_bucket::{BucketError, Etag};
use clipset_core::{id::EncodeId, key::DocumentKey};
use clipset_service::Service;
use sha2::{Digest as _, Sha256};

pub use state::Walk;

use crate::{step::Bounds, sweep::Swept, tend::Round};
use filter::{Filter, Met};
use state::{Names, Place};

/// Where the filters of a walk stand.
const NAMES: &str = "jobs/walk/names-";

/// What is met for each clip: its entry, its document, and the uuids that it names.
const MET_FOR_EACH_CLIP: usize = 8;

/// One run of the walk.
struct Run<'a> {
    service: &'a Service,
    round: &'a Round,
    walk: Walk,
    met: Filter,
    swept: Swept,
    /// What may still be read.
    reads: usize,
}

/// Goes on with the walk, within `bounds`; at most to the end of the lap.
///
/// # Errors
/// [`BucketError`]; the next run begins where this one did.
pub(crate) async fn walk(service: &Service, round: &Round, bounds: &Bounds) -> Result<Swept, BucketError> {
    let until = Instant::now() + bounds.patience;
    let found = service.bucket.read::<Walk>(&DocumentKey::Walk).await?;
    let (before, etag) = found.map(|found| (found.value.resume(round.now), found.etag)).unzip();
    let mut walk = before.unwrap_or_else(|| Walk::begin(round.now));
    let old = walk.names.take();
    let met = match &old {
        Some(names) => stored(service, names).await?,
        None => None,
    };
    let met = match met {
        Some(met) => met,
        None => {
            if !walk.is_at_the_beginning() {
                tracing::warn!("what the walk had met is lost, so it begins anew");
            }
            walk.anew(round.now);
            begin(service, &mut walk).await?
        }
    };
    let (swept, reads) = (Swept::default(), bounds.reads);
    let mut run = Run { service, round, walk, met, swept, reads };
    let ended = loop {
        let after = run.part().await?;
        if !run.walk.go_on(after) {
            break true;
        }
        if run.reads == 0 || Instant::now() > until {
            break false;
        }
    };
    let Run { mut walk, met, swept, .. } = run;
    if ended && walk.found.is_empty() {
        // What was to be judged is judged: the next lap begins with the next run.
        walk.anew(round.now);
        walk.waited_seconds = 0;
    } else {
        walk.names = Some(store(service, &met).await?);
    }
    keep(service, &walk, etag, old).await?;
    Ok(swept)
}

/// Writes how far it came, unless another walker was faster: what that one did is as good.
async fn keep(service: &Service, walk: &Walk, etag: Option<Etag>, old: Option<Names>) -> Result<(), BucketError> {
    let kept = match &etag {
        Some(etag) => service.bucket.replace(&DocumentKey::Walk, walk, etag).await,
        None => match service.bucket.create(&DocumentKey::Walk, walk).await {
            // One that cannot be read stands there.
            Err(BucketError::Conflict { .. }) => service.bucket.put(&DocumentKey::Walk, walk).await,
            created => created,
        },
    };
    let unneeded = match kept {
        Ok(_) => old,
        Err(BucketError::Conflict { .. }) => walk.names.clone(),
        Err(error) => return Err(error),
    };
    if let Some(names) = unneeded {
        service.bucket.remove_all(&format!("{NAMES}{}", names.id)).await?;
    }
    Ok(())
}

/// The filter of a lap that begins now, with what jobs are writing. Filters that killed runs left behind go.
async fn begin(service: &Service, walk: &mut Walk) -> Result<Filter, BucketError> {
    service.bucket.remove_all(NAMES).await?;
    let mut met = Filter::sized(service.videos.about_how_many().await? * MET_FOR_EACH_CLIP);
    let (jobs, unreadable) = service.jobs.unswept().await?;
    walk.met_unreadable(unreadable.into_iter().map(DocumentKey::Job));
    for id in jobs.iter().flat_map(|job| job.writing.iter().chain(&job.abandoned)) {
        met.add(Met::Named(*id));
    }
    Ok(met)
}

/// The stored filter; `None` if it is not what was stored.
async fn stored(service: &Service, names: &Names) -> Result<Option<Filter>, BucketError> {
    let body = match service.bucket.read_raw(&format!("{NAMES}{}", names.id)).await {
        Err(error) if error.is_unreadable() => None,
        read => read?,
    };
    let whole = body.filter(|body| digest(body) == names.sha256);
    Ok(whole.and_then(|body| Filter::from_bytes(body.to_vec())))
}

/// Stores the filter under a name of its own, so that the state that names the one before stays true until it is replaced.
async fn store(service: &Service, met: &Filter) -> Result<Names, BucketError> {
    let names = Names { id: EncodeId::random(), sha256: digest(met.bytes()) };
    service.bucket.write_raw(&format!("{NAMES}{}", names.id), met.bytes().to_vec().into()).await?;
    Ok(names)
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
