//! The life of a video, and what is refused on its way.

use super::*;

fn now() -> Timestamp {
    "2026-11-22T10:00:00Z".parse().expect("a time")
}

fn job(video: &Video, number: u32) -> JobId {
    format!("{}-first-{number}", video.short_id).parse().expect("a job id")
}

fn uploading() -> Video {
    let upload = Upload { original: Some(EncodeId::random()), upload_id: "u".into(), file_name: "clip.mp4".into() };
    Video::begin(ShortId::random(), "ada".parse().expect("a name"), "Clip".into(), upload, now())
}

fn publication(job: JobId) -> Publication {
    Publication {
        job,
        at: now(),
        duration_seconds: 1.0,
        width: 2,
        height: 2,
        hls: Some(HlsStream { encode: EncodeId::random(), renditions: vec![] }),
        progressive: None,
        poster: None,
        storyboard: None,
        checked: None,
    }
}

fn pending() -> Video {
    let mut video = uploading();
    let job = job(&video, 1);
    video.complete_upload(10, job).expect("uploading");
    video
}

#[test]
fn a_clip_goes_from_upload_to_published() {
    let mut video = pending();
    assert_eq!(video.phase.name(), "pending");
    video.start_processing().expect("pending");
    assert_eq!(video.phase.name(), "processing");
    video.publish(publication(job(&video, 1)), now()).expect("processing");
    assert_eq!(video.phase.name(), "completed");
}

#[test]
fn of_two_finishers_of_one_job_the_first_wins() {
    let mut video = pending();
    let first = publication(job(&video, 1));
    video.publish(first.clone(), now()).expect("pending");
    let second = video.publish(publication(job(&video, 1)), now());
    assert!(matches!(second, Err(VideoError::AlreadyPublished(_))));
    assert_eq!(video.publication, Some(first));
}

#[test]
fn a_second_publication_keeps_pictures_and_supersedes_the_first_stream() {
    let mut video = pending();
    let first = publication(job(&video, 1));
    let old = first.hls.clone().expect("a stream").encode;
    video.publish(first, now()).expect("pending");
    let poster = EncodeId::random();
    video.attach(Extras { poster: Some(poster), ..Extras::default() }, now()).expect("published");
    video.publish(publication(job(&video, 2)), now()).expect("published");
    assert_eq!(video.publication.as_ref().and_then(|p| p.poster), Some(poster));
    assert_eq!(video.superseded, [Superseded { id: old, until: now() }]);
    assert_eq!(video.forget_superseded(now()), []);
    let later = now() + SignedDuration::from_secs(1);
    assert_eq!(video.forget_superseded(later), [old]);
}

#[test]
fn an_original_goes_only_after_the_stream_that_is_published_passed_its_check() {
    let mut video = pending();
    let original = video.upload.original.expect("an original");
    assert!(video.retire_original(now()).is_err());
    video.publish(publication(job(&video, 1)), now()).expect("pending");
    assert!(video.retire_original(now()).is_err());
    assert!(video.pass_check(EncodeId::random(), now()).is_err(), "another stream's check does not count");
    let encode = video.stream().expect("a stream").encode;
    video.pass_check(encode, now()).expect("published");
    video.publish(publication(job(&video, 2)), now()).expect("published");
    assert!(video.retire_original(now()).is_err(), "a new stream has its own check");
    let encode = video.stream().expect("a stream").encode;
    video.pass_check(encode, now()).expect("published");
    video.retire_original(now()).expect("checked");
    assert_eq!(video.upload.original, None);
    assert!(video.ids().contains(&original), "known until the sweep removed it");
}

#[test]
fn a_clip_ends_by_its_own_days_else_by_those_of_the_settings() {
    let mut video = uploading();
    let day = SignedDuration::from_hours(24);
    let two = Some(Days::of::<2>());
    assert_eq!(video.expires_at(None), None);
    assert_eq!(video.expires_at(two), Some(now() + day * 2));
    video.expire_after_days = Some(3);
    assert_eq!(video.expires_at(two), Some(now() + day * 3));
    video.expire_after_days = Some(0);
    assert_eq!(video.expires_at(two), None);
}

#[test]
fn wrong_transitions_are_refused() {
    let mut video = uploading();
    assert!(video.start_processing().is_err());
    assert!(video.retry(job(&video, 2)).is_err());
    assert!(video.fail("no".into()).is_err());
    assert!(video.publish(publication(job(&video, 1)), now()).is_err());
    assert!(video.attach(Extras::default(), now()).is_err());
    video.delete(now());
    assert!(video.complete_upload(1, job(&video, 1)).is_err());
    assert!(video.publish(publication(job(&video, 1)), now()).is_err());
}

#[test]
fn a_failure_after_publication_does_not_take_it_away() {
    let mut video = pending();
    video.publish(publication(job(&video, 1)), now()).expect("pending");
    video.fail("the ladder broke".into()).expect("published");
    assert_eq!(video.phase, Phase::Completed);
}

#[test]
fn documents_read_back_as_written() {
    let mut video = pending();
    video.fail("because".into()).expect("pending");
    let text = serde_json::to_string(&video).expect("JSON");
    assert_eq!(serde_json::from_str::<Video>(&text).expect("the document"), video);
}

#[test]
fn an_upload_is_silent_from_its_last_part_on_and_a_note_every_few_minutes_is_enough() {
    let minutes = |minutes| now() + SignedDuration::from_mins(minutes);
    let mut video = uploading().cut(PartPlan::new(10, None).expect("a plan"));
    assert_eq!((video.silent_since(), video.abandoned_at()), (now(), minutes(24 * 60)));
    video.note_part(minutes(30)).expect("uploading");
    let noted = video.clone();
    video.note_part(minutes(34)).expect("uploading");
    assert_eq!(video, noted, "a part each few seconds is not a write each");
    assert!(video.silent_since() > minutes(34), "what was not noted counts");
    video.note_part(minutes(35)).expect("uploading");
    assert_eq!(video.part_at, Some(minutes(35)));
    assert!(video.abandoned_at() >= minutes(35 + 24 * 60));
    let job = job(&video, 1);
    video.complete_upload(10, job).expect("uploading");
    assert!(video.note_part(minutes(36)).is_err());
}

#[test]
fn an_upload_of_before_parts_were_bound_has_its_week() {
    let mut stored = serde_json::to_value(uploading()).expect("JSON");
    stored["title"] = "The\nla\u{202e}ke".into();
    stored["upload"]["file_name"] = "\u{2066}a\u{7}.mp4".into();
    stored["description"] = "one\u{202e}\ntwo".into();
    let mut video: Video = serde_json::from_value(stored).expect("it is read");
    video.note_part(now() + SignedDuration::from_hours(24)).expect("uploading");
    assert_eq!((video.part_at, video.abandoned_at()), (None, now() + SignedDuration::from_hours(7 * 24)));
    // And what was typed then turns no text beside it.
    let shown = (video.title.as_str(), video.upload.file_name.as_str(), video.description.as_str());
    assert_eq!(shown, ("The lake", "a.mp4", "one\ntwo"));
}
