//! An S3 bucket in this process, for an installation on one machine.
//!
//! The protocol, signatures and presigned URLs are those of the crate `s3s`; what is stored, and how it survives, is here.
//!
//! ```no_run
//! # async fn example() -> Result<(), clipset_local_bucket::Error> {
//! use clipset_local_bucket::{Config, Reserve, Server};
//!
//! let config = Config {
//!     root: "/var/lib/clipset/bucket".into(),
//!     bucket: "clipset".into(),
//!     access_key: "clipset".into(),
//!     secret_key: "…".into(),
//!     anonymous_prefixes: vec!["hls/".into(), "progressive/".into(), "images/".into()],
//!     reserve: Reserve { bytes: 64 << 20, media_prefixes: vec!["hls/".into(), "originals/".into()] },
//! };
//! let server = Server::bind(config, ([127, 0, 0, 1], 9000).into()).await?;
//! server.serve(async { drop(tokio::signal::ctrl_c().await) }).await;
//! # Ok(())
//! # }
//! ```
//!
//! # What it promises
//!
//! * An acknowledged write or deletion is on the disk: it survives a killed process and a power failure.
//! * An object is visible whole, with its metadata, or not at all; content is verified against every checksum that came
//!   with it first.
//! * Conditions (`If-None-Match: *`, `If-Match`) are checked and the write is done under one lock, so of two writers with
//!   the same condition one wins.
//! * What is damaged on the disk is known to be there and never sent: an object's key stands in a second place, and every
//!   64 KiB of content has a checksum. It is answered with 500 and the code `ObjectDamaged`; content that was being sent ends
//!   with the connection. [`verify`] looks for it.
//! * A disk full of media takes documents and deletions still, from a [`Reserve`].
//! * After a power failure, though not after a kill, a reader's last look may have been at a write that was not yet
//!   acknowledged and is now gone.
//!
//! Files have mode 0600. Completing a multipart upload needs room for the object a second time until it is done, except
//! on file systems that share blocks (XFS, Btrfs).

mod access;
mod api;
mod config;
pub mod drain;
mod error;
mod incoming;
mod outgoing;
mod server;
mod store;

pub use config::{Config, Reserve};
pub use error::Error;
pub use server::Server;
pub use store::{Finding, Report, verify};
