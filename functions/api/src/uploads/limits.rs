//! How much may be uploaded: in one file, and by one user in seven days.

use clipset_core::{Timestamp, account::Viewer, listing::Query};
use clipset_service::{Problem, Service};
use jiff::SignedDuration;

const WEEK: SignedDuration = SignedDuration::from_hours(7 * 24);

/// Entries read at once.
const PAGE: usize = 100;

/// 413 for a size over one of the limits, 422 for an empty file.
///
/// # Errors
/// [`Problem`] 413, 422, 503.
pub(super) async fn require_allowed_size(service: &Service, viewer: &Viewer, size: u64) -> Result<(), Problem> {
    if size == 0 {
        return Err(Problem::invalid("The file is empty: choose another one."));
    }
    let settings = service.settings.current().await?;
    let most = settings.max_file_size_bytes;
    if size > most {
        let (size, most) = (gibibytes(size), gibibytes(most));
        return Err(Problem::too_large(format!(
            "The file has {size} GiB, and {most} GiB are allowed: choose a smaller one."
        )));
    }
    let weekly = settings.weekly_upload_limit_bytes;
    let before = uploaded_since(service, viewer, Timestamp::now().saturating_sub(WEEK).unwrap_or_default()).await?;
    if before.saturating_add(size) <= weekly {
        return Ok(());
    }
    Err(Problem::too_large(format!(
        "You uploaded {} GiB in the last seven days, and {} GiB are allowed: this file of {} GiB does not fit. Wait a few \
         days, or ask an administrator.",
        gibibytes(before),
        gibibytes(weekly),
        gibibytes(size)
    )))
}

/// Bytes of the viewer's complete uploads that began at `since` or later. Those that arrive at the same time do not know
/// of each other: the last of them is refused when it is complete.
async fn uploaded_since(service: &Service, viewer: &Viewer, since: Timestamp) -> Result<u64, Problem> {
    let mut query = Query::new(viewer.clone(), "", Some(viewer.username.clone()));
    query.since = Some(since);
    let (mut bytes, mut cursor) = (0_u64, None);
    loop {
        let page = service.videos.page(&query, cursor.as_deref(), PAGE).await?;
        bytes = page.entries.iter().filter_map(|entry| entry.size_bytes).fold(bytes, u64::saturating_add);
        match page.next_cursor {
            Some(next) => cursor = Some(next),
            None => return Ok(bytes),
        }
    }
}

/// With two decimals, rounded up, so that a size just over a limit does not look like the limit.
fn gibibytes(bytes: u64) -> String {
    let hundredths = (u128::from(bytes) * 100).div_ceil(1 << 30);
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_just_over_the_limit_does_not_look_like_it() {
        assert_eq!(gibibytes(10 << 30), "10.00");
        assert_eq!(gibibytes((10 << 30) + 1), "10.01");
    }
}
