//! Devices that have signed in before: each has a cookie, by which its owner's slips are told from strangers' guesses.

use axum::response::Response;
use clipset_core::{Timestamp, account::Account};
use clipset_service::Service;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use jiff::SignedDuration;
use sha2::Sha256;
use uuid::Uuid;

use crate::{accounts::session::hex, cookies};

/// How long a device is known after it last signed in or refreshed: the most that browsers keep a cookie for.
const LIFE: SignedDuration = SignedDuration::from_hours(400 * 24);

/// Makes the device known that this answer goes to.
pub(crate) fn remember(response: &mut Response, service: &Service, account: &Account, device: Uuid, now: Timestamp) {
    // A cut-off lies in the future for up to a second.
    let said = format!("{device}~{}", now.max(account.tokens_not_before).as_second());
    let proof = mac(&service.secrets().secret_key, account, &said).finalize().into_bytes();
    cookies::set(response, service, name(service, account), &format!("{said}~{}", hex(&proof)), LIFE);
}

/// The device that asks, if it has signed in to `account` before, and since its last cut-off (a new password, a
/// disabling). Nothing of it is stored: the cookie proves itself.
pub(crate) fn known(service: &Service, headers: &HeaderMap, account: &Account) -> Option<Uuid> {
    let value = cookies::get(headers, &name(service, account))?;
    let (said, proof) = value.rsplit_once('~')?;
    let proof = unhex(proof)?;
    let secrets = service.secrets();
    let mut keys = std::iter::once(&secrets.secret_key).chain(&secrets.secret_key_previous);
    keys.find(|key| mac(key, account, said).verify_slice(&proof).is_ok())?;
    let (device, since) = said.split_once('~')?;
    let since: i64 = since.parse().ok()?;
    let lives = Timestamp::now().as_second() < since.saturating_add(LIFE.as_secs());
    if lives && account.accepts_token_of(since) { Uuid::try_parse(device).ok() } else { None }
}

/// One for each account, so that the members of a house may share a browser.
fn name(service: &Service, account: &Account) -> String {
    format!("{}_{}", cookies::name(service, "device"), account.username)
}

fn mac(key: &[u8], account: &Account, said: &str) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(format!("device {} {said}", account.username).as_bytes());
    mac
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let pair = |at: usize| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    if text.len() == 64 { (0..64).step_by(2).map(pair).collect() } else { None }
}
