//! The hot functions as processes under Lambda's runtime API: what they log, and who may ask.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fs::File;

use clipset_core::{account::Role, key::MediaKey};
use clipset_tests::{
    lambda::Lambda,
    stack::{SECRET_KEY, SIGNING_SECRET, program},
    world::World,
};
use serde_json::Value;

const ORIGIN: &str = "what CloudFront shows, at least 32 characters";

#[tokio::test]
async fn logs_are_json_with_the_requests_id_and_a_line_of_metrics() {
    let world = World::new(43_200).await;
    let (video, damaged) = (world.published("Clip", &[], 3).await, world.published("Damaged", &[], 1).await);
    let encode = damaged.publication.as_ref().unwrap().hls.as_ref().unwrap().encode;
    world.service.bucket.put_bytes(&MediaKey::Master(encode), "#EXTM3U\n../../elsewhere.ts\n").await.unwrap();

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let log = File::options().append(true).create(true).open(&path).unwrap();
    let env = [("ORIGIN_SECRET", ORIGIN), ("METRICS_NAMESPACE", "Clipset/test")];
    let token = world.token("bob", Role::User);
    let bearer = format!("Bearer {token}");
    let shown = [("x-clipset-origin", ORIGIN), ("authorization", bearer.as_str())];

    let mut info = Lambda::start(&program("clipset-stream-info"), &world, &env, Some(&log)).await;
    let path_of = |id, what: &str| format!("/api/videos/{id}/{what}");
    let (status, body) = info.get("info-1", &path_of(&video.short_id, "stream-info"), &shown).await;
    assert_eq!(status, 200, "{body}");
    // By the gateway's own address.
    assert_eq!(info.get("info-2", &path_of(&video.short_id, "stream-info"), &shown[1..]).await.0, 403);

    let mut manifest = Lambda::start(&program("clipset-sign-manifest"), &world, &env, Some(&log)).await;
    let master = format!("{}?token={token}", path_of(&video.short_id, "hls/master.m3u8"));
    let (status, body) = manifest.get("manifest-1", &master, &shown[..1]).await;
    assert!(status == 200 && body.matches("md5=").count() == 3, "{body}");
    assert_eq!(manifest.get("manifest-2", &path_of(&damaged.short_id, "hls/master.m3u8"), &shown).await.0, 500);

    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let metrics: Vec<_> = lines.iter().filter(|line| line["_aws"].is_object()).collect();
    let told: Vec<_> = metrics.iter().map(|line| (line["request_id"].as_str().unwrap(), &line["status"])).collect();
    assert_eq!(
        told,
        [("info-1", &200.into()), ("info-2", &403.into()), ("manifest-1", &200.into()), ("manifest-2", &500.into())]
    );
    for line in metrics {
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!((&directive["Namespace"], &line["Function"]), (&"Clipset/test".into(), &"f".into()));
        for metric in directive["Metrics"].as_array().unwrap() {
            assert!(line[metric["Name"].as_str().unwrap()].is_number(), "{line}");
        }
    }
    let error = lines.iter().find(|line| line["level"] == "ERROR").unwrap();
    assert_eq!(
        (&error["message"], &error["span"]["requestId"]),
        (&"a stored playlist cannot be signed".into(), &"manifest-2".into())
    );
    for secret in [token.as_str(), "md5=", ORIGIN, SECRET_KEY, SIGNING_SECRET] {
        assert!(!text.contains(secret), "{secret}");
    }
}
