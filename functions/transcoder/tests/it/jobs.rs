//! The runner as a process, beside the embedded bucket: from a finished upload to what is published.

use std::{
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clipset_core::{
    Timestamp,
    encoders::EncoderReport,
    id::{EncodeId, JobId},
    job::JobState,
    key::{DocumentKey, MediaKey},
    playlist::MediaPlaylist,
    video::Phase,
};
use clipset_transcoder::storyboard::INDEX;
use serde_json::json;
use tokio::process::{Child, Command};

use crate::{
    system::System,
    world::{Clip, ffprobe, pictures},
};

/// One key frame in 250: has to be encoded, and takes a few seconds.
fn long_work() -> Clip {
    Clip::of("a.mp4", "320x180", "30", 60.0, "-c:v libx264 -preset ultrafast -g 250 -c:a aac")
}

async fn stop(runner: &mut Child, signal: &str) -> std::process::ExitStatus {
    let pid = runner.id().unwrap().to_string();
    Command::new("kill").args([signal, &pid]).status().await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), runner.wait()).await.unwrap().unwrap()
}

/// Processes that work in the scratch folder.
fn at_work_in(folder: &Path) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter(|process| std::fs::read_link(process.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(folder)))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_can_be_copied_plays_at_once_and_gets_the_rest_by_itself() {
    let clip = Clip::of("a.mp4", "854x480", "30", 16.0, "-c:v libx264 -preset ultrafast -bf 2 -g 60 -c:a aac");
    let system = System::new(json!({})).await;
    let mut runner = system.runner(&["watch"]);
    // The runner is up when it has reported its encoders.
    let report = DocumentKey::Runner("test-runner".into());
    let deadline = Instant::now() + Duration::from_secs(60);
    let report = loop {
        if let Some(found) = system.bucket.read::<EncoderReport>(&report).await.unwrap() {
            break found.value;
        }
        assert!(Instant::now() < deadline, "no report");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(report.encoders.contains(&"libx264".to_owned()));

    let (video, job) = system.upload(&clip.file).await;
    let last_byte = Instant::now();
    let first = system.publication(&video, |_| true).await;
    let took = last_byte.elapsed();
    // Others encode beside this; the real figure is that of the benchmark `upload`.
    assert!(took < Duration::from_secs(15), "{took:?}");
    assert!(first.hls.as_ref().unwrap().renditions.is_empty(), "one rendition at first");
    assert!((first.duration_seconds - 16.0).abs() < 0.05 && (first.width, first.height) == (854, 480));
    let stream = system.downloaded(&first).await;
    assert_eq!(pictures(&stream.path().join("master.m3u8")), pictures(&clip.file));

    let ladder: JobId = job.as_str().replace("first", "ladder").parse().unwrap();
    assert!(matches!(system.ended(&ladder).await.state, JobState::Done { .. }));
    let second = system.publication(&video, |published| published.job == ladder).await;
    let renditions: Vec<String> = second.hls.as_ref().unwrap().renditions.iter().map(|name| name.to_string()).collect();
    assert_eq!(renditions, ["480p", "360p"]);
    let stream = system.downloaded(&second).await;
    assert_eq!(pictures(&stream.path().join("480p/playlist.m3u8")), pictures(&clip.file));
    let playlist = std::fs::read_to_string(stream.path().join("360p/playlist.m3u8")).unwrap();
    assert_eq!(MediaPlaylist::parse(&playlist).unwrap().segments.len(), 4);

    // What players had before stays until its last signature has run out.
    let superseded: Vec<EncodeId> = system.video(&video).await.superseded.iter().map(|old| old.id).collect();
    assert_eq!(superseded, [first.hls.unwrap().encode]);

    let storyboard = second.storyboard.unwrap();
    let index = system.bucket.read_text(&MediaKey::Storyboard(storyboard, INDEX.into())).await.unwrap().unwrap();
    assert_eq!(index.matches("sprite0.jpg#xywh=").count(), 16, "{index}");
    assert!(index.contains("00:00:15.000 --> 00:00:16.000\nsprite0.jpg#xywh=800,90,160,90\n"), "{index}");
    let sprite = stream.path().join("sprite0.jpg");
    system.bucket.download(&MediaKey::Storyboard(storyboard, "sprite0.jpg".into()), &sprite).await.unwrap();
    assert_eq!(ffprobe(&["-show_entries", "stream=codec_name,width,height"], &sprite).trim(), "mjpeg,1600,180");

    let (poster, mp4) = (second.poster.unwrap(), second.progressive.unwrap());
    let file = stream.path().join("poster.jpg");
    system.bucket.download(&MediaKey::Poster(poster), &file).await.unwrap();
    assert_eq!(ffprobe(&["-show_entries", "stream=codec_name,width,height"], &file).trim(), "mjpeg,854,480");
    let file = stream.path().join("a.mp4");
    system.bucket.download(&MediaKey::Progressive(mp4), &file).await.unwrap();
    assert_eq!(pictures(&file), pictures(&clip.file));
    let bytes = std::fs::read(&file).unwrap();
    let place = |name: &[u8]| bytes.windows(4).position(|window| window == name).unwrap();
    assert!(place(b"moov") < place(b"mdat"), "the index stands in front");

    system.queue_gets_empty().await;
    assert!(system.job(&job).await.unwrap().notes[0].starts_with("repackaged without encoding"));
    assert!(stop(&mut runner, "-TERM").await.success());
    assert_eq!(std::fs::read_dir(system.scratch()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_video_fails_with_a_sentence_and_leaves_nothing() {
    let system = System::new(json!({})).await;
    let file = system.folder.path().join("notes.txt");
    std::fs::write(&file, "not a video").unwrap();
    let (video, job) = system.upload(&file).await;
    let mut runner = system.runner(&["run", job.as_str()]);
    let status = runner.wait().await.unwrap();
    assert_eq!(status.code(), Some(1));
    let Phase::Failed { error } = system.video(&video).await.phase else { panic!("not failed") };
    assert_eq!(error, "The file is not a video that can be read.");
    let JobState::Failed { reason, log, .. } = system.job(&job).await.unwrap().state else { panic!("not failed") };
    assert_eq!(reason, error);
    assert!(log.iter().all(|line| !line.contains('/')), "{log:?}");
    system.queue_gets_empty().await;
    for prefix in ["hls/", "progressive/", "images/"] {
        assert!(system.bucket.keys(prefix).await.unwrap().is_empty(), "{prefix}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_tell_done_failed_and_wrong_usage_apart() {
    // One key frame, for poster and storyboard too.
    let clip = Clip::of("a.mp4", "320x180", "30", 5.0, "-c:v mpeg4 -g 300 -c:a aac");
    let system = System::new(json!({"video_output_format": "progressive"})).await;
    let (video, job) = system.upload(&clip.file).await;
    assert_eq!(system.runner(&["run", job.as_str()]).wait().await.unwrap().code(), Some(0));
    let published = system.video(&video).await.publication.unwrap();
    assert!(published.hls.is_none() && published.progressive.is_some());
    assert!(published.poster.is_some() && published.storyboard.is_some());
    assert!((published.duration_seconds - 5.0).abs() < 0.1, "{}", published.duration_seconds);
    assert_eq!(system.runner(&["run", "not a job"]).wait().await.unwrap().code(), Some(2));
    assert_eq!(system.runner(&["run", job.as_str()]).wait().await.unwrap().code(), Some(1), "it has ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_is_told_to_stop_gives_its_job_back_at_once() {
    let clip = long_work();
    let system = System::new(json!({"cpu_preset": "veryslow"})).await;
    let (_, job) = system.upload(&clip.file).await;
    let mut runner = system.runner(&["watch"]);
    system.job_until(&job, |job| job.progress > 0.1).await;
    assert!(at_work_in(&system.scratch()) > 0);
    assert!(stop(&mut runner, "-TERM").await.success());
    let job = system.job(&job).await.unwrap();
    assert_eq!((job.state, job.attempts), (JobState::Waiting, 0));
    assert_eq!(at_work_in(&system.scratch()), 0);
    assert_eq!(std::fs::read_dir(system.scratch()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_runners_job_is_taken_over_and_ends_well() {
    let clip = long_work();
    let system = System::new(json!({"cpu_preset": "veryslow", "renditions": "single"})).await;
    let (video, job) = system.upload(&clip.file).await;
    let mut runner = system.runner(&["watch"]);
    let held = system.job_until(&job, |job| job.progress > 0.1 && !job.writing.is_empty()).await;
    stop(&mut runner, "-KILL").await;
    let deadline = Instant::now() + Duration::from_secs(5);
    while at_work_in(&system.scratch()) > 0 {
        assert!(Instant::now() < deadline, "FFmpeg outlives the runner");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    system.choose(json!({"renditions": "single"})).await;
    let _second = system.runner(&["watch"]);
    let published = system.publication(&video, |published| published.poster.is_some()).await;
    let done = system.ended(&job).await;
    assert_eq!((done.attempts, published.job), (2, job));
    assert_ne!(published.hls.unwrap().encode, held.writing[0], "below a new uuid");
    assert!((published.duration_seconds - 60.0).abs() < 0.1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_deleted_in_mid_encode_ends_its_job() {
    let clip = long_work();
    let system = System::new(json!({"cpu_preset": "veryslow"})).await;
    let (video, job) = system.upload(&clip.file).await;
    let _runner = system.runner(&["watch"]);
    system.job_until(&job, |job| job.progress > 0.1).await;
    let deletion = system.videos.update(&video, |video| {
        video.delete(Timestamp::now());
        Ok::<_, ()>(())
    });
    deletion.await.unwrap();
    let job = system.ended(&job).await;
    assert!(matches!(job.state, JobState::Done { .. }), "{job:?}");
    assert!(system.video(&video).await.publication.is_none());
    system.queue_gets_empty().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_that_finds_its_publication_adds_only_what_is_missing() {
    let clip = Clip::of("a.mp4", "320x180", "30", 10.0, "-c:v mpeg4 -q:v 5 -c:a aac");
    let system = System::new(json!({"renditions": "single"})).await;
    let (video, job) = system.upload(&clip.file).await;
    assert!(system.runner(&["run", job.as_str()]).wait().await.unwrap().success());
    let before = system.video(&video).await.publication.unwrap();
    // As if the runner had been killed right after its publication.
    let undo = system.videos.update(&video, |video| {
        let published = video.publication.as_mut().unwrap();
        (published.poster, published.progressive, published.storyboard) = (None, None, None);
        Ok::<_, ()>(())
    });
    undo.await.unwrap();
    let mut again = system.job(&job).await.unwrap();
    again.state = JobState::Waiting;
    system.bucket.put(&DocumentKey::Job(job.clone()), &again).await.unwrap();
    assert!(system.runner(&["run", job.as_str()]).wait().await.unwrap().success());
    let after = system.video(&video).await.publication.unwrap();
    assert_eq!(after.hls, before.hls);
    let mp4 = clip.folder.path().join("again.mp4");
    system.bucket.download(&MediaKey::Progressive(after.progressive.unwrap()), &mp4).await.unwrap();
    assert_eq!(pictures(&mp4).len(), 300);
    assert!(after.poster.is_some() && after.storyboard.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clip_that_takes_too_long_fails_and_ffmpeg_with_it() {
    let clip = long_work();
    let system = System::new(json!({"cpu_preset": "veryslow", "renditions": "single"})).await;
    let (video, job) = system.upload(&clip.file).await;
    let mut runner = system.runner_with(&["run", job.as_str()], &[("TRANSCODER_TIME_LIMIT_SECONDS", "1")]);
    assert_eq!(runner.wait().await.unwrap().code(), Some(1));
    let Phase::Failed { error } = system.video(&video).await.phase else { panic!("not failed") };
    assert_eq!(error, "The file took longer than is allowed for its length.");
    assert_eq!(at_work_in(&system.scratch()), 0);
}

/// An FFmpeg whose GPU passes the trial and fails the job with these words.
fn with_gpu_that_says(system: &System, words: &str) -> PathBuf {
    let cases = format!("*lavfi*h264_nvenc*) exit 0;; *h264_nvenc*) echo '{words}' >&2; exit 1;;");
    ffmpeg_of(system, &format!("case \"$*\" in {cases} esac"))
}

/// An FFmpeg that does `first` before it is the real one.
fn ffmpeg_of(system: &System, first: &str) -> PathBuf {
    let fake = system.folder.path().join("ffmpeg");
    std::fs::write(&fake, format!("#!/bin/sh\n{first}\nexec ffmpeg \"$@\"\n")).unwrap();
    std::fs::set_permissions(&fake, std::fs::Permissions::from_mode(0o755)).unwrap();
    fake
}

/// Without a GPU here: x264 gets what is meant for NVENC.
#[tokio::test(flavor = "multi_thread")]
async fn a_gpu_that_works_encodes_and_is_said_to_have() {
    let clip = Clip::of("a.mp4", "320x180", "30", 5.0, "-c:v mpeg4 -c:a aac");
    let system = System::new(json!({"use_gpu_transcoding": true})).await;
    let words = "h264_nvenc) word=libx264;; p[1-7]) word=ultrafast;; hq) word=film;;";
    let stand_in =
        ffmpeg_of(&system, &format!("for word; do shift; case $word in {words} esac; set -- \"$@\" \"$word\"; done"));
    let (_, job) = system.upload(&clip.file).await;
    let mut runner = system.runner_with(&["run", job.as_str()], &[("FFMPEG", stand_in.to_str().unwrap())]);
    assert!(runner.wait().await.unwrap().success());
    let notes = system.job(&job).await.unwrap().notes;
    assert!(notes.iter().any(|note| note == "encoded by the GPU"), "{notes:?}");
    assert!(!notes.iter().any(|note| note.contains("processor")), "{notes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gpu_that_breaks_down_in_mid_job_is_replaced_by_the_processor() {
    let clip = Clip::of("a.mp4", "320x180", "30", 5.0, "-c:v mpeg4 -c:a aac");
    let system = System::new(json!({})).await;
    let fake = with_gpu_that_says(&system, "[h264_nvenc @ 0x55d1] OpenEncodeSessionEx failed: out of memory (10)");
    for format in ["hls", "progressive"] {
        system.choose(json!({"use_gpu_transcoding": true, "video_output_format": format})).await;
        let (video, job) = system.upload(&clip.file).await;
        let mut runner = system.runner_with(&["run", job.as_str()], &[("FFMPEG", fake.to_str().unwrap())]);
        assert!(runner.wait().await.unwrap().success());
        let published = system.video(&video).await.publication.unwrap();
        assert_eq!(published.hls.is_some(), format == "hls");
        assert!(published.progressive.is_some());
        let notes = system.job(&job).await.unwrap().notes;
        let told =
            "the GPU failed ([h264_nvenc] OpenEncodeSessionEx failed: out of memory (10)), so the processor encodes";
        assert!(notes.iter().any(|note| note == told), "{notes:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_not_blamed_on_the_gpu() {
    let clip = Clip::of("a.mp4", "320x180", "30", 2.0, "-c:v mpeg4 -c:a aac");
    let system = System::new(json!({"use_gpu_transcoding": true})).await;
    let fake = with_gpu_that_says(&system, "av_interleaved_write_frame(): No space left on device");
    let (_, job) = system.upload(&clip.file).await;
    let mut runner = system.runner_with(&["run", job.as_str()], &[("FFMPEG", fake.to_str().unwrap())]);
    assert!(!runner.wait().await.unwrap().success());
    let left = system.job(&job).await.unwrap();
    assert_eq!(left.state, JobState::Waiting);
    assert!(!left.notes.iter().any(|note| note.contains("GPU failed")), "{:?}", left.notes);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_file_fails_its_own_job_alone() {
    let system = System::new(json!({})).await;
    let hostile = system.folder.path().join("hostile");
    std::fs::write(&hostile, "#EXTM3U\n#EXTINF:4,\nfile:///etc/hostname\n").unwrap();
    let good = Clip::of("a.mp4", "320x180", "30", 2.0, "-c:v libx264 -preset ultrafast -c:a aac");
    let (refused, _) = system.upload(&hostile).await;
    let (video, job) = system.upload(&good.file).await;
    let _runner = system.runner(&["watch"]);
    system.publication(&video, |published| published.poster.is_some()).await;
    assert!(matches!(system.ended(&job).await.state, JobState::Done { .. }));
    let Phase::Failed { error } = system.video(&refused).await.phase else { panic!("not failed") };
    assert!(error.starts_with("The file is "), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_song_is_published_with_its_cover_or_without_one_that_cannot_be_shown() {
    let system = System::new(json!({})).await;
    let song = Clip::made(
        "a.flac",
        "-f lavfi -i sine=440:d=5 -f lavfi -i testsrc2=s=600x400:r=1:d=1 -map 0 -map 1 -c:v png \
         -disposition:v attached_pic -c:a flac",
    );
    let mut bytes = std::fs::read(&song.file).unwrap();
    let size = bytes.windows(4).position(|window| window == b"IHDR").unwrap() + 4;
    bytes[size..size + 8].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    let bomb = system.folder.path().join("bomb.flac");
    std::fs::write(&bomb, bytes).unwrap();
    for (file, size, note) in [(song.file.as_path(), (600, 400), "its cover"), (&bomb, (1280, 720), "a plain picture")]
    {
        let (video, job) = system.upload(file).await;
        assert!(system.runner(&["run", job.as_str()]).wait().await.unwrap().success());
        let published = system.video(&video).await.publication.unwrap();
        assert_eq!((published.width, published.height), size);
        assert!(published.poster.is_some() && published.progressive.is_some() && published.storyboard.is_none());
        assert!((published.duration_seconds - 5.0).abs() < 0.21, "{}", published.duration_seconds);
        let notes = system.job(&job).await.unwrap().notes;
        assert!(notes.last().unwrap().contains(note), "{notes:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_job_of_a_file_that_broke_off_says_so() {
    let system = System::new(json!({"renditions": "single"})).await;
    let codecs = "-c:v libx264 -preset ultrafast -g 60 -c:a aac -movflags +faststart";
    let clip = Clip::of("a.mp4", "320x180", "30", 10.0, codecs);
    let bytes = std::fs::read(&clip.file).unwrap();
    std::fs::write(&clip.file, &bytes[..bytes.len() * 6 / 10]).unwrap();
    let (video, job) = system.upload(&clip.file).await;
    assert!(system.runner(&["run", job.as_str()]).wait().await.unwrap().success());
    let published = system.video(&video).await.publication.unwrap();
    assert!((5.0..7.0).contains(&published.duration_seconds), "{}", published.duration_seconds);
    let notes = system.job(&job).await.unwrap().notes;
    assert!(notes.iter().any(|note| note.starts_with("the file says it has 10.0 s, and ")), "{notes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poster_is_neither_black_nor_of_one_colour() {
    let system = System::new(json!({"renditions": "single"})).await;
    // Black, then blue, then for a moment something to see.
    let clip = Clip::made(
        "a.mp4",
        "-f lavfi -i color=black:s=320x180:r=10:d=4[a];color=blue:s=320x180:r=10:d=12[b];testsrc2=s=320x180:r=10:d=2[c];\
         [a][b][c]concat=n=3[out0] -pix_fmt yuv420p -c:v libx264 -preset ultrafast -g 10",
    );
    let (video, job) = system.upload(&clip.file).await;
    assert!(system.runner(&["run", job.as_str()]).wait().await.unwrap().success());
    let poster = system.folder.path().join("poster.jpg");
    let id = system.video(&video).await.publication.unwrap().poster.unwrap();
    system.bucket.download(&MediaKey::Poster(id), &poster).await.unwrap();
    // Blue alone makes hardly a kilobyte of JPEG.
    assert!(std::fs::metadata(&poster).unwrap().len() > 8_000);
}
