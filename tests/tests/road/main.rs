//! The whole road, on the real parts: from an upload to a stream that plays, and through kills.
#![allow(clippy::unwrap_used, missing_docs)]

mod bodies;
mod deletion;
mod kills;
mod stream;
mod uploads;
