//! A bucket that hangs: every request ends in time and says when to try again; afterwards all goes on.

use std::time::{Duration, Instant};

use clipset_tests::{client::Client, stack::Stack, wait};
use futures_util::future::join_all;
use nix::sys::signal::Signal;
use reqwest::{Method, RequestBuilder, StatusCode, header};
use serde_json::json;

use crate::{administrator, clip};

/// The contract's.
const LIMIT: Duration = Duration::from_secs(8);

fn login(client: &Client) -> RequestBuilder {
    let body = json!({"username": "admin", "password": clipset_tests::stack::PASSWORD});
    reqwest::Client::new().post(format!("{}/api/auth/login", client.url)).json(&body)
}

/// Sends all at once: each is 503 in time, with the time after which to try again.
async fn all_end_in_time(requests: Vec<(String, RequestBuilder)>) {
    let answers = requests.into_iter().map(|(name, request)| async move {
        let begun = Instant::now();
        let answer =
            request.timeout(Duration::from_secs(60)).send().await.unwrap_or_else(|error| panic!("{name}: {error}"));
        (name, begun.elapsed(), answer)
    });
    for (name, took, answer) in join_all(answers).await {
        assert!(took <= LIMIT, "{name} took {took:?}");
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE, "{name}");
        assert!(answer.headers().contains_key(header::RETRY_AFTER), "{name}");
        if name.starts_with("media") {
            assert_eq!(answer.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*", "{name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_ends_within_eight_seconds_and_afterwards_all_goes_on() {
    let stack = Stack::start().await;
    let admin = administrator(&stack).await;
    let (id, mut segments) = clip(&admin, stack.folder(), "Before").await;
    let segment = segments.pop().unwrap();
    let (doomed, _) = clip(&admin, stack.folder(), "To be deleted").await;

    let signed_in = login(&admin).send().await.unwrap();
    let session = signed_in.headers().get_all(header::SET_COOKIE).iter().map(|it| it.to_str().unwrap());
    let session: Vec<_> = session.filter_map(|cookie| cookie.split(';').next()).collect();
    let refresh = reqwest::Client::new().post(format!("{}/api/auth/refresh", admin.url));

    stack.signal("bucket", Signal::SIGSTOP);
    let video = format!("/api/videos/{id}");
    let create = json!({"filename": "clip.mp4", "type": "video/mp4", "metadata": {"title": "Half", "size": 1000}});
    let mut requests = vec![
        ("health".to_owned(), admin.request(Method::GET, "/healthz")),
        ("list".to_owned(), admin.request(Method::GET, "/api/videos")),
        ("video".to_owned(), admin.request(Method::GET, &video)),
        ("change".to_owned(), admin.request(Method::PATCH, &video).json(&json!({"title": "After"}))),
        ("delete".to_owned(), admin.request(Method::DELETE, &format!("/api/videos/{doomed}"))),
        ("stream-info".to_owned(), admin.request(Method::GET, &format!("{video}/stream-info"))),
        ("settings".to_owned(), admin.request(Method::GET, "/api/config")),
        ("change of settings".to_owned(), admin.request(Method::PATCH, "/api/config").json(&json!({"cpu_crf": 30}))),
        ("create".to_owned(), admin.request(Method::POST, "/api/s3/multipart").json(&create)),
        ("share".to_owned(), admin.request(Method::POST, &format!("{video}/shares")).json(&json!({}))),
        ("invitation".to_owned(), admin.request(Method::POST, "/api/invitations").json(&json!({}))),
        ("refresh".to_owned(), refresh.header(header::COOKIE, session.join("; "))),
        ("manifest".to_owned(), admin.request(Method::GET, &format!("{video}/hls/master.m3u8"))),
        ("users".to_owned(), admin.request(Method::GET, "/api/users")),
    ];
    // One after another for their turn, and so many for one segment.
    requests.extend((0..30).map(|number| (format!("login {number}"), login(&admin))));
    requests.extend((0..10).map(|number| (format!("media {number}"), admin.request(Method::GET, &segment))));
    all_end_in_time(requests).await;

    stack.signal("bucket", Signal::SIGCONT);
    wait::until("the bucket to answer", LIMIT, async || (admin.status("/healthz").await == 200).then_some(())).await;
    stack.admin().await;
    assert_eq!(admin.status(&segment).await, 200);
    admin.ready(&id).await;
    // Nothing is half-written: each change is there or is not, and can be made again.
    let change = admin.request(Method::PATCH, &video).json(&json!({"title": "After"})).send().await.unwrap();
    assert_eq!(change.status(), 200);
    wait::until("the deleted clip to be gone", Duration::from_secs(60), async || {
        let answer = admin.request(Method::DELETE, &format!("/api/videos/{doomed}")).send().await.ok()?;
        (answer.status() == StatusCode::NOT_FOUND).then_some(())
    })
    .await;
    clip(&admin, stack.folder(), "Afterwards").await;
}
