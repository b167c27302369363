//! MediaConvert: what it is asked, and what becomes of what it wrote.

use clipset_core::{
    job::{Job, JobState},
    key::MediaKey,
    video::{Phase, Video},
};
use clipset_events::dispatch::Dispatch;
use rand::{SeedableRng, rngs::SmallRng, seq::SliceRandom};
use serde_json::{Value, json};

use crate::world::World;

const CREATE: &str = "POST /2017-08-29/jobs";

/// What MediaConvert's probe says of a clip.
fn probed(width: u32, height: u32, more: Value) -> Value {
    let mut video = json!({"width": width, "height": height, "frameRate": {"numerator": 30000, "denominator": 1001},
        "bitDepth": 8, "transferCharacteristics": "ITU_709"});
    video.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({"probeResults": [{"container": {"format": "mp4", "duration": 10.0, "tracks": [
        {"index": 1, "trackType": "video", "codec": "HEVC", "videoProperties": video},
        {"index": 2, "trackType": "audio", "codec": "AAC", "audioProperties": {"channels": 2, "sampleRate": 48000}}]}}]})
}

async fn world() -> World {
    let world = World::convert().await;
    world.services.with(|known| known.probe = probed(1280, 720, json!({})));
    world
}

async fn begun(world: &World) -> (Video, Job, Dispatch) {
    let (video, job) = world.uploaded().await;
    world.deliver("s3-notification-queue", &job, "", 1).await;
    let dispatch = world.dispatch(&job.id).await.unwrap();
    (video, job, dispatch)
}

/// The job's settings as they were sent, with the names that are new each time named.
fn asked(world: &World, dispatch: &Dispatch) -> Value {
    let asked = world.services.asked(CREATE);
    let ids = dispatch.outputs;
    let text = asked.last().unwrap().body.replace(&ids.hls.to_string(), "{hls}");
    let text = text.replace(&ids.progressive.to_string(), "{progressive}").replace(&ids.poster.to_string(), "{poster}");
    serde_json::from_str(&text).unwrap()
}

/// Writes what MediaConvert writes for two renditions, an MP4 and a poster.
async fn convert(world: &World, dispatch: &Dispatch) {
    let bucket = &world.service.bucket;
    let ids = dispatch.outputs;
    for (name, size, rate) in [("480p", "854x480", 1_200_000), ("720p", "1280x720", 3_000_000)] {
        let key = |file: &str| MediaKey::Segment(ids.hls, Some(name.parse().unwrap()), file.into());
        let master = format!(
            "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-STREAM-INF:BANDWIDTH={rate},\
             AVERAGE-BANDWIDTH={},CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION={size},FRAME-RATE=29.970\n\
             segment_v.m3u8\n",
            rate / 2
        );
        let media = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:5\n#EXT-X-MEDIA-SEQUENCE:1\n\
            #EXT-X-PLAYLIST-TYPE:VOD\n#EXTINF:4.004,\nsegment_v_00001.ts\n#EXTINF:4.004,\nsegment_v_00002.ts\n\
            #EXTINF:2.002,\nsegment_v_00003.ts\n#EXT-X-ENDLIST\n";
        bucket.put_bytes(&key("segment.m3u8"), master).await.unwrap();
        bucket.put_bytes(&key("segment_v.m3u8"), media).await.unwrap();
        for n in 1..=3 {
            bucket.put_bytes(&key(&format!("segment_v_0000{n}.ts")), vec![0; 10]).await.unwrap();
        }
    }
    bucket.put_bytes(&MediaKey::Progressive(ids.progressive), vec![0; 10]).await.unwrap();
    world.put(&format!("images/{}.0000000.jpg", ids.poster), "a picture").await;
}

#[tokio::test]
async fn the_request_is_the_recorded_one() {
    let world = world().await;
    let (video, job, dispatch) = begun(&world).await;
    let text = asked(&world, &dispatch).to_string();
    let text =
        text.replace(&video.upload.original.unwrap().to_string(), "{original}").replace(job.id.as_str(), "{job}");
    let sent: Value = serde_json::from_str(&text).unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/requests/mediaconvert-720p.json");
    let recorded: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap_or("null".into())).unwrap();
    assert_eq!(sent, recorded, "{}", serde_json::to_string_pretty(&sent).unwrap());
    let probe = world.services.asked("POST /2017-08-29/probe")[0].json();
    let url = format!("s3://clipset/originals/{}", video.upload.original.unwrap());
    assert_eq!(probe, json!({"inputFiles": [{"fileUrl": url}]}));
}

/// The heights and widths of the HLS groups, and the first group's H.264 settings.
fn groups(sent: &Value) -> (Vec<(String, Value)>, Value) {
    let groups = sent["settings"]["outputGroups"].as_array().unwrap();
    let hls = groups.iter().filter(|group| group["outputGroupSettings"]["type"] == "HLS_GROUP_SETTINGS");
    let video = |group: &Value| group["outputs"][0]["videoDescription"].clone();
    let sizes = hls.clone().map(|group| {
        let size = if video(group)["height"].is_null() {
            video(group)["width"].clone()
        } else {
            video(group)["height"].clone()
        };
        (group["name"].as_str().unwrap().to_owned(), size)
    });
    let first = hls.clone().next().map(video).unwrap_or_default();
    (sizes.collect(), first)
}

#[tokio::test]
async fn the_ladder_follows_the_picture_as_it_is_shown() {
    let world = world().await;
    for (probe, names, by) in [
        (probed(1920, 1080, json!({})), vec!["1080p", "720p", "480p", "360p"], "height"),
        (probed(1920, 1080, json!({"rotation": 90})), vec!["1080p", "720p", "480p", "360p"], "width"),
        (
            probed(720, 576, json!({"sampleAspectRatio": {"numerator": 64, "denominator": 45}})),
            vec!["576p", "480p", "360p"],
            "height",
        ),
        (probed(640, 360, json!({})), vec!["360p"], "height"),
        (probed(3840, 2160, json!({})), vec!["1080p", "720p", "480p", "360p"], "height"),
    ] {
        world.services.with(|known| known.probe = probe);
        let (_, _, dispatch) = begun(&world).await;
        let (sizes, first) = groups(&asked(&world, &dispatch));
        assert_eq!(sizes.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), names);
        assert!(sizes.iter().all(|(name, size)| *name == format!("{size}p")), "{sizes:?}");
        assert!(!first[by].is_null(), "{first}");
    }
}

#[tokio::test]
async fn high_dynamic_range_is_mapped_and_fast_pictures_are_thinned() {
    let world = world().await;
    let fast = json!({"transferCharacteristics": "SMPTE_2084", "frameRate": {"numerator": 120, "denominator": 1}});
    world.services.with(|known| known.probe = probed(1920, 1080, fast));
    let (_, _, dispatch) = begun(&world).await;
    let (_, first) = groups(&asked(&world, &dispatch));
    assert_eq!(first["videoPreprocessors"]["colorCorrector"]["colorSpaceConversion"], "FORCE_709");
    let h264 = &first["codecSettings"]["h264Settings"];
    assert_eq!((&h264["framerateControl"], &h264["framerateNumerator"]), (&json!("SPECIFIED"), &json!(60)));
}

#[tokio::test]
async fn a_file_that_mediaconvert_cannot_read_fails_at_once_with_a_sentence() {
    let world = world().await;
    let sound = json!({"probeResults": [{"container": {"tracks": [{"trackType": "audio", "audioProperties": {}}]}}]});
    for probe in [json!({"probeResults": [{"container": {}}]}), json!({}), sound] {
        world.services.with(|known| known.probe = probe);
        let (video, job) = world.uploaded().await;
        world.deliver("s3-notification-queue", &job, "", 1).await;
        let Phase::Failed { error } = world.video(&video.short_id).await.phase else { panic!("it has not failed") };
        assert!(error.contains("MediaConvert does not"), "{error}");
        assert_eq!(world.dispatch(&job.id).await, None);
    }
    assert!(world.services.asked(CREATE).is_empty());
}

#[tokio::test]
async fn a_job_that_the_service_will_not_have_fails_with_a_sentence_after_three_tries_and_each_is_counted() {
    // As for want of `mediaconvert:Probe`: the lease is taken before it is asked.
    let world = world().await;
    world.services.with(|known| known.failing = Some(403));
    let (video, job) = world.uploaded().await;
    let event = crate::world::event("s3-notification-queue", &job, "", 1);
    for _ in 0..2 {
        world.events.handle(&event).await.expect_err("it comes again");
    }
    assert_eq!(world.video(&video.short_id).await.phase, Phase::Processing);
    world.events.handle(&event).await.unwrap();
    let Phase::Failed { error } = world.video(&video.short_id).await.phase else { panic!("it has not failed") };
    assert_eq!(
        error,
        "The video could not be prepared: MediaConvert does not take its job. An administrator finds the reason in the log of \
         the events function; then try again."
    );
    assert_eq!((world.measured("JobsNotTaken"), world.measured("JobsFailed")), (vec![1.0; 3], vec![1.0]));
    assert_eq!(world.dispatch(&job.id).await, None);
}

#[tokio::test]
async fn a_service_that_is_away_is_waited_for_a_day_and_its_waiting_jobs_are_told_of() {
    let world = world().await;
    world.services.with(|known| known.failing = Some(503));
    let (video, job) = world.uploaded().await;
    let event = crate::world::event("s3-notification-queue", &job, "", 1);
    for _ in 0..5 {
        world.events.handle(&event).await.expect_err("it comes again");
    }
    assert_eq!(world.measured("JobsNotTaken").len(), 5);
    world.delay(&job.id, 40).await;
    world.events.handle(&serde_json::json!({"clipset": "review"})).await.expect_err("it comes again");
    let age = world.measured("QueueAge").pop().unwrap();
    assert!((2400.0..2500.0).contains(&age), "held, and not begun: {age} s");
    world.age(&job.id, 25 * 60).await;
    world.events.handle(&event).await.unwrap();
    let Phase::Failed { error } = world.video(&video.short_id).await.phase else { panic!("it has not failed") };
    assert!(error.contains("MediaConvert could not be asked for a day"), "{error}");
}

#[tokio::test]
async fn a_job_is_created_once_and_shows_its_progress() {
    let world = world().await;
    let (video, job, dispatch) = begun(&world).await;
    for _ in 0..2 {
        world.deliver("s3-notification-queue", &job, "", 1).await;
    }
    assert_eq!(world.services.asked(CREATE).len(), 1);
    let given = dispatch.given.unwrap();
    world.deliver("mediaconvert-status-update", &job, &given, 1).await;
    world.deliver("mediaconvert-progressing", &job, &given, 1).await;
    assert_eq!(world.job(&job.id).await.progress, 0.4);
    assert_eq!(world.video(&video.short_id).await.phase, Phase::Processing);
    world.sweep().await;
    let writing = world.job(&job.id).await.writing;
    assert_eq!(writing, dispatch.outputs.ids(), "a sweep leaves alone what is being written");
}

#[tokio::test]
async fn what_it_wrote_is_published_once_in_whatever_order_its_events_come() {
    let world = world().await;
    let events = [
        "s3-notification-queue",
        "mediaconvert-progressing",
        "mediaconvert-input-information",
        "mediaconvert-status-update",
        "mediaconvert-complete",
        "mediaconvert-complete",
    ];
    for seed in 0..10 {
        let (video, job, dispatch) = begun(&world).await;
        let given = dispatch.given.clone().unwrap();
        convert(&world, &dispatch).await;
        let mut order: Vec<_> = events.iter().chain(&events).collect();
        order.shuffle(&mut SmallRng::seed_from_u64(seed));
        for event in order {
            world.deliver(event, &job, &given, 1).await;
        }
        // An end that is told after the end changes nothing.
        world.deliver("mediaconvert-error-service", &job, &given, 1).await;
        let found = world.video(&video.short_id).await;
        let publication = found.publication.unwrap();
        let stream = publication.hls.unwrap();
        assert_eq!((found.phase, found.superseded), (Phase::Completed, vec![]));
        assert_eq!(stream.renditions, ["720p".parse().unwrap(), "480p".parse().unwrap()]);
        assert_eq!((publication.width, publication.height), (1280, 720));
        assert!((publication.duration_seconds - 10.01).abs() < 1e-6);
        assert_eq!(publication.progressive, Some(dispatch.outputs.progressive));
        assert_eq!(publication.poster, Some(dispatch.outputs.poster));
        assert!(matches!(world.job(&job.id).await.state, JobState::Done { .. }));
        assert_eq!(world.dispatch(&job.id).await, None);
    }
    assert_eq!(world.services.asked(CREATE).len(), 10);
    world.sweep().await;
}

#[tokio::test]
async fn our_playlists_stand_over_its_segments_and_survive_a_sweep() {
    let world = world().await;
    let (_, job, dispatch) = begun(&world).await;
    convert(&world, &dispatch).await;
    world.services.with(|known| known.convert[0].2 = json!({"status": "COMPLETE", "jobPercentComplete": 100}));
    // Nobody told of the end.
    world.sweep().await;
    let read = async |key: MediaKey| world.service.bucket.read_text(&key).await.unwrap().unwrap();
    let master = read(MediaKey::Master(dispatch.outputs.hls)).await;
    assert!(
        master.contains(
            "BANDWIDTH=3000000,AVERAGE-BANDWIDTH=1500000,CODECS=\"avc1.64001f,mp4a.40.2\",RESOLUTION=1280x720,\
             FRAME-RATE=29.97\n720p/playlist.m3u8\n"
        ),
        "{master}"
    );
    assert!(master.find("720p/") < master.find("480p/"));
    let media = read(MediaKey::RenditionPlaylist(dispatch.outputs.hls, "480p".parse().unwrap())).await;
    assert!(
        media.contains("#EXT-X-TARGETDURATION:4\n") && media.contains("#EXTINF:4.004000,\nsegment_v_00001.ts\n"),
        "{media}"
    );
    let poster = world.service.bucket.read_text(&MediaKey::Poster(dispatch.outputs.poster)).await.unwrap();
    assert_eq!(poster.as_deref(), Some("a picture"));
    assert!(matches!(world.job(&job.id).await.state, JobState::Done { .. }));
}

#[tokio::test]
async fn a_damaged_file_fails_with_a_sentence_and_a_fault_of_the_service_is_tried_three_times() {
    let world = world().await;
    let (video, job, dispatch) = begun(&world).await;
    for _ in 0..2 {
        world.deliver("mediaconvert-error-input", &job, dispatch.given.as_deref().unwrap(), 1).await;
    }
    let Phase::Failed { error } = world.video(&video.short_id).await.phase else { panic!("it has not failed") };
    assert!(error.contains("error 1040") && !error.contains("moov"), "{error}");

    let (video, job, _) = begun(&world).await;
    let before = world.services.asked(CREATE).len();
    for round in 1..=3 {
        let given = world.dispatch(&job.id).await.unwrap().given.unwrap();
        for _ in 0..2 {
            world.deliver("mediaconvert-error-service", &job, &given, round).await;
        }
    }
    let Phase::Failed { error } = world.video(&video.short_id).await.phase else { panic!("it has not failed") };
    assert!(error.contains("failed three times"), "{error}");
    assert_eq!(world.services.asked(CREATE).len(), before + 2);
}

#[tokio::test]
async fn what_is_not_whole_is_not_published() {
    let world = world().await;
    let (video, job, dispatch) = begun(&world).await;
    convert(&world, &dispatch).await;
    let media = MediaKey::Segment(dispatch.outputs.hls, Some("480p".parse().unwrap()), "segment_v.m3u8".into());
    world.service.bucket.put_bytes(&media, "#EXTM3U\n#EXTINF:4.0,\n../../secret.ts\n#EXT-X-ENDLIST\n").await.unwrap();
    world.deliver("mediaconvert-complete", &job, dispatch.given.as_deref().unwrap(), 1).await;
    let found = world.video(&video.short_id).await;
    assert!(matches!(found.phase, Phase::Failed { .. }) && found.publication.is_none());
}
