//! Logs of every program: text for people; in the cloud's functions a JSON object a line, with the id of Lambda's request
//! in `span.requestId`.

use tracing::{level_filters::LevelFilter, warn};
use tracing_subscriber::{
    filter::{ParseError, Targets},
    fmt,
    prelude::*,
    registry,
};

/// Libraries that write headers, bodies and signed addresses at debug: they say no more than this, unless `RUST_LOG` names
/// them. Prefixes of targets.
const QUIET: [(&str, LevelFilter); 4] = [
    ("aws", LevelFilter::WARN),
    ("hyper", LevelFilter::WARN),
    // Its spans, at info, carry the id of the request.
    ("lambda", LevelFilter::INFO),
    // Calls it an error whenever a client is refused; the embedded bucket says itself what is wrong with it.
    ("s3s", LevelFilter::OFF),
];

/// What is logged where `RUST_LOG` asks for nothing.
const STANDARD: &str = "info";

/// Starts logging to standard error; `RUST_LOG` chooses more or less, by target (default `info`).
pub fn init_logs() {
    let asked = std::env::var("RUST_LOG").ok().filter(|text| !text.is_empty()).unwrap_or_else(|| STANDARD.to_owned());
    let (filter, misread) = match filter(&asked) {
        Ok(filter) => (filter, None),
        Err(error) => (filter(STANDARD).expect("it is well-formed"), Some(error)),
    };
    let lines = fmt::layer().with_writer(std::io::stderr).with_target(false);
    if std::env::var_os("AWS_LAMBDA_FUNCTION_NAME").is_some() {
        registry()
            .with(lines.json().flatten_event(true).with_span_list(false).without_time().with_filter(filter))
            .init();
    } else {
        registry().with(lines.compact().with_filter(filter)).init();
    }
    if let Some(error) = misread {
        warn!(RUST_LOG = asked, %error, "cannot be read, so `info` is logged; give a level, or levels by target: info,clipset_api=debug");
    }
}

/// What `asked` asks for, in the grammar of [`Targets`], with [`QUIET`] libraries.
///
/// Not `EnvFilter`: its regular expressions are 100 kB of a function's archive.
fn filter(asked: &str) -> Result<Targets, ParseError> {
    let asked: Targets = asked.parse()?;
    let level = asked.default_level().unwrap_or(LevelFilter::OFF);
    let quiet = QUIET.map(|(target, most)| (target, most.min(level)));
    Ok(Targets::new().with_default(level).with_targets(quiet).with_targets(asked))
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn libraries_are_quiet_unless_they_are_named() {
        let debug = filter("debug").unwrap();
        assert!(debug.would_enable("clipset_api", &Level::DEBUG));
        assert!(debug.would_enable("lambda_runtime", &Level::INFO));
        assert!(!debug.would_enable("lambda_runtime", &Level::DEBUG));
        for library in ["aws_sigv4::http_request", "aws_smithy_runtime", "hyper_util"] {
            assert!(!debug.would_enable(library, &Level::INFO), "{library}");
            assert!(debug.would_enable(library, &Level::WARN), "{library}");
        }
        assert!(!debug.would_enable("s3s::ops", &Level::ERROR));
        let named = filter("info,aws_sigv4=trace").unwrap();
        assert!(named.would_enable("aws_sigv4::http_request", &Level::TRACE));
        assert!(!named.would_enable("aws_config", &Level::INFO));
    }

    #[test]
    fn nobody_says_more_than_was_asked_for() {
        let error = filter("error").unwrap();
        assert!(!error.would_enable("aws_config", &Level::WARN));
        assert!(!error.would_enable("clipset_api", &Level::WARN));
        let one = filter("clipset_api=info").unwrap();
        assert!(one.would_enable("clipset_api::videos", &Level::INFO));
        assert!(!one.would_enable("clipset_service", &Level::ERROR));
        assert!(!one.would_enable("aws_config", &Level::ERROR));
    }

    #[test]
    fn nothing_asked_is_info() {
        let standard = filter(STANDARD).unwrap();
        assert!(standard.would_enable("clipset_api", &Level::INFO));
        assert!(!standard.would_enable("clipset_api", &Level::DEBUG));
        assert!(!standard.would_enable("aws_config", &Level::INFO));
    }

    #[test]
    fn what_cannot_be_read_is_an_error() {
        assert!(filter("clipset_api=loud").is_err());
    }
}
