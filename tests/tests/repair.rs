//! What `clipset repair` mends, and what it sets aside.
#![allow(clippy::unwrap_used, missing_docs)]

use clipset::repair::{Finding, mend};
use clipset_core::{
    Timestamp,
    account::Account,
    id::Username,
    job::{Job, JobKind},
    key::DocumentKey,
    listing::Query,
    quota::Quota,
};
use clipset_tests::world::World;

async fn damage(world: &World, key: &DocumentKey) {
    world.service.bucket.write_raw(&key.to_string(), "{\"cut\":".into()).await.unwrap();
}

async fn aside(world: &World) -> Vec<String> {
    world.service.bucket.keys("damaged/").await.unwrap()
}

fn left(findings: &[Finding]) -> Vec<&str> {
    findings.iter().filter(|finding| finding.next.is_some()).map(|finding| finding.key.as_str()).collect()
}

#[tokio::test]
async fn a_library_in_order_is_left_as_it_is() {
    let world = World::new(43_200).await;
    world.published("Clip", &[], 3).await;
    let before = world.service.bucket.keys("").await.unwrap();
    assert!(mend(&world.service, false).await.unwrap().is_empty());
    assert_eq!(world.service.bucket.keys("").await.unwrap(), before);
}

#[tokio::test]
async fn a_dry_run_finds_all_and_changes_nothing() {
    let world = World::new(43_200).await;
    let video = world.published("Clip", &[], 3).await;
    let keys = [DocumentKey::Video(video.short_id), DocumentKey::Shard("0".into()), DocumentKey::Settings];
    for key in &keys {
        damage(&world, key).await;
    }
    let findings = mend(&world.service, true).await.unwrap();
    assert_eq!(findings.len(), keys.len(), "{findings:?}");
    assert!(aside(&world).await.is_empty());
}

#[tokio::test]
async fn what_follows_from_other_documents_is_made_again() {
    let world = World::new(43_200).await;
    let service = &world.service;
    let video = world.pending("Clip").await;
    let job = Job::new(video.short_id.clone(), JobKind::First, 1, Timestamp::now()).unwrap();
    service.jobs.enqueue(&job).await.unwrap();
    let owner: Username = video.owner.clone();
    for key in [
        DocumentKey::Shard("0".into()),
        DocumentKey::Job(job.id.clone()),
        DocumentKey::JobMarker,
        DocumentKey::Quota(owner.clone()),
        DocumentKey::Migration,
        DocumentKey::Session(format!("{owner}/67e55044-10b1-426f-9247-bb680e5fe0c8")),
        DocumentKey::Attempts("account-ada".into()),
    ] {
        damage(&world, &key).await;
    }
    let findings = mend(service, false).await.unwrap();
    assert_eq!(findings.len(), 7, "{findings:?}");
    assert_eq!(left(&findings), [""; 0]);
    assert_eq!(service.videos.entries().await.unwrap()[0].short_id, video.short_id);
    let claimed = service.jobs.claim_next("one", &[JobKind::First]).await.unwrap().expect("its job");
    assert_eq!(claimed.0.video, video.short_id);
    assert!(service.bucket.read::<Quota>(&DocumentKey::Quota(owner)).await.unwrap().is_some());
    assert!(mend(service, false).await.unwrap().is_empty());
    assert!(aside(&world).await.contains(&format!("damaged/jobs/documents/{}.json", job.id)));
}

#[tokio::test]
async fn what_nothing_else_knows_is_set_aside_with_its_bytes() {
    let world = World::new(43_200).await;
    let service = &world.service;
    let (broken, whole) = (world.published("Broken", &[], 3).await, world.published("Whole", &[], 3).await);
    let ada: Username = "ada".parse().unwrap();
    let (video, account) = (DocumentKey::Video(broken.short_id.clone()), DocumentKey::Account(ada));
    for key in [&video, &account, &DocumentKey::Settings] {
        damage(&world, key).await;
    }
    let findings = mend(service, false).await.unwrap();
    assert_eq!(left(&findings).len(), 3, "{findings:?}");
    for key in [&video, &account, &DocumentKey::Settings] {
        assert_eq!(service.bucket.read_raw(&format!("damaged/{key}")).await.unwrap().unwrap(), "{\"cut\":");
    }
    let entries = service.videos.entries().await.unwrap();
    let damaged: Vec<_> = entries.iter().filter(|entry| entry.damaged).map(|entry| &entry.short_id).collect();
    assert_eq!(damaged, [&broken.short_id]);
    assert!(service.videos.get(&broken.short_id).await.is_err_and(|error| error.is_unreadable()));
    assert!(service.videos.get(&whole.short_id).await.unwrap().is_some());
    let stand_in = service.bucket.read::<Account>(&account).await.unwrap().unwrap().value;
    assert!(stand_in.disabled && stand_in.password_hash.is_empty());
    // Put back, it is whole again.
    let body = serde_json::to_vec(&broken).unwrap();
    service.bucket.write_raw(&video.to_string(), body.into()).await.unwrap();
    mend(service, false).await.unwrap();
    let viewer = clipset_core::account::Viewer { username: broken.owner, role: clipset_core::account::Role::Admin };
    let page = service.videos.page(&Query::new(viewer, "", None), None, 10).await.unwrap();
    assert!(page.entries.iter().all(|entry| !entry.damaged) && page.entries.len() == 2);
}

#[tokio::test]
async fn a_second_damaged_document_of_one_key_does_not_overwrite_the_first_that_was_set_aside() {
    let world = World::new(43_200).await;
    let bucket = &world.service.bucket;
    for body in ["one", "two", "two"] {
        bucket.write_raw("settings.json", body.into()).await.unwrap();
        bucket.set_aside("settings.json", "test").await.unwrap();
    }
    assert_eq!(aside(&world).await, ["damaged/settings.json", "damaged/settings.json.1"]);
}
