//! What the status call costs the bucket, counted by a proxy before it.

use std::time::Duration;

use axum::{Router, body::Body};
use clipset_core::account::Role;
use clipset_service::{Config, Service};
use clipset_tests::{
    library::{progressive, store},
    toll::Toll,
    world::{World, secrets},
};
use http::{StatusCode, header};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

async fn ask(router: &Router, token: &str) -> Value {
    let request = http::Request::get("/api/config/hls-migration-status")
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .body(Body::empty())
        .unwrap();
    let answer = router.clone().oneshot(request).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_of_two_thousand_videos_costs_one_read_and_that_of_the_account() {
    let world = World::new(43_200).await;
    let videos: Vec<_> = (0..2000).map(|n| progressive(format!("Clip {n}"), n)).collect();
    store(&world.service.bucket, &videos).await;
    let mut bucket = world.store.config.clone();
    let toll = Toll::before(bucket.endpoint.unwrap(), Duration::ZERO).await;
    bucket.endpoint = Some(toll.endpoint.clone());
    let service = Service::new(Config { bucket, ..world.service.config.clone() }, secrets()).await;
    let (router, token) = (clipset_api::router(service), world.token("admin", Role::Admin));
    world.service.migrations.start(false).await.unwrap();
    let first = ask(&router, &token).await;
    assert!(toll.requests() <= 2, "{} requests", toll.requests());
    let keys: Vec<_> = first.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["completed", "current_video", "errors", "is_running", "total"]);
    assert_eq!((&first["is_running"], &first["total"], &first["completed"]), (&true.into(), &2000.into(), &0.into()));
    let before = toll.requests();
    ask(&router, &token).await;
    assert_eq!(toll.requests(), before + 1, "the account is known by now");
}
