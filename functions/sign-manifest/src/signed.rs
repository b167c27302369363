//! A signed playlist, ready to be sent.

use std::{io::Write, sync::OnceLock};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};

/// The bytes of a signed playlist, and their gzip once it was asked for.
#[derive(Debug)]
pub(crate) struct Signed {
    plain: Bytes,
    gzip: OnceLock<Bytes>,
}

impl Signed {
    pub(crate) fn new(text: String) -> Self {
        Self { plain: text.into(), gzip: OnceLock::new() }
    }

    /// The body, and its `Content-Encoding`.
    pub(crate) fn body(&self, gzip: bool) -> (Bytes, Option<&'static str>) {
        if !gzip {
            return (self.plain.clone(), None);
        }
        (self.gzip.get_or_init(|| compress(&self.plain)).clone(), Some("gzip"))
    }

    /// What it may take of memory, both forms together.
    pub(crate) fn weight(&self) -> u64 {
        2 * self.plain.len() as u64
    }
}

fn compress(plain: &[u8]) -> Bytes {
    // Half of the text is signatures, which no level compresses.
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 2), Compression::fast());
    encoder.write_all(plain).and_then(|()| encoder.finish()).expect("writing to memory does not fail").into()
}
