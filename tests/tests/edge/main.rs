//! The edge: a real nginx from the repository's template, in front of stand-ins for the bucket and the API.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod backend;
mod client;
mod signing;
mod world;

mod cache;
mod deletion;
mod embedded_bucket;
mod grammar;
mod log;
mod pages_and_api;
mod presigned;
mod proxies;
mod ranges;
mod secrets;
mod table;
mod template;
