//! SHA-256 of files and of what stands in the bucket, streamed.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    pin::Pin,
    task::{Context, Poll},
};

use clipset_bucket::{Bucket, BucketError};
use clipset_core::key::MediaKey;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncWrite;

/// Size and SHA-256 of some bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checksum {
    /// Bytes.
    pub size: u64,
    /// 64 hex digits.
    pub sha256: String,
}

/// Takes bytes and keeps their checksum alone.
#[derive(Default)]
pub struct Summing {
    hash: Sha256,
    size: u64,
}

impl Summing {
    /// Takes some more.
    pub fn take(&mut self, bytes: &[u8]) {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
    }

    /// Of everything taken.
    pub fn end(self) -> Checksum {
        let hash = self.hash.finalize();
        Checksum { size: self.size, sha256: hash.iter().map(|byte| format!("{byte:02x}")).collect() }
    }
}

impl AsyncWrite for Summing {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Of bytes in memory.
pub fn of_bytes(bytes: &[u8]) -> Checksum {
    let mut sum = Summing::default();
    sum.take(bytes);
    sum.end()
}

/// Of a file.
///
/// # Errors
/// What the system says.
pub async fn of_file(path: &Path) -> io::Result<Checksum> {
    let path: PathBuf = path.to_owned();
    let summed = tokio::task::spawn_blocking(move || {
        let mut file = File::open(path)?;
        let mut sum = Summing::default();
        let mut buffer = vec![0; 1 << 20];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(sum.end()),
                read => sum.take(&buffer[..read]),
            }
        }
    });
    summed.await.map_err(io::Error::other)?
}

/// Of an object, as the bucket gives it out; `None` if it is not there.
///
/// # Errors
/// [`BucketError`].
pub async fn of_object(bucket: &Bucket, key: &MediaKey) -> Result<Option<Checksum>, BucketError> {
    let mut sum = Summing::default();
    match bucket.read_into(key, &mut sum).await {
        Ok(_) => Ok(Some(sum.end())),
        Err(BucketError::Missing { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_and_its_bytes_have_one_checksum() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "abc").expect("written");
        let sum = of_file(file.path()).await.expect("read");
        assert_eq!(sum, of_bytes(b"abc"));
        assert_eq!(sum.size, 3);
        assert_eq!(sum.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
