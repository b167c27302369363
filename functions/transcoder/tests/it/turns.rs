//! Whose job is next, and which lane takes it.

use clipset_core::{
    Timestamp,
    id::{JobId, ShortId},
    job::{Job, JobKind, JobState},
    key::DocumentKey,
    video::{Upload, Video},
};
use serde_json::json;

use crate::{system::System, world::Clip};

const FIRST: &[JobKind] = &[JobKind::First];

/// A job of `owner`, enqueued `second` seconds after the others; its upload is never read.
async fn enqueued(system: &System, owner: &str, second: i64) -> JobId {
    let id = ShortId::random();
    let now = Timestamp::from_second(1_800_000_000 + second).unwrap();
    let upload = Upload { original: None, upload_id: "u".into(), file_name: "clip.mp4".into() };
    let mut video = Video::begin(id.clone(), owner.parse().unwrap(), "Clip".into(), upload, now);
    let job = Job::new(id, JobKind::First, 1, now).unwrap();
    video.complete_upload(1, job.id.clone()).unwrap();
    system.videos.create(&video).await.unwrap();
    system.jobs.enqueue(&job).await.unwrap();
    job.id
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_take_turns_whether_their_jobs_run_or_have_ended() {
    let system = System::new(json!({})).await;
    let mut of_ada = Vec::new();
    for second in 0..20 {
        of_ada.push(enqueued(&system, "ada", second).await);
    }
    let of_bob = [enqueued(&system, "bob", 50).await, enqueued(&system, "bob", 51).await];
    let next = async || system.jobs.claim_next("one", FIRST).await.unwrap().unwrap();
    let (first, lease) = next().await;
    assert_eq!(first.id, of_ada[0]);
    // Beside one that runs.
    let (second, _) = next().await;
    assert_eq!(second.id, of_bob[0]);
    let (third, _) = next().await;
    assert_eq!(third.id, of_ada[1]);
    // After one that has ended.
    let ended = system.jobs.update(&first.id, |job| job.complete(&lease, Timestamp::now())).await.unwrap();
    system.jobs.close(&ended).await.unwrap();
    let (fourth, _) = next().await;
    assert_eq!(fourth.id, of_bob[1], "ada was served last");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_job_of_the_version_before_is_taken() {
    let system = System::new(json!({})).await;
    let id = enqueued(&system, "ada", 0).await;
    let document = json!({
        "id": id, "video": id.video(), "kind": "first", "created_at": "2027-01-15T08:00:00Z",
        "attempts": 0, "state": {"state": "waiting"}, "progress": 0.0
    });
    system.bucket.put(&DocumentKey::Job(id.clone()), &document).await.unwrap();
    let entries = system.bucket.children("jobs/queue/").await.unwrap();
    assert_eq!(entries, [format!("0-01800000000-{id}")], "the version before finds ours too");
    let (job, _) = system.jobs.claim_next_within("one", FIRST, Some(30.0)).await.unwrap().unwrap();
    assert_eq!((job.id, job.work_seconds), (id, None));
}

#[tokio::test(flavor = "multi_thread")]
async fn work_that_is_known_to_be_long_is_left_to_the_lane_that_takes_it() {
    let system = System::new(json!({})).await;
    let (long, short) = (enqueued(&system, "ada", 0).await, enqueued(&system, "ada", 1).await);
    let (job, lease) = system.jobs.claim_next_within("one", FIRST, Some(30.0)).await.unwrap().unwrap();
    assert_eq!(job.id, long);
    let given_back = system.jobs.update(&long, |job| {
        job.expect_work(&lease, 90.0)?;
        job.release(&lease, false)
    });
    assert_eq!(given_back.await.unwrap().attempts, 0);
    let (job, _) = system.jobs.claim_next_within("one", FIRST, Some(30.0)).await.unwrap().unwrap();
    assert_eq!(job.id, short);
    assert!(system.jobs.claim_next_within("one", FIRST, Some(30.0)).await.unwrap().is_none());
    let (job, _) = system.jobs.claim_next("one", FIRST).await.unwrap().unwrap();
    assert_eq!(job.id, long);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_long_films_do_not_keep_anothers_clip_waiting() {
    let system = System::new(json!({"cpu_preset": "veryslow", "renditions": "single"})).await;
    let seconds = Clip::of("a.mp4", "426x240", "25", 10.0, "-c:v mpeg4 -q:v 5 -c:a aac");
    let film = seconds.then("film.mp4", "-stream_loop 179", "-c copy");
    let clip = Clip::of("b.mp4", "320x180", "25", 3.0, "-c:v libx264 -preset ultrafast -g 50 -c:a aac");
    let (_, first) = system.upload(&film.file).await;
    let (_, second) = system.upload(&film.file).await;
    let _runner = system.runner(&["watch"]);
    let waits = system.job_until(&second, |job| job.work_seconds.is_some()).await;
    assert!(waits.is_longer_than(600.0), "{:?}", waits.work_seconds);
    let (video, _) = system.upload_of("bob", &clip.file).await;
    system.publication(&video, |_| true).await;
    let [first, second] = [system.job(&first).await.unwrap(), system.job(&second).await.unwrap()];
    assert!(matches!(first.state, JobState::Leased(_)), "{first:?}");
    assert_eq!((second.state, second.attempts), (JobState::Waiting, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_hold_two_pictures_of_a_day_are_refused_and_anothers_clip_is_done_meanwhile() {
    let system = System::new(json!({})).await;
    let sparse = Clip::made(
        "sparse.mkv",
        "-f lavfi -i testsrc2=s=426x240:r=60 -frames:v 2 -vf setpts=N*85000/TB \
        -fps_mode passthrough -pix_fmt yuv420p -c:v libx264 -preset ultrafast",
    );
    let clip = Clip::of("b.mp4", "320x180", "25", 3.0, "-c:v libx264 -preset ultrafast -g 50 -c:a aac");
    let mut refused = Vec::new();
    for _ in 0..2 {
        refused.push(system.upload(&sparse.file).await.1);
    }
    let (video, _) = system.upload_of("bob", &clip.file).await;
    let _runner = system.runner(&["watch"]);
    system.publication(&video, |_| true).await;
    for job in refused {
        let JobState::Failed { reason, .. } = system.ended(&job).await.state else { panic!("not refused") };
        assert!(reason.starts_with("The file holds 2 pictures in 19 kB and spreads them over 23 hours"), "{reason}");
    }
}
