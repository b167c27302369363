//! Shares: made, opened, revoked, shown to chats and embedded.

use std::time::Duration;

use clipset_core::{
    Timestamp,
    account::Role,
    id::ShareId,
    key::DocumentKey,
    share::Share,
    video::{Video, Visibility},
};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::app::{Answer, PUBLIC_URL, TestApp, complete};

const EVIL: &str = "\"><script>alert('x')</script>&";

async fn share(app: &TestApp, video: &Video, wanted: Value) -> ShareId {
    let path = format!("/api/videos/{}/shares", video.short_id);
    let made = app.post(&path).bearer(&app.ada()).json(wanted).await.expect(201).json();
    made["share_id"].as_str().unwrap().parse().unwrap()
}

async fn open(app: &TestApp, id: &ShareId, key: Value) -> Answer {
    app.post(&format!("/api/shares/{id}/open")).json(key).await
}

async fn change(app: &TestApp, id: &ShareId, change: impl Fn(&mut Share)) {
    let change = |share: &mut Share| {
        change(share);
        Ok::<_, std::convert::Infallible>(())
    };
    app.service.bucket.update(&DocumentKey::Share(id.clone()), change).await.unwrap();
}

async fn private(app: &TestApp, title: &str) -> Video {
    let video = app.video("ada", |video| {
        complete(video);
        video.title = title.into();
        video.visibility = Visibility::Private;
        video.description = "For the circle".into();
    });
    video.await
}

fn now() -> u64 {
    Timestamp::now().as_second() as u64
}

#[tokio::test]
async fn a_stranger_opens_a_share_and_watches_that_video_alone() {
    let app = TestApp::start().await;
    let (video, other) = (private(&app, "The lake").await, app.completed().await);
    let path = format!("/api/videos/{}/shares", video.short_id);
    let made = app.post(&path).bearer(&app.ada()).await.expect(201).json();
    let id = made["share_id"].as_str().unwrap();
    assert_eq!((&made["url"], &made["expires_at"]), (&json!(format!("{PUBLIC_URL}/s/{id}")), &Value::Null));
    let opened = app.post(&format!("/api/shares/{id}/open")).await.expect(200);
    assert_eq!(opened.header("cache-control"), Some("no-store"));
    let opened = opened.json();
    let expected = json!({
        "short_id": video.short_id, "title": "The lake", "duration_seconds": 12.5, "width": 1920, "height": 1080,
        "format": "hls", "processing_status": "completed", "progress": 1.0, "has_poster": true, "has_storyboard": false,
    });
    assert_eq!(opened["video"], expected);
    let token = opened["token"].as_str().unwrap();
    app.get(&format!("/api/videos/{}/stream?token={token}", video.short_id)).await.expect(307);
    app.get(&format!("/api/videos/{}/poster?token={token}", video.short_id)).await.expect(307);
    app.get(&format!("/api/videos/{}/stream?token={token}", other.short_id)).await.expect(404);
    app.get(&format!("/api/videos/{}/original?token={token}", video.short_id)).await.expect(403);
    for path in [format!("/api/videos/{}", video.short_id), "/api/videos".into(), "/api/auth/me".into()] {
        app.get(&path).bearer(token).await.expect(401);
    }
}

#[tokio::test]
async fn nothing_that_a_share_gives_outlives_it() {
    let app = TestApp::start().await;
    let video = private(&app, "The lake").await;
    let id = share(&app, &video, json!({"expires_in": 60})).await;
    let opened = open(&app, &id, json!({})).await.expect(200).json();
    let expires = opened["expires"].as_u64().unwrap();
    assert!((now() + 55..=now() + 60).contains(&expires), "{expires}");
    let token = opened["token"].as_str().unwrap();
    let answer = app.get(&format!("/api/videos/{}/stream?token={token}", video.short_id)).await.expect(307);
    assert!(answer.header("location").unwrap().ends_with(&format!("&expires={expires}")));
    let kept = answer.header("cache-control").unwrap().strip_prefix("private, max-age=").unwrap();
    assert!(kept.parse::<u64>().unwrap() <= 15);
    change(&app, &id, |share| share.expires_at = Some(Timestamp::now())).await;
    open(&app, &id, json!({})).await.expect(404);
    app.get(&format!("/api/videos/{}/stream?token={token}", video.short_id)).await.expect(401);
    assert_eq!(app.get(&format!("/s/{id}")).await.status, 404);
    let listed = app.get(&format!("/api/videos/{}/shares", video.short_id)).bearer(&app.ada()).await.expect(200);
    assert_eq!(listed.json(), json!({"shares": []}));
}

#[tokio::test]
async fn a_revoked_share_stops_at_once() {
    let app = TestApp::start().await;
    let video = private(&app, "The lake").await;
    let (id, kept) = (share(&app, &video, json!({})).await, share(&app, &video, json!({"password": "open"})).await);
    let token = open(&app, &id, json!({})).await.expect(200).json()["token"].as_str().unwrap().to_owned();
    let shares = format!("/api/videos/{}/shares", video.short_id);
    let listed = app.get(&shares).bearer(&app.root()).await.expect(200);
    assert!(!listed.body.contains("argon2"));
    let listed = listed.json()["shares"].as_array().unwrap().clone();
    assert_eq!(
        listed.iter().map(|share| share["has_password"].clone()).collect::<Vec<_>>(),
        [json!(true), json!(false)]
    );
    app.delete(&format!("{shares}/{id}")).bearer(&app.bob()).await.expect(404);
    app.delete(&format!("{shares}/{id}")).bearer(&app.ada()).await.expect(204);
    app.delete(&format!("{shares}/{id}")).bearer(&app.ada()).await.expect(404);
    open(&app, &id, json!({})).await.expect(404);
    app.get(&format!("/api/videos/{}/stream?token={token}", video.short_id)).await.expect(401);
    open(&app, &kept, json!({"password": "open"})).await.expect(200);
    let other = app.completed().await;
    app.delete(&format!("/api/videos/{}/shares/{kept}", other.short_id)).bearer(&app.ada()).await.expect(404);
}

#[tokio::test]
async fn a_deleted_video_is_not_shared_any_more() {
    let app = TestApp::start().await;
    let video = private(&app, "The lake").await;
    let id = share(&app, &video, json!({})).await;
    app.delete(&format!("/api/videos/{}", video.short_id)).bearer(&app.ada()).await.expect(204);
    open(&app, &id, json!({})).await.expect(404);
    assert_eq!(app.get(&format!("/s/{id}")).await.status, 404);
    app.get(&format!("/api/shares/{id}/poster")).await.expect(404);
}

#[tokio::test]
async fn a_share_asks_for_its_password_and_slows_guessing() {
    let app = TestApp::start().await;
    let video = private(&app, "The lake").await;
    let id = share(&app, &video, json!({"password": "open sesame"})).await;
    for key in [json!({}), json!({"password": null})] {
        let asked = open(&app, &id, key).await.expect(403).json();
        assert_eq!(asked["password_required"], true);
    }
    for _ in 0..4 {
        open(&app, &id, json!({"password": "guess"})).await.expect(403);
    }
    open(&app, &id, json!({"password": "open sesame"})).await.expect(200);
    for _ in 0..5 {
        open(&app, &id, json!({"password": "guess"})).await.expect(403);
    }
    let keys = app.service.bucket.keys("accounts/attempts/pairs/shares/").await.unwrap();
    assert!(keys.len() == 1 && !keys[0].contains(id.as_str()), "who reads a log opens no share: {keys:?}");
    let pair = keys[0].strip_prefix("accounts/attempts/").unwrap().strip_suffix(".json").unwrap();
    app.prolong_wait(pair).await;
    let app = app.restarted().await;
    let answer = open(&app, &id, json!({"password": "open sesame"})).await.expect(429);
    assert!(answer.header("retry-after").is_some());
}

/// What opens with this cookie alone.
async fn reopen(app: &TestApp, id: &ShareId, cookie: &str) -> Answer {
    app.post(&format!("/api/shares/{id}/open")).header("cookie", cookie).await
}

#[tokio::test]
async fn a_browser_that_gave_the_password_is_not_asked_again_while_the_share_lasts() {
    let app = TestApp::start().await;
    let video = private(&app, "The lake").await;
    let id = share(&app, &video, json!({"password": "open sesame", "expires_in": 3600})).await;
    let opened = open(&app, &id, json!({"password": "open sesame"})).await.expect(200);
    let attributes = opened.header("set-cookie").unwrap();
    for attribute in [format!("Path=/api/shares/{id};"), "HttpOnly".into(), "SameSite=Lax".into()] {
        assert!(attributes.contains(&attribute), "{attribute}: {attributes}");
    }
    let cookie = opened.cookie();
    let again = reopen(&app, &id, &cookie).await.expect(200);
    assert_eq!(again.header("set-cookie"), None, "it ends when it was to end");
    // However many others guess, and whichever process answers.
    for _ in 0..8 {
        open(&app, &id, json!({"password": "a guess"})).await;
    }
    open(&app, &id, json!({"password": "open sesame"})).await.expect(429);
    reopen(&app.restarted().await, &id, &cookie).await.expect(200);
    // Not for a page of another site.
    let elsewhere = app.post(&format!("/api/shares/{id}/open")).header("cookie", &cookie);
    elsewhere.header("origin", "https://evil.example").header("sec-fetch-site", "cross-site").await.expect(403);

    let other = share(&app, &video, json!({"password": "open sesame"})).await;
    reopen(&app, &other, &cookie).await.expect(403);
    let (name, value) = cookie.split_once('=').unwrap();
    let (ends, code) = value.split_once('~').unwrap();
    let longer = ends.parse::<i64>().unwrap() + 1;
    for forged in [format!("{longer}~{code}"), format!("{ends}~"), format!("{ends}~{}", &code[1..]), code.into()] {
        reopen(&app, &id, &format!("{name}={forged}")).await.expect(403);
    }
    change(&app, &id, |share| share.password_hash = Some("of another password".into())).await;
    reopen(&app, &id, &cookie).await.expect(403);
}

#[tokio::test]
async fn a_session_ends_with_its_share() {
    let app = TestApp::start().await;
    let video = private(&app, "The lake").await;
    for end in ["revoked", "run out"] {
        let id = share(&app, &video, json!({"password": "open sesame"})).await;
        let cookie = open(&app, &id, json!({"password": "open sesame"})).await.expect(200).cookie();
        reopen(&app, &id, &cookie).await.expect(200);
        if end == "revoked" {
            app.delete(&format!("/api/videos/{}/shares/{id}", video.short_id)).bearer(&app.ada()).await.expect(204);
        } else {
            change(&app, &id, |share| share.expires_at = Some(Timestamp::now())).await;
        }
        reopen(&app, &id, &cookie).await.expect(404);
    }
    // A share without a password needs none.
    let id = share(&app, &video, json!({})).await;
    assert_eq!(open(&app, &id, json!({})).await.expect(200).header("set-cookie"), None);
}

#[tokio::test]
async fn by_tls_the_session_also_counts_in_a_frame_of_another_site() {
    let app = TestApp::start_with(|config| config.public_url = "https://clips.test".into()).await;
    let video = private(&app, "The lake").await;
    let id = share(&app, &video, json!({"password": "open sesame"})).await;
    let opened = open(&app, &id, json!({"password": "open sesame"})).await.expect(200);
    let attributes = opened.header("set-cookie").unwrap();
    for attribute in ["HttpOnly", "Secure", "SameSite=None", "Partitioned"] {
        assert!(attributes.contains(attribute), "{attribute}: {attributes}");
    }
}

#[tokio::test]
async fn shares_of_a_disabled_owner_stop_and_go_on_when_the_owner_does() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::User).await;
    app.add_user("eve", Role::Admin).await;
    app.add_user("root", Role::Admin).await;
    let video = private(&app, "The lake").await;
    let ada = app.log_in("ada").await.access_token();
    let eve = app.log_in("eve").await.access_token();
    let path = format!("/api/videos/{}/shares", video.short_id);
    let mut ids = Vec::new();
    for by in [&ada, &eve] {
        let made = app.post(&path).bearer(by).json(json!({"password": "open"})).await.expect(201).json();
        ids.push(made["share_id"].as_str().unwrap().parse::<ShareId>().unwrap());
    }
    let set = async |name: &str, disabled: bool| {
        let path = format!("/api/users/{name}");
        app.patch(&path).bearer(&app.root()).json(json!({"disabled": disabled})).await.expect(200);
    };
    let key = || json!({"password": "open"});
    let mut held = Vec::new();
    for id in &ids {
        let opened = open(&app, id, key()).await.expect(200);
        held.push((opened.json()["token"].as_str().unwrap().to_owned(), opened.cookie()));
    }
    // The clip is ada's: with her both stop. With eve, who made the second, that one alone.
    for (disabled, stopped) in [("ada", [true, true]), ("eve", [false, true])] {
        set(disabled, true).await;
        for ((id, (token, cookie)), stopped) in ids.iter().zip(&held).zip(stopped) {
            let (gone, refused) = if stopped { (404, 401) } else { (200, 307) };
            assert_eq!(open(&app, id, key()).await.status, gone);
            assert_eq!(reopen(&app, id, cookie).await.status, gone);
            assert_eq!(app.get(&format!("/s/{id}")).await.status, gone);
            assert_eq!(app.get(&format!("/embed/{id}")).await.status, gone);
            assert_eq!(app.get(&format!("/api/oembed?url={PUBLIC_URL}/s/{id}")).await.status, gone);
            assert_eq!(app.get(&format!("/api/videos/{}/stream?token={token}", video.short_id)).await.status, refused);
        }
        set(disabled, false).await;
        for (id, (token, cookie)) in ids.iter().zip(&held) {
            reopen(&app, id, cookie).await.expect(200);
            app.get(&format!("/api/videos/{}/stream?token={token}", video.short_id)).await.expect(307);
        }
    }
}

#[tokio::test]
async fn one_stranger_who_guesses_a_shares_password_keeps_no_other_guest_out() {
    let app = TestApp::start().await;
    let video = private(&app, "The lake").await;
    let id = share(&app, &video, json!({"password": "open sesame"})).await;
    let from = |address: &str, password: &str| {
        let path = format!("/api/shares/{id}/open");
        app.post(&path).header("x-forwarded-for", address).json(json!({"password": password}))
    };
    for _ in 0..5 {
        from("192.0.2.66", "guess").await.expect(403);
    }
    from("192.0.2.7", "open sesame").await.expect(200);
    // Many strangers together are slowed, and whoever comes between them waits half a minute at most.
    let keys = app.service.bucket.keys("accounts/attempts/strangers/shares/").await.unwrap();
    let all = keys[0].strip_prefix("accounts/attempts/").unwrap().strip_suffix(".json").unwrap();
    app.put_failures(all, 100).await;
    let answer = from("192.0.2.8", "guess").await.expect(429);
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=30).contains(&seconds), "{seconds}");
}

#[tokio::test]
async fn many_guesses_at_once_are_no_way_around() {
    let app = TestApp::start().await;
    let video = private(&app, "The lake").await;
    let id = share(&app, &video, json!({"password": "open sesame"})).await;
    let guesses = join_all((0..15).map(|_| open(&app, &id, json!({"password": "guess"})))).await;
    let tried = guesses.iter().filter(|answer| answer.status == 403).count();
    // More than five only where the machine is so slow that the wait is over.
    assert!((5..=7).contains(&tried), "{tried}");
    assert_eq!(guesses.iter().filter(|answer| answer.status == 429).count(), 15 - tried);
}

#[tokio::test]
async fn only_those_who_manage_a_video_share_it() {
    let app = TestApp::start().await;
    let (video, circle) = (private(&app, "The lake").await, app.completed().await);
    let path = |video: &Video| format!("/api/videos/{}/shares", video.short_id);
    app.post(&path(&video)).await.expect(401);
    app.post(&path(&video)).bearer(&app.bob()).await.expect(404);
    app.post(&path(&circle)).bearer(&app.bob()).await.expect(403);
    app.get(&path(&circle)).bearer(&app.bob()).await.expect(403);
    app.post(&path(&circle)).bearer(&app.root()).await.expect(201);
    for bad in [
        json!({"expires_in": 59}),
        json!({"expires_in": -1}),
        json!({"expires_in": u64::MAX}),
        json!({"password": ""}),
        json!({"password": "x".repeat(257)}),
        json!({"expires": 100}),
    ] {
        app.post(&path(&video)).bearer(&app.ada()).json(bad).await.expect(422);
    }
    app.post(&path(&video)).bearer(&app.ada()).body("{").await.expect(400);
    app.post(&path(&video)).bearer(&app.ada()).body("x".repeat(1_000_001)).await.expect(413);
}

#[tokio::test]
async fn unknown_shares_are_not_there() {
    let app = TestApp::start().await;
    let id = ShareId::random(&app.completed().await.short_id);
    for id in [id.as_str(), "short"] {
        app.post(&format!("/api/shares/{id}/open")).await.expect(404);
        app.get(&format!("/api/shares/{id}/poster")).await.expect(404);
        app.get(&format!("/api/oembed?url={PUBLIC_URL}/s/{id}")).await.expect(404);
        assert_eq!(app.get(&format!("/s/{id}")).await.status, 404);
        assert_eq!(app.get(&format!("/embed/{id}")).await.status, 404);
    }
}

#[tokio::test]
async fn a_link_shows_title_and_poster_in_a_chat() {
    let app = TestApp::start().await;
    let video = private(&app, EVIL).await;
    let id = share(&app, &video, json!({})).await;
    for (path, framed_by) in [("s", "'none'"), ("embed", "*")] {
        let page = app.get(&format!("/{path}/{id}")).await;
        assert_eq!(page.status, 200);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'self'") && policy.ends_with(&format!("frame-ancestors {framed_by}")));
        assert!(!policy.contains("unsafe"));
        let title = "&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;";
        assert!(page.body.contains(&format!("<title>{title}</title>")));
        assert!(page.body.contains(&format!("<meta property=\"og:title\" content=\"{title}\">")));
        let poster = format!("{PUBLIC_URL}/api/shares/{id}/poster");
        assert!(page.body.contains(&format!("<meta property=\"og:image\" content=\"{poster}\">")));
        assert!(!page.body.contains("alert('x')"));
        // A token may hold these three letters by chance.
        let told = held(&page.body).unwrap();
        let shown = page.body.replace(told["opened"]["token"].as_str().unwrap(), "");
        assert!(!shown.contains("For the circle") && !shown.contains("ada"));
    }
    let poster = app.get(&format!("/api/shares/{id}/poster")).await.expect(307);
    let path = format!("/images/{}.jpg?md5=", video.publication.unwrap().poster.unwrap());
    assert!(poster.header("location").unwrap().starts_with(&path));
}

/// What the page of a share holds for its player.
fn held(page: &str) -> Option<Value> {
    let (_, rest) = page.split_once("<script type=\"application/json\" id=\"opened\">")?;
    serde_json::from_str(rest.split_once("</script>")?.0).ok()
}

#[tokio::test]
async fn the_page_of_a_share_holds_what_its_player_would_ask_for() {
    let app = TestApp::start().await;
    let video = private(&app, EVIL).await;
    let id = share(&app, &video, json!({})).await;
    let page = app.get(&format!("/embed/{id}")).await.expect(200);
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let held = held(&page.body).unwrap();
    let (opened, info) = (&held["opened"], &held["stream_info"]);
    assert_eq!((&opened["video"]["title"], &info["ready"]), (&json!(EVIL), &json!(true)));
    assert_eq!(info["playback_token"], opened["token"]);
    let manifest = info["manifest_url"].as_str().unwrap();
    assert_eq!(manifest, format!("/api/videos/{}/hls/master.m3u8", video.short_id));
    app.get(&format!("/api/videos/{}/stream?token={}", video.short_id, opened["token"].as_str().unwrap()))
        .await
        .expect(307);
}

#[tokio::test]
async fn a_share_with_a_password_shows_nothing_of_its_video() {
    let app = TestApp::start().await;
    let video = private(&app, "Secret lake").await;
    let id = share(&app, &video, json!({"password": "open sesame"})).await;
    let page = app.get(&format!("/s/{id}")).await;
    assert_eq!(page.status, 200);
    assert!(!page.body.contains("Secret") && !page.body.contains("poster"), "{}", page.body);
    assert_eq!(held(&page.body), None);
    app.get(&format!("/api/shares/{id}/poster")).await.expect(404);
    let embed = app.get(&format!("/api/oembed?url={PUBLIC_URL}/s/{id}")).await.expect(200);
    assert!(!embed.body.contains("Secret") && !embed.body.contains("thumbnail"), "{}", embed.body);
}

#[tokio::test]
async fn other_sites_embed_a_share_by_oembed() {
    let app = TestApp::start().await;
    let video = private(&app, EVIL).await;
    let id = share(&app, &video, json!({})).await;
    let url = format!("{PUBLIC_URL}/s/{id}").replace(':', "%3A").replace('/', "%2F");
    let embed = app.get(&format!("/api/oembed?url={url}&maxwidth=640&format=json")).await.expect(200).json();
    assert_eq!((&embed["type"], &embed["version"], &embed["title"]), (&json!("video"), &json!("1.0"), &json!(EVIL)));
    assert_eq!((&embed["width"], &embed["height"]), (&json!(640), &json!(360)));
    assert_eq!(embed["thumbnail_url"], format!("{PUBLIC_URL}/api/shares/{id}/poster"));
    let html = embed["html"].as_str().unwrap();
    assert!(html.starts_with(&format!("<iframe src=\"{PUBLIC_URL}/embed/{id}\" width=\"640\"")), "{html}");
    assert!(!html.contains("<script>"), "{html}");
    let page = app.get(&format!("/s/{id}")).await;
    assert!(
        page.body.contains(&format!("type=\"application/json+oembed\" href=\"{PUBLIC_URL}/api/oembed?url={url}\""))
    );
    for bad in ["https%3A%2F%2Fevil.example%2Fs%2Fx", "x", ""] {
        app.get(&format!("/api/oembed?url={bad}")).await.expect(404);
    }
    app.get("/api/oembed").await.expect(422);
    app.get(&format!("/api/oembed?url={url}&format=xml")).await.expect(501);
}

#[tokio::test]
async fn a_share_lasts_as_long_as_it_was_made_for() {
    let app = TestApp::start().await;
    let video = private(&app, "The lake").await;
    let path = format!("/api/videos/{}/shares", video.short_id);
    let made = app.post(&path).bearer(&app.ada()).json(json!({"expires_in": 3600})).await.expect(201).json();
    let end: Timestamp = made["expires_at"].as_str().unwrap().parse().unwrap();
    let left = Duration::from_secs(end.as_second() as u64 - now());
    assert!((3595..=3600).contains(&left.as_secs()), "{left:?}");
}
