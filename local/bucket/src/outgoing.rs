//! A stored body on its way to the client: read in large pieces, one ahead of the network.

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::Stream;
use s3s::StdError;
use s3s::dto::StreamingBlob;
use s3s::stream::{ByteStream, RemainingLength};
use tokio::task::{JoinHandle, spawn_blocking};

use crate::Error;
use crate::error::During;

/// Read at once.
const PIECE: u64 = 512 << 10;

/// A part of a file. Its first piece is read already, so that a short body costs one trip off the async threads.
pub(crate) struct FileBody {
    file: Arc<File>,
    first: Option<Bytes>,
    /// What is still to be read from the file.
    rest: Range<u64>,
    ahead: Option<JoinHandle<io::Result<Bytes>>>,
}

impl FileBody {
    /// Reads the first piece. Blocks.
    pub(crate) fn open(file: File, range: Range<u64>) -> Result<Self, Error> {
        let (piece, rest) = split(range);
        let first = read(&file, piece).during("read an object")?;
        Ok(Self { file: Arc::new(file), first: (!first.is_empty()).then_some(first), rest, ahead: None })
    }

    pub(crate) fn into_blob(self) -> StreamingBlob {
        StreamingBlob::new(self)
    }

    fn read_ahead(&mut self) {
        if self.ahead.is_none() && !self.rest.is_empty() {
            let (piece, rest) = split(self.rest.clone());
            let file = self.file.clone();
            self.rest = rest;
            self.ahead = Some(spawn_blocking(move || read(&file, piece)));
        }
    }
}

impl Stream for FileBody {
    type Item = Result<Bytes, StdError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.read_ahead();
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(Ok(first)));
        }
        let Some(ahead) = &mut self.ahead else { return Poll::Ready(None) };
        let piece = ready!(Pin::new(ahead).poll(cx));
        self.ahead = None;
        match piece {
            Ok(Ok(piece)) => {
                self.read_ahead();
                Poll::Ready(Some(Ok(piece)))
            }
            Ok(Err(error)) => {
                tracing::error!(%error, "read an object");
                self.rest = 0..0;
                Poll::Ready(Some(Err(error.into())))
            }
            Err(error) => Poll::Ready(Some(Err(error.into()))),
        }
    }
}

impl ByteStream for FileBody {
    /// Only known before the first piece is taken, which is when the answer's head is written.
    fn remaining_length(&self) -> RemainingLength {
        match self.ahead {
            None => {
                let first = self.first.as_ref().map_or(0, Bytes::len);
                RemainingLength::new_exact(first + (self.rest.end - self.rest.start) as usize)
            }
            Some(_) => RemainingLength::unknown(),
        }
    }
}

fn split(range: Range<u64>) -> (Range<u64>, Range<u64>) {
    let middle = range.end.min(range.start + PIECE);
    (range.start..middle, middle..range.end)
}

fn read(file: &File, range: Range<u64>) -> io::Result<Bytes> {
    let mut bytes = vec![0; (range.end - range.start) as usize];
    file.read_exact_at(&mut bytes, range.start)?;
    Ok(bytes.into())
}
