//! What a test begins with: nginx between a client and stand-ins for the bucket and the API.

use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use clipset_tests::nginx::{Nginx, Setup};

use crate::backend::{Backend, Bucket, Reply};
use crate::client::Answer;
use crate::signing::{CURRENT, PREVIOUS};

pub(crate) const SEGMENT: &str = "/hls/3f0c9a52-9a0e-4c0e-9e59-0f3a4f5b7a11/segment000.ts";
pub(crate) const UUID: &str = "3f0c9a52-9a0e-4c0e-9e59-0f3a4f5b7a11";

pub(crate) struct World {
    pub(crate) nginx: Nginx,
    pub(crate) bucket: Bucket,
    pub(crate) api: Backend,
}

impl World {
    pub(crate) fn start() -> Self {
        Self::with(|_| {})
    }

    pub(crate) fn with(change: impl FnOnce(&mut Setup)) -> Self {
        let bucket = Bucket::start();
        let api = Backend::start(|request| {
            Reply::new(
                if request.target.starts_with("/api/missing") { 404 } else { 200 },
                &[("Content-Type", "application/json"), ("Cache-Control", "private, max-age=60"), ("X-From", "api")],
                "{\"from\":\"api\"}",
            )
        });
        let mut setup = Setup {
            secret: CURRENT.to_owned(),
            previous_secret: PREVIOUS.to_owned(),
            api: api.address.to_string(),
            bucket_address: bucket.backend.address.to_string(),
            ..Setup::default()
        };
        change(&mut setup);
        Self { nginx: Nginx::start(&setup).unwrap(), bucket, api }
    }

    /// Stores what the media address `uri` leads to.
    pub(crate) fn store(&self, uri: &str, bytes: impl Into<Vec<u8>>) {
        self.bucket.put(&format!("/clipset{uri}"), bytes);
    }

    pub(crate) fn get(&self, target: &str) -> Answer {
        self.send("GET", target, &[])
    }

    pub(crate) fn send(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
        crate::client::send(self.nginx.address(), method, target, headers, b"")
    }
}

/// Bytes that differ everywhere, so that a piece out of place is noticed.
pub(crate) fn bytes(length: usize) -> Vec<u8> {
    static ALL: OnceLock<Vec<u8>> = OnceLock::new();
    let all =
        ALL.get_or_init(|| (0..2_000_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect());
    all[..length].to_vec()
}

/// Tries until the condition holds; panics after `patience`. Says how long it took.
pub(crate) fn wait_until(patience: Duration, mut condition: impl FnMut() -> bool) -> Duration {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < patience, "not within {patience:?}");
        thread::park_timeout(Duration::from_millis(50));
    }
    start.elapsed()
}
