//! Logs: text for people; in the cloud a JSON object a line, with the id of Lambda's request in `span.requestId`.

use tracing_subscriber::{filter::Targets, fmt, prelude::*, registry};

/// The SDK's own spans are noise at info, and its debug lines hold signed URLs.
const DEFAULT: &str = "info,aws_smithy_runtime=warn,aws_config=warn,aws_sdk_s3=warn,hyper=warn,s3s=warn";

/// Starts logging to standard error; `RUST_LOG` chooses more or less, by target (default `info`).
pub fn init_logs() {
    // Not `EnvFilter`: its regular expressions are 100 kB of a function's archive.
    let given = std::env::var("RUST_LOG").ok().and_then(|text| text.parse::<Targets>().ok());
    let filter = given.unwrap_or_else(|| DEFAULT.parse().expect("it is well-formed"));
    let lines = fmt::layer().with_writer(std::io::stderr).with_target(false);
    if std::env::var_os("AWS_LAMBDA_FUNCTION_NAME").is_some() {
        registry()
            .with(lines.json().flatten_event(true).with_span_list(false).without_time().with_filter(filter))
            .init();
    } else {
        registry().with(lines.compact().with_filter(filter)).init();
    }
}
