//! The session of a share with a password: a browser that has given it once is not asked again.
//!
//! It is a cookie for that share's calls alone, which no script reads. Nothing of it is stored: its code is
//! made from the share and the hash of its password, so that it ends with either.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clipset_core::{Timestamp, share::Share};
use clipset_service::Service;
use cookie::{Cookie, SameSite};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, HeaderValue, header};
use jiff::SignedDuration;
use sha2::Sha256;

use crate::address::{PublicAddress, require_same_origin};

/// The longest that a browser is not asked again.
const LIFE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The cookie for a browser that has just given the password, whose hash is `password_hash`.
pub(super) fn cookie(service: &Service, share: &Share, password_hash: &str) -> Option<HeaderValue> {
    let now = Timestamp::now();
    let longest = now.saturating_add(LIFE).expect("a duration in hours");
    let ends = share.expires_at.map_or(longest, |end| end.min(longest)).as_second();
    let code =
        URL_SAFE_NO_PAD.encode(code(&service.secrets().secret_key, share, password_hash, ends).finalize().into_bytes());
    let https = PublicAddress::new(&service.config.public_url).is_https();
    let cookie = Cookie::build((name(service), format!("{ends}~{code}")))
        .path(format!("/api/shares/{}", share.share_id))
        .http_only(true)
        .secure(https)
        // In a frame of another site too, where browsers take such a cookie by TLS alone and keep it apart.
        .same_site(if https { SameSite::None } else { SameSite::Lax })
        .partitioned(https)
        .max_age(cookie::time::Duration::seconds(ends - now.as_second()));
    HeaderValue::from_str(&cookie.to_string()).ok()
}

/// Whether a page of ours asks, in a browser that has given the password.
pub(super) fn is_open(service: &Service, share: &Share, password_hash: &str, headers: &HeaderMap) -> bool {
    let (name, secrets) = (name(service), service.secrets());
    let keys = || std::iter::once(&secrets.secret_key).chain(&secrets.secret_key_previous);
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut sessions = cookies.flat_map(Cookie::split_parse).flatten().filter(|cookie| cookie.name() == name);
    let good = |cookie: &Cookie<'_>| {
        let (ends, sent) = cookie.value().split_once('~')?;
        let (ends, sent) = (ends.parse().ok()?, URL_SAFE_NO_PAD.decode(sent).ok()?);
        let known = keys().any(|key| code(key, share, password_hash, ends).verify_slice(&sent).is_ok());
        (known && Timestamp::now().as_second() < ends).then_some(())
    };
    sessions.any(|cookie| good(&cookie).is_some()) && require_same_origin(headers, &service.config.public_url).is_ok()
}

fn code(key: &[u8], share: &Share, password_hash: &str, ends: i64) -> Hmac<Sha256> {
    let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.chain_update(format!("share {} until {ends} by {password_hash}", share.share_id))
}

/// Two installations on one host are told apart by their port, which cookies do not know.
fn name(service: &Service) -> String {
    format!("clipset_share_{}", PublicAddress::new(&service.config.public_url).port())
}
