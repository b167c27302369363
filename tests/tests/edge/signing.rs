//! Signatures of any text with any secret, the empty one too, which `clipset_core::signing` rightly refuses to make.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use md5::{Digest, Md5};

pub(crate) const CURRENT: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const PREVIOUS: &str = "kQ3v-Zs_81TnXw0pLr5yEg";

pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

pub(crate) fn digest(expires: &str, uri: &str, secret: &str) -> [u8; 16] {
    Md5::digest(format!("{expires}{uri}{secret}")).into()
}

pub(crate) fn signature(expires: &str, uri: &str, secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(expires, uri, secret))
}

/// A signed address that lives for `ttl` seconds more.
pub(crate) fn signed(uri: &str, secret: &str, ttl: u64) -> String {
    let expires = (now() + ttl).to_string();
    format!("{uri}?md5={}&expires={expires}", signature(&expires, uri, secret))
}

/// A good address for an hour.
pub(crate) fn good(uri: &str) -> String {
    signed(uri, CURRENT, 3600)
}

#[test]
fn these_signatures_are_those_of_the_shared_vectors() {
    let vectors: serde_json::Value = serde_json::from_str(include_str!("../../vectors/signed-urls.json")).unwrap();
    for case in vectors["cases"].as_array().unwrap() {
        let text = |name: &str| case[name].as_str().unwrap();
        assert_eq!(signature(&case["expires"].to_string(), text("uri"), text("secret")), text("md5"));
    }
}
