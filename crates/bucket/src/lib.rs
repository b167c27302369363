//! The one adapter to the object store: media objects, and documents kept by conditional writes.
//!
//! | Module | What it does |
//! |---|---|
//! | [`Bucket`] | the connection, its time-outs and retries, and the start-up probe |
//! | `documents` | JSON documents: read, create, replace, update under races, remove, list |
//! | `damaged` | documents that cannot be read, set aside |
//! | `media` | files and small objects, streamed; multipart above 16 MiB |
//! | `streams` | published streams as files, to be checked |
//! | `strangers` | whether the store refuses those who have no key |
//! | `uploads` | multipart uploads that clients send by presigned URLs |
//! | [`Videos`] | the videos' documents with the listing that is derived from them |
//! | [`Jobs`] | jobs and their queue |
//! | `turns` | what a runner remembers of the queue, so that owners take turns |
//! | [`Migrations`] | the run in which older videos move to HLS |
//! | [`release_quota`] | bytes that members have reserved |
//! | [`SettingsStore`] | the settings |

mod clock;
mod connection;
mod damaged;
mod documents;
mod error;
mod jobs;
mod listing;
mod media;
mod migrations;
mod quotas;
mod settings;
mod strangers;
mod streams;
mod turns;
mod unknown;
mod uploads;
mod videos;

pub use aws_config::SdkConfig;
pub use connection::{Bucket, BucketConfig, ConfigError, StaticCredentials, own_url, shared_config};
pub use documents::{Etag, Stored, Versioned};
pub use error::{BucketError, DAMAGED, DAMAGED_FOLDER, UpdateError, loggable};
pub use jobs::Jobs;
pub use listing::Page;
pub use migrations::Migrations;
pub use quotas::release_quota;
pub use settings::{Reading, SettingsStore};
pub use uploads::{Part, UploadError, Whole};
pub use videos::{AllVideos, Look, Reindexed, SomeVideos, Videos};
