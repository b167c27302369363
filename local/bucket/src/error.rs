//! Everything that can go wrong, and what an S3 client is told about it.

use std::borrow::Cow;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use http::StatusCode;
use s3s::{S3Error, S3ErrorCode};

/// A failure of the bucket: at start, or while it serves a request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// S3 does not allow this bucket name.
    #[error("{0:?} is not a valid bucket name")]
    BucketName(String),
    /// The access key or the secret key is empty.
    #[error("the bucket needs an access key and a secret key")]
    NoCredentials,
    /// An empty prefix would let anyone read the whole bucket.
    #[error("an anonymous prefix must not be empty")]
    EmptyPrefix,
    /// Another process serves this folder.
    #[error("{} is already in use by another process", .0.display())]
    InUse(PathBuf),
    /// The address cannot be listened on.
    #[error("listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file operation failed.
    #[error("{operation}")]
    Io {
        /// What was being done.
        operation: &'static str,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A stored object is not what was written.
    #[error("{key:?} is damaged: {}: {reason}", path.display())]
    Damaged {
        /// The object's key.
        key: String,
        /// Its file.
        path: PathBuf,
        /// What is wrong with the file.
        reason: Cow<'static, str>,
    },
    /// Files are damaged so that their keys are unknown, and a listing would leave them out.
    #[error("the listing may be incomplete: whose objects are {}?", files.join(", "))]
    Incomplete {
        /// Their paths, below the bucket's folder.
        files: Vec<String>,
    },
    /// What is free is kept for small documents.
    #[error("the bucket's disk is full, but for the reserve")]
    Full,
    /// Another program keeps its data here.
    #[error(
        "{} holds {}, not a bucket of Clipset, and is left as it is: serve it with the program that wrote it, and move with \
         ./local/backup and ./local/restore", root.display(), what
    )]
    Foreign {
        /// The folder.
        root: PathBuf,
        /// Whose data they are, as far as that shows.
        what: String,
    },
    /// A newer version of this program wrote here.
    #[error("{} is of a newer version of Clipset, which this one cannot read", .0.display())]
    Newer(PathBuf),
    /// There is no bucket in this folder.
    #[error("{} holds no bucket", .0.display())]
    NoBucket(PathBuf),
    /// No object has this key.
    #[error("the specified key does not exist")]
    NoSuchKey,
    /// No such multipart upload, or it is over.
    #[error("the specified multipart upload does not exist")]
    NoSuchUpload,
    /// The object is not in the state that the request demands.
    #[error("at least one of the preconditions did not hold")]
    PreconditionFailed,
    /// A part is missing, or is not the one that was meant.
    #[error("one or more of the specified parts could not be found, or its entity tag differs")]
    InvalidPart,
    /// Parts are not in ascending order.
    #[error("the list of parts was not in ascending order")]
    InvalidPartOrder,
    /// A part before the last one is smaller than 5 MiB.
    #[error("a part other than the last is smaller than 5 MiB")]
    EntityTooSmall,
    /// The content is not what the client's checksum says.
    #[error("the content does not match the {0} that came with it")]
    BadDigest(&'static str),
    /// Metadata does not fit.
    #[error("metadata is larger than 2 KiB")]
    MetadataTooLarge,
}

/// Says what was being done when a file operation failed.
pub(crate) trait During<T> {
    fn during(self, operation: &'static str) -> Result<T, Error>;
}

impl<T> During<T> for io::Result<T> {
    fn during(self, operation: &'static str) -> Result<T, Error> {
        self.map_err(|source| Error::Io { operation, source })
    }
}

impl From<Error> for S3Error {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::NoSuchKey => S3ErrorCode::NoSuchKey,
            Error::NoSuchUpload => S3ErrorCode::NoSuchUpload,
            Error::PreconditionFailed => S3ErrorCode::PreconditionFailed,
            Error::InvalidPart => S3ErrorCode::InvalidPart,
            Error::InvalidPartOrder => S3ErrorCode::InvalidPartOrder,
            Error::EntityTooSmall => S3ErrorCode::EntityTooSmall,
            Error::BadDigest(_) => S3ErrorCode::BadDigest,
            Error::MetadataTooLarge => S3ErrorCode::MetadataTooLarge,
            _ if error.is_full() => return insufficient_storage(error),
            Error::Damaged { .. } | Error::Incomplete { .. } => return object_damaged(error),
            // Paths and system errors are for the log, not for the client.
            _ => {
                tracing::error!(error = %chain(&error), "bucket operation failed");
                return S3Error::with_message(S3ErrorCode::InternalError, "We encountered an internal error.");
            }
        };
        S3Error::with_message(code, error.to_string())
    }
}

impl Error {
    /// No space, no quota, or the file may not grow further.
    pub(crate) fn is_full(&self) -> bool {
        use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
        match self {
            Self::Full => true,
            Self::Io { source, .. } => matches!(source.kind(), StorageFull | QuotaExceeded | FileTooLarge),
            _ => false,
        }
    }
}

/// 500 with a code of our own, so that nobody takes it for a store that is away, nor for an object that is not there.
fn object_damaged(error: Error) -> S3Error {
    tracing::error!(%error, "a stored object is damaged");
    let code = S3ErrorCode::Custom("ObjectDamaged".into());
    let mut answer = S3Error::with_message(code, "What is stored here is not what was written.");
    answer.set_status_code(StatusCode::INTERNAL_SERVER_ERROR);
    answer
}

/// 507, because SDKs repeat a request after 500 and 503 at once, and a full disk does not pass so soon.
fn insufficient_storage(error: Error) -> S3Error {
    tracing::error!(error = %chain(&error), "the bucket's disk is full");
    let code = S3ErrorCode::Custom("InsufficientStorage".into());
    let mut answer = S3Error::with_message(code, "There is no space left for this object.");
    answer.set_status_code(StatusCode::INSUFFICIENT_STORAGE);
    answer
}

fn chain(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
