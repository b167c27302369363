//! What the status call costs the bucket, counted by a proxy before it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{Router, body::Body, extract::Request, response::Response};
use clipset_core::account::Role;
use clipset_service::{Config, Service};
use clipset_tests::{
    library::{progressive, store},
    world::{World, secrets},
};
use http::{StatusCode, header};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

/// Hands reads on to the bucket at `endpoint` and counts them; gives its own address. The host's name is part of the
/// signature, so it goes on as it came.
async fn counting(endpoint: String, count: Arc<AtomicUsize>) -> String {
    let client = reqwest::Client::new();
    let forward = move |request: Request| {
        let (client, endpoint, count) = (client.clone(), endpoint.clone(), count.clone());
        async move {
            count.fetch_add(1, Ordering::SeqCst);
            let path = request.uri().path_and_query().map(ToString::to_string).unwrap_or_default();
            let asked = client.request(request.method().clone(), format!("{endpoint}{path}"));
            let answer = asked.headers(request.headers().clone()).send().await.unwrap();
            let mut response = Response::builder().status(answer.status());
            *response.headers_mut().unwrap() = answer.headers().clone();
            response.body(Body::from(answer.bytes().await.unwrap())).unwrap()
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(forward)).await });
    address
}

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
    let count = Arc::new(AtomicUsize::new(0));
    let mut bucket = world.store.config.clone();
    bucket.endpoint = Some(counting(bucket.endpoint.unwrap(), count.clone()).await);
    let service = Service::new(Config { bucket, ..world.service.config.clone() }, secrets()).await;
    let (router, token) = (clipset_api::router(service), world.token("admin", Role::Admin));
    world.service.migrations.start(false).await.unwrap();
    let first = ask(&router, &token).await;
    assert!(count.load(Ordering::SeqCst) <= 2, "{count:?} requests");
    let keys: Vec<_> = first.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, ["completed", "current_video", "errors", "is_running", "total"]);
    assert_eq!((&first["is_running"], &first["total"], &first["completed"]), (&true.into(), &2000.into(), &0.into()));
    let before = count.load(Ordering::SeqCst);
    ask(&router, &token).await;
    assert_eq!(count.load(Ordering::SeqCst), before + 1, "the account is known by now");
}
