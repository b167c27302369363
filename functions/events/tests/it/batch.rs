//! AWS Batch: each job leads to the right state once, however often and in whatever order its events come.

use clipset_core::{
    Timestamp,
    job::{Job, JobState},
    video::{HlsStream, Phase, Publication},
};
use rand::{SeedableRng, rngs::SmallRng, seq::SliceRandom};
use serde_json::json;

use crate::world::World;

const SUBMIT: &str = "POST /v1/submitjob";

/// The container of `given` takes the job, as `clipset-transcoder run` does.
async fn claim(world: &World, job: &Job, given: &str) -> clipset_core::job::Lease {
    world.service.jobs.claim(&job.id, given).await.unwrap().1
}

/// It publishes and ends well.
async fn complete(world: &World, job: &Job, given: &str) {
    let lease = claim(world, job, given).await;
    let publication = Publication {
        job: job.id.clone(),
        at: Timestamp::now(),
        duration_seconds: 1.0,
        width: 2,
        height: 2,
        hls: Some(HlsStream { encode: clipset_core::id::EncodeId::random(), renditions: vec![] }),
        progressive: None,
        poster: None,
        storyboard: None,
        checked: None,
    };
    let now = Timestamp::now();
    world.service.videos.update(&job.video, |video| video.publish(publication.clone(), now)).await.unwrap();
    world.service.jobs.update(&job.id, |job| job.complete(&lease, now)).await.unwrap();
}

/// `events`, some of them twice or thrice, in an order that `seed` makes.
fn shuffled(events: &[&'static str], seed: u64) -> Vec<&'static str> {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut all: Vec<_> = events.iter().chain(events).chain(events.iter().take(2)).copied().collect();
    all.shuffle(&mut random);
    all
}

/// Submissions of this job.
fn rounds(world: &World, job: &Job) -> usize {
    world.services.asked(SUBMIT).iter().filter(|asked| asked.json()["parameters"]["job"] == job.id.as_str()).count()
}

async fn begun(world: &World) -> (Job, String) {
    let (_, job) = world.uploaded().await;
    world.deliver("s3-notification-queue", &job, "", 1).await;
    let given = world.dispatch(&job.id).await.unwrap().given.unwrap();
    (job, given)
}

#[tokio::test]
async fn a_new_job_is_submitted_once_with_its_name_and_queue_and_neither_retries_nor_a_time_limit_of_its_own() {
    let world = World::batch().await;
    let (_, job) = world.uploaded().await;
    for event in ["s3-notification-queue", "s3-eventbridge-queue", "s3-notification-queue"] {
        world.deliver(event, &job, "", 1).await;
    }
    world.sweep().await;
    let asked = world.services.asked(SUBMIT);
    assert_eq!(asked.len(), 1);
    assert_eq!(
        asked[0].json(),
        json!({
            "jobName": format!("{}-1", job.id),
            "jobQueue": "gpu-queue",
            "jobDefinition": "gpu-definition",
            "parameters": {"job": job.id.as_str()},
        })
    );
}

#[tokio::test]
async fn a_submission_whose_answer_was_lost_is_found_by_its_name() {
    let world = World::batch().await;
    let (_, job) = world.uploaded().await;
    let taken = (format!("{}-1", job.id), "taken-before".to_owned(), json!({"status": "RUNNING"}));
    world.services.with(|known| known.batch.push(taken));
    world.deliver("s3-notification-queue", &job, "", 1).await;
    assert_eq!(rounds(&world, &job), 0);
    assert_eq!(world.dispatch(&job.id).await.unwrap().given.as_deref(), Some("taken-before"));
}

#[tokio::test]
async fn a_job_that_was_not_taken_is_submitted_by_the_next_event_or_sweep() {
    let world = World::batch().await;
    let (_, job) = world.uploaded().await;
    world.services.with(|known| known.failing = Some(500));
    let event = crate::world::event("s3-notification-queue", &job, "", 1);
    world.events.handle(&event).await.expect_err("Batch is away");
    world.services.with(|known| known.failing = None);
    world.sweep().await;
    assert_eq!(rounds(&world, &job), 1);
    assert!(world.dispatch(&job.id).await.unwrap().given.is_some());
}

#[tokio::test]
async fn a_job_that_batch_will_not_have_fails_with_a_sentence_and_too_many_requests_pass() {
    let world = World::batch().await;
    for (status, fails) in [(403, true), (429, false)] {
        let (video, job) = world.uploaded().await;
        world.services.with(|known| known.failing = Some(status));
        let event = crate::world::event("s3-notification-queue", &job, "", 1);
        for _ in 0..3 {
            let _ = world.events.handle(&event).await;
        }
        let phase = world.video(&video.short_id).await.phase;
        assert_eq!(matches!(phase, Phase::Failed { .. }), fails, "{status}: {phase:?}");
        world.services.with(|known| known.failing = None);
    }
}

#[tokio::test]
async fn a_job_that_ends_well_is_closed_once_in_whatever_order_its_events_come() {
    let world = World::batch().await;
    let events = [
        "s3-notification-queue",
        "batch-submitted",
        "batch-runnable",
        "batch-starting",
        "batch-running",
        "batch-succeeded",
    ];
    for seed in 0..12 {
        let (job, given) = begun(&world).await;
        complete(&world, &job, &given).await;
        for event in shuffled(&events, seed) {
            world.deliver(event, &job, &given, 1).await;
        }
        assert_eq!(rounds(&world, &job), 1, "seed {seed}");
        assert!(matches!(world.job(&job.id).await.state, JobState::Done { .. }), "seed {seed}");
        assert_eq!(world.video(&job.video).await.phase, Phase::Completed);
        assert_eq!(world.dispatch(&job.id).await, None);
        assert!(!world.service.jobs.queue().await.unwrap().contains(&job.id));
    }
}

#[tokio::test]
async fn a_container_that_dies_without_a_word_frees_its_job_for_one_more_round() {
    let world = World::batch().await;
    for (seed, death) in ["batch-failed-without-reason", "batch-failed-exit", "batch-spot-loss", "batch-failed-memory"]
        .iter()
        .enumerate()
    {
        let (job, given) = begun(&world).await;
        claim(&world, &job, &given).await;
        let events = ["s3-notification-queue", "batch-runnable", "batch-running", death];
        for event in shuffled(&events, seed as u64) {
            world.deliver(event, &job, &given, 1).await;
        }
        let (held, dispatch) = (world.job(&job.id).await, world.dispatch(&job.id).await.unwrap());
        assert_eq!((held.state, held.attempts), (JobState::Waiting, 1), "{death}");
        assert_eq!((dispatch.round, dispatch.lost, rounds(&world, &job)), (2, 1, 2), "{death}");
        // The second container ends what the first did not.
        let second = dispatch.given.unwrap();
        complete(&world, &job, &second).await;
        world.deliver("batch-succeeded", &job, &second, 2).await;
        world.deliver(death, &job, &given, 1).await;
        assert!(matches!(world.job(&job.id).await.state, JobState::Done { .. }));
        assert_eq!((world.dispatch(&job.id).await, rounds(&world, &job)), (None, 2));
    }
}

#[tokio::test]
async fn a_job_that_is_lost_three_times_fails_with_a_sentence_even_if_no_container_ever_began() {
    let world = World::batch().await;
    for begins in [true, false] {
        let (job, _) = begun(&world).await;
        for round in 1..=3 {
            let given = world.dispatch(&job.id).await.unwrap().given.unwrap();
            if begins {
                claim(&world, &job, &given).await;
            }
            for event in ["batch-failed-image", "batch-running", "batch-failed-image"] {
                world.deliver(event, &job, &given, round).await;
            }
        }
        let Phase::Failed { error } = world.video(&job.video).await.phase else { panic!("it has not failed") };
        assert_eq!(error, "The video could not be prepared: the machines that worked on it were lost three times.");
        assert_eq!((rounds(&world, &job), world.dispatch(&job.id).await), (3, None));
        assert!(!world.service.jobs.queue().await.unwrap().contains(&job.id));
    }
}

#[tokio::test]
async fn what_spot_takes_away_goes_to_the_queue_that_has_no_spot_and_what_dies_by_itself_does_not() {
    for (death, queue) in [
        ("batch-spot-loss", "fargate-queue"),
        ("batch-fargate-spot-loss", "fargate-queue"),
        ("batch-failed-exit", "gpu-queue"),
    ] {
        let world = World::batch().await;
        let (job, given) = begun(&world).await;
        claim(&world, &job, &given).await;
        world.deliver(death, &job, &given, 1).await;
        let asked = world.services.asked(SUBMIT);
        assert_eq!((asked.len(), &asked[1].json()["jobQueue"]), (2, &json!(queue)), "{death}");
        assert_eq!(world.dispatch(&job.id).await.unwrap().lost, 1);
    }
}

#[tokio::test]
async fn what_took_too_long_is_not_begun_again() {
    let world = World::batch().await;
    let (job, given) = begun(&world).await;
    claim(&world, &job, &given).await;
    world.deliver("batch-failed-timeout", &job, &given, 1).await;
    let Phase::Failed { error } = world.video(&job.video).await.phase else { panic!("it has not failed") };
    assert!(error.contains("longer than is allowed"), "{error}");
    assert_eq!(rounds(&world, &job), 1);
}

#[tokio::test]
async fn a_runner_at_home_that_holds_the_job_is_left_alone() {
    let world = World::batch().await;
    let (job, given) = begun(&world).await;
    let lease = claim(&world, &job, "living-room").await;
    world.deliver("batch-failed-exit", &job, &given, 1).await;
    assert_eq!(world.job(&job.id).await.state, JobState::Leased(lease));
    assert_eq!(rounds(&world, &job), 1);
}

#[tokio::test]
async fn events_of_a_second_job_of_the_same_name_do_not_count() {
    let world = World::batch().await;
    let (job, given) = begun(&world).await;
    let lease = claim(&world, &job, &given).await;
    world.deliver("batch-failed-exit", &job, "submitted-twice", 1).await;
    assert_eq!(world.job(&job.id).await.state, JobState::Leased(lease));
    assert_eq!(rounds(&world, &job), 1);
}

#[tokio::test]
async fn a_job_that_finds_no_gpu_in_time_is_stopped_there_and_given_to_fargate_once() {
    let world = World::batch().await;
    let (job, given) = begun(&world).await;
    world.age(&job.id, 9).await;
    world.sweep().await;
    assert_eq!(rounds(&world, &job), 1, "there is still time");
    world.age(&job.id, 11).await;
    world.sweep().await;
    world.sweep().await;
    world.deliver("batch-runnable", &job, &given, 1).await;
    // Batch tells of the one that was stopped; that is no loss.
    world.deliver("batch-failed-without-reason", &job, &given, 1).await;
    let asked = world.services.asked(SUBMIT);
    assert_eq!(asked.len(), 2);
    assert_eq!(
        (&asked[1].json()["jobQueue"], &asked[1].json()["jobDefinition"]),
        (&json!("fargate-queue"), &json!("fargate-definition"))
    );
    let stopped = world.services.asked("POST /v1/terminatejob");
    assert_eq!((stopped.len(), &stopped[0].json()["jobId"]), (1, &json!(given)));
    let dispatch = world.dispatch(&job.id).await.unwrap();
    assert_eq!((dispatch.round, dispatch.lost), (2, 0));
    // There is no third place.
    world.age(&job.id, 60).await;
    world.sweep().await;
    assert_eq!(rounds(&world, &job), 2);
}

#[tokio::test]
async fn a_queue_without_machines_is_not_waited_for() {
    let world = World::batch().await;
    let (job, given) = begun(&world).await;
    for _ in 0..2 {
        world.deliver("batch-queue-blocked", &job, &given, 1).await;
    }
    assert_eq!(world.services.asked(SUBMIT)[1].json()["jobQueue"], "fargate-queue");
    assert_eq!(rounds(&world, &job), 2);
}

#[tokio::test]
async fn a_job_that_runs_keeps_its_gpu_however_long_it_takes() {
    let world = World::batch().await;
    let (job, _) = begun(&world).await;
    world.services.with(|known| known.batch[0].2 = json!({"status": "RUNNING"}));
    world.age(&job.id, 600).await;
    world.sweep().await;
    assert_eq!(rounds(&world, &job), 1);
}

#[tokio::test]
async fn events_that_never_came_are_made_up_for_by_the_sweep() {
    let world = World::batch().await;
    let (_, unheard) = world.uploaded().await;
    world.sweep().await;
    assert_eq!(rounds(&world, &unheard), 1, "nobody told of the new job");
    let given = world.dispatch(&unheard.id).await.unwrap().given.unwrap();
    claim(&world, &unheard, &given).await;
    world.services.with(|known| {
        known.batch[0].2 = json!({"status": "FAILED", "statusReason": "Host EC2 (instance i-0) terminated."})
    });
    world.sweep().await;
    assert_eq!(rounds(&world, &unheard), 2, "nobody told of its death");
    let second = world.dispatch(&unheard.id).await.unwrap().given.unwrap();
    complete(&world, &unheard, &second).await;
    world.sweep().await;
    assert_eq!(world.dispatch(&unheard.id).await, None, "nobody told of its end");
    world.services.with(|known| known.batch.clear());
    world.sweep().await;
    assert_eq!(rounds(&world, &unheard), 2);
}
