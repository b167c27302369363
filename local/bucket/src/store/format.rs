//! The file format: a header of whole 4096-byte pages, then the body, then the checksums of the body's blocks.
//!
//! | Bytes | Content, integers little-endian |
//! |---|---|
//! | 0–7 | `CLIPOBJ2` |
//! | 8–11 | length of the header, where the body begins |
//! | 12–15 | CRC-32 of the header from byte 16 on |
//! | 16–23 | length of the body |
//! | 24–31 | last modified, milliseconds since 1970 |
//! | 32–47 | MD5 of the body, or of the parts' MD5s |
//! | 48–51 | number of parts, 0 for an object written whole |
//! | 52 | checksum algorithm, 0 for none |
//! | 64–95 | checksum |
//! | 96– | [`Attributes`] as JSON, then spaces |
//! | behind the body | CRC-32C of each 64 KiB of it, four bytes each, big-endian, to the end of the file |
//!
//! Files that begin with `CLIPOBJ1` are of the version before: the same without checksums of blocks, and still read.
//!
//! The length of the header is known before the body arrives, so the body is written in its place at once. Whole pages,
//! so that a file system that shares blocks can put an upload's parts together without copying them.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use s3s::crypto::Crc32;
use serde::{Deserialize, Serialize};

use super::blocks;
use super::checksum::Checksum;
use super::opened::{Flaw, Reason};

const MAGIC: &[u8; 8] = b"CLIPOBJ2";
/// Of files without checksums of blocks.
const MAGIC_1: &[u8; 8] = b"CLIPOBJ1";
const PAGE: usize = 4096;
const FIXED: usize = 96;
/// Far above what a key of 1024 bytes and 2 KiB of metadata need.
const MAX_HEADER: usize = 1 << 20;

/// The header of a stored file.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    pub(crate) summary: Summary,
    pub(crate) checksum: Option<Checksum>,
    pub(crate) attributes: Attributes,
}

/// Where things stand in a stored file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Where the body begins.
    pub(crate) body: u64,
    /// Where the checksums of its blocks begin, if there are any.
    pub(crate) sums: Option<u64>,
}

/// What is known of an object without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    /// Length of the body in bytes.
    pub(crate) size: u64,
    /// Milliseconds since 1970.
    pub(crate) modified: u64,
    pub(crate) tag: Tag,
}

/// Entity tag as S3 makes it: the MD5, or `MD5 of the parts' MD5s-number of parts`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tag {
    pub(crate) md5: [u8; 16],
    /// 0 for an object that was written whole.
    pub(crate) parts: u32,
}

/// What the client said of an object when it wrote it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Attributes {
    pub(crate) key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cache_control: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) content_disposition: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) content_encoding: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) content_language: Option<String>,
    /// HTTP date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) metadata: BTreeMap<String, String>,
    /// The multipart upload that made the object, so that a repeated completion is recognised.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) upload_id: Option<String>,
}

impl Attributes {
    /// Length of the header with these attributes, which is where the body begins.
    pub(crate) fn header_length(&self) -> io::Result<u64> {
        let json = serde_json::to_vec(self)?;
        Ok((FIXED + json.len()).next_multiple_of(PAGE) as u64)
    }
}

impl Header {
    pub(crate) fn encode(&self) -> io::Result<Vec<u8>> {
        let json = serde_json::to_vec(&self.attributes)?;
        let length = (FIXED + json.len()).next_multiple_of(PAGE);
        if length > MAX_HEADER {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "header too long"));
        }
        let mut header = vec![0; FIXED];
        header[0..8].copy_from_slice(MAGIC);
        header[8..12].copy_from_slice(&(length as u32).to_le_bytes());
        header[16..24].copy_from_slice(&self.summary.size.to_le_bytes());
        header[24..32].copy_from_slice(&self.summary.modified.to_le_bytes());
        header[32..48].copy_from_slice(&self.summary.tag.md5);
        header[48..52].copy_from_slice(&self.summary.tag.parts.to_le_bytes());
        if let Some(checksum) = &self.checksum {
            header[52] = checksum.kind() as u8;
            header[64..64 + checksum.bytes().len()].copy_from_slice(checksum.bytes());
        }
        header.extend_from_slice(&json);
        header.resize(length, b' ');
        let crc = Crc32::checksum_u32(&header[16..]);
        header[12..16].copy_from_slice(&crc.to_le_bytes());
        Ok(header)
    }

    /// Reads and checks the header and the file's length, or says what is wrong with the file.
    pub(crate) fn read(file: &File) -> Result<(Self, Layout), Flaw> {
        let file_length = file.metadata().map_err(unreadable)?.len();
        if file_length < PAGE as u64 {
            return Err(Flaw::from("too short"));
        }
        let mut bytes = vec![0; PAGE];
        file.read_exact_at(&mut bytes, 0).map_err(unreadable)?;
        let has_sums = match &bytes[0..8] {
            magic if magic == MAGIC => true,
            magic if magic == MAGIC_1 => false,
            _ => return Err(Flaw::from("not an object")),
        };
        let length = u32::from_le_bytes(array(&bytes, 8)) as usize;
        if !(PAGE..=MAX_HEADER).contains(&length) || length as u64 > file_length {
            return Err(Flaw::from("header of impossible length"));
        }
        if length > PAGE {
            bytes.resize(length, 0);
            file.read_exact_at(&mut bytes[PAGE..], PAGE as u64).map_err(unreadable)?;
        }
        let header = Self::decode(&bytes)?;
        let body = length as u64;
        let sums = body.checked_add(header.summary.size);
        let end = sums.and_then(|end| end.checked_add(if has_sums { blocks::length(header.summary.size) } else { 0 }));
        if end != Some(file_length) {
            return Err(Flaw { reason: "body of the wrong length".into(), header: Some(Box::new(header)) });
        }
        Ok((header, Layout { body, sums: sums.filter(|_| has_sums) }))
    }

    fn decode(bytes: &[u8]) -> Result<Self, Reason> {
        if Crc32::checksum_u32(&bytes[16..]) != u32::from_le_bytes(array(bytes, 12)) {
            return Err("header with a wrong checksum".into());
        }
        let summary = Summary {
            size: u64::from_le_bytes(array(bytes, 16)),
            modified: u64::from_le_bytes(array(bytes, 24)),
            tag: Tag { md5: array(bytes, 32), parts: u32::from_le_bytes(array(bytes, 48)) },
        };
        let checksum = match bytes[52] {
            0 => None,
            kind => Some(Checksum::restore(kind, &bytes[64..96]).ok_or("unknown checksum")?),
        };
        let attributes = serde_json::from_slice(&bytes[FIXED..]).map_err(|_| "unreadable attributes")?;
        Ok(Self { summary, checksum, attributes })
    }
}

fn unreadable(error: io::Error) -> Flaw {
    Flaw::from(Reason::from(format!("cannot be read: {error}")))
}

pub(super) fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes[at..at + N]);
    array
}

impl Summary {
    pub(crate) fn modified(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.modified)
    }

    /// HTTP dates have whole seconds; conditions compare these.
    pub(crate) fn modified_second(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.modified / 1000)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.md5 {
            write!(f, "{byte:02x}")?;
        }
        match self.parts {
            0 => Ok(()),
            parts => write!(f, "-{parts}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use std::io::Write;

    fn header(key: &str) -> Header {
        Header {
            summary: Summary { size: 3, modified: 1_700_000_000_123, tag: Tag { md5: [7; 16], parts: 2 } },
            checksum: Some(Checksum::restore(1, &[1; 32]).unwrap()),
            attributes: Attributes { key: key.into(), cache_control: Some("no-store".into()), ..Attributes::default() },
        }
    }

    fn stored(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn a_header_longer_than_a_block_reads_back_as_written() {
        let key = "\u{1}".repeat(1024);
        let written = header(&key);
        let mut bytes = written.encode().unwrap();
        assert_eq!(bytes.len() as u64, written.attributes.header_length().unwrap());
        assert_eq!(bytes.len(), 8192);
        bytes.extend_from_slice(b"abc");
        bytes.extend_from_slice(&blocks::sum(b"abc"));
        let (read, layout) = Header::read(&stored(&bytes)).unwrap();
        assert_eq!((read.attributes.key, layout), (key, Layout { body: 8192, sums: Some(8195) }));
        assert_eq!((read.summary, read.checksum), (written.summary, written.checksum));
    }

    #[test]
    fn a_cut_or_changed_file_is_recognised() {
        let mut bytes = header("k").encode().unwrap();
        bytes.extend_from_slice(b"abc");
        bytes.extend_from_slice(&blocks::sum(b"abc"));
        for length in [0, 10, 4096, bytes.len() - 1] {
            assert!(Header::read(&stored(&bytes[..length])).is_err(), "cut to {length}");
        }
        for at in [0, 9, 20, 100, 4000] {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(Header::read(&stored(&changed)).is_err(), "byte {at} changed");
        }
    }
}
