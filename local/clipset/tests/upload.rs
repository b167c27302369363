//! The upload client against a server that speaks the API's part and the bucket's, and misbehaves on demand.

use std::{
    collections::BTreeMap,
    fs,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use clipset::{
    client::{Client, Credentials, Server},
    upload::{Uploaded, parts::PART_SIZE, upload},
};
use indicatif::ProgressBar;
use serde_json::{Value, json};

/// What the server has seen, and what it is to do wrong next.
#[derive(Default)]
struct World {
    uploads: u32,
    parts: BTreeMap<(String, u32), Bytes>,
    puts: Vec<u32>,
    completed: Vec<String>,
    aborted: Vec<String>,
    gone: Vec<String>,
    put_answers: Vec<StatusCode>,
    refuse_create: bool,
    too_many_open: bool,
    /// What the server says of parts, if it is not one of before.
    part_size: Option<u64>,
    /// Grows or cuts this file while its first part arrives.
    change_file: Option<PathBuf>,
    fail_complete: bool,
    /// URLs that were signed before it grew are refused: their requests may still be on the way.
    generation: u32,
}

type Shared = Arc<Mutex<World>>;

struct Test {
    world: Shared,
    address: SocketAddr,
    folder: tempfile::TempDir,
}

impl Test {
    async fn start() -> Self {
        let world = Shared::default();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("its address");
        let router = Router::new()
            .route("/api/s3/multipart", post(create))
            .route("/api/s3/multipart/{upload}", get(list).delete(abort))
            .route("/api/s3/multipart/{upload}/{part}", get(sign).post(complete))
            .route("/bucket/{upload}/{part}", put(put_part))
            .layer(DefaultBodyLimit::disable())
            .with_state((Arc::clone(&world), address));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { world, address, folder: tempfile::tempdir().expect("a folder") }
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("not poisoned")
    }

    fn file(&self, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join("clip.mp4");
        fs::write(&path, bytes).expect("written");
        path
    }

    async fn upload(&self, path: &std::path::Path) -> anyhow::Result<Uploaded> {
        let server = Server::parse(&format!("http://{}", self.address)).expect("an address");
        let client = Client::new(server, Credentials::token_from("token")).expect("a client");
        upload(&client, path, None, &self.folder.path().join("states"), &ProgressBar::hidden()).await
    }

    /// What the server put together of `upload`.
    fn object(&self, upload: &str) -> Vec<u8> {
        let world = self.world();
        let parts = world.parts.iter().filter(|((id, _), _)| id == upload);
        parts.flat_map(|(_, bytes)| bytes.to_vec()).collect()
    }

    fn remembered(&self) -> usize {
        fs::read_dir(self.folder.path().join("states")).map_or(0, Iterator::count)
    }
}

type App = State<(Shared, SocketAddr)>;

fn problem(status: StatusCode, detail: &str) -> Response {
    (status, Json(json!({"status": status.as_u16(), "detail": detail}))).into_response()
}

async fn create(State((world, _)): App, headers: HeaderMap, Json(body): Json<Value>) -> Response {
    assert_eq!(headers["authorization"], "Bearer token");
    assert_eq!(body["filename"], "clip.mp4");
    assert_eq!(body["type"], "video/mp4");
    assert_eq!(body["metadata"]["title"], "clip");
    assert!(body["metadata"]["size"].as_u64().is_some_and(|size| size > 0));
    assert_eq!(body["metadata"]["part_size"], PART_SIZE);
    let mut world = world.lock().expect("not poisoned");
    if world.too_many_open {
        let mut answer = problem(StatusCode::TOO_MANY_REQUESTS, "You have 20 uploads open.");
        answer.headers_mut().insert("retry-after", 3600.into());
        return answer;
    }
    if world.refuse_create {
        return problem(StatusCode::PAYLOAD_TOO_LARGE, "Files may have 1 MB at most.");
    }
    world.uploads += 1;
    let id = format!("u{}", world.uploads);
    let mut answer = json!({"key": "originals/a b", "uploadId": id, "short_id": format!("video{id}")});
    if let Some(part_size) = world.part_size {
        answer["part_size"] = part_size.into();
    }
    Json(answer).into_response()
}

async fn list(State((world, _)): App, Path(id): Path<String>) -> Response {
    let world = world.lock().expect("not poisoned");
    if world.gone.contains(&id) {
        return problem(StatusCode::NOT_FOUND, "There is no such upload.");
    }
    let parts = world.parts.iter().filter(|((upload, _), _)| *upload == id);
    let parts = parts.map(|((_, number), bytes)| json!({"PartNumber": number, "Size": bytes.len(), "ETag": "e"}));
    Json(parts.collect::<Vec<_>>()).into_response()
}

async fn sign(State((world, address)): App, Path((id, number)): Path<(String, u32)>) -> Response {
    let world = world.lock().expect("not poisoned");
    if world.gone.contains(&id) {
        return problem(StatusCode::NOT_FOUND, "There is no such upload.");
    }
    let generation = world.generation;
    Json(json!({"url": format!("http://{address}/bucket/{id}-{generation}/{number}")})).into_response()
}

async fn put_part(
    State((world, _)): App,
    Path((id, number)): Path<(String, u32)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    assert_eq!(headers["content-length"], body.len().to_string().as_str());
    assert!(!headers.contains_key("authorization"), "the bucket is not told the token");
    let mut world = world.lock().expect("not poisoned");
    let (id, generation) = id.rsplit_once('-').expect("as it was signed");
    if generation != world.generation.to_string() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if let Some(path) = world.change_file.take() {
        fs::write(path, "another one").expect("written");
    }
    if let Some(status) = world.put_answers.pop() {
        return status.into_response();
    }
    world.puts.push(number);
    world.parts.insert((id.to_owned(), number), body);
    [("etag", "\"e\"")].into_response()
}

async fn complete(
    State((world, _)): App,
    Path((id, last)): Path<(String, String)>,
    Json(body): Json<Value>,
) -> Response {
    assert_eq!(last, "complete");
    let mut world = world.lock().expect("not poisoned");
    if world.fail_complete {
        return problem(StatusCode::CONFLICT, "Not now.");
    }
    let named = body["parts"].as_array().map(|parts| parts.iter().map(|part| part["PartNumber"].as_u64()).collect());
    let there = world.parts.keys().filter(|(upload, _)| *upload == id).map(|(_, number)| Some(u64::from(*number)));
    assert_eq!(named, Some(there.collect::<Vec<_>>()));
    world.completed.push(id.clone());
    let location = format!("https://clips.example/v/video{id}");
    Json(json!({"location": location, "key": "originals/a b", "short_id": format!("video{id}")})).into_response()
}

async fn abort(State((world, _)): App, Path(id): Path<String>) -> StatusCode {
    world.lock().expect("not poisoned").aborted.push(id);
    StatusCode::NO_CONTENT
}

fn bytes(length: u64) -> Vec<u8> {
    (0..length).map(|index| (index % 251) as u8).collect()
}

#[tokio::test]
async fn a_file_arrives_whole_and_nothing_is_remembered() {
    let test = Test::start().await;
    let content = bytes(2 * PART_SIZE + 5);
    let uploaded = test.upload(&test.file(&content)).await.expect("uploaded");
    assert_eq!(uploaded.url, "https://clips.example/v/videou1");
    assert_eq!(uploaded.resumed_bytes, 0);
    assert!(test.object("u1") == content);
    assert_eq!(test.world().completed, ["u1"]);
    assert_eq!(test.remembered(), 0);
}

#[tokio::test]
async fn a_part_that_fails_is_signed_and_sent_again() {
    let test = Test::start().await;
    test.world().put_answers = vec![StatusCode::FORBIDDEN, StatusCode::SERVICE_UNAVAILABLE];
    let content = bytes(PART_SIZE + 1);
    test.upload(&test.file(&content)).await.expect("uploaded");
    assert!(test.object("u1") == content);
}

#[tokio::test]
async fn a_stopped_upload_goes_on_and_only_whole_parts_count() {
    let test = Test::start().await;
    let content = bytes(3 * PART_SIZE);
    let path = test.file(&content);
    test.world().put_answers = vec![StatusCode::PAYLOAD_TOO_LARGE; 4];
    test.upload(&path).await.expect_err("refused");
    assert_eq!(test.remembered(), 1);
    {
        let mut world = test.world();
        world.generation += 1;
        world.put_answers.clear();
        world.puts.clear();
        world.parts.clear();
        world.parts.insert(("u1".into(), 1), Bytes::copy_from_slice(&content[..PART_SIZE as usize]));
        world.parts.insert(("u1".into(), 2), Bytes::from_static(b"half"));
    }
    let uploaded = test.upload(&path).await.expect("goes on");
    assert_eq!(uploaded.resumed_bytes, PART_SIZE);
    assert!(test.object("u1") == content);
    let mut puts = test.world().puts.clone();
    puts.sort_unstable();
    assert_eq!(puts, [2, 3]);
    assert_eq!(test.world().uploads, 1);
}

#[tokio::test]
async fn an_upload_that_the_server_forgot_begins_anew() {
    let test = Test::start().await;
    let path = test.file(&bytes(10));
    test.world().put_answers = vec![StatusCode::PAYLOAD_TOO_LARGE];
    test.upload(&path).await.expect_err("refused");
    test.world().gone.push("u1".into());
    let uploaded = test.upload(&path).await.expect("uploaded");
    assert_eq!(uploaded.short_id, "videou2");
}

#[tokio::test]
async fn a_file_that_changed_begins_anew_and_the_old_upload_is_given_up() {
    let test = Test::start().await;
    let path = test.file(&bytes(10));
    test.world().put_answers = vec![StatusCode::PAYLOAD_TOO_LARGE];
    test.upload(&path).await.expect_err("refused");
    let content = bytes(20);
    let uploaded = test.upload(&test.file(&content)).await.expect("uploaded");
    assert_eq!(uploaded.short_id, "videou2");
    assert!(test.object("u2") == content);
    assert_eq!(test.world().aborted, ["u1"]);
}

#[tokio::test]
async fn parts_are_as_long_as_the_server_says() {
    let test = Test::start().await;
    test.world().part_size = Some(PART_SIZE / 2 + (1 << 20));
    let content = bytes(2 * PART_SIZE);
    test.upload(&test.file(&content)).await.expect("uploaded");
    assert!(test.object("u1") == content);
    assert_eq!(test.world().parts[&("u1".to_owned(), 1)].len() as u64, PART_SIZE / 2 + (1 << 20));
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_sent_is_told_at_once_and_its_upload_is_given_up() {
    for answers in [vec![], vec![StatusCode::FORBIDDEN; 100]] {
        let test = Test::start().await;
        let path = test.file(&bytes(5 * PART_SIZE));
        test.world().change_file = Some(path.clone());
        test.world().put_answers = answers;
        let error = test.upload(&path).await.expect_err("it changed");
        assert!(error.to_string().ends_with("clip.mp4 changed while it was being sent; run the same command again"));
        assert_eq!(test.world().aborted, ["u1"]);
        assert!(test.world().completed.is_empty());
        assert_eq!(test.remembered(), 0);
    }
}

#[tokio::test]
async fn the_servers_own_sentence_is_passed_on() {
    let test = Test::start().await;
    test.world().refuse_create = true;
    let error = test.upload(&test.file(&bytes(10))).await.expect_err("refused");
    assert_eq!(error.to_string(), "Files may have 1 MB at most.");
    assert_eq!(test.remembered(), 0);
    // Told at once, for it would be waited for an hour.
    test.world().too_many_open = true;
    let error = test.upload(&test.file(&bytes(10))).await.expect_err("refused");
    assert_eq!(error.to_string(), "You have 20 uploads open.");
}

#[tokio::test]
async fn a_completion_that_was_refused_begins_anew_next_time() {
    let test = Test::start().await;
    let path = test.file(&bytes(10));
    test.world().fail_complete = true;
    test.upload(&path).await.expect_err("refused");
    test.world().fail_complete = false;
    test.upload(&path).await.expect("uploaded");
    assert_eq!(test.world().completed, ["u2"]);
}
