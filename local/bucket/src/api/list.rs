//! ListObjectsV2 and its elder, ListObjects: both pages of the index.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use s3s::dto::{
    CommonPrefix, EncodingType, ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output, Object,
    ObjectStorageClass,
};
use s3s::{S3Response, S3Result, s3_error};

use super::{Answer, Api, etag};
use crate::store::{Page, Query, Store};

/// Most entries on a page, by S3's rules.
const MAX_KEYS: usize = 1000;

impl Api {
    pub(super) async fn list_v2(&self, input: ListObjectsV2Input) -> Answer<ListObjectsV2Output> {
        let max_keys = limit(input.max_keys)?;
        let resumed = input.continuation_token.as_deref().map(parse_token).transpose()?;
        let query = Query {
            prefix: input.prefix.as_deref().unwrap_or_default(),
            delimiter: input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty()),
            after: resumed.as_deref().or(input.start_after.as_deref()),
            limit: max_keys,
        };
        self.blocking(Store::check_complete).await?;
        let page = self.store.list(&query);
        let encode = encoder(input.encoding_type.as_ref())?;
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket),
            key_count: Some((page.objects.len() + page.common_prefixes.len()) as i32),
            max_keys: Some(max_keys as i32),
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next.as_ref().map(|last| URL_SAFE_NO_PAD.encode(last)),
            common_prefixes: Some(common_prefixes(&page, encode)),
            contents: Some(objects(page, encode)),
            prefix: Some(encode(query.prefix)),
            delimiter: query.delimiter.map(encode),
            start_after: input.start_after.as_deref().map(encode),
            continuation_token: input.continuation_token,
            encoding_type: input.encoding_type,
            ..ListObjectsV2Output::default()
        }))
    }

    pub(super) async fn list_v1(&self, input: ListObjectsInput) -> Answer<ListObjectsOutput> {
        let max_keys = limit(input.max_keys)?;
        let query = Query {
            prefix: input.prefix.as_deref().unwrap_or_default(),
            delimiter: input.delimiter.as_deref().filter(|delimiter| !delimiter.is_empty()),
            after: input.marker.as_deref().filter(|marker| !marker.is_empty()),
            limit: max_keys,
        };
        self.blocking(Store::check_complete).await?;
        let page = self.store.list(&query);
        let encode = encoder(input.encoding_type.as_ref())?;
        Ok(S3Response::new(ListObjectsOutput {
            name: Some(input.bucket),
            max_keys: Some(max_keys as i32),
            is_truncated: Some(page.next.is_some()),
            next_marker: page.next.as_deref().map(encode),
            common_prefixes: Some(common_prefixes(&page, encode)),
            contents: Some(objects(page, encode)),
            prefix: Some(encode(query.prefix)),
            delimiter: query.delimiter.map(encode),
            marker: Some(encode(query.after.unwrap_or_default())),
            encoding_type: input.encoding_type,
            ..ListObjectsOutput::default()
        }))
    }
}

type Encode = fn(&str) -> String;

/// `url` is for keys with characters that XML cannot hold.
pub(super) fn encoder(encoding: Option<&EncodingType>) -> S3Result<Encode> {
    match encoding.map(EncodingType::as_str) {
        None => Ok(str::to_owned),
        Some(EncodingType::URL) => Ok(percent_encode),
        Some(_) => Err(s3_error!(InvalidArgument, "Invalid encoding type.")),
    }
}

pub(super) fn limit(asked: Option<i32>) -> S3Result<usize> {
    match asked {
        None => Ok(MAX_KEYS),
        Some(asked) => {
            let asked =
                usize::try_from(asked).map_err(|_| s3_error!(InvalidArgument, "A limit must not be negative."))?;
            Ok(asked.min(MAX_KEYS))
        }
    }
}

fn parse_token(token: &str) -> S3Result<String> {
    let last = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    last.ok_or_else(|| s3_error!(InvalidArgument, "The continuation token is not one of this server's."))
}

fn objects(page: Page, encode: Encode) -> Vec<Object> {
    let object = |(key, summary): (String, crate::store::Summary)| Object {
        key: Some(encode(&key)),
        e_tag: Some(etag(summary.tag)),
        size: Some(summary.size as i64),
        last_modified: Some(summary.modified().into()),
        storage_class: Some(ObjectStorageClass::from_static(ObjectStorageClass::STANDARD)),
        ..Object::default()
    };
    page.objects.into_iter().map(object).collect()
}

fn common_prefixes(page: &Page, encode: Encode) -> Vec<CommonPrefix> {
    page.common_prefixes.iter().map(|prefix| CommonPrefix { prefix: Some(encode(prefix)) }).collect()
}

fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' | b'/' => encoded.push(byte.into()),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
