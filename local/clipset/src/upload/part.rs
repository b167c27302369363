//! One part on its way: signed when its turn comes, streamed from disk, sent again until it is there.

use std::{
    collections::BTreeMap,
    io::SeekFrom,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::{Context as _, anyhow};
use clipset_core::parts::PartPlan;
use futures_util::StreamExt as _;
use indicatif::ProgressBar;
use reqwest::{Body, StatusCode, header};
use serde::Deserialize;
use tokio::{
    fs::File,
    io::{AsyncReadExt as _, AsyncSeekExt as _},
};
use tokio_util::io::ReaderStream;

use super::{PartTag, address, state::Begun};
use crate::client::{Client, cause, pause};

/// Tries per part: about two minutes of a bucket that does not answer.
const TRIES: u32 = 12;

/// What is read from disk at a time.
const CHUNK: usize = 128 << 10;

/// Why a part did not arrive.
pub(super) enum PartError {
    /// The upload is not known any more.
    Gone,
    /// It did not work, and not for want of trying.
    Failed(anyhow::Error),
}

/// Why one try did not work.
enum Miss {
    /// Another one may.
    Passing(anyhow::Error),
    /// No other will.
    Lasting(PartError),
}

/// Sends parts of one file.
pub(super) struct Sender<'a> {
    pub(super) client: &'a Client,
    pub(super) begun: &'a Begun,
    pub(super) plan: PartPlan,
    pub(super) bar: &'a ProgressBar,
}

#[derive(Deserialize)]
struct Signed {
    url: String,
    #[serde(default)]
    headers: Option<BTreeMap<String, String>>,
}

impl Sender<'_> {
    /// Sends part `number` until it is there.
    pub(super) async fn send(&self, number: u32) -> Result<PartTag, PartError> {
        let mut tries = 0;
        loop {
            // A signature runs out: each try gets a fresh one.
            let path = address(self.begun, &format!("/{number}"));
            let signed: Signed = match self.client.get(&path).await {
                Ok(signed) => signed,
                Err(error) if error.is_gone() => return Err(PartError::Gone),
                Err(error) => return Err(PartError::Failed(error.into())),
            };
            let failure = match self.put(number, signed).await {
                Ok(etag) => return Ok(PartTag { number, etag }),
                Err(Miss::Passing(failure)) => failure,
                Err(Miss::Lasting(error)) => return Err(error),
            };
            // Bytes that are not there any more do not come by trying.
            if self.begun.file.has_changed() {
                return Err(PartError::Failed(failure));
            }
            tries += 1;
            if tries >= TRIES {
                let context = format!("part {number} did not arrive after {TRIES} tries");
                return Err(PartError::Failed(failure.context(context)));
            }
            tokio::time::sleep(pause(tries)).await;
        }
    }

    /// One try; gives the part's ETag.
    async fn put(&self, number: u32, signed: Signed) -> Result<String, Miss> {
        let failed = |error| Miss::Lasting(PartError::Failed(error));
        let length = self.plan.length(number).unwrap_or_default();
        let counted = Counted { bar: self.bar, bytes: Arc::default() };
        let body = self.read(number, &counted).await.map_err(failed)?;
        // S3 wants to know the length first; hyper keeps to it, so a file that shrank breaks the request off.
        let mut request = self.client.http().put(&signed.url).header(header::CONTENT_LENGTH, length).body(body);
        for (name, value) in signed.headers.unwrap_or_default() {
            request = request.header(name, value);
        }
        let answer = match request.send().await {
            Ok(answer) => answer,
            Err(error) => {
                counted.take_back();
                return Err(Miss::Passing(anyhow!("the bucket does not answer: {}", cause(&error))));
            }
        };
        let status = answer.status();
        if status.is_success() {
            let etag = answer.headers().get(header::ETAG).and_then(|value| value.to_str().ok());
            let etag = etag.context("the bucket's answer has no ETag; does UPLOAD_URL lead to the bucket?");
            return etag.map(str::to_owned).map_err(failed);
        }
        counted.take_back();
        Err(match status {
            StatusCode::NOT_FOUND => Miss::Lasting(PartError::Gone),
            // 403 is a signature that ran out on the way, among others.
            StatusCode::FORBIDDEN
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::TOO_MANY_REQUESTS
            | StatusCode::CONFLICT => Miss::Passing(anyhow!("the bucket answered {status}")),
            // S3 tells a broken connection as 400 RequestTimeout.
            StatusCode::BAD_REQUEST => Miss::Passing(anyhow!("the bucket answered {status}")),
            StatusCode::INSUFFICIENT_STORAGE => failed(anyhow!(
                "the server's disk is full: what has arrived stays, run the same command once there is room"
            )),
            _ if status.is_server_error() => Miss::Passing(anyhow!("the bucket answered {status}")),
            _ => failed(anyhow!("the bucket refused part {number}: {status}")),
        })
    }

    async fn read(&self, number: u32, counted: &Counted<'_>) -> Result<Body, anyhow::Error> {
        let bytes = self.plan.bytes(number).unwrap_or_default();
        let unreadable = || format!("{} cannot be read", self.begun.file.path.display());
        let mut file = File::open(&self.begun.file.path).await.with_context(unreadable)?;
        file.seek(SeekFrom::Start(bytes.start)).await.with_context(unreadable)?;
        let reader = ReaderStream::with_capacity(file.take(bytes.end - bytes.start), CHUNK);
        let (bar, sent) = (self.bar.clone(), Arc::clone(&counted.bytes));
        Ok(Body::wrap_stream(reader.inspect(move |chunk| {
            let length = chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
            sent.fetch_add(length, Ordering::Relaxed);
            bar.inc(length);
        })))
    }
}

/// What one try put on the progress bar, to be taken back if it failed.
struct Counted<'a> {
    bar: &'a ProgressBar,
    bytes: Arc<AtomicU64>,
}

impl Counted<'_> {
    fn take_back(&self) {
        self.bar.dec(self.bytes.load(Ordering::Relaxed));
    }
}
