//! A stored body on its way to the client: read in large pieces, each verified, one ahead of the network.

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
use crate::store::{Body, Reason, Store};

type Piece = Result<Option<Bytes>, Reason>;

/// A part of an object. Its first piece is read already: a short body costs one trip off the async threads, and damage to
/// it is answered as such. Later there is no other way to say so than to end the connection.
pub(crate) struct FileBody {
    store: Arc<Store>,
    key: String,
    first: Option<Bytes>,
    /// Not here while the next piece is being read.
    body: Option<Body>,
    ahead: Option<JoinHandle<(Piece, Body)>>,
}

impl FileBody {
    /// Reads the first piece. Blocks.
    pub(crate) fn open(store: Arc<Store>, key: String, mut body: Body) -> Result<Self, Error> {
        let first = body.next().map_err(|reason| store.notice(&key, reason))?;
        Ok(Self { store, key, first, body: Some(body), ahead: None })
    }

    pub(crate) fn into_blob(self) -> StreamingBlob {
        StreamingBlob::new(self)
    }

    fn read_ahead(&mut self) {
        if let Some(mut body) = self.body.take_if(|body| body.remaining() > 0) {
            self.ahead = Some(spawn_blocking(move || (body.next(), body)));
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
        let read = ready!(Pin::new(ahead).poll(cx));
        self.ahead = None;
        match read {
            Ok((Ok(piece), body)) => {
                self.body = Some(body);
                self.read_ahead();
                Poll::Ready(piece.map(Ok))
            }
            Ok((Err(reason), _)) => {
                let error = self.store.notice(&self.key, reason);
                tracing::error!(%error, "a stored object is damaged; the connection ends");
                Poll::Ready(Some(Err(error.into())))
            }
            Err(error) => Poll::Ready(Some(Err(error.into()))),
        }
    }
}

impl ByteStream for FileBody {
    /// Only known before the first piece is taken, which is when the answer's head is written.
    fn remaining_length(&self) -> RemainingLength {
        match &self.body {
            Some(body) => {
                RemainingLength::new_exact(self.first.as_ref().map_or(0, Bytes::len) + body.remaining() as usize)
            }
            None => RemainingLength::unknown(),
        }
    }
}
