use axum::{Router, body::Body};
use clipset_core::account::Role;
use clipset_fuzz::{cases, mutated};
use clipset_tests::world::World;
use http::{Method, Request, header};
use proptest::{
    strategy::{Strategy as _, ValueTree as _},
    test_runner::TestRunner,
};
use tower::ServiceExt as _;

/// A good body for each route that takes one. `{id}` is a clip.
const ROUTES: [(&str, &str, &str); 13] = [
    ("POST", "/api/s3/multipart", r#"{"filename":"a.mp4","type":"video/mp4","metadata":{"title":"A","size":"1000"}}"#),
    ("POST", "/api/s3/multipart/u/complete?key=originals/x", r#"{"parts":[{"PartNumber":1,"ETag":"\"00\""}]}"#),
    ("POST", "/api/s3/multipart/u/batch?key=originals/x", r#"{"partNumbers":[1,2,10000]}"#),
    (
        "PATCH",
        "/api/config",
        r#"{"cpu_crf":23,"video_output_format":"hls","nvenc_max_bitrate":"8M","keep_originals":true}"#,
    ),
    ("PATCH", "/api/videos/{id}", r#"{"title":"B","description":"C","visibility":"private","expire_after_days":30}"#),
    ("POST", "/api/videos/{id}/shares", r#"{"expires_in":3600,"password":"open sesame"}"#),
    ("POST", "/api/shares/{id}0000000000000000000000/open", r#"{"password":"x"}"#),
    ("POST", "/api/invitations", r#"{"email":"a@example.org","role":"user"}"#),
    ("POST", "/api/auth/register", r#"{"invitation":"i","username":"bea","password":"correct horse battery"}"#),
    ("PATCH", "/api/users/ada", r#"{"role":"user","disabled":false,"password_reset":true}"#),
    ("POST", "/api/users/ada/clips/transfer", r#"{"to":"bea"}"#),
    ("POST", "/api/auth/refresh", ""),
    ("POST", "/api/config/hls-migration", ""),
];

#[tokio::test(flavor = "multi_thread")]
async fn no_body_makes_the_api_fail() {
    let world = World::new(43_200).await;
    let clip = world.published("Clip", &[], 2).await.short_id;
    let token = world.token("admin", Role::Admin);
    let router = clipset_api::router(world.service.clone());
    let mut runner = TestRunner::new(cases(60));
    let bodies: Vec<_> = ROUTES.iter().map(|(_, _, body)| mutated(vec![body.as_bytes().to_vec()])).collect();
    for case in 0..runner.config().cases as usize {
        let (method, path, _) = ROUTES[case % ROUTES.len()];
        let body = bodies[case % ROUTES.len()].new_tree(&mut runner).unwrap().current();
        let path = path.replace("{id}", clip.as_str());
        let status = send(&router, method, &path, &token, body.clone()).await;
        assert!(status < 500, "{method} {path}: {status} to {}", String::from_utf8_lossy(&body));
    }
}

async fn send(router: &Router, method: &str, path: &str, token: &str, body: Vec<u8>) -> u16 {
    let request = Request::builder().method(Method::from_bytes(method.as_bytes()).unwrap()).uri(path);
    let request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
    let request = request.header(header::CONTENT_TYPE, "application/json").body(Body::from(body)).unwrap();
    router.clone().oneshot(request).await.unwrap().status().as_u16()
}
