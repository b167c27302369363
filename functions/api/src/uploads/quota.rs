//! What a member may upload in a week: reserved when an upload begins, settled when it ends.

use clipset_bucket::UpdateError;
use clipset_core::{
    Timestamp,
    id::{EncodeId, Username},
    key::DocumentKey,
    quota::{OverQuota, Quota},
};
use clipset_service::{Problem, Service};

use super::begin::gibibytes;

/// Reserves `bytes` for an upload, in place of what it had reserved before.
///
/// # Errors
/// [`Problem`] 413 that says what is left and when there will be more, 503.
pub(super) async fn reserve(
    service: &Service,
    owner: &Username,
    upload: EncodeId,
    bytes: u64,
    limit: u64,
) -> Result<(), Problem> {
    charge(service, owner, |quota, now| quota.charge(upload, bytes, false, limit, now)).await
}

/// The upload is whole: its `bytes`, which were reserved before, count for a week. Settling twice changes nothing.
///
/// # Errors
/// [`Problem`] 503.
pub(super) async fn settle(service: &Service, owner: &Username, upload: EncodeId, bytes: u64) -> Result<(), Problem> {
    // Nothing is refused any more, not even if the limit was lowered meanwhile.
    charge(service, owner, |quota, now| quota.charge(upload, bytes, true, u64::MAX, now)).await
}

/// Gives back what an upload that was given up had reserved. What fails here the sweep does.
pub(crate) async fn release(service: &Service, owner: &Username, upload: EncodeId) {
    if let Err(error) = clipset_bucket::release_quota(&service.bucket, owner, upload).await {
        tracing::warn!(%error, "the reserved bytes of an upload were left to the sweep");
    }
}

async fn charge(
    service: &Service,
    owner: &Username,
    charge: impl Fn(&mut Quota, Timestamp) -> Result<(), OverQuota>,
) -> Result<(), Problem> {
    let key = DocumentKey::Quota(owner.clone());
    let charged = service.bucket.upsert(&key, |found: Option<Quota>| {
        let mut quota = found.unwrap_or_default();
        charge(&mut quota, Timestamp::now()).map_err(UpdateError::Refused)?;
        Ok(quota)
    });
    match charged.await {
        Ok(_) => Ok(()),
        Err(UpdateError::Refused(over)) => Err(refusal(&over)),
        Err(UpdateError::Bucket(error)) => Err(error.into()),
        Err(UpdateError::Missing) => unreachable!("a missing quota is made"),
    }
}

fn refusal(over: &OverQuota) -> Problem {
    let OverQuota { bytes, limit, left, free_at } = over;
    let (size, limit, left) = (gibibytes(*bytes), gibibytes(*limit), rounded_down(*left));
    let when = match free_at {
        Some(time) => format!("there will be room for it on {}", time.strftime("%-d %B %Y at %H:%M UTC")),
        None => "it is larger than a week allows, so choose a smaller one".to_owned(),
    };
    Problem::too_large(format!(
        "The file has {size} GiB, and of the {limit} GiB that you may upload in seven days {left} GiB are left: {when}."
    ))
}

/// With two decimals, rounded down: what is said to be left is there.
fn rounded_down(bytes: u64) -> String {
    let hundredths = u128::from(bytes) * 100 / (1 << 30);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_is_left_and_when_there_will_be_more() {
        let over = |bytes, free_at| OverQuota { bytes, limit: 50 << 30, left: (3 << 30) / 2, free_at };
        let time = "2026-11-29T08:05:00Z".parse().expect("a time");
        let detail = |problem: Problem| format!("{problem:?}");
        let later = detail(refusal(&over(2 << 30, Some(time))));
        assert!(
            later.contains("1.50 GiB are left: there will be room for it on 29 November 2026 at 08:05 UTC."),
            "{later}"
        );
        let never = detail(refusal(&over(60 << 30, None)));
        assert!(never.contains("choose a smaller one."), "{never}");
    }
}
