//! What every function shares: configuration, tokens, who asks, errors as problem+json, logs.
//!
//! A function is `router(Arc<Service>) -> axum::Router`. Its `main` calls [`Service::from_env`] and
//! hands the router to `lambda_http`; `clipset serve` mounts all of them in one process.

mod cache;
mod config;
mod extract;
mod gate;
mod logs;
mod problem;
mod service;
mod tokens;
pub mod tombstones;

pub use cache::TtlCache;
pub use config::{Config, ConfigError, JobBackend};
pub use extract::{Json, PathId, PathName};
pub use gate::{Gate, TokenQuery, Watcher};
pub use logs::init_logs;
pub use problem::Problem;
pub use service::Service;
pub use tokens::{ACCESS_LIFE_SECONDS, Claims, TokenError, Tokens};
