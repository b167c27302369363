//! One line a request for CloudWatch, and no secret in it.

use std::sync::{Arc, Mutex};

use axum::{Router, body::Body};
use clipset_core::account::Role;
use clipset_service::{Metrics, on_lambda};
use clipset_tests::world::World;
use http::Request;
use serde_json::Value;
use tower::ServiceExt;

#[tokio::test]
async fn each_request_is_one_line_of_metrics_that_names_the_route_and_no_token() {
    let world = World::new(43_200).await;
    let video = world.published("Clip", &[], 3).await;
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = lines.clone();
    let metrics =
        Metrics::new("Clipset".into(), "sign-manifest".into(), move |line| kept.lock().unwrap().push(line.to_owned()));
    let routes: Router = clipset_sign_manifest::router(world.service.clone());
    let router = on_lambda(routes, world.service.clone(), Some(metrics));
    let token = world.token("bob", Role::User);
    for _ in 0..2 {
        let path = format!("/api/videos/{}/hls/master.m3u8?token={token}", video.short_id);
        let answer = router.clone().oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
    }
    let lines = lines.lock().unwrap().clone();
    let read: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(read.len(), 2);
    let counted = |line: &Value| (line["CacheHits"].as_f64().unwrap(), line["SignedSegments"].as_f64().unwrap());
    assert_eq!((counted(&read[0]), counted(&read[1])), ((0.0, 3.0), (1.0, 0.0)));
    assert_eq!(read[0]["route"], "/api/videos/{short_id}/hls/master.m3u8");
    assert_eq!((&read[0]["cold_start"], &read[1]["cold_start"]), (&true.into(), &false.into()));
    assert_eq!(read[0]["_aws"]["CloudWatchMetrics"][0]["Dimensions"], serde_json::json!([["Function"]]));
    for secret in [token.as_str(), "md5=", video.short_id.as_str(), clipset_tests::stack::SIGNING_SECRET] {
        assert!(!lines.concat().contains(secret), "{secret}");
    }
}
