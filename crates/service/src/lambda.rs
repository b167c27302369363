//! A router as a Lambda function.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
};
use clipset_logs::init_logs;
use http::{HeaderName, HeaderValue};

use crate::{
    Problem, Service, in_time,
    metrics::{Metrics, measure},
};

/// Answers Lambda's events with the router over the environment's service, until Lambda ends the process.
///
/// # Errors
/// A sentence about the environment; what the runtime says.
pub async fn run_on_lambda(router: impl FnOnce(Arc<Service>) -> Router) -> Result<(), lambda_http::Error> {
    init_logs();
    let started = Service::from_env().await.inspect_err(|error| tracing::error!(%error, "the function cannot start"));
    let service = started?;
    let routes = router(Arc::clone(&service));
    lambda_http::run(on_lambda(routes, service, Metrics::from_env())).await
}

/// CloudFront's function writes it over whatever the viewer sent.
const ORIGIN_SECRET: HeaderName = HeaderName::from_static("x-clipset-origin");

/// So it does this: the viewer's address. Without the secret anybody could have written it.
pub const VIEWER_ADDRESS: HeaderName = HeaderName::from_static("x-clipset-viewer");

/// The router with what Lambda needs beside: secrets that are fresh at each request, a door that only CloudFront can
/// open, and metrics.
pub fn on_lambda(routes: Router, service: Arc<Service>, metrics: Option<Metrics>) -> Router {
    let routes = routes.layer(from_fn_with_state(service, with_fresh_secrets));
    match metrics {
        Some(metrics) => routes.layer(from_fn_with_state(metrics, measure)),
        None => routes,
    }
}

/// Before the request, not beside it: after a long sleep the known secrets may be long out of force.
async fn with_fresh_secrets(State(service): State<Arc<Service>>, mut request: Request, next: Next) -> Response {
    service.refresh_secrets().await;
    let known = &service.secrets().origin;
    if known.is_empty() {
        request.headers_mut().remove(VIEWER_ADDRESS);
    }
    let shown = request.headers().get(ORIGIN_SECRET);
    let may_enter = known.is_empty() || shown.is_some_and(|shown| known.iter().any(|secret| is_same(shown, secret)));
    if may_enter { in_time(request, next).await } else { Problem::forbidden(THE_OTHER_DOOR).into_response() }
}

const THE_OTHER_DOOR: &str = "This address is for CloudFront alone: use the site's own.";

/// Compares every byte, so that the time taken tells nothing of where they differ.
fn is_same(shown: &HeaderValue, secret: &str) -> bool {
    let (shown, secret) = (shown.as_bytes(), secret.as_bytes());
    shown.len() == secret.len() && shown.iter().zip(secret).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}
