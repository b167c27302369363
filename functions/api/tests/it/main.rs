//! The API over a real bucket, asked as a client asks it.
#![allow(clippy::unwrap_used, missing_docs)]

mod accounts;
mod app;
mod damage;
mod damage_anywhere;
mod library;
mod manners;
mod media;
mod members;
mod open_uploads;
mod quota;
mod settings;
mod shares;
mod throttle;
mod transfer;
mod uploads;
