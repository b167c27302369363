//! What the embedded bucket needs to know to start.

use std::fmt;
use std::path::PathBuf;

use crate::Error;

/// Where the bucket lives, what it is called and who may use it.
#[derive(Clone)]
pub struct Config {
    /// Folder that holds everything; made if it is missing. One process may own it at a time.
    pub root: PathBuf,
    /// The one bucket, by S3's rules for names. It exists from the start.
    pub bucket: String,
    /// Access key id that requests are signed with.
    pub access_key: String,
    /// Secret that requests are signed with.
    pub secret_key: String,
    /// Key prefixes whose objects anyone may read with GetObject and HeadObject, such as `hls/`. Never listed.
    pub anonymous_prefixes: Vec<String>,
    /// What is kept free for documents.
    pub reserve: Reserve,
}

/// Space that only small documents may use, so that a disk full of media can still be cleared.
#[derive(Clone, Debug, Default)]
pub struct Reserve {
    /// Its size; at most an eighth of the disk. 0: none.
    pub bytes: u64,
    /// Key prefixes of what may never use it, such as `hls/`. Neither may what is larger than 1 MiB.
    pub media_prefixes: Vec<String>,
}

impl Config {
    pub(crate) fn check(&self) -> Result<(), Error> {
        if !s3s::path::check_bucket_name(&self.bucket) {
            return Err(Error::BucketName(self.bucket.clone()));
        }
        if self.access_key.is_empty() || self.secret_key.is_empty() {
            return Err(Error::NoCredentials);
        }
        // The empty prefix would open the whole bucket, private documents included.
        if self.anonymous_prefixes.iter().any(String::is_empty) {
            return Err(Error::EmptyPrefix);
        }
        Ok(())
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("root", &self.root)
            .field("bucket", &self.bucket)
            .field("access_key", &self.access_key)
            .field("anonymous_prefixes", &self.anonymous_prefixes)
            .field("reserve", &self.reserve)
            .finish_non_exhaustive()
    }
}
