//! stream-info as a Lambda function.

use clipset_service::{Service, init_logs};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    init_logs();
    let service = Service::from_env().await?;
    lambda_http::run(clipset_stream_info::router(service)).await.map_err(anyhow::Error::from_boxed)
}
