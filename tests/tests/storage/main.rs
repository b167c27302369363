//! The whole system while its storage hangs, and while its disk is full.
#![allow(clippy::unwrap_used, missing_docs)]

mod full_disk;
mod hanging_bucket;
