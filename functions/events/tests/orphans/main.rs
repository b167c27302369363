//! Over the real embedded bucket: what goes with a clip, when orphans go, and what is kept while a record is damaged, lost
//! or set aside.
#![allow(clippy::unwrap_used, missing_docs)]

mod due;
mod walk;
mod whole;
mod world;
