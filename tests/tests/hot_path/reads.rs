//! What one request of a function that has just started costs the bucket.

use std::time::Duration;

use axum::{Router, body::Body};
use clipset_core::account::Role;
use clipset_service::{Config, Service};
use clipset_tests::{
    client::uris,
    toll::Toll,
    world::{World, secrets},
};
use http::Request;
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::{
    holders::{open, token_for},
    info_path, master_path, share,
};

/// The answer, all requests to the bucket, and how many of them waited for each other.
async fn cost(world: &World, path: &str, token: &str) -> (String, usize, usize) {
    let (status, body, all, sequence) = ask(world, path, token).await;
    assert_eq!(status, 200, "{path}");
    (body, all, sequence)
}

async fn ask(world: &World, path: &str, token: &str) -> (u16, String, usize, usize) {
    let mut bucket = world.store.config.clone();
    let toll = Toll::before(bucket.endpoint.unwrap(), Duration::from_millis(100)).await;
    bucket.endpoint = Some(toll.endpoint.clone());
    let service = Service::new(Config { bucket, ..world.service.config.clone() }, secrets()).await;
    let router: Router = clipset_stream_info::router(service.clone()).merge(clipset_sign_manifest::router(service));
    let request = Request::get(path).header("authorization", format!("Bearer {token}"));
    let answer = router.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.into()).unwrap(), toll.requests(), toll.in_sequence())
}

#[tokio::test]
async fn at_most_two_reads_wait_for_each_other() {
    let world = World::new(43_200).await;
    let (waiting, video) = (world.pending("Waiting").await, world.published("Clip", &["720p", "360p"], 3).await);
    let (owner, share) = (world.token("ada", Role::User), share(&world, &video, None).await);
    let guest = open(&world, &share).await;
    let holder = token_for(&world, &video, "bob", Role::User).await;

    // Beside the video: the member's account, or the guest's share; then, beside the playlist, whether its owner stands.
    for (token, more) in [(&owner, 0), (&holder, 0), (&guest, 1)] {
        let (_, all, sequence) = cost(&world, &info_path(&video), token).await;
        assert_eq!((all, sequence), (2 + more, 1 + more));
        let (master, all, sequence) = cost(&world, &master_path(&video), token).await;
        assert_eq!((all, sequence), (3 + more, 2));
        let rendition = uris(&master)[0].split('?').next().unwrap().to_owned();
        let (_, all, sequence) = cost(&world, &rendition, token).await;
        assert_eq!((all, sequence), (3 + more, 2));
    }
    // And how far the job is.
    let share = super::share(&world, &waiting, None).await;
    let guest = open(&world, &share).await;
    for (token, more) in [(&owner, 0), (&guest, 1)] {
        let (_, all, sequence) = cost(&world, &info_path(&waiting), token).await;
        assert_eq!((all, sequence), (3 + more, 2));
    }
}

#[tokio::test]
async fn a_stranger_costs_no_read() {
    let world = World::new(43_200).await;
    let video = world.published("Clip", &[], 1).await;
    for path in [info_path(&video), master_path(&video)] {
        let (status, _, all, _) = ask(&world, &path, "forged").await;
        assert_eq!((status, all), (401, 0));
    }
}
