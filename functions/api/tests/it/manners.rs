//! How every answer behaves: unknown addresses, wrong methods, sizes, caches, and an absent bucket.

use clipset_core::account::Role;
use http::Method;
use serde_json::json;

use crate::app::TestApp;

#[tokio::test]
async fn unknown_addresses_are_problems() {
    let app = TestApp::start().await;
    for path in ["/api", "/api/nothing", "/api/videos/short", "/api/config/nothing", "/nothing"] {
        app.get(path).bearer(&app.root()).await.expect(404);
    }
}

#[tokio::test]
async fn wrong_methods_are_problems_that_name_the_right_ones() {
    let app = TestApp::start().await;
    for (method, path, allowed) in [
        (Method::DELETE, "/api/videos", "GET,HEAD"),
        (Method::GET, "/api/auth/login", "POST"),
        (Method::GET, "/api/config/hls-migration", "POST"),
        (Method::PUT, "/api/config", "GET,HEAD,PATCH"),
    ] {
        let answer = app.ask(method, path).await.expect(405);
        assert_eq!(answer.header("allow"), Some(allowed), "{path}");
    }
}

#[tokio::test]
async fn bodies_have_a_bound_which_a_list_of_ten_thousand_parts_does_not_reach() {
    let app = TestApp::start().await;
    let padding = "x".repeat(1_000_000);
    let body = json!({"username": "ada", "password": padding});
    app.post("/api/auth/login").json(body).await.expect(413);
    let part = |number| json!({"PartNumber": number, "ETag": "0123456789abcdef0123456789abcdef"});
    let parts: Vec<_> = (1..=10_000).map(part).collect();
    let upload = app
        .post("/api/s3/multipart")
        .bearer(&app.ada())
        .json(json!({"filename": "x.mp4", "metadata": {"size": 1}}))
        .await
        .expect(200);
    let (id, key) = (upload.json()["uploadId"].clone(), upload.json()["key"].clone());
    let path = format!("/api/s3/multipart/{}/complete?key={}", id.as_str().unwrap(), key.as_str().unwrap());
    app.post(&path).bearer(&app.ada()).json(json!({"parts": parts})).await.expect(422);
}

#[tokio::test]
async fn a_body_to_the_byte_of_the_limit_is_taken_and_one_more_is_not() {
    let app = TestApp::start().await;
    let login = |length: usize| {
        let empty = json!({"username": "ada", "password": ""}).to_string().len();
        app.post("/api/auth/login").json(json!({"username": "ada", "password": "x".repeat(length - empty)}))
    };
    assert_ne!(login(clipset_api::BODY_LIMIT).await.status, 413);
    login(clipset_api::BODY_LIMIT + 1).await.expect(413);
}

#[tokio::test]
async fn no_answer_is_taken_for_another_type_than_it_says() {
    let app = TestApp::start().await;
    let video = app.completed().await;
    let id = &video.short_id;
    for (method, path, status) in [
        (Method::GET, "/healthz".to_owned(), 200),
        (Method::GET, format!("/api/videos/{id}"), 200),
        (Method::GET, format!("/api/videos/{id}/poster"), 307),
        (Method::DELETE, format!("/api/videos/{id}/shares/{id}0123456789012345678901"), 404),
        (Method::GET, "/nothing".to_owned(), 404),
        (Method::PUT, "/api/config".to_owned(), 405),
        (Method::POST, "/api/auth/login".to_owned(), 400),
        (Method::GET, format!("/s/{id}0123456789012345678901"), 404),
        (Method::DELETE, format!("/api/videos/{id}"), 204),
    ] {
        let answer = app.ask(method, &path).bearer(&app.ada()).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");
    }
    assert_eq!(app.get("/api/videos").await.expect(401).header("x-content-type-options"), Some("nosniff"));
}

#[tokio::test]
async fn answers_are_for_whoever_asked() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::User).await;
    let list = app.get("/api/videos").bearer(&app.ada()).await.expect(200);
    // It holds playback tokens.
    assert_eq!(list.header("cache-control"), Some("no-store"));
    let me = app.get("/api/auth/me").bearer(&app.ada()).await.expect(200);
    assert_eq!(me.header("cache-control"), Some("private, no-cache"));
    assert_eq!(app.log_in("ada").await.header("cache-control"), Some("no-store"));
    assert_eq!(app.get("/api/videos").await.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn it_is_healthy_while_the_bucket_answers() {
    let app = TestApp::start().await;
    assert_eq!(app.get("/healthz").await.expect(200).json(), json!({"status": "ok"}));
    let mut config = app.service.config.clone();
    config.bucket.endpoint = Some("http://127.0.0.1:9".into());
    let service = clipset_service::Service::new(config, crate::app::secrets()).await;
    let cut_off = TestApp { router: clipset_api::router(service.clone()), service, ..app };
    let answer = cut_off.get("/healthz").await.expect(503);
    assert!(answer.header("retry-after").is_some());
    assert!(!answer.body.contains("127.0.0.1"));
    let answer = cut_off.get("/api/videos").bearer(&cut_off.ada()).await.expect(503);
    assert!(answer.header("retry-after").is_some());
}
