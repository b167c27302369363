//! The embedded bucket, driven over HTTP with the AWS SDK and, where that is too well-behaved, by hand.
#![allow(clippy::unwrap_used)]

mod access;
mod conditions;
mod damage;
mod format_1;
mod integrity;
mod keys;
mod kill;
mod listing;
mod multipart;
mod objects;
mod reserve;
mod restart;
mod signed;
mod verify;
mod world;
