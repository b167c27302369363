//! The domain of Clipset, pure: names, keys, signatures, playlists and documents.
//!
//! Nothing here does I/O, reads a clock or knows of AWS or HTTP. The time, the secret and the
//! probe result come as arguments, so every rule can be tested as a function.
//!
//! | Module | What it holds |
//! |---|---|
//! | [`id`] | short ids, encode uuids, usernames, job and share ids: checked once, where they enter |
//! | [`key`] | object keys with their content type and cache policy |
//! | [`signing`] | signed media URLs, as nginx `secure_link` and the edge function check them |
//! | [`playlist`] | playlists read, written and signed (RFC 8216) |
//! | [`video`], [`job`] | the documents that change, as state machines |
//! | [`turns`] | whose turn it is in the queue |
//! | [`ladder`] | which sizes a picture becomes |
//! | [`listing`] | the shards from which pages of videos are read |
//! | [`summary`], [`bloom`] | which shards a search may pass over |
//! | [`settings`] | what an administrator chooses |
//! | [`disk`] | from when on a disk counts as low or full |
//! | [`encoders`] | what a runner measured of its encoders |
//! | [`migration`] | the run in which older videos move to HLS |
//! | [`parts`] | how an upload's file is cut |
//! | [`quota`] | what a member uploaded in a week, and has open |
//! | [`text`], [`size`] | what people typed, and numbers of bytes as they read them |
//! | [`account`], [`share`] | who may see what |

pub mod account;
pub mod bloom;
pub mod disk;
pub mod encoders;
pub mod id;
pub mod job;
pub mod key;
pub mod ladder;
pub mod listing;
pub mod migration;
pub mod parts;
pub mod path;
pub mod playlist;
pub mod quota;
#[cfg(feature = "openapi")]
mod schema;
pub mod settings;
pub mod share;
pub mod signing;
pub mod size;
pub mod summary;
pub mod text;
pub mod turns;
pub mod video;

pub use jiff::Timestamp;
