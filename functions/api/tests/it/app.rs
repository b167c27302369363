//! The world of a test: a bucket on disk, the API over it, and a client.

use std::{sync::Arc, time::Duration};

use axum::{Router, body::Body};
use clipset_bucket::{BucketConfig, StaticCredentials};
use clipset_core::{
    Timestamp,
    account::{Attempts, Role},
    id::{EncodeId, JobId, ShortId},
    key::DocumentKey,
    signing::{SignatureLife, SigningSecret},
    video::{HlsStream, Publication, Upload, Video},
};
use clipset_local_bucket::Server;
use clipset_service::{Config, JobBackend, Secrets, Service, TrustedProxies};
use http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::Value;
use tempfile::TempDir;
use tower::ServiceExt;

pub(crate) const PUBLIC_URL: &str = "http://clips.test:8080";
pub(crate) const PASSWORD: &str = "correct horse";
const LIFE: u64 = 43_200;

/// Everything a test needs.
pub(crate) struct TestApp {
    pub(crate) service: Arc<Service>,
    pub(crate) router: Router,
    pub(crate) http: reqwest::Client,
    pub(crate) folder: Arc<TempDir>,
}

/// What tokens and media URLs are signed with.
pub(crate) fn secrets() -> Secrets {
    let secret_key = b"a secret key of at least 32 bytes".to_vec();
    Secrets {
        signing_secret: SigningSecret::derive(&secret_key),
        secret_key,
        secret_key_previous: None,
        origin: Vec::new(),
    }
}

impl TestApp {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(configure: impl FnOnce(&mut Config)) -> Self {
        let folder = Arc::new(TempDir::new().unwrap());
        let bucket = clipset_local_bucket::Config {
            root: folder.path().join("bucket"),
            bucket: "clipset".into(),
            access_key: "test".into(),
            secret_key: "test-secret".into(),
            anonymous_prefixes: Vec::new(),
            reserve: clipset_local_bucket::Reserve::default(),
        };
        let server = Server::bind(bucket, ([127, 0, 0, 1], 0).into()).await.unwrap();
        let endpoint = format!("http://{}", server.local_addr());
        tokio::spawn(server.serve(std::future::pending()));
        let mut config = Config {
            signature_life: SignatureLife::new(LIFE),
            public_url: PUBLIC_URL.into(),
            job_backend: JobBackend::Runner,
            tombstones: Some(folder.path().join("tombstones")),
            trusted_proxies: TrustedProxies::default(),
            task_disk: None,
            bucket: BucketConfig {
                bucket: "clipset".into(),
                endpoint: Some(endpoint.clone()),
                region: "us-east-1".into(),
                upload_url: Some(endpoint),
                credentials: Some(StaticCredentials { access_key: "test".into(), secret_key: "test-secret".into() }),
            },
        };
        configure(&mut config);
        let service = Service::new(config, secrets()).await;
        let http = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([])
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .unwrap();
        Self { router: clipset_api::router(service.clone()), service, http, folder }
    }

    /// The same bucket under a new process.
    pub(crate) async fn restarted(&self) -> Self {
        let service = Service::new(self.service.config.clone(), secrets()).await;
        let router = clipset_api::router(service.clone());
        Self { router, service, http: self.http.clone(), folder: self.folder.clone() }
    }

    pub(crate) fn get(&self, path: &str) -> Ask {
        self.ask(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str) -> Ask {
        self.ask(Method::POST, path)
    }

    pub(crate) fn patch(&self, path: &str) -> Ask {
        self.ask(Method::PATCH, path)
    }

    pub(crate) fn delete(&self, path: &str) -> Ask {
        self.ask(Method::DELETE, path)
    }

    pub(crate) fn ask(&self, method: Method, path: &str) -> Ask {
        Ask { router: self.router.clone(), request: Request::builder().method(method).uri(path), body: Body::empty() }
    }

    /// A token of someone who needs no account.
    pub(crate) fn token(&self, username: &str, role: Role) -> String {
        self.service.tokens.access(&username.parse().unwrap(), role, Timestamp::now().as_second(), 600)
    }

    pub(crate) fn ada(&self) -> String {
        self.token("ada", Role::User)
    }

    pub(crate) fn bob(&self) -> String {
        self.token("bob", Role::User)
    }

    pub(crate) fn root(&self) -> String {
        self.token("root", Role::Admin)
    }

    /// An account with [`PASSWORD`].
    pub(crate) async fn add_user(&self, username: &str, role: Role) {
        clipset_api::add_user(&self.service, &username.parse().unwrap(), PASSWORD, role).await.unwrap();
    }

    pub(crate) async fn log_in(&self, username: &str) -> Answer {
        self.try_log_in(username, PASSWORD).await.expect(StatusCode::OK)
    }

    pub(crate) async fn try_log_in(&self, username: &str, password: &str) -> Answer {
        self.post("/api/auth/login").json(serde_json::json!({"username": username, "password": password})).await
    }

    /// Makes the wait that `name` has earned so long that a busy machine does not outlast it.
    pub(crate) async fn prolong_wait(&self, name: &str) {
        let prolong = |attempts: &mut Attempts| {
            attempts.failures += 5;
            attempts.last = Some(Timestamp::now());
            Ok::<_, std::convert::Infallible>(())
        };
        let key = DocumentKey::Attempts(name.to_owned());
        let attempts = self.service.bucket.update(&key, prolong).await.unwrap().value;
        assert_eq!(attempts.failures, 10);
    }

    /// As if there had been so many failures just now.
    pub(crate) async fn put_failures(&self, name: &str, failures: u32) {
        let attempts = Attempts { failures, last: Some(Timestamp::now()) };
        self.service.bucket.put(&DocumentKey::Attempts(name.to_owned()), &attempts).await.unwrap();
    }

    pub(crate) async fn failures(&self, name: &str) -> u32 {
        let found = self.service.bucket.read::<Attempts>(&DocumentKey::Attempts(name.to_owned())).await.unwrap();
        found.map_or(0, |found| found.value.failures)
    }

    /// A stored video, changed by `change` first.
    pub(crate) async fn video(&self, owner: &str, change: impl FnOnce(&mut Video)) -> Video {
        let upload =
            Upload { original: Some(EncodeId::random()), upload_id: "none".into(), file_name: "The lake.mp4".into() };
        let mut video =
            Video::begin(ShortId::random(), owner.parse().unwrap(), "The lake".into(), upload, Timestamp::now());
        change(&mut video);
        self.service.videos.create(&video).await.unwrap();
        video
    }

    /// A completed video of ada's with everything published.
    pub(crate) async fn completed(&self) -> Video {
        self.video("ada", complete).await
    }
}

/// As after an upload.
pub(crate) fn pend(video: &mut Video) {
    let job = job(video, 1);
    video.complete_upload(1000, job).unwrap();
}

/// As after the first job.
pub(crate) fn complete(video: &mut Video) {
    pend(video);
    let publication = Publication {
        job: job(video, 1),
        at: Timestamp::now(),
        duration_seconds: 12.5,
        width: 1920,
        height: 1080,
        hls: Some(HlsStream { encode: EncodeId::random(), renditions: Vec::new() }),
        progressive: Some(EncodeId::random()),
        poster: Some(EncodeId::random()),
        storyboard: None,
        checked: None,
    };
    video.publish(publication, Timestamp::now()).unwrap();
}

pub(crate) fn job(video: &Video, number: u32) -> JobId {
    format!("{}-first-{number}", video.short_id).parse().unwrap()
}

/// A request on its way.
pub(crate) struct Ask {
    router: Router,
    request: http::request::Builder,
    body: Body,
}

impl Ask {
    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    pub(crate) fn json(mut self, body: impl serde::Serialize) -> Self {
        self.body = serde_json::to_vec(&body).unwrap().into();
        self.header("content-type", "application/json")
    }

    pub(crate) fn body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }
}

impl IntoFuture for Ask {
    type Output = Answer;
    type IntoFuture = std::pin::Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let request = self.request.body(self.body).unwrap();
            let asked = tokio::time::timeout(Duration::from_secs(60), self.router.oneshot(request));
            let (parts, body) = asked.await.expect("an answer in time").unwrap().into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(body.into()).unwrap() }
        })
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    /// The answer, if it has this status; an error must be a problem with a sentence.
    #[track_caller]
    pub(crate) fn expect(self, status: impl TryInto<StatusCode, Error: std::fmt::Debug>) -> Self {
        let status = status.try_into().unwrap();
        assert_eq!(self.status, status, "{}", self.body);
        if self.status.is_client_error() || self.status.is_server_error() {
            assert_eq!(self.header(header::CONTENT_TYPE.as_str()), Some("application/problem+json"));
            let problem = self.json();
            assert_eq!(problem["status"], status.as_u16());
            assert!(problem["detail"].as_str().unwrap().len() > 15, "{problem}");
            assert!(problem["title"].is_string() && problem["type"].is_string());
        }
        self
    }

    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {:?}", self.body))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub(crate) fn access_token(&self) -> String {
        self.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// `name=value` of the cookie by which this device is known.
    pub(crate) fn device(&self) -> String {
        let cookies = self.headers.get_all(header::SET_COOKIE).iter().map(|value| value.to_str().unwrap());
        let mut devices = cookies.filter(|cookie| cookie.starts_with("clipset_device_"));
        devices.next().expect("a device").split(';').next().unwrap().to_owned()
    }

    /// `name=value` of the refresh cookie.
    pub(crate) fn cookie(&self) -> String {
        self.header("set-cookie").expect("a cookie").split(';').next().unwrap().to_owned()
    }
}
