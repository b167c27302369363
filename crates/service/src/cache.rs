//! A small cache whose values are trusted for a set time.

use std::{
    hash::Hash,
    time::{Duration, Instant},
};

use quick_cache::sync::Cache;

/// At most so many values, each trusted for so long.
#[derive(Debug)]
pub struct TtlCache<K, V> {
    cache: Cache<K, (Instant, V)>,
    life: Duration,
}

impl<K: Eq + Hash, V: Clone> TtlCache<K, V> {
    /// At most `capacity` values for `life` each.
    pub fn new(capacity: usize, life: Duration) -> Self {
        Self { cache: Cache::new(capacity), life }
    }

    /// The value of `key`, asked of `fetch` if it is unknown or too old. Errors are not kept.
    ///
    /// # Errors
    /// Those of `fetch`.
    pub async fn get_or_fetch<E>(&self, key: K, fetch: impl AsyncFnOnce(&K) -> Result<V, E>) -> Result<V, E> {
        if let Some((at, value)) = self.cache.get(&key)
            && at.elapsed() < self.life
        {
            return Ok(value);
        }
        // Taken before the question, so that an answer is never trusted longer than it is true.
        let asked = Instant::now();
        let value = fetch(&key).await?;
        self.cache.insert(key, (asked, value.clone()));
        Ok(value)
    }

    /// Forgets one value, after it was changed here.
    pub fn forget(&self, key: &K) {
        self.cache.remove(key);
    }
}
