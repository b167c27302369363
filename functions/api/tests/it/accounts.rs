//! Signing in, staying signed in, signing out, and one's own password.

use std::time::Duration;

use clipset_core::{
    Timestamp,
    account::{Account, Role, Session},
    key::DocumentKey,
    video::Visibility,
};
use futures_util::future::join_all;
use http::StatusCode;
use serde_json::{Value, json};

use crate::app::{Answer, PASSWORD, PUBLIC_URL, TestApp, complete};

async fn refresh(app: &TestApp, cookie: &str) -> Answer {
    app.post("/api/auth/refresh").header("cookie", cookie).header("origin", PUBLIC_URL).await
}

/// The key of the session that a cookie belongs to.
fn session_key(cookie: &str) -> DocumentKey {
    let value = cookie.split_once('=').unwrap().1;
    let mut parts = value.split('~');
    DocumentKey::Session(format!("{}/{}", parts.next().unwrap(), parts.next().unwrap()))
}

async fn change_session(app: &TestApp, cookie: &str, change: impl Fn(&mut Session)) {
    let change = |session: &mut Session| {
        change(session);
        Ok::<_, std::convert::Infallible>(())
    };
    app.service.bucket.update(&session_key(cookie), change).await.unwrap();
}

async fn me(app: &TestApp, token: &str) -> StatusCode {
    app.get("/api/auth/me").bearer(token).await.status
}

#[tokio::test]
async fn signing_in_gives_a_token_and_a_cookie_that_no_script_sees() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::Admin).await;
    let answer = app.log_in("Ada").await;
    assert_eq!((&answer.json()["token_type"], &answer.json()["expires_in"]), (&json!("bearer"), &json!(3600)));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("clipset_refresh_8080=ada~"), "{cookie}");
    for attribute in ["HttpOnly", "SameSite=Strict", "Path=/api", "Max-Age=2592000"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains("Secure"), "{cookie}");
    let me = app.get("/api/auth/me").bearer(&answer.access_token()).await.expect(200);
    assert_eq!(me.json(), json!({"username": "ada", "role": "admin"}));
}

#[tokio::test]
async fn on_https_the_cookie_is_secure() {
    let app = TestApp::start_with(|config| config.public_url = "https://clips.test".into()).await;
    app.add_user("ada", Role::User).await;
    let answer = app.log_in("ada").await;
    let cookie = answer.header("set-cookie").unwrap();
    assert!(cookie.starts_with("clipset_refresh_443=") && cookie.contains("Secure"), "{cookie}");
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_name_look_the_same() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::User).await;
    let mut bodies = Vec::new();
    for (name, password) in [("ada", "wrong horse"), ("nobody", PASSWORD), ("../etc", PASSWORD), ("ada", "")] {
        let answer = app.try_log_in(name, password).await.expect(401);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        assert!(answer.header("set-cookie").is_none());
        bodies.push(answer.body);
    }
    assert!(bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
}

#[tokio::test]
async fn what_is_not_a_sign_in_is_refused_by_its_kind() {
    let app = TestApp::start().await;
    app.post("/api/auth/login").body("{not json").await.expect(400);
    app.post("/api/auth/login").body("").await.expect(400);
    app.post("/api/auth/login").json(json!({"username": "ada"})).await.expect(422);
    app.post("/api/auth/login").json(json!([1])).await.expect(422);
    let ask = || app.post("/api/auth/login").json(json!({"username": "ada", "password": PASSWORD}));
    ask().header("origin", "https://evil.example").await.expect(403);
    app.get("/api/auth/me").await.expect(401);
    app.get("/api/auth/me").bearer("nonsense").await.expect(401);
    app.get("/api/auth/me").header("authorization", "Basic YTpi").await.expect(401);
}

#[tokio::test]
async fn twenty_sign_ins_at_once_all_succeed() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::User).await;
    for answer in join_all((0..20).map(|_| app.try_log_in("ada", PASSWORD))).await {
        answer.expect(200);
    }
}

#[tokio::test]
async fn a_refresh_gives_a_new_pair() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::User).await;
    let first = app.log_in("ada").await.cookie();
    let answer = refresh(&app, &first).await.expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(me(&app, &answer.access_token()).await, 200);
    let second = answer.cookie();
    assert_ne!(first, second);
    let third = refresh(&app.restarted().await, &second).await.expect(200).cookie();
    assert_ne!(second, third);
}

#[tokio::test]
async fn tabs_that_refresh_at_once_end_with_the_same_cookie() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::User).await;
    let cookie = app.log_in("ada").await.cookie();
    let answers = join_all((0..10).map(|_| refresh(&app, &cookie))).await;
    let cookies: Vec<_> = answers.into_iter().map(|answer| answer.expect(200).cookie()).collect();
    assert!(cookies.iter().all(|next| *next == cookies[0] && *next != cookie), "{cookies:?}");
    refresh(&app, &cookies[0]).await.expect(200);
}

#[tokio::test]
async fn a_refresh_brings_the_stream_info_of_a_clip_that_the_member_may_watch() {
    let app = TestApp::start().await;
    app.add_user("bob", Role::User).await;
    let shared = app.completed().await;
    let hidden = app.video("ada", |video| {
        complete(video);
        video.visibility = Visibility::Private;
    });
    let (hidden, mut cookie) = (hidden.await, app.log_in("bob").await.cookie());
    for (video, expected) in
        [(shared.short_id.as_str(), json!(true)), (hidden.short_id.as_str(), Value::Null), ("..", Value::Null)]
    {
        let path = format!("/api/auth/refresh?video={video}");
        let answer = app.post(&path).header("cookie", &cookie).header("origin", PUBLIC_URL).await.expect(200);
        assert_eq!(answer.json()["stream_info"]["ready"], expected, "{video}");
        assert_eq!(me(&app, &answer.access_token()).await, 200);
        cookie = answer.cookie();
    }
}

#[tokio::test]
async fn an_old_token_used_again_ends_the_session() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::User).await;
    let stolen = app.log_in("ada").await.cookie();
    let present = refresh(&app, &stolen).await.expect(200).cookie();
    change_session(&app, &present, |session| session.rotated_at -= Duration::from_secs(31)).await;
    let answer = refresh(&app, &stolen).await.expect(401);
    assert!(answer.header("set-cookie").unwrap().contains("Max-Age=0"));
    refresh(&app, &present).await.expect(401);
}

#[tokio::test]
async fn a_session_ends_after_thirty_days_without_use() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::User).await;
    let cookie = app.log_in("ada").await.cookie();
    change_session(&app, &cookie, |session| session.expires_at = Timestamp::now()).await;
    refresh(&app, &cookie).await.expect(401);
}

#[tokio::test]
async fn a_refresh_needs_the_cookie_and_a_page_of_ours() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::User).await;
    let cookie = app.log_in("ada").await.cookie();
    app.post("/api/auth/refresh").await.expect(401);
    for bad in ["clipset_refresh_8080=x", "clipset_refresh_8080=ada~y~z", "clipset_refresh_9090=ada~y~z"] {
        app.post("/api/auth/refresh").header("cookie", bad).await.expect(401);
    }
    for path in ["/api/auth/refresh", "/api/auth/logout"] {
        let asked = app.post(path).header("cookie", &cookie).header("origin", "https://evil.example");
        asked.await.expect(403);
        app.post(path).header("cookie", &cookie).header("sec-fetch-site", "cross-site").await.expect(403);
    }
    let others = format!("theme=dark; {cookie}; x=y");
    app.post("/api/auth/refresh").header("cookie", &others).await.expect(200);
}

#[tokio::test]
async fn signing_out_ends_this_device_alone() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::User).await;
    let (here, there) = (app.log_in("ada").await.cookie(), app.log_in("ada").await.cookie());
    let answer = app.post("/api/auth/logout").header("cookie", &here).await.expect(204);
    assert!(answer.header("set-cookie").unwrap().contains("Max-Age=0"));
    refresh(&app, &here).await.expect(401);
    refresh(&app, &there).await.expect(200);
    app.post("/api/auth/logout").await.expect(204);
}

#[tokio::test]
async fn a_new_password_ends_every_other_device_at_once() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::User).await;
    let (here, there) = (app.log_in("ada").await, app.log_in("ada").await);
    let change = json!({"current_password": PASSWORD, "new_password": "battery staple"});
    let answer = app.post("/api/auth/password").bearer(&here.access_token()).json(&change).await.expect(200);
    assert_eq!(me(&app, &answer.access_token()).await, 200);
    refresh(&app, &answer.cookie()).await.expect(200);
    for old in [&here, &there] {
        assert_eq!(me(&app, &old.access_token()).await, 401);
        refresh(&app, &old.cookie()).await.expect(401);
    }
    app.try_log_in("ada", PASSWORD).await.expect(401);
    let again = app.try_log_in("ada", "battery staple").await.expect(200);
    assert_eq!(me(&app, &again.access_token()).await, 200);
}

#[tokio::test]
async fn a_new_password_needs_the_present_one_and_a_good_new_one() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::User).await;
    let token = app.log_in("ada").await.access_token();
    let change = |current: &str, new: &str| json!({"current_password": current, "new_password": new});
    let ask = |body| app.post("/api/auth/password").bearer(&token).json(body);
    ask(change("wrong horse", "battery staple")).await.expect(403);
    ask(change(PASSWORD, "short")).await.expect(422);
    ask(change(PASSWORD, &"x".repeat(257))).await.expect(422);
    ask(json!({"new_password": "battery staple"})).await.expect(422);
    app.post("/api/auth/password").json(change(PASSWORD, "battery staple")).await.expect(401);
    app.post("/api/auth/password").bearer(&app.bob()).json(change(PASSWORD, "battery staple")).await.expect(409);
    assert_eq!(me(&app, &token).await, 200);
}

#[tokio::test]
async fn guessing_the_present_password_is_slowed_too() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::User).await;
    let token = app.log_in("ada").await.access_token();
    let guess = json!({"current_password": "wrong horse", "new_password": "battery staple"});
    for _ in 0..5 {
        app.post("/api/auth/password").bearer(&token).json(&guess).await.expect(403);
    }
    app.prolong_wait("devices/ada/token").await;
    app.post("/api/auth/password").bearer(&token).json(&guess).await.expect(429);
}

#[tokio::test]
async fn passwords_and_tokens_are_stored_hashed() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::User).await;
    let cookie = app.log_in("ada").await.cookie();
    let account = app.service.bucket.read::<Account>(&DocumentKey::Account("ada".parse().unwrap())).await.unwrap();
    assert!(account.unwrap().value.password_hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
    let session = app.service.bucket.read::<serde_json::Value>(&session_key(&cookie)).await.unwrap().unwrap();
    assert!(!session.value.to_string().contains(cookie.rsplit('~').next().unwrap()));
}
