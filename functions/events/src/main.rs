//! The events function on AWS Lambda.

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    clipset_events::aws::run().await
}
