//! sign-manifest as a Lambda function.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    clipset_service::run_on_lambda(clipset_sign_manifest::router).await
}
