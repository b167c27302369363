//! A library of 200 clips moves to HLS while everything is killed five times, and somebody watches all the while.

use std::{
    collections::{BTreeSet, VecDeque},
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use clipset_bucket::{Bucket, Jobs, Videos};
use clipset_core::{
    id::ShortId,
    job::{Job, JobKind, JobState},
    key::MediaKey,
    video::Video,
};
use clipset_tests::{
    client::{Client, uris},
    library::{progressive, store, store_mp4s},
    stack::Stack,
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

const CLIPS: usize = 200;
const KILLS: usize = 5;
const SEED: u64 = 5;

/// What the status may be behind while a migration runs, on a machine that does much else.
const LAG: Duration = Duration::from_secs(15);

/// How long nothing may be completed before the migration counts as stuck: a lease and a job's time, many times over.
const STANDSTILL: Duration = Duration::from_secs(120);

/// Even while the system is up, odd while it is being killed and started; counts both.
#[derive(Clone, Default)]
struct Epoch(Arc<AtomicU64>);

impl Epoch {
    fn turn(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    /// The number of the time that it is up; `None` while it is not.
    fn up(&self) -> Option<u64> {
        Some(self.0.load(Ordering::SeqCst)).filter(|epoch| epoch % 2 == 0)
    }
}

/// What went wrong while the system was up.
type Faults = Arc<Mutex<Vec<String>>>;

fn tiny_clip(stack: &Stack) -> Vec<u8> {
    let path = stack.folder().join("tiny.mp4");
    let mut command = Command::new("ffmpeg");
    command.args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25:duration=1.2"]);
    command.args(["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p", "-g", "25", "-flags", "+cgop"]);
    assert!(command.args(["-movflags", "+faststart", "-y"]).arg(&path).status().unwrap().success());
    std::fs::read(path).unwrap()
}

/// The first bytes of whatever stream-info says is to be played.
async fn play(client: &Client, clip: &ShortId) -> Result<(), String> {
    let get = async |path: &str| {
        let path = path.strip_prefix(&client.url).unwrap_or(path).to_owned();
        let answer = client.request(Method::GET, &path).header(header::RANGE, "bytes=0-99").send().await;
        answer.map_err(|error| format!("{path}: {error}"))
    };
    let info = get(&format!("/api/videos/{clip}/stream-info")).await?;
    let info: Value = info.json().await.map_err(|error| error.to_string())?;
    if info["ready"] != true {
        return Err(format!("stream-info says {info}"));
    }
    let media = match info["manifest_url"].as_str() {
        Some(manifest) => {
            let text = get(manifest).await?.text().await.map_err(|error| error.to_string())?;
            uris(&text).first().cloned().ok_or_else(|| format!("a manifest without segments: {text}"))?
        }
        None => {
            let redirect = get(info["stream_url"].as_str().unwrap_or_default()).await?;
            let location = redirect.headers().get(header::LOCATION).and_then(|value| value.to_str().ok());
            location.ok_or_else(|| format!("the stream answers {}", redirect.status()))?.to_owned()
        }
    };
    let bytes = get(&media).await?;
    match bytes.status() {
        StatusCode::PARTIAL_CONTENT => Ok(()),
        other => Err(format!("{media} answers {other}")),
    }
}

/// Asks for each clip in turn, for ever; what fails while the system is up is a fault.
async fn watch(client: Client, clips: Vec<ShortId>, epoch: Epoch, faults: Faults, looks: Arc<AtomicU64>) {
    for clip in clips.iter().cycle() {
        let Some(before) = epoch.up() else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let played = play(&client, clip).await;
        if epoch.up() == Some(before) {
            looks.fetch_add(1, Ordering::Relaxed);
            if let Err(error) = played {
                faults.lock().unwrap().push(format!("{clip} did not play: {error}"));
            }
        }
        // The rest of the machine is for the runners.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until the status satisfies `reached`; panics with `what` when nothing was completed for [`STANDSTILL`].
async fn moves_until(client: &Client, what: &str, reached: impl Fn(&Value) -> bool) -> Value {
    let (mut moved, mut last) = (Instant::now(), Value::Null);
    loop {
        if let Some(status) = status(client).await {
            if reached(&status) {
                return status;
            }
            if status["completed"] != last["completed"] {
                moved = Instant::now();
            }
            last = status;
        }
        assert!(moved.elapsed() < STANDSTILL, "no progress for {STANDSTILL:?} before {what}: {last}");
        // The rest of the machine is for the runners.
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Holds the status against the jobs' documents, for ever: what was done `LAG` ago it must know, and it must not know
/// more than is done now.
async fn compare(client: Client, bucket: Arc<Mutex<Bucket>>, epoch: Epoch, faults: Faults, compared: Arc<AtomicU64>) {
    let mut ended = Done::default();
    let mut seen: VecDeque<(u64, Instant, u64)> = VecDeque::new();
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let Some(before) = epoch.up() else { continue };
        let Some(status) = status(&client).await else { continue };
        let asked = Instant::now();
        let now = bucket.lock().unwrap().clone();
        let Some(done) = ended.count(&now).await else { continue };
        if epoch.up() != Some(before) {
            continue;
        }
        let (total, completed) = (status["total"].as_u64().unwrap(), status["completed"].as_u64().unwrap());
        seen.retain(|(epoch, ..)| *epoch == before);
        let owed = seen.iter().filter(|(_, at, _)| *at + LAG < asked).map(|(.., done)| *done).max();
        let right = total == CLIPS as u64
            && completed <= done
            && owed.is_none_or(|owed| completed >= owed)
            && status["errors"] == json!([])
            && (status["is_running"] == true || completed == total && status["current_video"].is_null());
        if !right {
            faults.lock().unwrap().push(format!("{status}, and {done} were done, {owed:?} of them {LAG:?} before"));
        }
        compared.fetch_add(1, Ordering::Relaxed);
        seen.push_back((before, Instant::now(), done));
    }
}

async fn status(client: &Client) -> Option<Value> {
    let answer = client.request(Method::GET, "/api/config/hls-migration-status").send().await.ok()?;
    answer.error_for_status().ok()?.json().await.ok()
}

fn job(clip: &ShortId) -> clipset_core::id::JobId {
    Job::new(clip.clone(), JobKind::Migrate, 1, clipset_core::Timestamp::now()).unwrap().id
}

/// The jobs that have ended well. What is done stays done, so only the others are read again.
#[derive(Default)]
struct Done(BTreeSet<String>);

impl Done {
    /// How many there are now; `None` if the bucket is away.
    async fn count(&mut self, bucket: &Bucket) -> Option<u64> {
        let jobs = Jobs::new(bucket.clone());
        for name in bucket.children("jobs/documents/").await.ok()? {
            let id = name.strip_suffix(".json")?;
            if !self.0.contains(id) {
                let job = jobs.get(&id.parse().ok()?).await.ok()?;
                if job.is_some_and(|job| matches!(job.state, JobState::Done { .. })) {
                    self.0.insert(id.to_owned());
                }
            }
        }
        Some(self.0.len() as u64)
    }
}

async fn want(client: &Client, format: &str) {
    let changed = client.request(Method::PATCH, "/api/config").json(&json!({"video_output_format": format}));
    assert_eq!(changed.send().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_clips_become_hls_through_five_kills_of_everything_and_play_all_the_while() {
    let mut stack = Stack::start().await;
    let client = stack.admin().await;
    want(&client, "progressive").await;
    let content = tiny_clip(&stack);
    let bucket = stack.bucket().await;
    let videos: Vec<Video> = (0..CLIPS).map(|n| progressive(format!("Clip {n}"), n)).collect();
    store_mp4s(&bucket, &videos, &content).await;
    store(&bucket, &videos).await;
    let clips: Vec<ShortId> = videos.iter().map(|video| video.short_id.clone()).collect();

    let (epoch, faults, looks) = (Epoch::default(), Faults::default(), Arc::new(AtomicU64::new(0)));
    // It listens elsewhere after each start.
    let (reached, compared) = (Arc::new(Mutex::new(bucket)), Arc::new(AtomicU64::new(0)));
    let mut other = stack.runner("other-runner");
    want(&client, "hls").await;
    let watcher = tokio::spawn(watch(client.clone(), clips.clone(), epoch.clone(), faults.clone(), looks.clone()));
    let comparer =
        tokio::spawn(compare(client.clone(), reached.clone(), epoch.clone(), faults.clone(), compared.clone()));
    let mut random = StdRng::seed_from_u64(SEED);
    for kill in 0..KILLS {
        let part = CLIPS * 8 / 10 / KILLS;
        let moment = (kill * part + random.random_range(1..part)) as u64;
        moves_until(&client, "the next kill", |status| status["completed"].as_u64() >= Some(moment)).await;
        // Anywhere in a job, not only at the end of one.
        tokio::time::sleep(Duration::from_millis(random.random_range(0..900))).await;
        epoch.turn();
        drop(other);
        stack.kill_everything().await;
        stack.up().await;
        other = stack.runner("other-runner");
        let bucket = stack.bucket().await;
        *reached.lock().unwrap() = bucket;
        epoch.turn();
    }
    let last = moves_until(&client, "the end", |status| status["is_running"] == false).await;
    watcher.abort();
    comparer.abort();
    let expected =
        json!({"is_running": false, "total": CLIPS, "completed": CLIPS, "current_video": null, "errors": []});
    assert_eq!(last, expected, "exact as soon as it stopped");
    assert_eq!(faults.lock().unwrap().as_slice(), [""; 0]);
    assert!(looks.load(Ordering::Relaxed) >= CLIPS as u64, "each clip was watched on the way: {looks:?} looks");

    assert!(compared.load(Ordering::Relaxed) >= 50, "the status was held against the jobs: {compared:?} times");

    let bucket = reached.lock().unwrap().clone();
    assert_eq!(bucket.keys("jobs/documents/").await.unwrap().len(), CLIPS, "one job for each clip");
    for video in Videos::new(bucket.clone()).all().await.unwrap().videos {
        let published = video.publication.unwrap();
        assert_eq!(published.job, job(&video.short_id));
        assert!(published.hls.is_some() && published.progressive.is_some(), "HLS, with its MP4 as fall-back");
        assert_eq!(video.superseded, [], "{} was published once", video.short_id);
        let done = Jobs::new(bucket.clone()).get(&published.job).await.unwrap().unwrap();
        assert!(matches!(done.state, JobState::Done { .. }));
        let notes = done.notes.join("; ");
        assert!(
            notes.contains("made from the published MP4") && notes.contains("repackaged without encoding"),
            "{notes}"
        );
        let mp4 = MediaKey::Progressive(published.progressive.unwrap());
        assert_eq!(bucket.size(&mp4).await.unwrap(), Some(content.len() as u64), "the old form is as it was");
    }
    drop(other);
}
