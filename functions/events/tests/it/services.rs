//! AWS Batch, MediaConvert and CloudFront, as far as the events function asks them: each request is kept.

use std::sync::{Arc, Mutex};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_batch::config::Credentials;
use aws_smithy_runtime_api::client::{
    http::{HttpClient, HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
    orchestrator::HttpRequest,
};
use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

/// The key value store is asked at a host of the account's, `123456789012.127.0.0.1`, which no resolver knows.
#[derive(Debug)]
struct Here(SharedHttpConnector);

impl HttpConnector for Here {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let uri = request.uri().replacen("123456789012.", "", 1);
        request.set_uri(uri).unwrap();
        self.0.call(request)
    }
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) line: String,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// What the services know.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) asked: Vec<Asked>,
    /// Name, id and status of Batch's jobs.
    pub(crate) batch: Vec<(String, String, Value)>,
    /// Token, id and state of MediaConvert's jobs.
    pub(crate) convert: Vec<(String, String, Value)>,
    /// The answer to MediaConvert's probe.
    pub(crate) probe: Value,
    /// The key value store.
    pub(crate) store: std::collections::BTreeMap<String, String>,
    /// Its next change is refused once, as another writer's would be.
    pub(crate) store_is_contended: bool,
    /// Every request fails, with this status.
    pub(crate) failing: Option<u16>,
}

#[derive(Clone)]
pub(crate) struct Services {
    known: Arc<Mutex<Known>>,
    pub(crate) aws: SdkConfig,
}

impl Services {
    pub(crate) async fn start() -> Self {
        let known = Arc::new(Mutex::new(Known::default()));
        let router = Router::new().fallback(answer).with_state(known.clone());
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        let client = clipset_bucket::shared_config("us-east-1").await.http_client().unwrap();
        let aws = aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .endpoint_url(endpoint)
            .http_client(http_client_fn(move |settings, components| {
                SharedHttpConnector::new(Here(client.http_connector(settings, components)))
            }))
            .retry_config(aws_config::retry::RetryConfig::disabled())
            .load()
            .await;
        Self { known, aws }
    }

    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut Known) -> T) -> T {
        look(&mut self.known.lock().unwrap())
    }

    /// The requests of one kind, such as `POST /v1/submitjob`.
    pub(crate) fn asked(&self, line: &str) -> Vec<Asked> {
        self.with(|known| known.asked.iter().filter(|asked| asked.line == line).cloned().collect())
    }
}

async fn answer(State(known): State<Arc<Mutex<Known>>>, method: Method, uri: Uri, body: Bytes) -> Response {
    let mut known = known.lock().unwrap();
    let line = format!("{method} {}", uri.path());
    known.asked.push(Asked { line: line.clone(), body: String::from_utf8_lossy(&body).into_owned() });
    if let Some(status) = known.failing {
        return (StatusCode::from_u16(status).unwrap(), "{}").into_response();
    }
    let asked: Value = serde_json::from_slice(&body).unwrap_or_default();
    match line.as_str() {
        "POST /v1/submitjob" => {
            let number = known.batch.len() + 1;
            let (name, id) = (asked["jobName"].as_str().unwrap().to_owned(), format!("batch-job-{number}"));
            known.batch.push((name.clone(), id.clone(), json!({"status": "RUNNABLE"})));
            json!({"jobName": name, "jobId": id})
        }
        "POST /v1/listjobs" => {
            let name = &asked["filters"][0]["values"][0];
            let found = known.batch.iter().filter(|(known, _, _)| name == known);
            let list: Vec<_> = found.map(|(name, id, _)| json!({"jobName": name, "jobId": id})).collect();
            json!({"jobSummaryList": list})
        }
        "POST /v1/describejobs" => {
            let found = known.batch.iter().filter(|(_, id, _)| asked["jobs"][0] == *id);
            let described = found.map(|(name, id, state)| {
                let mut job =
                    json!({"jobName": name, "jobId": id, "jobQueue": "q", "jobDefinition": "d", "startedAt": 1});
                job.as_object_mut().unwrap().extend(state.as_object().unwrap().clone());
                job
            });
            json!({"jobs": described.collect::<Vec<_>>()})
        }
        "POST /v1/terminatejob" => json!({}),
        "POST /2017-08-29/probe" => known.probe.clone(),
        "POST /2017-08-29/jobs" => {
            let token = asked["clientRequestToken"].as_str().unwrap().to_owned();
            let before = known.convert.iter().find(|(known, _, _)| *known == token).map(|(_, id, _)| id.clone());
            let id = before.unwrap_or_else(|| {
                let id = format!("convert-job-{}", known.convert.len() + 1);
                known.convert.push((token, id.clone(), json!({"status": "SUBMITTED"})));
                id
            });
            json!({"job": {"id": id, "role": "r", "settings": {}}})
        }
        line if line.starts_with("GET /2017-08-29/jobs/") => {
            let id = line.rsplit('/').next().unwrap();
            let Some((_, _, state)) = known.convert.iter().find(|(_, known, _)| known == id) else {
                return (StatusCode::NOT_FOUND, [("x-amzn-errortype", "NotFoundException")], "{}").into_response();
            };
            let mut job = json!({"id": id, "role": "r", "settings": {}});
            job.as_object_mut().unwrap().extend(state.as_object().unwrap().clone());
            json!({"job": job})
        }
        line if line.starts_with("POST /2020-05-31/distribution/") => {
            return (StatusCode::CREATED, "<Invalidation><Id>I</Id></Invalidation>").into_response();
        }
        line if line.starts_with("GET /key-value-stores/") && line.ends_with("/keys") => {
            let items: Vec<_> = known.store.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect();
            json!({"Items": items})
        }
        line if line.starts_with("GET /key-value-stores/") => {
            let description = json!({"ItemCount": 0, "TotalSizeInBytes": 0, "KvsARN": "arn", "Created": 1});
            return ([("etag", "version")], description.to_string()).into_response();
        }
        line if line.starts_with("POST /key-value-stores/") && line.ends_with("/keys") => {
            if std::mem::take(&mut known.store_is_contended) {
                return (StatusCode::CONFLICT, [("x-amzn-errortype", "ConflictException")], "{}").into_response();
            }
            for put in asked["Puts"].as_array().into_iter().flatten() {
                let text = |name: &str| put[name].as_str().unwrap().to_owned();
                known.store.insert(text("Key"), text("Value"));
            }
            for delete in asked["Deletes"].as_array().into_iter().flatten() {
                known.store.remove(delete["Key"].as_str().unwrap());
            }
            return ([("etag", "next")], json!({"ItemCount": 0, "TotalSizeInBytes": 0}).to_string()).into_response();
        }
        _ => return StatusCode::NOT_FOUND.into_response(),
    }
    .to_string()
    .into_response()
}
