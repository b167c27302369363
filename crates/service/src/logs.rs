//! Logs: text for people; in the cloud a JSON object a line, with the id of Lambda's request in `span.requestId`.

use tracing_subscriber::{EnvFilter, fmt};

/// Starts logging to standard error; `RUST_LOG` chooses more or less (default `info`).
pub fn init_logs() {
    // The SDK's own spans are noise at info, and its debug lines hold signed URLs.
    let default = "info,aws_smithy_runtime=warn,aws_config=warn,aws_sdk_s3=warn,hyper=warn,s3s=warn";
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let logs = fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    if std::env::var_os("AWS_LAMBDA_FUNCTION_NAME").is_some() {
        logs.json().flatten_event(true).with_span_list(false).without_time().init();
    } else {
        logs.with_ansi(false).compact().init();
    }
}
