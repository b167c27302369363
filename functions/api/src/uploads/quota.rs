//! What a member may upload in a week: reserved when an upload begins, settled when it ends.

use clipset_bucket::UpdateError;
use clipset_core::{
    Timestamp,
    id::{EncodeId, ShortId, Username},
    key::DocumentKey,
    quota::{Charge, OverQuota, Quota, Refusal},
    size::{Round, said},
};
use clipset_service::{Problem, Service};

use super::begin::New;

/// Opens an upload and reserves its bytes; gives those that are open if they are as many as may be.
///
/// # Errors
/// [`Problem`] 413 that says what is left and when there will be more, 503.
pub(super) async fn begin(service: &Service, new: &New, video: &ShortId) -> Result<Option<Vec<Charge>>, Problem> {
    let mut open = Vec::new();
    let begun = change(service, &new.owner, |quota, now| {
        open = quota.open().cloned().collect();
        quota.begin(new.original, video, new.plan.size, new.weekly_limit, now)
    });
    match begun.await {
        Ok(()) => Ok(None),
        Err(UpdateError::Refused(Refusal::Open)) => Ok(Some(open)),
        Err(UpdateError::Refused(Refusal::Bytes(over))) => Err(refusal(&over)),
        Err(error) => Err(failure(error)),
    }
}

/// Reserves `bytes` for an upload that said no size when it began.
///
/// # Errors
/// As [`begin`].
pub(super) async fn reserve(
    service: &Service,
    owner: &Username,
    upload: EncodeId,
    bytes: u64,
    limit: u64,
) -> Result<(), Problem> {
    let reserved = change(service, owner, |quota, now| quota.charge(upload, bytes, false, limit, now));
    match reserved.await {
        Err(UpdateError::Refused(over)) => Err(refusal(&over)),
        reserved => reserved.map_err(failure),
    }
}

/// The upload is whole: its `bytes`, which were reserved before, count for a week. Settling twice changes nothing.
///
/// # Errors
/// [`Problem`] 503.
pub(super) async fn settle(service: &Service, owner: &Username, upload: EncodeId, bytes: u64) -> Result<(), Problem> {
    // Nothing is refused any more, not even if the limit was lowered meanwhile.
    change(service, owner, |quota, now| quota.charge(upload, bytes, true, u64::MAX, now)).await.map_err(failure)
}

/// Gives back what an upload that was given up had reserved. What fails here the sweep does.
pub(crate) async fn release(service: &Service, owner: &Username, upload: EncodeId) {
    if let Err(error) = clipset_bucket::release_quota(&service.bucket, owner, upload).await {
        tracing::warn!(%error, "the reserved bytes of an upload were left to the sweep");
    }
}

/// One conditional write of the member's quota.
async fn change<E>(
    service: &Service,
    owner: &Username,
    mut change: impl FnMut(&mut Quota, Timestamp) -> Result<(), E>,
) -> Result<(), UpdateError<E>> {
    let key = DocumentKey::Quota(owner.clone());
    let changed = service.bucket.upsert(&key, |found: Option<Quota>| {
        let mut quota = found.unwrap_or_default();
        change(&mut quota, Timestamp::now()).map_err(UpdateError::Refused)?;
        Ok(quota)
    });
    changed.await.map(drop)
}

fn failure<E>(error: UpdateError<E>) -> Problem {
    match error {
        UpdateError::Bucket(error) => error.into(),
        UpdateError::Refused(_) => unreachable!("there is room without end"),
        UpdateError::Missing => unreachable!("a missing quota is made"),
    }
}

fn refusal(over: &OverQuota) -> Problem {
    let OverQuota { bytes, limit, left, free_at } = over;
    let (size, limit, left) = (said(*bytes, Round::Up), said(*limit, Round::Down), said(*left, Round::Down));
    let when = match free_at {
        Some(time) => format!("there will be room for it on {}", time.strftime("%-d %B %Y at %H:%M UTC")),
        None => "it is larger than a week allows, so choose a smaller one".to_owned(),
    };
    Problem::too_large(format!(
        "The file has {size}, and of the {limit} that you may upload in seven days {left} are left: {when}."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_is_left_and_when_there_will_be_more() {
        let over = |bytes, free_at| OverQuota { bytes, limit: 50_000_000_000, left: 1_500_000_000, free_at };
        let time = "2026-11-29T08:05:00Z".parse().expect("a time");
        let detail = |problem: Problem| format!("{problem:?}");
        let later = detail(refusal(&over(2_000_000_000, Some(time))));
        assert!(
            later.contains("1.5 GB are left: there will be room for it on 29 November 2026 at 08:05 UTC."),
            "{later}"
        );
        let never = detail(refusal(&over(60_000_000_000, None)));
        assert!(never.contains("choose a smaller one."), "{never}");
    }
}
