//! stream-info as a Lambda function.

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    clipset_service::run_on_lambda(clipset_stream_info::router).await
}
