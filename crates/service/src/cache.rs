//! A small cache whose values are trusted for a set time.

use std::{
    hash::Hash,
    time::{Duration, Instant},
};

use quick_cache::{Equivalent, sync::Cache};

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

    /// The value of `key`, unless it is unknown or too old.
    pub fn get<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<V> {
        self.cache.get(key).filter(|(at, _)| at.elapsed() < self.life).map(|(_, value)| value)
    }

    /// Trusts `value` from now on.
    pub fn insert(&self, key: K, value: V) {
        self.cache.insert(key, (Instant::now(), value));
    }

    /// The value of `key`, asked of `fetch` if it is unknown or too old. Errors are not kept.
    ///
    /// # Errors
    /// Those of `fetch`.
    pub async fn get_or_fetch<E>(&self, key: &K, fetch: impl AsyncFnOnce(&K) -> Result<V, E>) -> Result<V, E>
    where
        K: Clone,
    {
        if let Some(value) = self.get(key) {
            return Ok(value);
        }
        // Taken before the question, so that an answer is never trusted longer than it is true.
        let asked = Instant::now();
        // Boxed, for it is large and seldom: the futures that hold it are moved at each request.
        let value = Box::pin(fetch(key)).await?;
        self.cache.insert(key.clone(), (asked, value.clone()));
        Ok(value)
    }

    /// Forgets one value, after it was changed here.
    pub fn forget(&self, key: &K) {
        self.cache.remove(key);
    }
}
