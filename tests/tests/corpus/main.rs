//! The corpus: sources like those that people have, each made on the fly, sent through a runner
//! beside the embedded bucket, and held against what is expected of it. One test per source, named
//! by what the source is.
#![allow(clippy::unwrap_used, missing_docs)]

mod bytes;
mod command;
mod measure;
mod source;
mod sources;
mod system;
