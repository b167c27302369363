//! A file on its way in: written and hashed under a name of its own, and nowhere to be seen until it is complete.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use md5::{Digest, Md5};
use s3s::checksum::ChecksumHasher;
use tempfile::NamedTempFile;

use super::blocks::{self, BLOCK, Sums};
use super::body::Body;
use super::checksum::{Checksum, Kind};
use super::format::{Attributes, Header, Summary, Tag};
use super::opened::{Opened, damaged};
use super::space::Space;
use crate::error::{During, Error};

/// A file being written; removed when dropped.
pub(crate) struct Staged {
    file: NamedTempFile,
    attributes: Attributes,
    /// Where the body begins.
    body: u64,
    size: u64,
    md5: Md5,
    hasher: ChecksumHasher,
    sums: Sums,
    /// What it must leave free, if it may not use the reserve.
    space: Option<Arc<Space>>,
}

/// A file that is complete, verified and on the disk, but not yet in its place; removed when dropped.
pub(crate) struct Sealed {
    pub(crate) file: NamedTempFile,
    pub(crate) header: Header,
}

/// What the content must match to be accepted.
#[derive(Debug, Default)]
pub(crate) struct Expected {
    pub(crate) md5: Option<[u8; 16]>,
    pub(crate) checksums: Vec<Checksum>,
}

impl Staged {
    /// Begins a file in `folder`. Checksums of these kinds can be verified at the end.
    pub(crate) fn create(
        folder: &Path,
        attributes: Attributes,
        kinds: &[Kind],
        space: Option<Arc<Space>>,
    ) -> Result<Self, Error> {
        let body = attributes.header_length().during("lay out an object")?;
        let file = NamedTempFile::new_in(folder).during("create a temporary file")?;
        let mut hasher = ChecksumHasher::default();
        for kind in kinds {
            kind.start(&mut hasher);
        }
        Ok(Self { file, attributes, body, size: 0, md5: Md5::new(), hasher, sums: Sums::default(), space })
    }

    pub(crate) fn write(&mut self, batch: &[Bytes]) -> Result<(), Error> {
        self.admit(batch.iter().map(|bytes| bytes.len() as u64).sum())?;
        for bytes in batch {
            self.write_bytes(bytes)?;
        }
        Ok(())
    }

    fn write_bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.as_file().write_all_at(bytes, self.body + self.size).during("write an object")?;
        self.md5.update(bytes);
        self.hasher.update(bytes);
        self.sums.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Appends a stored body. Its checksums come along where the blocks fall together, and the kernel copies, or the file
    /// system shares; otherwise, or if there is a checksum of the whole to make (`hash`), it is read and verified.
    pub(crate) fn append(&mut self, source: Opened, hash: bool, last: bool) -> Result<(), Error> {
        let length = source.header.summary.size;
        if let Some(sums) = source.layout.sums
            && !hash
            && self.sums.at_block()
            && (last || length.is_multiple_of(BLOCK))
        {
            // How much of the disk a copy takes is the file system's business.
            self.admit(0)?;
            let mut stored = vec![0; blocks::length(length) as usize];
            source.file.read_exact_at(&mut stored, sums).during("read an object")?;
            copy(&source.file, source.layout.body, self.file.as_file(), self.body + self.size, length)
                .during("copy an object")?;
            self.sums.append(&stored);
            self.size += length;
            return Ok(());
        }
        let (key, path) = (source.header.attributes.key.clone(), source.path.clone());
        let mut body = Body::whole(source);
        while let Some(piece) = body.next().map_err(|reason| damaged(&path, &key, reason))? {
            self.write(&[piece])?;
        }
        Ok(())
    }

    fn admit(&self, length: u64) -> Result<(), Error> {
        self.space.as_ref().map_or(Ok(()), |space| space.admit(length))
    }

    /// Verifies the content, writes the header and brings the file to the disk.
    /// The tag is the content's MD5 unless another is given.
    pub(crate) fn seal(self, expected: &Expected, tag: Option<Tag>) -> Result<Sealed, Error> {
        let md5 = self.md5.finalize().into();
        if expected.md5.is_some_and(|expected| expected != md5) {
            return Err(Error::BadDigest("Content-MD5"));
        }
        let computed = self.hasher.finalize();
        for checksum in &expected.checksums {
            let kind = checksum.kind();
            if kind.of(&computed).and_then(|value| Checksum::parse(kind, value)) != Some(*checksum) {
                return Err(Error::BadDigest(kind.header()));
            }
        }
        let header = Header {
            summary: Summary { size: self.size, modified: now(), tag: tag.unwrap_or(Tag { md5, parts: 0 }) },
            checksum: expected.checksums.first().copied(),
            attributes: self.attributes,
        };
        let sums = self.sums.finish();
        self.file.as_file().write_all_at(&sums, self.body + self.size).during("write an object's checksums")?;
        let bytes = header.encode().during("lay out an object")?;
        self.file.as_file().write_all_at(&bytes, 0).during("write an object's header")?;
        self.file.as_file().sync_all().during("sync an object")?;
        Ok(Sealed { file: self.file, header })
    }
}

impl Sealed {
    /// Gives the file its name, in place of what had it before.
    pub(crate) fn persist(self, path: &Path) -> io::Result<Header> {
        self.file.persist(path)?;
        Ok(self.header)
    }
}

fn copy(source: &File, offset: u64, target: &File, at: u64, length: u64) -> io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    // The handles are this call's own, and so are their positions.
    let (mut source, mut target) = (source, target);
    source.seek(SeekFrom::Start(offset))?;
    target.seek(SeekFrom::Start(at))?;
    match io::copy(&mut source.take(length), &mut target)? {
        copied if copied == length => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
