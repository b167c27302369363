//! The scheduled sweep as a Lambda function.

use clipset_service::{Service, init_logs};
use lambda_runtime::{LambdaEvent, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    init_logs();
    let service = Service::from_env().await?;
    let handler = service_fn(async |_: LambdaEvent<serde_json::Value>| {
        let swept = Box::pin(clipset_events::sweep(&service)).await?;
        Ok::<_, lambda_runtime::Error>(swept.to_string())
    });
    lambda_runtime::run(handler).await.map_err(anyhow::Error::from_boxed)
}
