//! The queue of looks: deletions and retirements without a look at all there is.

use clipset_bucket::UpdateError;
use clipset_core::{
    Timestamp,
    id::EncodeId,
    video::{Superseded, Video},
};
use clipset_events::{Bounds, Swept, step_at, work_due};
use jiff::SignedDuration;

use crate::world::{World, key};

async fn delete(world: &World, video: &Video) {
    let now = world.service.bucket.time().await.unwrap();
    let deleted = world.service.videos.update(&video.short_id, |video| {
        video.delete(now);
        Ok::<_, ()>(())
    });
    deleted.await.unwrap();
}

async fn looks(world: &World) -> Vec<String> {
    world.service.bucket.keys("jobs/due/").await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_clip_goes_by_its_look_and_leaves_nothing() {
    let world = World::new().await;
    let (video, kept) = (world.published().await, world.published().await);
    delete(&world, &video).await;
    work_due(&world.service, &Bounds::default()).await.unwrap();
    let left = world.service.bucket.keys("").await.unwrap();
    let of_it = |key: &&String| {
        key.contains(video.short_id.as_str()) || video.ids().iter().any(|id| key.contains(&id.to_string()))
    };
    assert_eq!(left.iter().find(of_it), None);
    assert!(world.is_whole(&kept).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_that_is_killed_between_its_look_and_its_document_is_no_deletion_and_can_be_done_again() {
    let world = World::new().await;
    let video = world.published().await;
    let before = looks(&world).await;
    let document = world.service.bucket.read_raw(&key(&video).to_string()).await.unwrap().unwrap();
    // The document goes between the read and the write, so that only what stands before the write is there.
    let bucket = world.service.bucket.clone();
    let ended = world.service.videos.update(&video.short_id, |found| {
        let document = key(&video);
        let remove = bucket.remove(&document);
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(remove)).unwrap();
        found.delete(Timestamp::now());
        Ok::<_, ()>(())
    });
    assert!(matches!(ended.await, Err(UpdateError::Missing)));
    assert_eq!(looks(&world).await.len(), before.len() + 1, "the look stands first");
    world.service.bucket.write_raw(&key(&video).to_string(), document).await.unwrap();
    assert_eq!(work_due(&world.service, &Bounds::default()).await.unwrap(), Swept::default());
    assert!(world.is_whole(&video).await);
    delete(&world, &video).await;
    work_due(&world.service, &Bounds::default()).await.unwrap();
    assert!(!world.is_whole(&video).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_look_that_found_nothing_stays_for_a_while_since_its_document_may_be_on_its_way() {
    let world = World::new().await;
    let video = world.published().await;
    let until = world.start + SignedDuration::from_hours(2);
    let superseded = world.service.videos.update(&video.short_id, |video| {
        video.superseded.push(Superseded { id: EncodeId::random(), until });
        Ok::<_, ()>(())
    });
    superseded.await.unwrap();
    let bounds = Bounds { reads: 1, ..Bounds::default() };
    // All that was noted is due, and too young to go: what was superseded goes, its look does not yet.
    step_at(&world.service, until + SignedDuration::from_mins(1), &bounds).await.unwrap();
    assert_eq!(world.service.video(&video.short_id).await.unwrap().superseded, []);
    assert_eq!(looks(&world).await.len(), 1);
    step_at(&world.service, until + SignedDuration::from_mins(20), &bounds).await.unwrap();
    assert_eq!(looks(&world).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_run_takes_a_bounded_number_of_looks_and_the_next_one_goes_on() {
    let world = World::new().await;
    let videos = [world.published().await, world.published().await, world.published().await];
    for video in &videos {
        delete(&world, video).await;
    }
    let bounds = Bounds { looks: 2, ..Bounds::default() };
    let mut left = Vec::new();
    for _ in 0..2 {
        work_due(&world.service, &bounds).await.unwrap();
        left.push(world.service.bucket.keys("catalog/videos/").await.unwrap().len());
    }
    assert_eq!(left, [1, 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clip_that_waits_for_a_job_nobody_wrote_gets_it_within_hours() {
    let world = World::new().await;
    let video = world.pending().await;
    let bounds = Bounds { reads: 1, ..Bounds::default() };
    step_at(&world.service, world.after(0), &bounds).await.unwrap();
    assert_eq!(world.service.jobs.queue().await.unwrap(), []);
    step_at(&world.service, world.after(2), &bounds).await.unwrap();
    assert_eq!(world.service.jobs.queue().await.unwrap(), [video.job.unwrap()]);
    assert_eq!(looks(&world).await.len(), 1, "it is looked at again");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_version_before_deleted_without_a_look_is_found_by_the_walk() {
    let world = World::new().await;
    let video = world.published().await;
    delete(&world, &video).await;
    world.service.bucket.remove_all("jobs/due/").await.unwrap();
    work_due(&world.service, &Bounds::default()).await.unwrap();
    assert!(world.is_whole(&video).await);
    step_at(&world.service, world.after(1), &Bounds::default()).await.unwrap();
    assert!(!world.is_whole(&video).await);
}
