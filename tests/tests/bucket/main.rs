//! What the adapter promises, on each store that it is tested against.
#![allow(clippy::unwrap_used, missing_docs)]

mod documents;
mod listing;
mod media;
mod search;
mod strangers;

/// The same checks against each store, a test each.
macro_rules! on_every_store {
    ($($name:ident),+ $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread")] async fn $name() { super::$name(clipset_tests::stores::embedded().await).await })+
        }
        mod seaweedfs {
            $(#[tokio::test(flavor = "multi_thread")] async fn $name() { super::$name(clipset_tests::stores::seaweedfs().await).await })+
        }
        mod ministack {
            $(#[tokio::test(flavor = "multi_thread")] async fn $name() { super::$name(clipset_tests::stores::ministack().await).await })+
        }
    };
}
pub(crate) use on_every_store;
