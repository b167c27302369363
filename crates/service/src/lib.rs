//! What every function shares: configuration, tokens, who asks, errors as problem+json.
//!
//! A function is `router(Arc<Service>) -> axum::Router`. Its `main` hands the router to
//! [`run_on_lambda`]; `clipset serve` mounts all of them in one process.

mod cache;
mod config;
mod extract;
mod gate;
mod lambda;
mod metrics;
mod problem;
mod secrets;
mod service;
mod tokens;
pub mod tombstones;

pub use cache::TtlCache;
pub use config::{Config, ConfigError, JobBackend};
pub use extract::{Json, PathId, PathName};
pub use gate::{Gate, TokenQuery, Watcher};
pub use lambda::{on_lambda, run_on_lambda};
pub use metrics::{Metrics, Work};
pub use problem::{DAMAGED_CLIP, Problem};
pub use secrets::{ParameterError, ParameterStore, Secrets};
pub use service::Service;
pub use tokens::{ACCESS_LIFE_SECONDS, Claims, TokenError, Tokens};
