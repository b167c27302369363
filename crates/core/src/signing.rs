//! Signed media URLs: `md5 = base64url_nopad(MD5(expires + uri + secret))`.
//!
//! The formula is nginx's `secure_link_md5 "$secure_link_expires$uri$secret"`
//! (ngx_http_secure_link_module); nginx and the CloudFront Function check the same URLs.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha2::Sha256;

/// A secret that does not do; the message says how to make one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{name} must have 22 to 128 of the characters 0-9, A-Z, a-z, _ and -; \
     make one with `openssl rand -hex 16`"
)]
pub struct SecretError {
    /// The variable that the secret came from.
    pub name: &'static str,
}

/// The secret that media URLs are signed with. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningSecret(String);

impl SigningSecret {
    /// Takes a secret of at least 22 characters of `[0-9A-Za-z_-]` (128 bits, if random).
    ///
    /// # Errors
    /// [`SecretError`], naming the variable `name`.
    pub fn parse(name: &'static str, text: &str) -> Result<Self, SecretError> {
        let well_formed = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if well_formed && (22..=128).contains(&text.len()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(SecretError { name })
        }
    }

    /// The secret that is used when none is set: the first 32 hex digits of
    /// HMAC-SHA256(`secret_key`, "hls-signing").
    pub fn derive(secret_key: &[u8]) -> Self {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret_key).expect("HMAC takes a key of any length");
        mac.update(b"hls-signing");
        let digest = mac.finalize().into_bytes();
        Self(digest[..16].iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The characters themselves, for the edge's configuration and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The signature of `uri` (the path, no query) until `expires` (unix seconds):
    /// 22 characters of base64url.
    pub fn sign(&self, uri: &str, expires: u64) -> String {
        let digest = Md5::new().chain_update(expires.to_string()).chain_update(uri).chain_update(&self.0).finalize();
        URL_SAFE_NO_PAD.encode(digest)
    }

    /// `{uri}?md5={signature}&expires={expires}`.
    pub fn signed_url(&self, uri: &str, expires: u64) -> String {
        format!("{uri}?md5={}&expires={expires}", self.sign(uri, expires))
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(…)")
    }
}

/// How long signatures live, and when they end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SignatureLife {
    ttl: u64,
}

impl SignatureLife {
    /// Signatures that live at least `ttl` seconds (at least 1).
    pub fn new(ttl: u64) -> Self {
        Self { ttl: ttl.max(1) }
    }

    /// The life asked for, in seconds.
    pub fn seconds(&self) -> u64 {
        self.ttl
    }

    /// The end of a signature made at `now` (unix seconds): at least the life away, rounded up to
    /// a step, so that equal requests within a step give equal bytes.
    pub fn expires(&self, now: u64) -> u64 {
        (now + self.ttl).next_multiple_of(self.step())
    }

    /// The first second whose signatures end at `expires`: where its step begins.
    pub fn begins(&self, expires: u64) -> u64 {
        (expires + 1).saturating_sub(self.ttl + self.step())
    }

    /// The latest end that a signature made at `now` or before can have.
    pub fn latest_end(&self, now: u64) -> u64 {
        now + self.ttl + self.step()
    }

    /// How long a manifest may be kept: the smaller of an hour and a quarter of the life.
    pub fn max_age(&self) -> u64 {
        (self.ttl / 4).min(3600)
    }

    fn step(&self) -> u64 {
        (self.ttl / 48).clamp(1, 900)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Vectors {
        cases: Vec<Case>,
    }

    #[derive(serde::Deserialize)]
    struct Case {
        uri: String,
        expires: u64,
        secret: String,
        md5: String,
    }

    #[test]
    fn signatures_equal_the_vectors_that_both_edges_are_tested_by() {
        let vectors: Vectors =
            serde_json::from_str(include_str!("../../../tests/vectors/signed-urls.json")).expect("the vectors");
        assert!(vectors.cases.len() >= 16);
        for case in vectors.cases {
            // One secret of the vectors holds spaces, which the parser refuses: the formula is what is tested.
            assert_eq!(SigningSecret(case.secret).sign(&case.uri, case.expires), case.md5, "{}", case.uri);
        }
    }

    #[test]
    fn short_empty_or_odd_secrets_are_refused() {
        for bad in ["", "short", "has spaces in it but is long enough", "0123456789abcdef012345678;9abcdef"] {
            assert!(SigningSecret::parse("HLS_SIGNING_SECRET", bad).is_err(), "{bad}");
        }
        assert!(SigningSecret::parse("HLS_SIGNING_SECRET", "0123456789abcdef0123456789abcdef").is_ok());
    }

    #[test]
    fn the_derived_secret_is_32_hex_digits_and_depends_on_the_key() {
        let one = SigningSecret::derive(b"one key of at least thirty-two bytes");
        assert_eq!(one.expose().len(), 32);
        assert!(one.expose().bytes().all(|b| b.is_ascii_hexdigit()));
        assert_ne!(one, SigningSecret::derive(b"another key of at least thirty-two b"));
        assert_eq!(format!("{one:?}"), "SigningSecret(…)");
    }

    #[test]
    fn ends_are_equal_within_a_step_and_never_short() {
        let life = SignatureLife::new(43_200);
        for now in [0, 1, 899, 900, 901, 1_700_000_123] {
            let end = life.expires(now);
            assert!(end >= now + 43_200 && end < now + 43_200 + 900);
            assert!(end <= life.latest_end(now));
            let begins = life.begins(end);
            assert!(begins <= now && (begins == 0 || life.expires(begins) == end && life.expires(begins - 1) < end));
        }
        assert_eq!(life.expires(1), life.expires(2));
        assert_eq!(SignatureLife::new(8).expires(100), 108);
    }

    #[test]
    fn manifests_are_kept_for_an_hour_or_a_quarter_of_the_life() {
        assert_eq!(SignatureLife::new(43_200).max_age(), 3600);
        assert_eq!(SignatureLife::new(8).max_age(), 2);
    }
}
