//! The API on AWS Lambda.

use axum::{extract::Request, middleware::map_request};
use http::HeaderValue;
use lambda_http::{RequestExt, request::RequestContext};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    clipset_service::run_on_lambda(|service| clipset_api::router(service).layer(map_request(with_client_address))).await
}

/// Puts the client's address where nginx puts it elsewhere: what CloudFront saw, else what the
/// gateway saw, as the last hop of `X-Forwarded-For`.
async fn with_client_address(mut request: Request) -> Request {
    let viewer = request.headers().get("cloudfront-viewer-address").and_then(|value| value.to_str().ok());
    let address = match (viewer.and_then(|text| text.rsplit_once(':')), request.request_context_ref()) {
        (Some((ip, _port)), _) => Some(ip.to_owned()),
        (None, Some(RequestContext::ApiGatewayV2(context))) => context.http.source_ip.clone(),
        _ => None,
    };
    if let Some(address) = address.and_then(|address| HeaderValue::try_from(address).ok()) {
        request.headers_mut().insert("x-forwarded-for", address);
    }
    request
}
