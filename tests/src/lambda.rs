//! A function under Lambda's runtime API, as AWS starts it.

use std::{
    fs::File,
    path::Path,
    process::Stdio,
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path as At, State},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::StatusCode;
use serde_json::{Value, json};
use tokio::{
    process::{Child, Command},
    sync::{Mutex, mpsc},
};

use crate::{
    stack::{SECRET_KEY, SIGNING_SECRET},
    world::World,
};

/// One function's process; it ends with this.
pub struct Lambda {
    events: mpsc::UnboundedSender<(String, Value)>,
    answers: mpsc::UnboundedReceiver<(String, Value)>,
    _process: Child,
}

struct Runtime {
    events: Mutex<mpsc::UnboundedReceiver<(String, Value)>>,
    answers: mpsc::UnboundedSender<(String, Value)>,
}

impl Lambda {
    /// Starts `program` over the bucket of `world`, with `more` variables. What it writes goes to `logs`, if that is given.
    ///
    /// # Panics
    /// If it cannot be started.
    pub async fn start(program: &Path, world: &World, more: &[(&str, &str)], logs: Option<&File>) -> Self {
        let (events, to_come) = mpsc::unbounded_channel();
        let (answered, answers) = mpsc::unbounded_channel();
        let runtime = Arc::new(Runtime { events: Mutex::new(to_come), answers: answered });
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/{outcome}", post(answer))
            .with_state(runtime);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        tokio::spawn(async move { axum::serve(listener, routes).await });
        let output = || logs.map_or(Stdio::null(), |file| file.try_clone().expect("a file").into());
        let mut command = Command::new(program);
        command.env_clear().env("AWS_LAMBDA_RUNTIME_API", address).env("AWS_LAMBDA_FUNCTION_NAME", "f");
        command.env("AWS_LAMBDA_FUNCTION_VERSION", "1").env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512");
        command.env("AWS_LAMBDA_LOG_GROUP_NAME", "g").env("AWS_LAMBDA_LOG_STREAM_NAME", "s");
        let bucket = &world.store.config;
        command.env("BUCKET", &bucket.bucket).env("AWS_REGION", &bucket.region);
        command.env("AWS_ENDPOINT_URL_S3", bucket.endpoint.as_ref().expect("an endpoint"));
        let credentials = bucket.credentials.as_ref().expect("credentials");
        command.env("AWS_ACCESS_KEY_ID", &credentials.access_key);
        command.env("AWS_SECRET_ACCESS_KEY", &credentials.secret_key);
        command.env("SECRET_KEY", SECRET_KEY).env("HLS_SIGNING_SECRET", SIGNING_SECRET);
        // As infra/functions.tf names Lambda's.
        command.env("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt");
        command.env("PUBLIC_URL", "https://clips.example").envs(more.iter().copied());
        command.stdin(Stdio::null()).stdout(output()).stderr(output()).kill_on_drop(true);
        let process = command.spawn().unwrap_or_else(|error| panic!("{} did not start: {error}", program.display()));
        Self { events, answers, _process: process }
    }

    /// The answer to a GET of `path` that API Gateway hands on as the request `id`: status and body.
    ///
    /// # Panics
    /// If there is none within ten seconds.
    pub async fn get(&mut self, id: &str, path: &str, headers: &[(&str, &str)]) -> (u64, String) {
        let (bare, query) = path.split_once('?').unwrap_or((path, ""));
        let headers: serde_json::Map<_, _> =
            headers.iter().map(|(name, value)| ((*name).into(), json!(value))).collect();
        let event = json!({
            "version": "2.0", "routeKey": "$default", "rawPath": bare, "rawQueryString": query,
            "headers": headers, "isBase64Encoded": false,
            "requestContext": {
                "accountId": "1", "apiId": "a", "domainName": "clips.example", "domainPrefix": "clips", "requestId": "gateway",
                "routeKey": "$default", "stage": "$default", "time": "01/Jan/2026:00:00:00 +0000", "timeEpoch": 1_767_225_600_000_u64,
                "http": {"method": "GET", "path": bare, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1", "userAgent": "x"},
            },
        });
        self.events.send((id.to_owned(), event)).expect("it runs");
        let answer = tokio::time::timeout(Duration::from_secs(10), self.answers.recv()).await.expect("in time");
        let (of, answer) = answer.expect("it runs");
        assert_eq!(of, id);
        let body = answer["body"].as_str().unwrap_or_default();
        let body = match answer["isBase64Encoded"] == true {
            true => String::from_utf8(STANDARD.decode(body).expect("Base64")).expect("text"),
            false => body.to_owned(),
        };
        (answer["statusCode"].as_u64().unwrap_or_else(|| panic!("{answer}")), body)
    }
}

async fn next(State(runtime): State<Arc<Runtime>>) -> Response {
    let Some((id, event)) = runtime.events.lock().await.recv().await else { return StatusCode::GONE.into_response() };
    let deadline = SystemTime::now() + Duration::from_secs(10);
    let deadline = deadline.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_millis().to_string();
    let headers = [
        ("lambda-runtime-aws-request-id", id.as_str()),
        ("lambda-runtime-deadline-ms", deadline.as_str()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:1:function:f"),
    ];
    (headers, Json(event)).into_response()
}

async fn answer(State(runtime): State<Arc<Runtime>>, At((id, _)): At<(String, String)>, body: Bytes) -> StatusCode {
    let answer = serde_json::from_slice(&body).unwrap_or_else(|_| panic!("no JSON: {body:?}"));
    // Whoever asked may have given up.
    let _ = runtime.answers.send((id, answer));
    StatusCode::ACCEPTED
}
