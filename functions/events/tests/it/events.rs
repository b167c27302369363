//! Each recorded event is read as what it is.

use clipset_events::{
    backend::{Death, Output, Report},
    event::Event,
};

use crate::world::recorded;

fn read(name: &str) -> Event {
    Event::read(&serde_json::from_str(&recorded(name)).unwrap())
}

fn report(name: &str) -> Report {
    match read(name) {
        Event::Job { name: round, given, report } => {
            assert_eq!(round.to_string(), "aB3dE6gH9j-first-1-1", "{name}");
            assert!(!given.is_empty());
            report
        }
        other => panic!("{name} was read as {other:?}"),
    }
}

#[test]
fn batch_events_say_how_the_job_goes() {
    for waiting in ["batch-submitted", "batch-pending", "batch-runnable"] {
        assert_eq!(report(waiting), Report::Waiting, "{waiting}");
    }
    for running in ["batch-starting", "batch-running"] {
        assert_eq!(report(running), Report::Running(None), "{running}");
    }
    assert_eq!(report("batch-succeeded"), Report::Succeeded(Output::default()));
    for taken in ["batch-spot-loss", "batch-fargate-spot-loss"] {
        assert_eq!(report(taken), Report::Failed(Death::Reclaimed), "{taken}");
    }
    for lost in ["batch-failed-exit", "batch-failed-without-reason", "batch-failed-image"] {
        assert_eq!(report(lost), Report::Failed(Death::Lost), "{lost}");
    }
    assert_eq!(report("batch-failed-memory"), Report::Failed(Death::OutOfMemory));
    assert_eq!(report("batch-failed-timeout"), Report::Failed(Death::TooLong));
    assert_eq!(report("batch-queue-blocked"), Report::Blocked);
}

#[test]
fn mediaconvert_events_say_how_the_job_goes() {
    assert_eq!(report("mediaconvert-progressing"), Report::Running(None));
    assert_eq!(report("mediaconvert-input-information"), Report::Running(None));
    assert_eq!(report("mediaconvert-status-update"), Report::Running(Some(0.4)));
    let best = Output { width: 1280, height: 720, duration: 10.0 };
    assert_eq!(report("mediaconvert-complete"), Report::Succeeded(best));
    assert!(matches!(report("mediaconvert-error-input"), Report::Failed(Death::Refused(_))));
    assert_eq!(report("mediaconvert-error-service"), Report::Failed(Death::Passing));
    assert_eq!(report("mediaconvert-canceled"), Report::Failed(Death::Stopped));
}

#[test]
fn both_kinds_of_bucket_events_name_their_keys() {
    let key = "jobs/queue/0-01795528800-aB3dE6gH9j-first-1".to_owned();
    assert_eq!(read("s3-notification-queue"), Event::Created(vec![key.clone()]));
    assert_eq!(read("s3-eventbridge-queue"), Event::Created(vec![key]));
    assert_eq!(read("s3-eventbridge-video"), Event::Created(vec!["catalog/videos/aB3dE6gH9j.json".into()]));
}

#[test]
fn what_is_not_ours_is_left_alone() {
    assert_eq!(read("scheduler-review"), Event::Review);
    assert_eq!(read("scheduler-sweep"), Event::Sweep);
    assert_eq!(read("unknown"), Event::Other("EC2 Instance State-change Notification".into()));
    assert_eq!(read("batch-of-another-system"), Event::Other("Batch Job State Change".into()));
    for nothing in ["null", "[]", "{}", "\"text\"", "{\"Records\":[{}]}", "{\"detail-type\":\"Object Created\"}"] {
        let read = Event::read(&serde_json::from_str(nothing).unwrap());
        assert!(matches!(read, Event::Other(_)) || read == Event::Created(vec![]), "{nothing}: {read:?}");
    }
}
