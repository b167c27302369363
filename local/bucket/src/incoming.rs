//! A request's body on its way to the disk, verified before anything comes of it.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::StreamExt;
use http::HeaderMap;
use s3s::dto::{self, StreamingBlob};
use s3s::stream::ByteStream as _;
use s3s::{S3Error, S3Result, StdError, TrailingHeaders, s3_error};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

use crate::Error;
use crate::store::{Attributes, Checksum, Expected, Kind, Sealed, Staged, Store};

/// Written and hashed at once. A body no larger takes one trip off the async threads.
const BATCH: usize = 1 << 20;
/// Largest body of one request, by S3's rules.
const MAX_LENGTH: u64 = 5 << 30;
/// A client that sends nothing for so long has gone.
const IDLE: Duration = Duration::from_secs(120);

/// What a request says of its body.
pub(crate) struct Claims<'a> {
    pub(crate) content_length: Option<i64>,
    pub(crate) content_md5: Option<&'a str>,
    pub(crate) checksums: dto::Checksum,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) trailers: Option<TrailingHeaders>,
}

/// A body that has arrived whole. What is left of it is in memory.
pub(crate) struct Received {
    writer: Writer,
    rest: Vec<Bytes>,
    expected: Expected,
    is_document: bool,
}

/// Reads the body to its end. Of a long one all but the last megabyte is in a temporary file then.
pub(crate) async fn receive(
    store: &Arc<Store>,
    attributes: Attributes,
    body: Option<StreamingBlob>,
    claims: Claims<'_>,
) -> S3Result<Received> {
    let mut body = body.unwrap_or_else(|| StreamingBlob::from(s3s::Body::empty()));
    let length = claims.length(&body)?;
    let mut expected = claims.expected()?;
    let trailing = claims.trailing();
    let mut kinds: Vec<Kind> = expected.checksums.iter().map(Checksum::kind).collect();
    kinds.extend(&trailing);

    let is_document = store.space().is_document(&attributes.key, length);
    if !is_document {
        // Before the body, which may be long and in vain.
        let space = store.space().clone();
        spawn_blocking(move || space.admit(length)).await.map_err(S3Error::internal_error)??;
    }
    let mut writer = Writer { store: store.clone(), attributes, kinds, length, staged: None, busy: None };
    let mut rest = Vec::new();
    let (mut waiting, mut arrived) = (0, 0);
    while let Some(chunk) = timeout(IDLE, body.next()).await.map_err(|_| s3_error!(RequestTimeout))? {
        let chunk = chunk.map_err(broken_body)?;
        arrived += chunk.len() as u64;
        waiting += chunk.len();
        if arrived > length {
            return Err(s3_error!(IncompleteBody, "The body is longer than its Content-Length."));
        }
        rest.push(chunk);
        if waiting >= BATCH && arrived < length {
            writer.write(mem::take(&mut rest)).await?;
            waiting = 0;
        }
    }
    if arrived != length {
        return Err(s3_error!(IncompleteBody, "The body is shorter than its Content-Length."));
    }
    for kind in trailing {
        expected.checksums.push(claims.trailer(kind)?);
    }
    writer.settle().await?;
    Ok(Received { writer, rest, expected, is_document })
}

impl Received {
    /// Whether it may use the reserve. Then it is in memory whole, and can be sealed again after a failure.
    pub(crate) fn is_document(&self) -> bool {
        self.is_document
    }

    /// Verifies and syncs the file. Blocks.
    pub(crate) fn seal(&mut self) -> Result<Sealed, Error> {
        let mut staged = match self.writer.staged.take() {
            Some(staged) => staged,
            None => self.writer.begin()?,
        };
        staged.write(&self.rest)?;
        staged.seal(&self.expected, None)
    }
}

impl Claims<'_> {
    fn length(&self, body: &StreamingBlob) -> S3Result<u64> {
        // Of an aws-chunked body, Content-Length counts the chunks' frames as well.
        let decoded =
            self.headers.get("x-amz-decoded-content-length").and_then(|value| value.to_str().ok()?.parse().ok());
        let declared = decoded.or(self.content_length.and_then(|length| u64::try_from(length).ok()));
        let known = || body.remaining_length().exact().map(|length| length as u64);
        match declared.or_else(known) {
            None => Err(s3_error!(MissingContentLength)),
            Some(length) if length > MAX_LENGTH => Err(s3_error!(EntityTooLarge)),
            Some(length) => Ok(length),
        }
    }

    fn expected(&self) -> S3Result<Expected> {
        let md5 = match self.content_md5 {
            None => None,
            Some(text) => {
                let bytes = STANDARD.decode(text).ok().and_then(|bytes| bytes.try_into().ok());
                Some(bytes.ok_or_else(|| s3_error!(InvalidDigest))?)
            }
        };
        Ok(Expected { md5, checksums: parse_checksums(&self.checksums)? })
    }

    /// Checksums that come behind the body.
    fn trailing(&self) -> Vec<Kind> {
        let announced = self.headers.get_all("x-amz-trailer").into_iter().filter_map(|value| value.to_str().ok());
        let announced: Vec<_> = announced.flat_map(|value| value.split(',')).map(str::trim).collect();
        let kinds = Kind::ALL.into_iter();
        kinds.filter(|kind| announced.iter().any(|name| name.eq_ignore_ascii_case(kind.header()))).collect()
    }

    fn trailer(&self, kind: Kind) -> S3Result<Checksum> {
        let value = |trailers: &HeaderMap| trailers.get(kind.header())?.to_str().ok().map(str::to_owned);
        // A body cut before its trailer is a cut body.
        let value = self.trailers.as_ref().and_then(|trailers| trailers.read(value)?);
        let value = value.ok_or_else(|| s3_error!(IncompleteBody, "The trailer {} is missing.", kind.header()))?;
        parse_checksum(kind, &value)
    }
}

/// Checksums as a request names them.
pub(crate) fn parse_checksums(all: &dto::Checksum) -> S3Result<Vec<Checksum>> {
    let named = Kind::ALL.into_iter().filter_map(|kind| Some((kind, kind.of(all)?)));
    named.map(|(kind, value)| parse_checksum(kind, value)).collect()
}

fn parse_checksum(kind: Kind, value: &str) -> S3Result<Checksum> {
    let invalid = || s3_error!(InvalidRequest, "Value for {} is invalid.", kind.header());
    Checksum::parse(kind, value).ok_or_else(invalid)
}

/// Writes one batch while the next is read from the network.
struct Writer {
    store: Arc<Store>,
    attributes: Attributes,
    kinds: Vec<Kind>,
    length: u64,
    staged: Option<Staged>,
    busy: Option<JoinHandle<Result<Staged, Error>>>,
}

impl Writer {
    async fn write(&mut self, batch: Vec<Bytes>) -> S3Result<()> {
        self.settle().await?;
        let mut staged = match self.staged.take() {
            Some(staged) => staged,
            None => {
                let (store, attributes, kinds) = (self.store.clone(), self.attributes.clone(), self.kinds.clone());
                let length = self.length;
                let begun = spawn_blocking(move || store.stage(attributes, &kinds, length)).await;
                begun.map_err(S3Error::internal_error)??
            }
        };
        self.busy = Some(spawn_blocking(move || staged.write(&batch).map(|()| staged)));
        Ok(())
    }

    async fn settle(&mut self) -> S3Result<()> {
        if let Some(busy) = &mut self.busy {
            let written = busy.await;
            self.busy = None;
            self.staged = Some(written.map_err(S3Error::internal_error)??);
        }
        Ok(())
    }

    fn begin(&self) -> Result<Staged, Error> {
        self.store.stage(self.attributes.clone(), &self.kinds, self.length)
    }
}

impl Drop for Writer {
    /// Removing a large file takes time that async threads do not have.
    fn drop(&mut self) {
        let left = (self.staged.take(), self.busy.take());
        if let ((Some(_), _) | (_, Some(_)), Ok(runtime)) = (&left, tokio::runtime::Handle::try_current()) {
            runtime.spawn_blocking(move || drop(left));
        }
    }
}

/// s3s keeps the types of these errors to itself, so their texts have to do.
fn broken_body(error: StdError) -> S3Error {
    let text = error.to_string();
    if text.contains("Sha256Mismatch") {
        let mut answer = S3Error::new(s3s::S3ErrorCode::Custom("XAmzContentSHA256Mismatch".into()));
        answer.set_message("The provided 'x-amz-content-sha256' header does not match what was computed.");
        answer.set_status_code(http::StatusCode::BAD_REQUEST);
        return answer;
    }
    if text.contains("SignatureMismatch") {
        return s3_error!(SignatureDoesNotMatch, "The signature of a chunk or of the trailer does not match.");
    }
    if text.contains("FormatError") || text.contains("TooLarge") || text.contains("TooMany") {
        return s3_error!(InvalidRequest, "The chunks of the body are not well-formed.");
    }
    s3_error!(IncompleteBody, "The body ended before its Content-Length.")
}
