//! What every function shares: configuration, tokens, who asks, errors as problem+json.
//!
//! A function is `router(Arc<Service>) -> axum::Router`. Its `main` hands the router to
//! [`run_on_lambda`]; `clipset serve` mounts all of them in one process.

mod cache;
mod config;
mod deadline;
mod deletions;
mod disk;
mod extract;
mod gate;
mod headers;
mod lambda;
mod metrics;
mod problem;
mod proxies;
mod secrets;
mod service;
mod tokens;
pub mod tombstones;
mod watcher;

pub use cache::TtlCache;
pub use config::{Config, ConfigError, JobBackend};
pub use deadline::in_time;
pub use deletions::Deletions;
pub use disk::Disk;
pub use extract::{Json, PathId, PathName};
pub use gate::{Gate, TokenQuery};
pub use headers::never_sniffed;
pub use lambda::{VIEWER_ADDRESS, on_lambda, run_on_lambda};
pub use metrics::{Metrics, Work};
pub use problem::{DAMAGED_CLIP, Problem};
pub use proxies::{ProxiesError, TrustedProxies};
pub use secrets::{ParameterError, ParameterStore, Secrets};
pub use service::Service;
pub use tokens::{ACCESS_LIFE_SECONDS, Claims, Holder, Pass, TokenError, Tokens};
pub use watcher::Watcher;
