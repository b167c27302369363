//! In the cloud only CloudFront may ask: it alone knows the header that opens the functions.

use axum::{Router, body::Body};
use clipset_service::{Secrets, on_lambda};
use clipset_tests::world::{World, secrets};
use http::Request;
use http_body_util::BodyExt;
use tower::ServiceExt;

const NEW: &str = "the new secret of the origin, which is long enough";
const OLD: &str = "the old secret of the origin, which is long enough";

#[tokio::test]
async fn whoever_does_not_show_the_origins_secret_is_refused_at_every_route() {
    let world = World::new(43_200).await;
    world.service.change_secrets(Secrets { origin: vec![NEW.into(), OLD.into()], ..secrets() });
    for (routes, path) in [
        (clipset_stream_info::router(world.service.clone()), "/api/videos/nosuchclip/stream-info"),
        (clipset_sign_manifest::router(world.service.clone()), "/api/videos/nosuchclip/hls/master.m3u8"),
        (clipset_stream_info::router(world.service.clone()), "/api/nothing"),
        (clipset_api::router(world.service.clone()), "/api/videos"),
        (clipset_api::router(world.service.clone()), "/api/nothing"),
        (clipset_api::router(world.service.clone()), "/healthz"),
    ] {
        let router = on_lambda(routes, world.service.clone(), None);
        let guess = NEW.replace("new", "bad");
        for refused in [None, Some(""), Some(guess.as_str()), Some(&NEW[1..])] {
            let (status, body) = ask(&router, path, refused).await;
            assert!(status == 403 && body.contains("CloudFront alone"), "{path} {refused:?}: {status} {body}");
        }
        for shown in [NEW, OLD] {
            let (status, body) = ask(&router, path, Some(shown)).await;
            assert!(status != 403, "{path}: {body}");
        }
    }
    // Where nothing but the edge reaches the functions, there is no such secret.
    world.service.change_secrets(secrets());
    let router = on_lambda(clipset_api::router(world.service.clone()), world.service.clone(), None);
    assert_eq!(ask(&router, "/healthz", None).await.0, 200);
}

async fn ask(router: &Router, path: &str, shown: Option<&str>) -> (u16, String) {
    let request = Request::get(path);
    let request = match shown {
        Some(shown) => request.header("x-clipset-origin", shown),
        None => request,
    };
    let answer = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff", "{path}");
    let status = answer.status().as_u16();
    (status, String::from_utf8_lossy(&answer.into_body().collect().await.unwrap().to_bytes()).into_owned())
}
