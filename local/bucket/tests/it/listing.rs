//! ListObjectsV2 and ListObjects: order, prefix, delimiter, start-after, pages.

use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;

use crate::world::{BUCKET, World, refusal};

fn names(page: &ListObjectsV2Output) -> (Vec<&str>, Vec<&str>) {
    let objects = page.contents().iter().map(|object| object.key().unwrap()).collect();
    (objects, page.common_prefixes().iter().map(|common| common.prefix().unwrap()).collect())
}

async fn world_with(keys: &[&str]) -> World {
    let world = World::start().await;
    for key in keys {
        world.put(key, *key).await;
    }
    world
}

#[tokio::test]
async fn keys_come_in_byte_order_with_size_tag_and_time() {
    let world = world_with(&["b", "a/b", "a-c", "a", "B", "é", "z"]).await;
    assert_eq!(world.keys().await, ["B", "a", "a-c", "a/b", "b", "z", "é"]);
    let page = world.client.list_objects_v2().bucket(BUCKET).prefix("a/b").send().await.unwrap();
    let object = &page.contents()[0];
    let head = world.client.head_object().bucket(BUCKET).key("a/b").send().await.unwrap();
    assert_eq!((object.size(), object.e_tag()), (Some(3), head.e_tag()));
    assert_eq!(object.last_modified().unwrap().secs(), head.last_modified().unwrap().secs());
    assert_eq!((page.key_count(), page.is_truncated()), (Some(1), Some(false)));
}

#[tokio::test]
async fn a_delimiter_folds_keys_into_common_prefixes() {
    let world = world_with(&["a", "a/1", "a/2", "a/b/1", "a/b/2", "a0", "b/1", "c"]).await;
    let list = |prefix| world.client.list_objects_v2().bucket(BUCKET).prefix(prefix).delimiter("/").send();
    assert_eq!(names(&list("").await.unwrap()), (vec!["a", "a0", "c"], vec!["a/", "b/"]));
    assert_eq!(names(&list("a").await.unwrap()), (vec!["a", "a0"], vec!["a/"]));
    assert_eq!(names(&list("a/").await.unwrap()), (vec!["a/1", "a/2"], vec!["a/b/"]));
    assert_eq!(names(&list("x").await.unwrap()), (vec![], vec![]));
    let long = world.client.list_objects_v2().bucket(BUCKET).delimiter("/b").send().await.unwrap();
    assert_eq!(names(&long), (vec!["a", "a/1", "a/2", "a0", "b/1", "c"], vec!["a/b"]));
}

#[tokio::test]
async fn pages_join_without_gap_or_repetition() {
    let world = world_with(&["a", "a/1", "a/2", "b/1", "b/2", "c", "d/1", "e"]).await;
    for size in 1..=6 {
        let (mut objects, mut prefixes) = (Vec::new(), Vec::new());
        let list = world.client.list_objects_v2().bucket(BUCKET).delimiter("/").max_keys(size);
        let mut pages = list.into_paginator().send();
        while let Some(page) = pages.next().await {
            let page = page.unwrap();
            let (page_objects, page_prefixes) = names(&page);
            let count = page_objects.len() + page_prefixes.len();
            assert!(count == size as usize || count > 0 && page.is_truncated() == Some(false));
            objects.extend(page_objects.into_iter().map(str::to_owned));
            prefixes.extend(page_prefixes.into_iter().map(str::to_owned));
        }
        assert_eq!(
            (objects, prefixes),
            (vec!["a".into(), "c".into(), "e".into()], vec!["a/".into(), "b/".into(), "d/".into()])
        );
    }
}

#[tokio::test]
async fn start_after_begins_behind_a_name_that_need_not_exist() {
    let world = world_with(&["a/1", "a/2", "b/1", "c"]).await;
    let list = |after| world.client.list_objects_v2().bucket(BUCKET).start_after(after);
    assert_eq!(names(&list("a/1").send().await.unwrap()).0, ["a/2", "b/1", "c"]);
    assert_eq!(names(&list("a/11").send().await.unwrap()).0, ["a/2", "b/1", "c"]);
    assert_eq!(names(&list("a").prefix("a/").send().await.unwrap()).0, ["a/1", "a/2"]);
    assert_eq!(names(&list("x").prefix("a/").send().await.unwrap()).0, [""; 0]);
    assert_eq!(names(&list("a/").delimiter("/").send().await.unwrap()), (vec!["c"], vec!["b/"]));
}

#[tokio::test]
async fn the_limit_may_be_nothing_and_is_at_most_a_thousand() {
    let world = world_with(&["a", "b"]).await;
    let none = world.client.list_objects_v2().bucket(BUCKET).max_keys(0).send().await.unwrap();
    assert_eq!((names(&none).0.len(), none.is_truncated()), (0, Some(false)));
    let many = world.client.list_objects_v2().bucket(BUCKET).max_keys(5000).send().await.unwrap();
    assert_eq!(many.max_keys(), Some(1000));
    let error = world.client.list_objects_v2().bucket(BUCKET).max_keys(-1).send().await.unwrap_err();
    assert_eq!(refusal(&error), (400, "InvalidArgument".into()));
    let error = world.client.list_objects_v2().bucket(BUCKET).continuation_token("!").send().await.unwrap_err();
    assert_eq!(refusal(&error), (400, "InvalidArgument".into()));
}

#[tokio::test]
async fn the_elder_listing_pages_with_markers() {
    let world = world_with(&["a/1", "a/2", "b", "c/1", "d"]).await;
    let (mut marker, mut seen) = (String::new(), Vec::new());
    loop {
        let list = world.client.list_objects().bucket(BUCKET).delimiter("/").max_keys(1).marker(&marker);
        let page = list.send().await.unwrap();
        seen.extend(page.contents().iter().map(|object| object.key().unwrap().to_owned()));
        seen.extend(page.common_prefixes().iter().map(|common| common.prefix().unwrap().to_owned()));
        match page.next_marker() {
            Some(next) => marker = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen, ["a/", "b", "c/", "d"]);
}
