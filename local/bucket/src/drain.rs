//! The rest of a refused body is read and thrown away, within limits.
//!
//! A client that is still sending when the connection closes sees a broken pipe and not the answer, and sends it all again.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::sync::oneshot::{Receiver, Sender, channel};
use tokio::time::timeout;

/// Beyond this it is cheaper to send again.
const MOST: u64 = 64 << 20;
const LONGEST: Duration = Duration::from_secs(10);

/// A request's body that comes back if it is dropped before its end.
#[derive(Debug)]
pub struct Returning<B: Body> {
    body: Option<B>,
    back: Option<Sender<B>>,
}

/// Where it comes back.
#[derive(Debug)]
pub struct Rest<B>(Receiver<B>);

/// The body for the handler, and the place where what it leaves is found.
pub fn returning<B: Body>(body: B) -> (Returning<B>, Rest<B>) {
    let (back, rest) = channel();
    (Returning { body: Some(body), back: Some(back) }, Rest(rest))
}

impl<B: Body<Data = Bytes> + Unpin> Rest<B> {
    /// Reads what the handler, which must be done, has left of the body.
    pub async fn drain(mut self) {
        if let Ok(mut body) = self.0.try_recv() {
            let drain = async {
                let mut left = MOST;
                while let Some(Ok(frame)) = std::future::poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
                    left = left.saturating_sub(frame.data_ref().map_or(0, |data| data.len() as u64));
                    if left == 0 {
                        break;
                    }
                }
            };
            // Too slow is like too long.
            let _ = timeout(LONGEST, drain).await;
        }
    }
}

impl<B: Body + Unpin> Body for Returning<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(SizeHint::default, Body::size_hint)
    }
}

impl<B: Body> Drop for Returning<B> {
    fn drop(&mut self) {
        if let (Some(body), Some(back)) = (self.body.take(), self.back.take())
            && !body.is_end_stream()
        {
            // No one waits for it once the connection is gone.
            let _ = back.send(body);
        }
    }
}
