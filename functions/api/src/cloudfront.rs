//! Where a request came from, on AWS.

use axum::{Router, extract::Request, middleware::map_request};
use clipset_service::VIEWER_ADDRESS;
use http::HeaderValue;
use lambda_http::{RequestExt, request::RequestContext};

/// `router` behind CloudFront and its gateway: the client's address stands where nginx puts it elsewhere.
pub fn behind_cloudfront(router: Router) -> Router {
    router.layer(map_request(with_client_address))
}

/// What CloudFront's function saw, else what the gateway saw, as the only hop of `X-Forwarded-For`: the client may have
/// written any other. That the function's header is not the client's own, `on_lambda` has made sure of.
async fn with_client_address(mut request: Request) -> Request {
    let viewer = request.headers().get(VIEWER_ADDRESS).cloned();
    let address = viewer.or_else(|| match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => HeaderValue::try_from(context.http.source_ip.as_deref()?).ok(),
        _ => None,
    });
    request.headers_mut().remove("x-forwarded-for");
    if let Some(address) = address {
        request.headers_mut().insert("x-forwarded-for", address);
    }
    request
}
