//! Whoever holds a playback token: how long, and what ends it.

use std::time::Duration;

use axum::body::Body;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clipset_core::{
    Timestamp,
    account::{Account, Role},
    id::{ShareId, Username},
    key::DocumentKey,
    video::{Video, Visibility},
};
use clipset_service::{Holder, Pass, Secrets, Service};
use clipset_tests::{
    client::uris,
    wait::until,
    world::{World, secrets},
};
use http::Request;
use http_body_util::BodyExt;
use jiff::SignedDuration;
use serde_json::Value;
use tower::ServiceExt;

use super::{as_member, get, info_path, master_path, share};

const LIMIT: Duration = Duration::from_secs(30);

fn claims(token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

fn end(token: &str) -> u64 {
    claims(token)["exp"].as_u64().unwrap()
}

fn token_of(url: &str) -> &str {
    url.split("token=").nth(1).unwrap()
}

fn with(path: &str, token: &str) -> String {
    format!("{path}?token={token}")
}

fn name(text: &str) -> Username {
    text.parse().unwrap()
}

/// The playback token that stream-info gives `who`.
pub(crate) async fn token_for(world: &World, video: &Video, who: &str, role: Role) -> String {
    let access = world.token(who, role);
    let info = get(world, &info_path(video), &[("authorization", &format!("Bearer {access}"))]).await;
    assert_eq!(info.status, 200, "{}", info.text());
    info.json()["playback_token"].as_str().unwrap().to_owned()
}

/// The playback token of whoever opens a share.
pub(crate) async fn open(world: &World, share: &ShareId) -> String {
    let request = Request::post(format!("/api/shares/{share}/open")).body(Body::empty()).unwrap();
    let answer = clipset_api::router(world.service.clone()).oneshot(request).await.unwrap();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice::<Value>(&body).unwrap()["token"].as_str().unwrap().to_owned()
}

/// What stream-info, the master and a rendition answer to `token`.
async fn statuses(world: &World, video: &Video, token: &str) -> [u16; 3] {
    let rendition = format!("/api/videos/{}/hls/720p/playlist.m3u8", video.short_id);
    let mut statuses = [0; 3];
    for (status, path) in statuses.iter_mut().zip([info_path(video), master_path(video), rendition]) {
        *status = get(world, &with(&path, token), &[]).await.status;
    }
    statuses
}

async fn put_account(world: &World, username: &str, change: impl FnOnce(&mut Account)) {
    let an_hour_ago = Timestamp::now() - SignedDuration::from_secs(3600);
    let mut account = Account::new(name(username), Role::User, String::new(), an_hour_ago);
    change(&mut account);
    world.service.bucket.put(&DocumentKey::Account(name(username)), &account).await.unwrap();
    world.service.gate.account_changed(&name(username));
}

async fn change_video(world: &World, video: &Video, change: impl Fn(&mut Video)) {
    let changed = world.service.videos.update(&video.short_id, |video| {
        change(video);
        Ok::<_, ()>(())
    });
    changed.await.unwrap();
    world.service.video_changed(&video.short_id);
}

#[tokio::test]
async fn a_playback_token_is_never_exchanged_for_one_that_ends_later() {
    let world = World::new(60).await;
    let video = world.published("Clip", &["720p", "360p"], 2).await;
    let share = share(&world, &video, None).await;
    let held = [token_for(&world, &video, "bob", Role::User).await, open(&world, &share).await];
    let last = held.iter().map(|token| end(token)).max().unwrap();
    until("a later step", LIMIT, async || {
        (end(&token_for(&world, &video, "bob", Role::User).await) > last + 1).then_some(())
    })
    .await;
    for token in held {
        let info = get(&world, &with(&info_path(&video), &token), &[]).await.json();
        assert!(end(info["playback_token"].as_str().unwrap()) <= end(&token), "stream-info gave a longer one");
        let master = get(&world, &with(&master_path(&video), &token), &[]).await.text();
        for line in uris(&master) {
            assert!(end(token_of(&line)) <= end(&token), "the master leads on with a longer one");
            for url in uris(&get(&world, &line, &[]).await.text()) {
                let expires: u64 = url.rsplit("expires=").next().unwrap().parse().unwrap();
                assert!(expires <= end(&token), "a signature outlives the token that it was made for");
            }
        }
    }
}

#[tokio::test]
async fn a_playback_token_names_its_member_and_is_the_same_within_a_step() {
    let world = World::new(43_200).await;
    let video = world.published("Clip", &["720p", "360p"], 2).await;
    put_account(&world, "bob", |_| ()).await;
    let token = token_for(&world, &video, "bob", Role::User).await;
    assert_eq!(token, token_for(&world, &video, "bob", Role::User).await);
    let said = claims(&token);
    assert_eq!((&said["sub"], &said["aud"], &said["role"]), (&"bob".into(), &"playback".into(), &Value::Null));
    let issued = said["iat"].as_i64().unwrap();
    assert!(issued <= Timestamp::now().as_second() && said["exp"].as_i64().unwrap() - issued <= 43_200 + 900 + 30);
    assert_eq!(as_member(&world, &master_path(&video)).await.body, as_member(&world, &master_path(&video)).await.body);
}

#[tokio::test]
async fn a_disabled_member_stops() {
    let world = World::new(43_200).await;
    let video = world.published("Clip", &["720p"], 2).await;
    put_account(&world, "bob", |_| ()).await;
    let token = token_for(&world, &video, "bob", Role::User).await;
    assert_eq!(statuses(&world, &video, &token).await, [200; 3]);
    put_account(&world, "bob", |account| account.disabled = true).await;
    assert_eq!(statuses(&world, &video, &token).await, [401; 3]);
}

#[tokio::test]
async fn a_cut_off_ends_what_was_given_before_it_and_nothing_that_is_given_after() {
    let world = World::new(43_200).await;
    let video = world.published("Clip", &["720p"], 2).await;
    put_account(&world, "bob", |_| ()).await;
    let before = token_for(&world, &video, "bob", Role::User).await;
    // As a change of password does: the next whole second, and the new pair is of that second.
    let cut_off = Timestamp::from_second(Timestamp::now().as_second() + 1).unwrap();
    put_account(&world, "bob", |account| account.tokens_not_before = cut_off).await;
    assert_eq!(statuses(&world, &video, &before).await, [401; 3]);
    let access = world.service.tokens.access(&name("bob"), Role::User, cut_off.as_second(), 3600);
    let info = get(&world, &with(&info_path(&video), &access), &[]).await.json();
    let after = info["playback_token"].as_str().unwrap();
    assert_eq!(statuses(&world, &video, after).await, [200; 3]);
}

#[tokio::test]
async fn what_a_process_still_gives_that_has_not_heard_of_a_cut_off_is_refused_where_it_is_known() {
    let world = World::new(8).await;
    let video = world.published("Clip", &["720p"], 2).await;
    put_account(&world, "bob", |_| ()).await;
    let late = Service::new(world.service.config.clone(), secrets()).await;
    let access = world.token("bob", Role::User);
    let give = async || {
        let router = clipset_stream_info::router(late.clone());
        let request = Request::get(with(&info_path(&video), &access)).body(Body::empty()).unwrap();
        let body = router.oneshot(request).await.unwrap().into_body().collect().await.unwrap().to_bytes();
        let info: Value = serde_json::from_slice(&body).unwrap();
        info["playback_token"].as_str().unwrap().to_owned()
    };
    // It trusts the account from here on for some seconds.
    let known = give().await;
    let cut_off = Timestamp::from_second(Timestamp::now().as_second() + 1).unwrap();
    put_account(&world, "bob", |account| account.tokens_not_before = cut_off).await;
    let given = until("a step after the cut-off", LIMIT, async || {
        let token = give().await;
        (end(&token) > end(&known) + 2 && Timestamp::now() > cut_off).then_some(token)
    });
    assert_eq!(statuses(&world, &video, &given.await).await, [401; 3]);
}

#[tokio::test]
async fn a_member_without_the_account_that_the_token_was_given_for_stops() {
    let world = World::new(43_200).await;
    let video = world.published("Clip", &["720p"], 2).await;
    put_account(&world, "bob", |_| ()).await;
    let token = token_for(&world, &video, "bob", Role::User).await;
    world.service.bucket.remove(&DocumentKey::Account(name("bob"))).await.unwrap();
    world.service.gate.account_changed(&name("bob"));
    assert_eq!(statuses(&world, &video, &token).await, [401; 3]);
}

#[tokio::test]
async fn a_clip_made_private_is_gone_for_all_but_its_owner_and_administrators() {
    let world = World::new(43_200).await;
    let video = world.published("Clip", &["720p"], 2).await;
    put_account(&world, "bob", |_| ()).await;
    put_account(&world, "ada", |_| ()).await;
    put_account(&world, "root", |account| account.role = Role::Admin).await;
    let bob = token_for(&world, &video, "bob", Role::User).await;
    let owner = token_for(&world, &video, "ada", Role::User).await;
    let admin = token_for(&world, &video, "root", Role::Admin).await;
    change_video(&world, &video, |video| video.visibility = Visibility::Private).await;
    assert_eq!(statuses(&world, &video, &bob).await, [404; 3]);
    assert_eq!(statuses(&world, &video, &owner).await, [200; 3]);
    assert_eq!(statuses(&world, &video, &admin).await, [200; 3]);
    // The account says now what they are.
    put_account(&world, "root", |account| account.role = Role::User).await;
    assert_eq!(statuses(&world, &video, &admin).await, [404; 3]);
    // Handed over to somebody else.
    change_video(&world, &video, |video| video.owner = name("carol")).await;
    assert_eq!(statuses(&world, &video, &owner).await, [404; 3]);
}

#[tokio::test]
async fn a_subject_without_an_account_watches_what_its_access_token_says() {
    let world = World::new(43_200).await;
    let video = world.published("Clip", &["720p"], 2).await;
    change_video(&world, &video, |video| video.visibility = Visibility::Private).await;
    let token = token_for(&world, &video, "nobody", Role::Admin).await;
    assert_eq!(statuses(&world, &video, &token).await, [200; 3]);
    let other = world.published("Other", &["720p"], 2).await;
    let token = token_for(&world, &other, "nobody", Role::User).await;
    change_video(&world, &other, |video| video.visibility = Visibility::Private).await;
    assert_eq!(statuses(&world, &other, &token).await, [404; 3]);
}

#[tokio::test]
async fn shares_stop_while_who_made_them_or_owns_the_clip_is_disabled() {
    let world = World::new(43_200).await;
    let video = world.published("Clip", &["720p"], 2).await;
    let share = share(&world, &video, None).await;
    let token = open(&world, &share).await;
    assert_eq!(statuses(&world, &video, &token).await, [200; 3]);
    put_account(&world, "ada", |account| account.disabled = true).await;
    assert_eq!(statuses(&world, &video, &token).await, [401; 3]);
    put_account(&world, "ada", |_| ()).await;
    assert_eq!(statuses(&world, &video, &token).await, [200; 3]);
    change_video(&world, &video, |video| video.owner = name("carol")).await;
    put_account(&world, "carol", |account| account.disabled = true).await;
    assert_eq!(statuses(&world, &video, &token).await, [401; 3]);
}

#[tokio::test]
async fn a_token_whose_words_were_changed_is_refused() {
    let world = World::new(43_200).await;
    let video = world.published("Clip", &["720p"], 2).await;
    let other = world.published("Other", &["720p"], 2).await;
    let token = token_for(&world, &video, "bob", Role::User).await;
    assert_eq!(statuses(&world, &other, &token).await, [404; 3], "of another video");
    let (header, rest) = token.split_once('.').unwrap();
    let (_, signature) = rest.split_once('.').unwrap();
    let forge = |change: &dyn Fn(&mut Value)| {
        let mut said = claims(&token);
        change(&mut said);
        URL_SAFE_NO_PAD.encode(said.to_string())
    };
    let longer = forge(&|said| said["exp"] = (end(&token) + 100_000).into());
    let owner = forge(&|said| said["sub"] = "ada".into());
    let none = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
    for forged in [
        format!("{header}.{longer}.{signature}"),
        format!("{header}.{owner}.{signature}"),
        format!("{none}.{longer}."),
        format!("{none}.{owner}.{signature}"),
        format!("{header}.{longer}."),
    ] {
        assert_eq!(statuses(&world, &video, &forged).await, [401; 3], "{forged}");
    }
}

#[tokio::test]
async fn tokens_of_the_version_before_play_to_their_end_and_are_given_back_as_they_are() {
    let world = World::new(43_200).await;
    let video = world.published("Clip", &["720p"], 2).await;
    let now = Timestamp::now().as_second() as u64;
    let share = share(&world, &video, None).await;
    for holder in [Holder::Unnamed, Holder::Share(share)] {
        let pass = Pass { holder: holder.clone(), issued: None, expires: now + 300 };
        let token = world.service.tokens.playback(&video.short_id, &pass);
        assert_eq!(claims(&token).get("iat"), None);
        assert_eq!(statuses(&world, &video, &token).await, [200; 3]);
        let info = get(&world, &with(&info_path(&video), &token), &[]).await.json();
        assert_eq!(info["playback_token"], token);
        let master = get(&world, &with(&master_path(&video), &token), &[]).await.text();
        assert_eq!(token_of(&uris(&master)[0]), token);
        // No leeway: what it could open has ended with it.
        let ended = world.service.tokens.playback(&video.short_id, &Pass { holder, issued: None, expires: now });
        assert_eq!(statuses(&world, &video, &ended).await, [401; 3]);
    }
}

#[tokio::test]
async fn a_token_under_the_previous_key_is_not_exchanged_for_one_under_the_new_key() {
    let world = World::new(43_200).await;
    let video = world.published("Clip", &["720p"], 2).await;
    let token = token_for(&world, &video, "bob", Role::User).await;
    let before = secrets().secret_key;
    let secret_key = b"the new secret key of at least 32 bytes".to_vec();
    world.service.change_secrets(Secrets { secret_key, secret_key_previous: Some(before), ..secrets() });
    let info = get(&world, &with(&info_path(&video), &token), &[]).await.json();
    assert_eq!(info["playback_token"], token);
    let master = get(&world, &with(&master_path(&video), &token), &[]).await.text();
    assert_eq!(token_of(&uris(&master)[0]), token);
}
