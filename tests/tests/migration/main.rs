//! Older videos move to HLS: the rules of a run, what the status call costs, and a library of 200 under kills.
#![allow(clippy::unwrap_used, missing_docs)]

mod library;
mod runs;
mod status;
