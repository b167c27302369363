//! Waiting for a condition, with a deadline and never longer than needed.

use std::time::{Duration, Instant};

/// Asks `condition` again and again until it gives something; panics with `what` at the deadline.
///
/// # Panics
/// If the condition does not hold within `limit`.
pub async fn until<T>(what: &str, limit: Duration, mut condition: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = condition().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {} s for {what}", limit.as_secs_f64());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
