//! The rules of a run, over an embedded bucket, with the test as its runners.

use std::collections::BTreeSet;

use clipset_bucket::Bucket;
use clipset_core::{
    Timestamp,
    id::{EncodeId, ShortId},
    job::{Job, JobKind, Lease},
    key::DocumentKey,
    migration::{Migration, WINDOW},
    settings::{OutputFormat, SettingsDocument},
    video::{HlsStream, Publication, Video},
};
use clipset_tests::{
    library::{progressive, store},
    world::World,
};

async fn library(count: usize) -> (World, Vec<Video>) {
    let world = World::new(43_200).await;
    let videos: Vec<Video> = (0..count).map(|n| progressive(format!("Clip {n}"), n)).collect();
    store(&world.service.bucket, &videos).await;
    (world, videos)
}

pub(crate) async fn want(bucket: &Bucket, format: OutputFormat) {
    let mut document = SettingsDocument::default();
    document.settings.video_output_format = format;
    bucket.put(&DocumentKey::Settings, &document).await.unwrap();
}

async fn next(world: &World) -> Option<(Job, Lease)> {
    world.service.jobs.claim_next("one", &[JobKind::Migrate]).await.unwrap()
}

/// Publishes a stream and ends the job, as a runner does.
async fn finish(world: &World, job: &Job, lease: &Lease) {
    let publication = Publication {
        job: job.id.clone(),
        at: Timestamp::now(),
        duration_seconds: 2.0,
        width: 160,
        height: 90,
        hls: Some(HlsStream { encode: EncodeId::random(), renditions: vec![] }),
        progressive: None,
        poster: None,
        storyboard: None,
        checked: None,
    };
    let published = world.service.videos.update(&job.video, |video| video.publish(publication.clone(), publication.at));
    published.await.unwrap();
    let ended = world.service.jobs.update(&job.id, |job| job.complete(lease, Timestamp::now())).await.unwrap();
    world.service.jobs.close(&ended).await.unwrap();
}

async fn fail(world: &World, job: &Job, lease: &Lease, reason: &str) {
    let ended = world.service.jobs.update(&job.id, |job| job.fail(lease, reason.into(), vec![], Timestamp::now()));
    world.service.jobs.close(&ended.await.unwrap()).await.unwrap();
}

async fn tend(world: &World) -> Migration {
    world.service.migrations.tend().await.unwrap().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_come_first_a_few_at_a_time_and_after_new_uploads() {
    let (world, videos) = library(40).await;
    let run = world.service.migrations.start(false).await.unwrap().unwrap();
    assert_eq!((run.total(), run.done, run.is_running()), (40, 0, true));
    assert_eq!(world.service.jobs.queue().await.unwrap().len(), WINDOW);
    let upload = world.pending("An upload").await;
    let first = Job::new(upload.short_id.clone(), JobKind::First, 1, Timestamp::now()).unwrap();
    world.service.jobs.enqueue(&first).await.unwrap();
    assert_eq!(world.service.jobs.queue().await.unwrap()[0], first.id);
    let mut order = Vec::new();
    loop {
        while let Some((job, lease)) = next(&world).await {
            order.push(job.video.clone());
            finish(&world, &job, &lease).await;
        }
        if !tend(&world).await.is_running() {
            break;
        }
    }
    let newest_first: Vec<ShortId> = videos.iter().map(|video| video.short_id.clone()).collect();
    assert_eq!(order, newest_first);
    let run = tend(&world).await;
    assert_eq!((run.total(), run.done, run.current), (40, 40, None));
    assert_eq!(world.service.bucket.keys("jobs/migrations/").await.unwrap(), [""; 0], "the plan is gone with the run");
    let again = world.service.migrations.start(true).await.unwrap().unwrap();
    assert_eq!((again.number, again.is_running()), (1, false), "there is nothing left to do");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_start_and_tend_at_once_make_one_run_with_one_job_for_each_video() {
    let (world, _) = library(30).await;
    let starts = (0..12).map(|_| {
        let service = world.service.clone();
        tokio::spawn(async move { service.migrations.start(true).await.map(drop) })
    });
    for start in futures_util::future::join_all(starts).await {
        start.unwrap().unwrap();
    }
    let run = tend(&world).await;
    assert_eq!((run.number, run.total()), (1, 30));
    let mut seen = BTreeSet::new();
    while tend(&world).await.is_running() {
        let Some((job, lease)) = next(&world).await else { continue };
        assert!(seen.insert(job.id.clone()), "{} came twice", job.id);
        finish(&world, &job, &lease).await;
        let tends = (0..4).map(|_| world.service.migrations.tend());
        for run in futures_util::future::join_all(tends).await {
            let run = run.unwrap().unwrap();
            assert!(run.done <= run.total() && run.total() == 30 && run.done <= seen.len() as u64);
        }
    }
    assert_eq!((seen.len(), tend(&world).await.done), (30, 30));
    assert_eq!(world.service.bucket.keys("jobs/documents/").await.unwrap().len(), 30);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_failed_is_told_with_its_reason_and_tried_again_only_when_somebody_says_so() {
    let (world, videos) = library(3).await;
    world.service.migrations.start(false).await.unwrap();
    let (job, lease) = next(&world).await.unwrap();
    fail(&world, &job, &lease, "It is broken.").await;
    while let Some((job, lease)) = next(&world).await {
        finish(&world, &job, &lease).await;
    }
    let run = tend(&world).await;
    assert_eq!((run.is_running(), run.total(), run.done), (false, 3, 2));
    let line = format!("Clip 0 ({}): It is broken.", videos[0].short_id);
    assert_eq!(run.failed.iter().map(|failed| failed.line()).collect::<Vec<_>>(), [line.as_str()]);
    for _ in 0..2 {
        let run = world.service.migrations.start(false).await.unwrap().unwrap();
        assert_eq!((run.number, run.is_running()), (1, false), "a sweep does not try it again");
    }
    let run = world.service.migrations.start(true).await.unwrap().unwrap();
    assert_eq!((run.number, run.total(), run.failed.len()), (2, 1, 0));
    let (job, lease) = next(&world).await.unwrap();
    assert_eq!(job.id.as_str(), format!("{}-migrate-2", videos[0].short_id));
    finish(&world, &job, &lease).await;
    let run = tend(&world).await;
    assert_eq!((run.is_running(), run.total(), run.done, run.failed.len()), (false, 1, 1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_loses_three_runners_is_listed_and_does_not_stop_the_run() {
    let (world, videos) = library(1).await;
    world.service.migrations.start(false).await.unwrap();
    let id = world.service.jobs.queue().await.unwrap().remove(0);
    for _ in 0..3 {
        let (job, lease) = world.service.jobs.claim(&id, "one").await.unwrap();
        // As after the lease has run out.
        world.service.jobs.update(&job.id, |job| job.release(&lease, true)).await.unwrap();
    }
    assert!(next(&world).await.is_none(), "it gives up");
    let run = tend(&world).await;
    assert!(!run.is_running() && run.failed[0].reason.contains("three times"), "{run:?}");
    let video = world.service.video(&videos[0].short_id).await.unwrap();
    assert_eq!(video.phase.name(), "completed", "it plays as before");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_who_asks_while_it_runs_is_heard_at_its_end() {
    let (world, _) = library(2).await;
    world.service.migrations.start(false).await.unwrap();
    let (job, lease) = next(&world).await.unwrap();
    fail(&world, &job, &lease, "It is broken.").await;
    tend(&world).await;
    world.service.migrations.start(true).await.unwrap();
    let (job, lease) = next(&world).await.unwrap();
    finish(&world, &job, &lease).await;
    let run = tend(&world).await;
    assert_eq!((run.number, run.is_running(), run.total()), (2, true, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tender_killed_between_its_writes_leaves_nothing_undone() {
    let (world, _) = library(3).await;
    world.service.migrations.start(false).await.unwrap();
    let jobs = world.service.jobs.queue().await.unwrap();
    let job = world.service.jobs.get(&jobs[0]).await.unwrap().unwrap();
    // Killed before the job's document, and killed between it and its entry in the queue.
    world.service.bucket.remove(&DocumentKey::Job(job.id.clone())).await.unwrap();
    world.service.jobs.close(&job).await.unwrap();
    let other = world.service.jobs.get(&jobs[1]).await.unwrap().unwrap();
    world.service.jobs.close(&other).await.unwrap();
    tend(&world).await;
    assert_eq!(world.service.jobs.queue().await.unwrap(), jobs);
}

#[tokio::test(flavor = "multi_thread")]
async fn back_to_progressive_drops_what_waits_and_destroys_nothing() {
    let (world, _) = library(40).await;
    world.service.migrations.start(false).await.unwrap();
    let (job, lease) = next(&world).await.unwrap();
    finish(&world, &job, &lease).await;
    want(&world.service.bucket, OutputFormat::Progressive).await;
    let run = tend(&world).await;
    assert_eq!((run.is_running(), run.total(), run.done), (true, WINDOW as u64, 1));
    // Runners end the rest without doing anything.
    while let Some((job, lease)) = next(&world).await {
        let ended = world.service.jobs.update(&job.id, |job| job.complete(&lease, Timestamp::now())).await.unwrap();
        world.service.jobs.close(&ended).await.unwrap();
    }
    let run = tend(&world).await;
    assert_eq!((run.is_running(), run.total(), run.done), (false, 1, 1));
    let moved = world.service.video(&job.video).await.unwrap();
    assert!(moved.stream().is_some() && moved.publication.unwrap().progressive.is_some());
    assert!(!world.service.migrations.start(true).await.unwrap().unwrap().is_running());
    want(&world.service.bucket, OutputFormat::Hls).await;
    let run = world.service.migrations.start(false).await.unwrap().unwrap();
    assert_eq!((run.number, run.total()), (2, 39), "HLS again: the others have their turn");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_that_is_deleted_on_the_way_is_no_longer_counted() {
    let (world, videos) = library(2).await;
    world.service.migrations.start(false).await.unwrap();
    let deleted = world.service.videos.update(&videos[0].short_id, |video| {
        video.delete(Timestamp::now());
        Ok::<_, ()>(())
    });
    deleted.await.unwrap();
    clipset_events::sweep(&world.service).await.unwrap();
    while let Some((job, lease)) = next(&world).await {
        match job.video == videos[0].short_id {
            // The runner finds it gone.
            true => drop(world.service.jobs.update(&job.id, |job| job.complete(&lease, Timestamp::now())).await),
            false => finish(&world, &job, &lease).await,
        }
        tend(&world).await;
    }
    let run = tend(&world).await;
    assert_eq!((run.is_running(), run.total(), run.done), (false, 1, 1));
}
