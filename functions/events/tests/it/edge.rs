//! Deleted videos: tombstones at CloudFront, and an invalidation.

use clipset_core::{Timestamp, id::EncodeId, key::DocumentKey, video::Video};
use clipset_events::{Edge, buried::Ends};

use crate::world::World;

async fn delete(world: &World, video: &Video) {
    let deleted = world.service.videos.update(&video.short_id, |video| {
        video.delete(Timestamp::now());
        Ok::<_, ()>(())
    });
    deleted.await.unwrap();
}

#[tokio::test]
async fn a_deletion_reaches_the_edge_and_other_changes_do_not() {
    let world = World::batch().await;
    let (video, job) = world.uploaded().await;
    world.deliver("s3-eventbridge-video", &job, "", 1).await;
    assert!(world.services.with(|known| known.asked.is_empty()), "it is not deleted");
    delete(&world, &video).await;
    world.services.with(|known| known.store_is_contended = true);
    for _ in 0..2 {
        world.deliver("s3-eventbridge-video", &job, "", 1).await;
    }
    let id = video.upload.original.unwrap();
    let until: i64 = world.services.with(|known| known.store[&format!("deleted/{id}")].parse().unwrap());
    assert!(until >= Timestamp::now().as_second() + 43_200);
    let invalidated = world.services.asked("POST /2020-05-31/distribution/E2EXAMPLE/invalidation");
    assert!(invalidated[0].body.contains(&format!("<Path>/hls/{id}/*</Path>")), "{}", invalidated[0].body);
    assert!(!invalidated[0].body.contains("originals"));
    assert_eq!(invalidated[0].body, invalidated[1].body, "the same reference is the same invalidation");
}

#[tokio::test]
async fn the_sweep_removes_tombstones_that_no_signature_leads_to_and_leaves_other_keys() {
    let world = World::batch().await;
    let (old, young) = (EncodeId::random(), EncodeId::random());
    let now = Timestamp::now().as_second();
    world.services.with(|known| {
        known.store.insert(format!("deleted/{old}"), (now - 1).to_string());
        known.store.insert(format!("deleted/{young}"), (now + 60).to_string());
        known.store.insert("secret".into(), "1".into());
    });
    let noted = format!("[{}, {}]", now - 1, now + 60);
    world.service.bucket.write_raw(&DocumentKey::Buried.to_string(), noted.into()).await.unwrap();
    world.sweep().await;
    let left: Vec<_> = world.services.with(|known| known.store.keys().cloned().collect());
    assert_eq!(left, [format!("deleted/{young}"), "secret".to_owned()]);
}

#[tokio::test]
async fn the_store_is_asked_when_a_tombstone_has_ended_and_not_by_the_hour() {
    let world = World::batch().await;
    let asked = || world.services.with(|known| known.asked.iter().filter(|one| one.line.contains("key-value")).count());
    for _ in 0..3 {
        world.sweep().await;
    }
    assert_eq!(asked(), 0, "nothing was ever buried");
    let (video, job) = world.uploaded().await;
    delete(&world, &video).await;
    world.deliver("s3-eventbridge-video", &job, "", 1).await;
    let ends: Ends = world.service.bucket.read(&DocumentKey::Buried).await.unwrap().unwrap().value;
    let until = Timestamp::now().as_second() + 43_200;
    assert!((until..until + 7200).contains(ends.first().unwrap()), "{ends:?}");
    let before = asked();
    world.sweep().await;
    assert_eq!(asked(), before, "its signatures still live");
    let over = Ends::from([Timestamp::now().as_second() - 1]);
    world.service.bucket.put(&DocumentKey::Buried, &over).await.unwrap();
    world.services.with(|known| known.store.values_mut().for_each(|until| *until = "1".to_owned()));
    for _ in 0..2 {
        world.sweep().await;
    }
    assert_eq!(world.services.with(|known| known.store.len()), 0);
    assert_eq!(asked(), before + 3, "listed, described and changed, once");
}

#[tokio::test]
async fn a_note_of_ends_that_cannot_be_read_stops_neither_a_sweep_nor_a_deletion() {
    let world = World::batch().await;
    for damage in ["", "[", "{}"] {
        world.service.bucket.write_raw(&DocumentKey::Buried.to_string(), damage.into()).await.unwrap();
        world.sweep().await;
        let (video, job) = world.uploaded().await;
        delete(&world, &video).await;
        world.deliver("s3-eventbridge-video", &job, "", 1).await;
        let ends: Ends = world.service.bucket.read(&DocumentKey::Buried).await.unwrap().unwrap().value;
        assert_eq!(ends.len(), 1, "{damage}");
    }
}

#[tokio::test]
async fn many_tombstones_go_in_several_requests() {
    let world = World::batch().await;
    let edge = clipset_events::aws::CloudFront::new(
        clipset_events::aws::EdgeConfig { store: Some(crate::world::STORE.into()), distribution: None },
        &world.services.aws,
    );
    let ids: Vec<_> = std::iter::repeat_with(EncodeId::random).take(120).collect();
    edge.bury(&ids, Timestamp::now()).await.unwrap();
    assert_eq!(world.services.with(|known| known.store.len()), 120);
}
