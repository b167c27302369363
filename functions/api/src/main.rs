//! The API on AWS Lambda.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    clipset_service::run_on_lambda(|service| clipset_api::behind_cloudfront(clipset_api::router(service))).await
}
