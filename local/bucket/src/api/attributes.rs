//! What a client says of an object, between S3's fields and the store's.

use s3s::dto::{Metadata, Timestamp, TimestampFormat};

use crate::Error;
use crate::store::Attributes;

/// Largest user metadata, by S3's rules.
const MAX_METADATA: usize = 2048;

/// [`Attributes`] from any input that has S3's fields for them.
macro_rules! attributes_of {
    ($input:expr) => {
        $crate::api::attributes::checked($crate::store::Attributes {
            key: $input.key.clone(),
            content_type: $input.content_type.clone(),
            cache_control: $input.cache_control.clone(),
            content_disposition: $input.content_disposition.clone(),
            content_encoding: $input.content_encoding.as_deref().and_then($crate::api::attributes::stored_encoding),
            content_language: $input.content_language.clone(),
            expires: $input.expires.as_ref().and_then($crate::api::attributes::http_date),
            metadata: $input.metadata.clone().unwrap_or_default().into_iter().collect(),
            upload_id: None,
        })
    };
}

/// Any output that has S3's fields for a stored object, from an opened one's header.
macro_rules! describe {
    ($output:ident, $header:expr) => {
        $output {
            accept_ranges: Some("bytes".into()),
            cache_control: $header.attributes.cache_control.clone(),
            content_disposition: $header.attributes.content_disposition.clone(),
            content_encoding: $header.attributes.content_encoding.clone(),
            content_language: $header.attributes.content_language.clone(),
            content_type: Some($header.attributes.content_type.clone().unwrap_or("binary/octet-stream".into())),
            e_tag: Some($crate::api::etag($header.summary.tag)),
            expires: $header.attributes.expires.as_deref().and_then($crate::api::attributes::timestamp),
            last_modified: Some($header.summary.modified().into()),
            metadata: $crate::api::attributes::metadata(&$header.attributes),
            ..$output::default()
        }
    };
}

/// The checksum fields of any output.
macro_rules! set_checksum {
    ($output:expr, $checksum:expr) => {
        if let Some(checksum) = $checksum {
            let all = checksum.to_dto();
            $output.checksum_crc32 = all.checksum_crc32;
            $output.checksum_crc32c = all.checksum_crc32c;
            $output.checksum_crc64nvme = all.checksum_crc64nvme;
            $output.checksum_sha1 = all.checksum_sha1;
            $output.checksum_sha256 = all.checksum_sha256;
        }
    };
}

/// The checksums that any input names.
macro_rules! checksums_of {
    ($input:expr) => {
        s3s::dto::Checksum {
            checksum_crc32: $input.checksum_crc32.clone(),
            checksum_crc32c: $input.checksum_crc32c.clone(),
            checksum_crc64nvme: $input.checksum_crc64nvme.clone(),
            checksum_sha1: $input.checksum_sha1.clone(),
            checksum_sha256: $input.checksum_sha256.clone(),
            checksum_type: None,
        }
    };
}

pub(super) use {attributes_of, checksums_of, describe, set_checksum};

pub(super) fn checked(attributes: Attributes) -> Result<Attributes, Error> {
    let size: usize = attributes.metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > MAX_METADATA { Err(Error::MetadataTooLarge) } else { Ok(attributes) }
}

/// `aws-chunked` is how the body travelled, not how it is stored.
pub(super) fn stored_encoding(encoding: &str) -> Option<String> {
    let kept = encoding.split(',').map(str::trim).filter(|name| !name.is_empty() && *name != "aws-chunked");
    let kept = kept.collect::<Vec<_>>().join(",");
    (!kept.is_empty()).then_some(kept)
}

pub(super) fn http_date(timestamp: &Timestamp) -> Option<String> {
    let mut text = Vec::new();
    timestamp.format(TimestampFormat::HttpDate, &mut text).ok()?;
    String::from_utf8(text).ok()
}

pub(super) fn timestamp(http_date: &str) -> Option<Timestamp> {
    Timestamp::parse(TimestampFormat::HttpDate, http_date).ok()
}

pub(super) fn metadata(attributes: &Attributes) -> Option<Metadata> {
    let metadata = &attributes.metadata;
    (!metadata.is_empty()).then(|| metadata.clone().into_iter().collect())
}
