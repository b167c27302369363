//! GetObject and HeadObject: conditions, ranges, overrides.

use std::ops;

use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, LAST_MODIFIED};
use http::{HeaderMap, HeaderValue};
use s3s::dto::{
    ChecksumMode, ChecksumType, ETagCondition, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput,
    Range, Timestamp,
};
use s3s::{S3Error, S3ErrorCode, S3Response, S3Result, s3_error};
use tokio::task::spawn_blocking;

use super::attributes::{describe, http_date, set_checksum};
use super::{Answer, Api, etag};
use crate::outgoing::FileBody;
use crate::store::{Body, Header, Summary};

impl Api {
    pub(super) async fn get(&self, input: GetObjectInput) -> Answer<GetObjectOutput> {
        let reading = Reading {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
            range: input.range,
        };
        let store = self.store.clone();
        let work = move || -> S3Result<_> {
            let opened = store.read(&input.key)?;
            let header = opened.header.clone();
            let part = reading.part(&header)?;
            let content = FileBody::open(store, input.key, Body::new(opened, part.bytes.clone()))?;
            Ok((header, part, content))
        };
        let (header, part, content) = spawn_blocking(work).await.map_err(S3Error::internal_error)??;

        let mut output = describe!(GetObjectOutput, header);
        output.body = Some(content.into_blob());
        output.content_length = Some((part.bytes.end - part.bytes.start) as i64);
        output.content_range = part.content_range;
        if wants_checksum(input.checksum_mode.as_ref()) && output.content_range.is_none() {
            set_checksum!(output, header.checksum);
            output.checksum_type = header.checksum.map(|_| ChecksumType::from_static(ChecksumType::FULL_OBJECT));
        }
        Ok(S3Response::new(output))
    }

    /// A range is for GET alone, RFC 9110 §14.2.
    pub(super) async fn head(&self, input: HeadObjectInput) -> Answer<HeadObjectOutput> {
        let reading = Reading {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
            range: None,
        };
        let header = self.blocking(move |store| Ok(store.read(&input.key)?.header)).await?;
        reading.part(&header)?;

        let mut output = describe!(HeadObjectOutput, header);
        output.content_length = Some(header.summary.size as i64);
        output.content_type = input.response_content_type.or(output.content_type);
        output.content_disposition = input.response_content_disposition.or(output.content_disposition);
        output.cache_control = input.response_cache_control.or(output.cache_control);
        if wants_checksum(input.checksum_mode.as_ref()) {
            set_checksum!(output, header.checksum);
            output.checksum_type = header.checksum.map(|_| ChecksumType::from_static(ChecksumType::FULL_OBJECT));
        }
        Ok(S3Response::new(output))
    }
}

fn wants_checksum(mode: Option<&ChecksumMode>) -> bool {
    mode.is_some_and(|mode| mode.as_str() == ChecksumMode::ENABLED)
}

/// What a reader asks for, apart from the key.
struct Reading {
    if_match: Option<ETagCondition>,
    if_none_match: Option<ETagCondition>,
    if_modified_since: Option<Timestamp>,
    if_unmodified_since: Option<Timestamp>,
    range: Option<Range>,
}

struct Part {
    bytes: ops::Range<u64>,
    content_range: Option<String>,
}

impl Reading {
    /// In the order of RFC 9110 §13.2.2.
    fn part(&self, header: &Header) -> S3Result<Part> {
        let summary = &header.summary;
        let modified = Timestamp::from(summary.modified_second());
        let changed = match (&self.if_match, &self.if_unmodified_since) {
            (Some(condition), _) => !matches(condition, summary, ETagMatch::Strong),
            (None, Some(since)) => modified > *since,
            (None, None) => false,
        };
        if changed {
            return Err(s3_error!(PreconditionFailed));
        }
        let unchanged = match (&self.if_none_match, &self.if_modified_since) {
            (Some(condition), _) => matches(condition, summary, ETagMatch::Weak),
            (None, Some(since)) => modified <= *since,
            (None, None) => false,
        };
        if unchanged {
            return Err(not_modified(header));
        }
        self.bytes(summary.size)
    }

    fn bytes(&self, size: u64) -> S3Result<Part> {
        let Some(range) = &self.range else {
            return Ok(Part { bytes: 0..size, content_range: None });
        };
        match range.check(size) {
            Ok(bytes) if !bytes.is_empty() => {
                let content_range = format!("bytes {}-{}/{size}", bytes.start, bytes.end - 1);
                Ok(Part { bytes, content_range: Some(content_range) })
            }
            _ => {
                let mut error = s3_error!(InvalidRange);
                let range = HeaderValue::try_from(format!("bytes */{size}")).map_err(S3Error::internal_error)?;
                let xml = HeaderValue::from_static("application/xml");
                error.set_headers(HeaderMap::from_iter([(http::header::CONTENT_RANGE, range), (CONTENT_TYPE, xml)]));
                Err(error)
            }
        }
    }
}

enum ETagMatch {
    Strong,
    Weak,
}

fn matches(condition: &ETagCondition, summary: &Summary, how: ETagMatch) -> bool {
    match (condition, how) {
        (ETagCondition::Any, _) => true,
        (ETagCondition::ETag(tag), ETagMatch::Strong) => tag.strong_cmp(&etag(summary.tag)),
        (ETagCondition::ETag(tag), ETagMatch::Weak) => tag.weak_cmp(&etag(summary.tag)),
    }
}

/// With the headers that a cache renews its copy from, RFC 9110 §15.4.5.
fn not_modified(header: &Header) -> S3Error {
    let date = http_date(&header.summary.modified().into());
    let fields = [
        (ETAG, Some(format!("\"{}\"", header.summary.tag))),
        (LAST_MODIFIED, date),
        (CACHE_CONTROL, header.attributes.cache_control.clone()),
    ];
    let fields = fields.into_iter().filter_map(|(name, value)| Some((name, HeaderValue::try_from(value?).ok()?)));
    let mut answer = S3Error::new(S3ErrorCode::NotModified);
    answer.set_headers(fields.collect());
    answer
}
