//! One line a request for CloudWatch: the embedded metric format, beside what a person looks for.
//!
//! Written where `METRICS_NAMESPACE` is set. A route is named, never a path or a query: those hold
//! tokens and the links of shares.

use std::{
    io::Write,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Instant,
};

use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use clipset_core::Timestamp;
use lambda_http::RequestExt;
use serde_json::{Map, Value, json};

/// What a handler tells of its work, as an extension of its answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Questions that memory answered.
    pub cache_hits: u32,
    /// Segment URLs that were signed.
    pub signed_segments: u32,
}

/// Where the lines of one function go.
#[derive(Clone)]
pub struct Metrics {
    inner: Arc<Inner>,
}

struct Inner {
    namespace: String,
    function: String,
    write: Box<dyn Fn(&str) + Send + Sync>,
    was_called: AtomicBool,
}

impl Metrics {
    /// To standard output, where `METRICS_NAMESPACE` is set.
    pub fn from_env() -> Option<Self> {
        let var = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let namespace = var("METRICS_NAMESPACE")?;
        let function = var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_else(|| "clipset".to_owned());
        Some(Self::new(namespace, function, |line| {
            // One write, so that lines are not mixed; a log that nobody takes is no failure.
            let _ = writeln!(std::io::stdout().lock(), "{line}");
        }))
    }

    /// Of `function`, in `namespace`, by `write`.
    pub fn new(namespace: String, function: String, write: impl Fn(&str) + Send + Sync + 'static) -> Self {
        let (write, was_called) = (Box::new(write), AtomicBool::new(false));
        Self { inner: Arc::new(Inner { namespace, function, write, was_called }) }
    }

    /// Writes one line: `metrics` (name, unit, value) for CloudWatch, and `more` for those who search.
    /// Source: Amazon CloudWatch, "Specification: Embedded metric format".
    pub fn record(&self, metrics: &[(&str, &str, f64)], more: Map<String, Value>) {
        let named: Vec<_> = metrics.iter().map(|(name, unit, _)| json!({"Name": name, "Unit": unit})).collect();
        let mut line = more;
        line.insert("Function".into(), json!(self.inner.function));
        line.extend(metrics.iter().map(|(name, _, value)| ((*name).to_owned(), json!(value))));
        let directive = json!({"Namespace": self.inner.namespace, "Dimensions": [["Function"]], "Metrics": named});
        line.insert(
            "_aws".into(),
            json!({"Timestamp": Timestamp::now().as_millisecond(), "CloudWatchMetrics": [directive]}),
        );
        (self.inner.write)(&Value::Object(line).to_string());
    }

    fn request(&self, asked: &Asked, status: u16, work: Work) {
        let more = json!({
            "message": "request",
            "request_id": asked.request_id,
            "method": asked.method,
            "route": asked.route,
            "status": status,
            "cold_start": !self.inner.was_called.swap(true, Ordering::Relaxed),
        });
        let Value::Object(more) = more else { unreachable!("it is an object") };
        let latency = asked.at.elapsed().as_secs_f64() * 1000.0;
        self.record(
            &[
                ("Latency", "Milliseconds", (latency * 1000.0).round() / 1000.0),
                ("CacheHits", "Count", work.cache_hits.into()),
                ("SignedSegments", "Count", work.signed_segments.into()),
                ("Errors", "Count", f64::from(u8::from(status >= 500))),
            ],
            more,
        );
    }
}

struct Asked {
    at: Instant,
    request_id: Option<String>,
    method: String,
    route: Option<String>,
}

/// Middleware: measures one request of a route.
pub(crate) async fn measure(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let asked = Asked {
        at: Instant::now(),
        request_id: request.lambda_context_ref().map(|context| context.request_id.clone()),
        method: request.method().to_string(),
        route: request.extensions().get::<MatchedPath>().map(|route| route.as_str().to_owned()),
    };
    let response = next.run(request).await;
    let work = response.extensions().get().copied().unwrap_or_default();
    metrics.request(&asked, response.status().as_u16(), work);
    response
}
