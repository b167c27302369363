//! Stores that open to whoever asks, and those that do not.

use bytes::Bytes;
use clipset_bucket::BucketError;
use clipset_core::path::EDGE_PREFIXES;
use clipset_tests::stores;

#[tokio::test(flavor = "multi_thread")]
async fn stores_with_keys_refuse_strangers_and_are_left_as_they_were() {
    for store in [stores::embedded().await, stores::seaweedfs().await] {
        store.bucket.probe().await.unwrap();
        assert_eq!(store.bucket.keys("").await.unwrap(), Vec::<String>::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_runs_without_keys_is_not_used() {
    // The second is an emulator, which asks nobody for a key.
    for store in [stores::seaweedfs_without_keys().await, stores::ministack().await] {
        store.bucket.write_raw("originals/film", Bytes::from_static(b"private")).await.unwrap();
        let refused = store.bucket.probe().await.unwrap_err();
        assert!(matches!(refused, BucketError::OpenToStrangers { .. }), "{refused}");
        assert!(refused.to_string().contains("start it with authentication"), "{refused}");
        assert_eq!(store.bucket.keys("").await.unwrap(), ["originals/film"], "what strangers wrote is gone");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_that_opens_originals_too_is_found() {
    let store = stores::seaweedfs().await;
    store.bucket.allow_reading(&EDGE_PREFIXES).await.unwrap();
    store.bucket.probe().await.unwrap();
    store.bucket.lets_anyone_read(&EDGE_PREFIXES).await.unwrap();
    store.bucket.allow_reading(&["originals/"]).await.unwrap();
    let refused = store.bucket.probe().await.unwrap_err();
    assert!(matches!(refused, BucketError::OpenToStrangers { asked: "a read", .. }), "{refused}");
    let closed = store.bucket.lets_anyone_read(&EDGE_PREFIXES).await.unwrap_err();
    assert!(matches!(closed, BucketError::ClosedToTheEdge(_)), "{closed}");
}
