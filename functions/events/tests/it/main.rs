//! The events function over an embedded bucket and services that answer as AWS does, by recorded events.
#![allow(clippy::unwrap_used, missing_docs)]

mod batch;
mod convert;
mod edge;
mod events;
mod services;
mod stored;
mod world;
