//! The records of the journal: what was put and what was deleted, each with a checksum of its own.
//!
//! | Bytes | Content, integers little-endian |
//! |---|---|
//! | 0–3 | length of the record from byte 8 on |
//! | 4–7 | CRC-32C of bytes 0–3 and of all from byte 8 on, big-endian |
//! | 8 | 1: put, 2: deleted |
//! | 12–15 | number of parts |
//! | 16–23 | length of the body |
//! | 24–31 | last modified, milliseconds since 1970 |
//! | 32–47 | MD5, as in the object's header |
//! | 48– | the key, then zeros up to a multiple of 8 |

use s3s::crypto::{Checksum as _, Crc32c};

use super::format::{Summary, Tag, array};

const FIXED: usize = 48;
const ALIGNED: usize = 8;
/// Far above any key.
const MAX: usize = 1 << 16;
const PUT: u8 = 1;
const DELETED: u8 = 2;

/// A key, and its object unless it was deleted.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) key: String,
    pub(super) object: Option<Summary>,
}

/// What stands at a place of the journal.
pub(super) enum Found {
    /// And where the next one is.
    Record(Record, usize),
    End,
    Damage,
}

pub(super) fn encode(key: &[u8], object: Option<Summary>) -> Vec<u8> {
    let mut bytes = vec![0; FIXED];
    bytes[8] = if object.is_some() { PUT } else { DELETED };
    if let Some(summary) = object {
        bytes[12..16].copy_from_slice(&summary.tag.parts.to_le_bytes());
        bytes[16..24].copy_from_slice(&summary.size.to_le_bytes());
        bytes[24..32].copy_from_slice(&summary.modified.to_le_bytes());
        bytes[32..48].copy_from_slice(&summary.tag.md5);
    }
    bytes.extend_from_slice(key);
    let length = (bytes.len() - 8) as u32;
    bytes[0..4].copy_from_slice(&length.to_le_bytes());
    let sum = checksum(&bytes);
    bytes[4..8].copy_from_slice(&sum);
    bytes.resize(bytes.len().next_multiple_of(ALIGNED), 0);
    bytes
}

pub(super) fn decode(bytes: &[u8], at: usize) -> Found {
    let Some(rest) = bytes.get(at..).filter(|rest| rest.iter().take(FIXED).any(|byte| *byte != 0)) else {
        return Found::End;
    };
    parse(rest).map_or(Found::Damage, |(record, length)| Found::Record(record, at + length))
}

/// The next place behind `at` where a whole record stands.
pub(super) fn next_whole(bytes: &[u8], at: usize) -> Option<usize> {
    (at + ALIGNED..bytes.len()).step_by(ALIGNED).find(|at| parse(&bytes[*at..]).is_some())
}

fn parse(bytes: &[u8]) -> Option<(Record, usize)> {
    let end = 8 + u32::from_le_bytes(array(bytes.get(0..4)?, 0)) as usize;
    let whole = bytes.get(..end).filter(|_| (FIXED..MAX).contains(&end))?;
    if checksum(whole) != whole[4..8] {
        return None;
    }
    let summary = Summary {
        size: u64::from_le_bytes(array(whole, 16)),
        modified: u64::from_le_bytes(array(whole, 24)),
        tag: Tag { md5: array(whole, 32), parts: u32::from_le_bytes(array(whole, 12)) },
    };
    let key = String::from_utf8(whole[FIXED..].to_vec()).ok()?;
    let record = Record { key, object: (whole[8] == PUT).then_some(summary) };
    Some((record, end.next_multiple_of(ALIGNED)))
}

fn checksum(record: &[u8]) -> [u8; 4] {
    let mut crc = Crc32c::default();
    crc.update(&record[0..4]);
    crc.update(&record[8..]);
    crc.finalize()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn any_changed_byte_hides_its_record_and_no_other() {
        let summary = Summary { size: 3, modified: 5, tag: Tag { md5: [7; 16], parts: 2 } };
        let records = [encode(b"a/b", Some(summary)), encode(b"k", None), encode(b"last", Some(summary))];
        let whole = records.concat();
        let second = records[0].len();
        for at in second..second + 8 + 41 {
            let mut changed = whole.clone();
            changed[at] ^= 0x10;
            let Found::Record(first, next) = decode(&changed, 0) else { panic!("byte {at}") };
            assert_eq!(first, Record { key: "a/b".into(), object: Some(summary) });
            assert!(matches!(decode(&changed, next), Found::Damage), "byte {at}");
            let third = next_whole(&changed, next).unwrap();
            assert!(matches!(decode(&changed, third), Found::Record(record, _) if record.key == "last"), "byte {at}");
        }
        assert!(matches!(decode(&whole, whole.len()), Found::End));
        assert!(matches!(decode(&[0; 64], 0), Found::End));
    }
}
