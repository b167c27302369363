//! What is kept, for how long, and what a dry run says of it.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::Duration;

use clipset_bucket::Videos;
use clipset_core::{
    Timestamp,
    account::{Attempts, Invitation, Role, Session},
    id::{EncodeId, ShareId},
    key::{DocumentKey, MediaKey},
    quota::{Charge, Quota},
    settings::{Days, SettingsDocument},
    share::Share,
};
use clipset_events::{look, plan, sweep};
use clipset_tests::{media::COPYABLE, stack::Stack, wait, world::World};
use jiff::SignedDuration;
use reqwest::Method;
use serde_json::{Value, json};

async fn settings(world: &World, change: impl FnOnce(&mut clipset_core::settings::Settings)) {
    let mut document = SettingsDocument::default();
    change(&mut document.settings);
    world.service.bucket.put(&DocumentKey::Settings, &document).await.unwrap();
}

async fn planned(world: &World) -> Vec<String> {
    let seen = look(&world.service, Timestamp::now(), false).await.unwrap();
    let plan = plan(&seen);
    plan.actions.iter().map(ToString::to_string).chain(plan.held.iter().map(ToString::to_string)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_original_goes_after_its_stream_passed_the_check_and_the_clip_plays_on() {
    let stack = Stack::start_with(&[("HLS_URL_TTL_SECONDS", "1")]).await;
    let client = stack.admin().await;
    let change = client.request(Method::PATCH, "/api/config").json(&json!({"keep_originals": false}));
    assert_eq!(change.send().await.unwrap().status(), 200);
    let clip = COPYABLE.make(stack.folder(), "clip.mp4");
    let short_id = client.upload(&clip, "Only the stream stays").await;
    client.ready(&short_id).await;
    let bucket = stack.bucket().await;
    let original = || async { bucket.keys("originals/").await.unwrap() };
    let videos = Videos::new(bucket.clone());
    wait::until("the check", Duration::from_secs(60), async || {
        let video = videos.get(&short_id.parse().unwrap()).await.ok()??.value;
        video.publication?.checked
    })
    .await;
    wait::until("the original to go", Duration::from_secs(60), async || {
        stack.maintenance(&["sweep"]);
        original().await.is_empty().then_some(())
    })
    .await;
    let video = client.get(&format!("/api/videos/{short_id}")).await;
    assert_eq!((&video["has_original"], &video["processing_status"]), (&false.into(), &"completed".into()));
    assert!(client.manifest(&short_id).await.is_some());
    assert_eq!(stack.clipset(&["check", &short_id]).output().unwrap().status.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_original_whose_stream_breaks_the_rules_stays() {
    let world = World::new(43_200).await;
    let video = world.published("Segments of ten zeros", &[], 3).await;
    settings(&world, |settings| settings.keep_originals = false).await;
    let lines = planned(&world).await;
    assert_eq!(lines.len(), 1);
    assert!(lines[0].starts_with(&format!("remove the original of {}", video.short_id)), "{lines:?}");
    for _ in 0..2 {
        sweep(&world.service).await.unwrap();
    }
    let now = world.service.video(&video.short_id).await.unwrap();
    assert_eq!(now.upload.original, video.upload.original);
    let key = MediaKey::Original(video.upload.original.unwrap());
    assert_eq!(world.service.bucket.size(&key).await.unwrap(), Some(1000));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_original_stays_while_its_stream_lacks_something_and_goes_with_a_sweep_once_it_is_whole() {
    let stack = Stack::start_with(&[("HLS_URL_TTL_SECONDS", "1")]).await;
    let client = stack.admin().await;
    let clip = COPYABLE.make(stack.folder(), "clip.mp4");
    let short_id = client.upload(&clip, "Made before originals went").await;
    client.ready(&short_id).await;
    let bucket = stack.bucket().await;
    wait::until("the ladder", Duration::from_secs(60), async || {
        bucket.keys("jobs/queue/").await.unwrap().is_empty().then_some(())
    })
    .await;
    let change = client.request(Method::PATCH, "/api/config").json(&json!({"keep_originals": false}));
    assert_eq!(change.send().await.unwrap().status(), 200);
    let video = Videos::new(bucket.clone()).get(&short_id.parse().unwrap()).await.unwrap().unwrap().value;
    assert_eq!(video.publication.as_ref().unwrap().checked, None, "its runner kept the original, and checked nothing");
    let stream = video.stream().unwrap().clone();
    let rendition = stream.renditions.last().cloned();
    let name = rendition.as_ref().map_or("segment000.ts".to_owned(), |name| format!("{name}/segment000.ts"));
    let whole = bucket.file_of(&stream, &name).await.unwrap().unwrap();
    let key = MediaKey::Segment(stream.encode, rendition, "segment000.ts".into());
    let cut = whole[..whole.len() - 100].to_vec();
    let zeros = vec![0; whole.len()];
    for broken in [None, Some(Vec::new()), Some(cut), Some(zeros)] {
        match broken {
            Some(bytes) => bucket.put_bytes(&key, bytes).await.unwrap(),
            None => assert_eq!(bucket.remove_all(&key.to_string()).await.unwrap(), 1),
        }
        stack.maintenance(&["sweep"]);
        stack.maintenance(&["sweep"]);
        assert_eq!(bucket.keys("originals/").await.unwrap().len(), 1);
    }
    bucket.put_bytes(&key, whole).await.unwrap();
    wait::until("the original to go", Duration::from_secs(60), async || {
        stack.maintenance(&["sweep"]);
        bucket.keys("originals/").await.unwrap().is_empty().then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_original_that_a_ladder_still_needs_stays() {
    let world = World::new(43_200).await;
    let video = world.published("Clip", &[], 3).await;
    settings(&world, |settings| settings.keep_originals = false).await;
    let ladder =
        clipset_core::job::Job::new(video.short_id.clone(), clipset_core::job::JobKind::Ladder, 1, Timestamp::now());
    world.service.jobs.enqueue(&ladder.unwrap()).await.unwrap();
    assert_eq!(planned(&world).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn clips_end_by_their_own_days_else_by_those_of_the_settings() {
    let world = World::new(43_200).await;
    let age = async |title: &str, days: i64, own: Option<u32>| {
        let video = world.published(title, &[], 1).await;
        let aged = world.service.videos.update(&video.short_id, |video| {
            video.created_at -= SignedDuration::from_hours(24 * days);
            video.expire_after_days = own;
            Ok::<_, ()>(())
        });
        aged.await.unwrap().short_id
    };
    let kept = [age("Young", 1, None).await, age("Never", 99, Some(0)).await, age("Long", 20, Some(30)).await];
    let ended = [age("Old", 11, None).await, age("Short", 3, Some(2)).await];
    settings(&world, |settings| settings.expire_after_days = Some(Days::of::<10>())).await;
    let lines = planned(&world).await;
    assert_eq!(lines.len(), 2, "{lines:?}");
    for id in &ended {
        assert!(lines.contains(&format!("delete {id}: its days are over")), "{lines:?}");
    }
    sweep(&world.service).await.unwrap();
    for id in &ended {
        assert!(world.service.videos.get(id).await.unwrap().is_none());
    }
    for id in &kept {
        assert_eq!(world.service.video(id).await.unwrap().phase.name(), "completed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_says_what_a_sweep_would_remove_and_why_and_removes_nothing() {
    let world = World::new(43_200).await;
    let video = world.published("Clip", &[], 1).await;
    let (bucket, now) = (&world.service.bucket, Timestamp::now());
    let hours = SignedDuration::from_hours;
    let user: clipset_core::id::Username = "ada".parse().unwrap();
    let put = async |ago: i64, ends: i64| {
        let share = Share {
            share_id: ShareId::random(&video.short_id),
            video: video.short_id.clone(),
            created_by: user.clone(),
            created_at: now,
            expires_at: Some(now + hours(ends)),
            password_hash: None,
        };
        bucket.put(&DocumentKey::Share(share.share_id.clone()), &share).await.unwrap();
        let id = EncodeId::random().to_string();
        let session = Session {
            username: user.clone(),
            token_hash: String::new(),
            previous_hash: None,
            rotated_at: now,
            started_at: now,
            expires_at: now + hours(ends),
        };
        bucket.put(&DocumentKey::Session(format!("ada/{id}")), &session).await.unwrap();
        let invitation = Invitation {
            id: id.clone(),
            secret_hash: String::new(),
            email: None,
            role: Role::User,
            resets: None,
            invited_by: user.clone(),
            by_key: false,
            created_at: now,
            expires_at: now + hours(ends),
            used_by: None,
        };
        bucket.put(&DocumentKey::Invitation(id.clone()), &invitation).await.unwrap();
        let attempts = Attempts { failures: 1, last: Some(now - hours(ago)) };
        bucket.put(&DocumentKey::Attempts(format!("account-{id}")), &attempts).await.unwrap();
    };
    put(1, 1).await;
    world.service.videos.summarise(usize::MAX).await.unwrap();
    let kept = bucket.keys("").await.unwrap();
    put(25, -1).await;
    let charge = |hours_ago, settled| {
        let at = now - hours(hours_ago);
        Charge { upload: EncodeId::random(), video: None, bytes: 10, at, settled }
    };
    let quota = Quota { charges: vec![charge(3, true), charge(2, false), charge(0, false)] };
    bucket.put(&DocumentKey::Quota(user.clone()), &quota).await.unwrap();
    let orphan = EncodeId::random();
    bucket.put_bytes(&MediaKey::Poster(orphan), vec![1]).await.unwrap();
    let before = bucket.keys("").await.unwrap();
    let lines = planned(&world).await;
    for (part, why) in [
        ("remove a share of", "the share has ended"),
        ("remove accounts/sessions/ada/", "the device is signed out"),
        ("remove accounts/invitations/", "the invitation has ended"),
        ("remove accounts/attempts/account-", "for two hours"),
        ("give ada back", "no such upload"),
        ("held: ", &format!("remove {orphan}: no document names it")),
    ] {
        let found = lines.iter().filter(|line| line.starts_with(part) && line.ends_with(why)).count();
        assert_eq!(found, 1, "{part} … {why}: {lines:?}");
    }
    assert_eq!(lines.len(), 6, "{lines:?}");
    assert!(
        !lines.iter().any(|line| before.iter().any(|key| key.starts_with("shares/") && line.contains(&key[7..39])))
    );
    assert_eq!(bucket.keys("").await.unwrap(), before, "nothing was removed");
    sweep(&world.service).await.unwrap();
    let mut after = bucket.keys("").await.unwrap();
    // The orphan has to be one for a week, and the note says since when.
    let of_the_orphan = |key: &String| key.contains(&orphan.to_string()) || key.starts_with("catalog/orphans/");
    assert_eq!(after.iter().filter(|key| of_the_orphan(key)).count(), 2);
    after.retain(|key| !key.starts_with("accounts/quotas/") && !of_the_orphan(key));
    assert_eq!(after, kept);
    let quota = bucket.read::<Quota>(&DocumentKey::Quota(user)).await.unwrap().unwrap().value;
    assert_eq!(quota.used(now), 20, "the reservation that no upload has is given back");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_lists_what_it_would_do_as_lines_and_as_json() {
    let stack = Stack::start().await;
    let orphan = EncodeId::random();
    stack.bucket().await.put_bytes(&MediaKey::Poster(orphan), vec![1]).await.unwrap();
    let line = format!("remove {orphan}: no document names it");
    let said = stack.maintenance(&["sweep", "--dry-run"]).stdout;
    let said = String::from_utf8(said).unwrap();
    assert!(said.lines().any(|said| said.starts_with("held: ") && said.ends_with(&line)), "{said}");
    let said: Value = serde_json::from_slice(&stack.maintenance(&["sweep", "--dry-run", "--json"]).stdout).unwrap();
    assert!(said["held"].as_array().unwrap().iter().any(|held| held["step"] == line), "{said}");
}
