//! The world of every test: a bucket in a fresh folder, in this process or in one that can be killed.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::primitives::ByteStream;
use clipset_local_bucket::{Config, Server};
use s3s::crypto::{Checksum as _, Sha256};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::signed::hex;

pub(crate) const BUCKET: &str = "clips";
pub(crate) const ACCESS_KEY: &str = "test-access";
pub(crate) const SECRET_KEY: &str = "test-secret";

/// A bucket in this process.
pub(crate) struct World {
    pub(crate) client: Client,
    /// For requests that the SDK would not send.
    pub(crate) http: reqwest::Client,
    pub(crate) endpoint: String,
    pub(crate) root: PathBuf,
    stop: Option<oneshot::Sender<()>>,
    serving: Option<JoinHandle<()>>,
    _folder: Option<TempDir>,
}

impl World {
    pub(crate) async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let mut world = Self::start_in(folder.path()).await;
        world._folder = Some(folder);
        world
    }

    pub(crate) async fn start_in(root: &Path) -> Self {
        let server = Server::bind(config(root), ([127, 0, 0, 1], 0).into()).await.unwrap();
        let endpoint = format!("http://{}", server.local_addr());
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(server.serve(async { drop(stopped.await) }));
        Self {
            client: client(&endpoint, SECRET_KEY),
            http: reqwest::Client::new(),
            endpoint,
            root: root.into(),
            stop: Some(stop),
            serving: Some(serving),
            _folder: None,
        }
    }

    /// Shuts the server down and waits for its end.
    pub(crate) async fn stop(mut self) {
        drop(self.stop.take());
        // Idle connections of the client's pool must not hold up the shutdown; the server closes them.
        self.serving.take().unwrap().await.unwrap();
    }

    pub(crate) fn url(&self, key: &str) -> String {
        format!("{}/{BUCKET}/{key}", self.endpoint)
    }

    pub(crate) async fn put(&self, key: &str, body: impl Into<Vec<u8>>) -> String {
        put(&self.client, key, body).await
    }

    pub(crate) async fn get(&self, key: &str) -> Option<Vec<u8>> {
        get(&self.client, key).await
    }

    /// Keys in the order of the listing.
    pub(crate) async fn keys(&self) -> Vec<String> {
        keys(&self.client).await
    }

    /// Files that are neither in place nor part of an upload.
    pub(crate) fn temporary_files(&self) -> usize {
        std::fs::read_dir(self.root.join("tmp")).unwrap().count()
    }
}

/// Where the object of a key lies.
pub(crate) fn object_file(root: &Path, key: &str) -> PathBuf {
    let parent = key.rsplit_once('/').map_or("", |(parent, _)| parent);
    let shard = hex(&Sha256::checksum(parent.as_bytes())[..1]);
    root.join("objects").join(shard).join(hex(&Sha256::checksum(key.as_bytes())))
}

pub(crate) fn config(root: &Path) -> Config {
    Config {
        root: root.into(),
        bucket: BUCKET.into(),
        access_key: ACCESS_KEY.into(),
        secret_key: SECRET_KEY.into(),
        anonymous_prefixes: vec!["hls/".into(), "progressive/".into(), "images/".into()],
        reserve: clipset_local_bucket::Reserve::default(),
    }
}

pub(crate) fn client(endpoint: &str, secret_key: &str) -> Client {
    let credentials = Credentials::new(ACCESS_KEY, secret_key, None, None, "test");
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(credentials)
        .endpoint_url(endpoint)
        .force_path_style(true)
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

pub(crate) async fn put(client: &Client, key: &str, body: impl Into<Vec<u8>>) -> String {
    let request = client.put_object().bucket(BUCKET).key(key).body(ByteStream::from(body.into()));
    request.send().await.unwrap().e_tag.unwrap()
}

pub(crate) async fn get(client: &Client, key: &str) -> Option<Vec<u8>> {
    match client.get_object().bucket(BUCKET).key(key).send().await {
        Ok(output) => Some(output.body.collect().await.unwrap().to_vec()),
        Err(error) => {
            assert_eq!(refusal(&error), (404, "NoSuchKey".into()), "{key:?}: {error:?}");
            None
        }
    }
}

pub(crate) async fn keys(client: &Client) -> Vec<String> {
    let mut keys = Vec::new();
    let mut pages = client.list_objects_v2().bucket(BUCKET).into_paginator().send();
    while let Some(page) = pages.next().await {
        keys.extend(page.unwrap().contents().iter().map(|object| object.key().unwrap().to_owned()));
    }
    keys
}

/// Status and error code of a refused request.
pub(crate) fn refusal<E: ProvideErrorMetadata>(error: &SdkError<E>) -> (u16, String) {
    let status = error.raw_response().map_or(0, |response| response.status().as_u16());
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default();
    (status, code.to_owned())
}

/// Bytes that differ by seed and are quick to make.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Waits for a condition, at most ten seconds.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds().await {
        assert!(Instant::now() < deadline, "still not: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A bucket in a process of its own. Killed when dropped.
pub(crate) struct Process {
    pub(crate) client: Client,
    pub(crate) child: Child,
}

impl Process {
    pub(crate) fn start(root: &Path) -> Self {
        Self::start_with(Command::new(env!("CARGO_BIN_EXE_clipset-local-bucket")), root)
    }

    /// With a program that runs the rest of its arguments.
    pub(crate) fn start_under(program: &str, arguments: &[&str], root: &Path) -> Self {
        let mut command = Command::new(program);
        command.args(arguments).arg(env!("CARGO_BIN_EXE_clipset-local-bucket"));
        Self::start_with(command, root)
    }

    pub(crate) fn start_with(mut command: Command, root: &Path) -> Self {
        command.arg(root).args(["127.0.0.1:0", BUCKET, ACCESS_KEY, SECRET_KEY, "hls/"]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut address = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut address).unwrap();
        let client = client(&format!("http://{}", address.trim()), SECRET_KEY);
        Self { client, child }
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
