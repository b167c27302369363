//! Conditional writes, alone and in races.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_s3::primitives::ByteStream;

use crate::signed;
use crate::world::{BUCKET, World, noise, refusal};

#[tokio::test]
async fn if_none_match_creates_once() {
    let world = World::start().await;
    let create = || world.client.put_object().bucket(BUCKET).key("k").if_none_match("*");
    create().body(ByteStream::from_static(b"first")).send().await.unwrap();
    let error = create().body(ByteStream::from_static(b"second")).send().await.unwrap_err();
    assert_eq!(refusal(&error), (412, "PreconditionFailed".into()));
    let long = create().body(noise(1, 3_000_000).into()).send().await.unwrap_err();
    assert_eq!(refusal(&long), (412, "PreconditionFailed".into()));
    assert_eq!(world.get("k").await.unwrap(), b"first");
    assert_eq!(world.temporary_files(), 0);
    world.client.delete_object().bucket(BUCKET).key("k").send().await.unwrap();
    create().send().await.unwrap();
}

#[tokio::test]
async fn if_match_replaces_only_what_it_names() {
    let world = World::start().await;
    let replace = |tag: &str| world.client.put_object().bucket(BUCKET).key("k").if_match(tag);
    assert_eq!(refusal(&replace("\"none\"").send().await.unwrap_err()), (404, "NoSuchKey".into()));
    assert_eq!(refusal(&replace("*").send().await.unwrap_err()), (404, "NoSuchKey".into()));
    let first = world.put("k", "first").await;
    let second = replace(&first).body(ByteStream::from_static(b"second")).send().await.unwrap().e_tag.unwrap();
    assert_eq!(refusal(&replace(&first).send().await.unwrap_err()), (412, "PreconditionFailed".into()));
    assert_eq!(world.get("k").await.unwrap(), b"second");
    let unquoted = second.trim_matches('"');
    replace(unquoted).body(ByteStream::from_static(b"third")).send().await.unwrap();
}

/// Below an anonymous prefix and by plain HTTP, so that the time goes into the server and not into the SDK.
const COUNTER: &str = "hls/counter";

async fn read_counter(world: &World) -> (String, usize) {
    let response = world.http.get(world.url(COUNTER)).send().await.unwrap();
    let tag = response.headers()["etag"].to_str().unwrap().to_owned();
    (tag, response.text().await.unwrap().trim().parse().unwrap())
}

/// Adds one, as often as it takes. Returns how often it was refused.
async fn count_up(world: &World) -> usize {
    let mut refused = 0;
    loop {
        let (tag, count) = read_counter(world).await;
        // A document of 4 KB, which is written whole.
        let document = format!("{:>4096}", count + 1);
        let put = signed::put(world, COUNTER, "UNSIGNED-PAYLOAD", &[("if-match", &tag)]).body(document);
        match put.send().await.unwrap().status().as_u16() {
            200 => return refused,
            status => assert_eq!(status, 412),
        }
        refused += 1;
        // As writers do: stand back for a random while that doubles.
        tokio::time::sleep(Duration::from_millis(rand::random_range(0..16 << refused.min(5)))).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixteen_writers_lose_none_of_eight_hundred_updates() {
    let world = Arc::new(World::start().await);
    world.put(COUNTER, "0").await;
    let writers = (0..16).map(|_| {
        let world = world.clone();
        tokio::spawn(async move {
            let mut refused = 0;
            for _ in 0..50 {
                refused += count_up(&world).await;
            }
            refused
        })
    });
    let mut refused = 0;
    for writer in writers.collect::<Vec<_>>() {
        refused += writer.await.unwrap();
    }
    assert_eq!(read_counter(&world).await.1, 800);
    assert!(refused > 0, "the writers never met");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_creators_one_wins_and_its_content_stays() {
    let world = World::start().await;
    for round in 0..10 {
        let key = format!("catalog/{round}");
        let creators = (0..16u64).map(|creator| {
            let put = world.client.put_object().bucket(BUCKET).key(&key).if_none_match("*");
            let put = put.body(noise(creator + 1, 20_000).into()).send();
            tokio::spawn(async move { put.await.is_ok().then_some(creator) })
        });
        let mut winners = Vec::new();
        for creator in creators.collect::<Vec<_>>() {
            winners.extend(creator.await.unwrap());
        }
        assert_eq!(winners.len(), 1);
        assert!(world.get(&key).await.unwrap() == noise(winners[0] + 1, 20_000));
    }
    assert_eq!(world.temporary_files(), 0);
}
