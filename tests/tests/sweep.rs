//! What a sweep finds and removes, and what it leaves alone.
#![allow(clippy::unwrap_used, missing_docs)]

use clipset_core::{
    Timestamp,
    id::{EncodeId, ShortId},
    job::{Job, JobKind},
    key::{DocumentKey, MediaKey, prefixes_of},
    parts::PartPlan,
    video::{Phase, Upload, Video},
};
use clipset_events::{Swept, sweep};
use clipset_tests::world::World;
use jiff::SignedDuration;

async fn objects_of(world: &World, id: EncodeId) -> usize {
    let mut objects = 0;
    for prefix in prefixes_of(id) {
        objects += world.service.bucket.keys(&prefix).await.unwrap().len();
    }
    objects
}

#[tokio::test]
async fn a_sweep_of_a_bucket_in_order_does_nothing() {
    let world = World::new(43_200).await;
    let video = world.published("Clip", &["720p", "360p"], 3).await;
    world.service.videos.summarise(usize::MAX).await.unwrap();
    let before = world.service.bucket.keys("").await.unwrap();
    assert_eq!(sweep(&world.service).await.unwrap(), Swept::default());
    assert_eq!(world.service.bucket.keys("").await.unwrap(), before);
    assert_eq!(video.phase, Phase::Completed);
}

#[tokio::test]
async fn a_deleted_video_of_thousands_of_objects_leaves_nothing_and_its_neighbours_stay() {
    let world = World::new(43_200).await;
    let kept = world.published("Kept", &[], 3).await;
    let video = world.published("Deleted", &["720p"], 1500).await;
    let deleted = world.service.videos.update(&video.short_id, |video| {
        video.delete(Timestamp::now());
        Ok::<_, ()>(())
    });
    deleted.await.unwrap();
    let swept = sweep(&world.service).await.unwrap();
    assert!(swept.objects >= 1502, "{swept}");
    let left = world.service.bucket.keys("").await.unwrap();
    let of_it = |key: &&String| {
        key.contains(video.short_id.as_str()) || video.ids().iter().any(|id| key.contains(&id.to_string()))
    };
    assert_eq!(left.iter().find(of_it), None);
    assert_eq!(objects_of(&world, kept.publication.unwrap().hls.unwrap().encode).await, 4);
    assert_eq!(sweep(&world.service).await.unwrap(), Swept::default());
}

#[tokio::test]
async fn what_a_running_job_writes_stays_and_what_a_killed_one_wrote_goes() {
    let world = World::new(43_200).await;
    let video = world.pending("Clip").await;
    let job = Job::new(video.short_id.clone(), JobKind::First, 1, Timestamp::now()).unwrap();
    world.service.jobs.enqueue(&job).await.unwrap();
    let (_, lease) = world.service.jobs.claim(&job.id, "one").await.unwrap();
    let (running, killed) = (EncodeId::random(), EncodeId::random());
    let lost = world.service.jobs.update(&job.id, |job| job.will_write(&lease, killed).and_then(|()| job.bury("one")));
    lost.await.unwrap();
    let (_, lease) = world.service.jobs.claim(&job.id, "two").await.unwrap();
    world.service.jobs.update(&job.id, |job| job.will_write(&lease, running)).await.unwrap();
    for id in [running, killed] {
        world.service.bucket.put_bytes(&MediaKey::Segment(id, None, "segment000.ts".into()), vec![1]).await.unwrap();
        world.service.bucket.put_bytes(&MediaKey::Poster(id), vec![1]).await.unwrap();
    }
    assert_eq!(sweep(&world.service).await.unwrap().objects, 2);
    assert_eq!((objects_of(&world, running).await, objects_of(&world, killed).await), (2, 0));
}

#[tokio::test]
async fn a_superseded_encode_goes_when_its_last_signature_has_run_out() {
    let world = World::new(43_200).await;
    let video = world.published("Clip", &[], 2).await;
    let old = video.publication.as_ref().unwrap().hls.as_ref().unwrap().encode;
    // `publish_again` supersedes it as of now; a second one would have to wait.
    world.publish_again(&video, &["720p"], 2, 2).await;
    assert_eq!(objects_of(&world, old).await, 3);
    clipset_tests::wait::until("the last signature to run out", std::time::Duration::from_secs(5), async || {
        sweep(&world.service).await.unwrap();
        (objects_of(&world, old).await == 0).then_some(())
    })
    .await;
    let video = world.service.video(&video.short_id).await.unwrap();
    assert_eq!(video.superseded, []);

    let later = Timestamp::now() + jiff::SignedDuration::from_secs(3600);
    let waiting = EncodeId::random();
    world.service.bucket.put_bytes(&MediaKey::Poster(waiting), vec![1]).await.unwrap();
    let superseded = world.service.videos.update(&video.short_id, |video| {
        video.superseded.push(clipset_core::video::Superseded { id: waiting, until: later });
        Ok::<_, ()>(())
    });
    superseded.await.unwrap();
    sweep(&world.service).await.unwrap();
    assert_eq!(objects_of(&world, waiting).await, 1, "a player may still hold its address");
}

/// A video whose upload was begun `days` ago and has not ended.
async fn uploading(world: &World, days: i64) -> Video {
    let original = EncodeId::random();
    let upload_id = world.service.bucket.begin_upload(&MediaKey::Original(original)).await.unwrap();
    let upload = Upload { original: Some(original), upload_id, file_name: "clip.mp4".into() };
    let begun = Timestamp::now() - SignedDuration::from_hours(24 * days);
    let video = Video::begin(ShortId::random(), "ada".parse().unwrap(), format!("{days} days"), upload, begun);
    world.service.videos.create(&video).await.unwrap();
    video
}

#[tokio::test]
async fn an_upload_that_nobody_went_on_with_for_a_week_ends_and_a_younger_one_goes_on() {
    let world = World::new(43_200).await;
    let (given_up, younger) = (uploading(&world, 8).await, uploading(&world, 6).await);
    sweep(&world.service).await.unwrap();
    let found = world.service.videos.get(&given_up.short_id).await.unwrap();
    assert!(found.is_none_or(|found| found.value.is_deleted()));
    let found = world.service.videos.get(&younger.short_id).await.unwrap().unwrap();
    assert_eq!(found.value.phase, Phase::Uploading);
    let later = Timestamp::now() + SignedDuration::from_hours(1);
    let open = world.service.bucket.uploads_before("", later).await.unwrap();
    assert_eq!(open.into_iter().map(|(_, id)| id).collect::<Vec<_>>(), [younger.upload.upload_id]);
}

#[tokio::test]
async fn an_upload_ends_a_day_after_its_last_part_however_long_ago_it_was_begun() {
    let world = World::new(43_200).await;
    let (silent, signed, stored) =
        (uploading(&world, 6).await, uploading(&world, 30).await, uploading(&world, 30).await);
    for (video, hours) in [(&silent, 25), (&signed, 23), (&stored, 25)] {
        let last = |video: &mut Video| {
            video.parts = Some(PartPlan { size: 3, part_size: 5 << 20 });
            video.part_at = Some(Timestamp::now() - SignedDuration::from_hours(hours));
            Ok::<_, ()>(())
        };
        world.service.videos.update(&video.short_id, last).await.unwrap();
    }
    // By an address that was signed a day ago.
    let key = MediaKey::Original(stored.upload.original.unwrap());
    let hour = std::time::Duration::from_secs(3600);
    let url = world.service.bucket.presign_part(&key, &stored.upload.upload_id, 1, Some(3), hour).await.unwrap();
    assert_eq!(reqwest::Client::new().put(url).body("end").send().await.unwrap().status(), 200);
    sweep(&world.service).await.unwrap();
    assert!(world.service.videos.get(&silent.short_id).await.unwrap().is_none_or(|found| found.value.is_deleted()));
    for going_on in [&signed, &stored] {
        let found = world.service.videos.get(&going_on.short_id).await.unwrap().unwrap();
        assert_eq!(found.value.phase, Phase::Uploading);
    }
    let later = Timestamp::now() + SignedDuration::from_hours(1);
    assert_eq!(world.service.bucket.uploads_before("", later).await.unwrap().len(), 2, "the parts went with it");
}

#[tokio::test]
async fn a_clip_whose_job_was_never_written_gets_it_and_a_runner_finds_it() {
    let world = World::new(43_200).await;
    let video = world.pending("Killed between two writes").await;
    assert!(world.service.jobs.claim_next("one", &[JobKind::First]).await.unwrap().is_none());
    sweep(&world.service).await.unwrap();
    let (job, _) = world.service.jobs.claim_next("one", &[JobKind::First]).await.unwrap().unwrap();
    assert_eq!(Some(job.id), video.job);
}

#[tokio::test]
async fn a_job_outside_the_queue_is_put_back_and_a_failed_one_tells_its_video() {
    let world = World::new(43_200).await;
    let lost = world.pending("Not in the queue").await;
    let job = Job::new(lost.short_id.clone(), JobKind::First, 1, Timestamp::now()).unwrap();
    world.service.jobs.enqueue(&job).await.unwrap();
    world.service.bucket.remove(&DocumentKey::QueueEntry(job.queue_entry())).await.unwrap();
    let failed = world.pending("Failed and not told").await;
    let mut ended = Job::new(failed.short_id.clone(), JobKind::First, 1, Timestamp::now()).unwrap();
    ended.give_up("It is no video.".into(), Timestamp::now()).unwrap();
    world.service.bucket.create(&DocumentKey::Job(ended.id.clone()), &ended).await.unwrap();
    sweep(&world.service).await.unwrap();
    assert_eq!(world.service.jobs.queue().await.unwrap(), [job.id]);
    let failed = world.service.video(&failed.short_id).await.unwrap();
    assert_eq!(failed.phase, Phase::Failed { error: "It is no video.".into() });
}
