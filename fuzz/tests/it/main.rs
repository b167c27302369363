//! What strangers write, given to everything that reads it.
#![allow(clippy::unwrap_used, missing_docs)]

mod addresses;
mod bodies;
mod import;
mod playlists;
mod streams;
