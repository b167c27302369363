//! The listing: pages, splits, and mending what a kill left.

use clipset_bucket::{Bucket, Videos};
use clipset_core::{
    Timestamp,
    account::{Role, Viewer},
    id::{EncodeId, ShortId},
    key::DocumentKey,
    listing::{Entry, FIRST_SHARD, Query, SHARD_LIMIT, Shard},
    video::{Upload, Video},
};
use clipset_tests::stores::Store;

super::on_every_store!(videos_are_listed_newest_first_by_pages);

pub(crate) fn video(number: i64) -> Video {
    let upload = Upload { original: Some(EncodeId::random()), upload_id: "u".into(), file_name: "clip.mp4".into() };
    let at = Timestamp::from_second(1_800_000_000 + number).unwrap();
    Video::begin(ShortId::random(), "ada".parse().unwrap(), format!("Clip {number}"), upload, at)
}

pub(crate) fn everything() -> Query {
    Query::new(Viewer { username: "root".parse().unwrap(), role: Role::Admin }, "", None)
}

pub(crate) async fn titles(bucket: &Bucket, limit: usize) -> Vec<String> {
    let videos = Videos::new(bucket.clone());
    let (mut titles, mut cursor) = (Vec::new(), None);
    loop {
        let page = videos.page(&everything(), cursor.as_deref(), limit).await.unwrap();
        assert!(page.entries.len() <= limit);
        titles.extend(page.entries.into_iter().map(|entry| entry.title));
        cursor = page.next_cursor;
        if cursor.is_none() {
            return titles;
        }
    }
}

async fn videos_are_listed_newest_first_by_pages(store: Store) {
    let videos = Videos::new(store.bucket.clone());
    assert_eq!(titles(&store.bucket, 3).await, Vec::<String>::new());
    for number in [3, 1, 4, 2, 5] {
        videos.create(&video(number)).await.unwrap();
    }
    let expected = ["Clip 5", "Clip 4", "Clip 3", "Clip 2", "Clip 1"];
    for limit in [1, 2, 5, 100] {
        assert_eq!(titles(&store.bucket, limit).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_library_listed_at_once_stands_in_small_shards() {
    let store = clipset_tests::stores::embedded().await;
    let library: Vec<Video> = (0..1000).map(|number| video(number * 7 % 1000)).collect();
    Videos::new(store.bucket.clone()).relist(&library).await.unwrap();
    let names = store.bucket.children("catalog/shards/").await.unwrap();
    let mut held = 0;
    for name in &names {
        let key = DocumentKey::Shard(name.strip_suffix(".json").unwrap().to_owned());
        let shard: Shard = store.bucket.read(&key).await.unwrap().unwrap().value;
        assert!(shard.entries.len() <= SHARD_LIMIT, "{name} holds {}", shard.entries.len());
        held += shard.entries.len();
    }
    assert_eq!(held, 1000);
    let expected: Vec<String> = (0..1000).rev().map(|number| format!("Clip {number}")).collect();
    assert_eq!(titles(&store.bucket, 100).await, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn shards_split_while_four_processes_add_and_change_and_nothing_is_lost() {
    let store = clipset_tests::stores::embedded().await;
    let writers = (0..4).map(|writer| {
        let config = store.config.clone();
        tokio::spawn(async move {
            // A connection of its own, as another process has.
            let videos = Videos::new(Bucket::connect(&config).await);
            for number in 0..70 {
                let video = video(number * 4 + writer);
                videos.create(&video).await.unwrap();
                let changed = videos.update(&video.short_id, |video| {
                    video.title = format!("{} changed", video.title);
                    Ok::<_, ()>(())
                });
                changed.await.unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let expected: Vec<_> = (0..280).rev().map(|number| format!("Clip {number} changed")).collect();
    assert_eq!(titles(&store.bucket, 100).await, expected);
    assert!(store.bucket.children("catalog/shards/").await.unwrap().len() > 1, "the first shard was split");
}

#[tokio::test(flavor = "multi_thread")]
async fn thirty_processes_that_change_the_newest_shard_at_once_lose_nothing_and_leave_nothing_lying() {
    let store = clipset_tests::stores::embedded().await;
    let shared = clipset_bucket::shared_config("us-east-1").await;
    let writers = (0..30).map(|number| {
        // A connection of its own, as another function has.
        let videos = Videos::new(Bucket::connect_as(&store.config, &shared));
        async move { videos.create(&video(number)).await }
    });
    futures_util::future::try_join_all(writers).await.unwrap();
    let expected: Vec<_> = (0..30).rev().map(|number| format!("Clip {number}")).collect();
    assert_eq!(titles(&store.bucket, 100).await, expected);
    assert_eq!(store.bucket.keys(DocumentKey::WAITING).await.unwrap(), [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_killed_writer_left_lying_is_listed() {
    let store = clipset_tests::stores::embedded().await;
    let videos = Videos::new(store.bucket.clone());
    let clip = video(1);
    let lying = DocumentKey::Waiting(FIRST_SHARD.into(), clip.short_id.clone(), clip.revision);
    store.bucket.put(&lying, &Entry::from(&clip)).await.unwrap();
    let damaged = DocumentKey::Waiting(FIRST_SHARD.into(), ShortId::random(), 1);
    store.bucket.put(&damaged, &"damaged").await.unwrap();
    assert_eq!(videos.list_what_lies().await.unwrap(), 2);
    assert_eq!(titles(&store.bucket, 10).await, ["Clip 1"]);
    assert_eq!(videos.list_what_lies().await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn reindex_mends_what_a_kill_between_document_and_listing_left() {
    let store = clipset_tests::stores::embedded().await;
    let videos = Videos::new(store.bucket.clone());
    let (kept, ghost, unlisted) = (video(1), video(2), video(3));
    for video in [&kept, &ghost] {
        videos.create(video).await.unwrap();
    }
    store.bucket.remove(&DocumentKey::Video(ghost.short_id.clone())).await.unwrap();
    store.bucket.create(&DocumentKey::Video(unlisted.short_id.clone()), &unlisted).await.unwrap();
    let mended = videos.reindex().await.unwrap();
    assert_eq!((mended.videos, mended.updated, mended.removed), (2, 1, 1));
    assert_eq!(titles(&store.bucket, 10).await, ["Clip 3", "Clip 1"]);

    store.bucket.put(&DocumentKey::Shard(FIRST_SHARD.into()), &"damaged").await.unwrap();
    assert_eq!(videos.page(&everything(), None, 10).await.unwrap().entries.len(), 0, "no other shard is there");
    videos.reindex().await.unwrap();
    assert_eq!(titles(&store.bucket, 10).await, ["Clip 3", "Clip 1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_cannot_be_read_is_named_and_keeps_its_place_in_the_listing() {
    let store = clipset_tests::stores::embedded().await;
    let videos = Videos::new(store.bucket.clone());
    let (whole, damaged, set_aside) = (video(1), video(2), video(3));
    for video in [&whole, &damaged, &set_aside] {
        videos.create(video).await.unwrap();
    }
    let key = |video: &Video| DocumentKey::Video(video.short_id.clone());
    store.bucket.put(&key(&damaged), &"no video").await.unwrap();
    store.bucket.remove(&key(&set_aside)).await.unwrap();
    for number in ["", ".2"] {
        let aside = format!("damaged/{}{number}", key(&set_aside));
        store.bucket.write_raw(&aside, "{".into()).await.unwrap();
    }
    let found = videos.all().await.unwrap();
    assert_eq!(found.videos, std::slice::from_ref(&whole));
    let mut both = vec![damaged.short_id, set_aside.short_id.clone()];
    both.sort();
    assert_eq!((found.unreadable, found.set_aside), (both, vec![set_aside.short_id]));
    assert_eq!(videos.reindex().await.unwrap().unreadable.len(), 2);
    assert_eq!(titles(&store.bucket, 10).await, ["Clip 3", "Clip 2", "Clip 1"]);
}
