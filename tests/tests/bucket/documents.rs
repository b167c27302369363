//! Documents under races, lost answers and other people's stores.

use clipset_bucket::{BucketError, Etag, Stored, UpdateError};
use clipset_core::key::DocumentKey;
use clipset_tests::stores::Store;

super::on_every_store!(
    the_store_honours_conditional_writes,
    a_document_is_created_once_and_replaced_only_over_the_version_that_was_read,
    eight_hundred_updates_by_sixteen_writers_are_eight_hundred,
);

fn key(name: &str) -> DocumentKey {
    DocumentKey::Runner(name.into())
}

async fn the_store_honours_conditional_writes(store: Store) {
    store.bucket.honours_conditions().await.unwrap();
    assert_eq!(store.bucket.keys("").await.unwrap(), Vec::<String>::new(), "the probe leaves nothing");
}

async fn a_document_is_created_once_and_replaced_only_over_the_version_that_was_read(store: Store) {
    let bucket = &store.bucket;
    let key = key("one");
    assert!(bucket.read::<u64>(&key).await.unwrap().is_none());
    let first = bucket.create(&key, &1_u64).await.unwrap();
    assert!(matches!(bucket.create(&key, &2_u64).await, Err(BucketError::Conflict { .. })));
    let second = bucket.replace(&key, &3_u64, &first).await.unwrap();
    assert!(matches!(bucket.replace(&key, &4_u64, &first).await, Err(BucketError::Conflict { .. })));
    let found = bucket.read::<u64>(&key).await.unwrap().unwrap();
    assert_eq!((found.value, &found.etag), (3, &second));

    assert!(matches!(bucket.read_if_changed::<u64>(&key, Some(&second)).await.unwrap(), Stored::Unchanged));
    assert!(matches!(bucket.read_if_changed::<u64>(&key, Some(&first)).await.unwrap(), Stored::Changed(_)));

    bucket.remove(&key).await.unwrap();
    bucket.remove(&key).await.unwrap();
    assert!(matches!(bucket.replace(&key, &5_u64, &second).await, Err(BucketError::Conflict { .. })));
    assert!(matches!(bucket.read_if_changed::<u64>(&key, Some(&second)).await.unwrap(), Stored::Absent));
    let gone = bucket.update(&key, |_: &mut u64| Ok::<_, ()>(())).await;
    assert!(matches!(gone, Err(UpdateError::Missing)));
    assert_ne!(first, Etag(String::new()));
}

async fn eight_hundred_updates_by_sixteen_writers_are_eight_hundred(store: Store) {
    let key = key("counter");
    store.bucket.create(&key, &0_u64).await.unwrap();
    let writers = (0..16).map(|_| {
        let (bucket, key) = (store.bucket.clone(), key.clone());
        tokio::spawn(async move {
            for _ in 0..50 {
                let counted = bucket.update(&key, |count: &mut u64| {
                    *count += 1;
                    Ok::<_, ()>(())
                });
                counted.await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    assert_eq!(store.bucket.read::<u64>(&key).await.unwrap().unwrap().value, 800);
}
