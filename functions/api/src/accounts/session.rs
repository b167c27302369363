//! Signed-in devices: the refresh token, its cookie, and the pair that a client gets.

use std::{fmt, str::FromStr};

use axum::response::{IntoResponse, Response};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use clipset_core::{
    Timestamp,
    account::{Account, Presented, SESSION_LIFE, Session, Viewer},
    id::Username,
    key::DocumentKey,
};
use clipset_service::{ACCESS_LIFE_SECONDS, Json, Problem, Service};
use clipset_stream_info::StreamInfo;
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::device;
use crate::{NO_STORE, address::require_same_origin, cookies};

/// What the cookie holds: `{username}~{session}~{secret}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RefreshToken {
    pub(crate) username: Username,
    session: Uuid,
    secret: String,
}

impl RefreshToken {
    /// The first of a new session.
    pub(crate) fn first(username: Username) -> Self {
        Self { username, session: Uuid::new_v4(), secret: URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>()) }
    }

    /// The one that follows it. The same token always has the same successor, so that two tabs that
    /// refresh at once, or a client whose answer was lost, end with the same cookie.
    pub(crate) fn next(&self, secret_key: &[u8]) -> Self {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(secret_key).expect("HMAC takes a key of any length");
        mac.update(format!("refresh {self}").as_bytes());
        Self { secret: URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()), ..self.clone() }
    }

    /// Where the session stands.
    pub(crate) fn key(&self) -> DocumentKey {
        DocumentKey::Session(format!("{}/{}", self.username, self.session))
    }

    /// SHA-256, hex: what is stored.
    pub(crate) fn hash(&self) -> String {
        sha256(&self.secret)
    }
}

impl fmt::Display for RefreshToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}~{}~{}", self.username, self.session, self.secret)
    }
}

impl FromStr for RefreshToken {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut parts = text.splitn(3, '~');
        let username = parts.next().and_then(|part| part.parse().ok()).ok_or(())?;
        let session = parts.next().and_then(|part| Uuid::try_parse(part).ok()).ok_or(())?;
        let secret = parts.next().filter(|part| !part.is_empty()).ok_or(())?.to_owned();
        Ok(Self { username, session, secret })
    }
}

/// SHA-256 of a random secret, hex.
pub(crate) fn sha256(secret: &str) -> String {
    hex(&Sha256::digest(secret))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Signs a device in: the answer with an access token and the cookies. `known` is the device if it has signed in before.
///
/// # Errors
/// [`Problem`] 503.
pub(crate) async fn start(
    service: &Service,
    account: &Account,
    known: Option<Uuid>,
    now: Timestamp,
) -> Result<Response, Problem> {
    let token = RefreshToken::first(account.username.clone());
    let session = Session {
        username: account.username.clone(),
        token_hash: token.hash(),
        previous_hash: None,
        rotated_at: now,
        // A cut-off lies in the future for up to a second.
        started_at: now.max(account.tokens_not_before),
        expires_at: now.saturating_add(SESSION_LIFE).expect("a duration in hours"),
    };
    service.bucket.create(&token.key(), &session).await?;
    let access = access(service, account, now);
    Ok(pair(service, account, Pair::of(access, None), Some(&token), known, now))
}

/// An access token of `account`.
pub(crate) fn access(service: &Service, account: &Account, now: Timestamp) -> String {
    let issued = now.max(account.tokens_not_before).as_second();
    service.tokens.access(&account.username, account.role, issued, ACCESS_LIFE_SECONDS)
}

/// What a client gets beside the cookies.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "Session"))]
pub(crate) struct Pair {
    access_token: String,
    #[cfg_attr(feature = "openapi", schemars(extend("const" = "bearer")))]
    token_type: &'static str,
    /// Seconds.
    expires_in: u64,
    /// Of the clip that was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    stream_info: Option<StreamInfo>,
}

impl Pair {
    pub(crate) fn of(access_token: String, stream_info: Option<StreamInfo>) -> Self {
        Self { access_token, token_type: "bearer", expires_in: ACCESS_LIFE_SECONDS, stream_info }
    }
}

/// The answer with an access token, and with the cookies if there is a new refresh token. A device has the name of its
/// first session, so that one session never makes two of them.
pub(crate) fn pair(
    service: &Service,
    account: &Account,
    pair: Pair,
    token: Option<&RefreshToken>,
    known: Option<Uuid>,
    now: Timestamp,
) -> Response {
    let mut response = (NO_STORE, Json(pair)).into_response();
    if let Some(token) = token {
        set_cookie(&mut response, service, &token.to_string());
        device::remember(&mut response, service, account, known.unwrap_or(token.session), now);
    }
    response
}

/// Sets the refresh cookie; an empty value takes it away.
pub(crate) fn set_cookie(response: &mut Response, service: &Service, value: &str) {
    cookies::set(response, service, cookies::name(service, "refresh"), value, SESSION_LIFE);
}

/// The token of the refresh cookie, from a page of ours.
///
/// # Errors
/// [`Problem`] 401 without a well-formed one, 403 from another site.
pub(crate) fn presented(service: &Service, headers: &HeaderMap) -> Result<RefreshToken, Problem> {
    let value = cookies::get(headers, &cookies::name(service, "refresh"));
    let token = value.and_then(|value| value.parse().ok()).ok_or_else(signed_out)?;
    require_same_origin(headers, &service.config.public_url)?;
    Ok(token)
}

/// The member of the session cookie, which stays as it is.
///
/// # Errors
/// [`Problem`] 401, 403 from another site, 503.
pub(crate) async fn member_by_cookie(service: &Service, headers: &HeaderMap) -> Result<Viewer, Problem> {
    let token = presented(service, headers)?;
    let session = service.bucket.read::<Session>(&token.key()).await?.ok_or_else(signed_out)?.value;
    match session.judge(&token.hash(), Timestamp::now()) {
        Presented::Current | Presented::JustReplaced => {}
        Presented::Reused | Presented::Invalid => return Err(signed_out()),
    }
    let account = service.gate.account(&session.username).await?.filter(|account| covers(account, &session));
    let account = account.ok_or_else(signed_out)?;
    Ok(Viewer { username: account.username.clone(), role: account.role })
}

/// Whether the account still stands behind the session.
pub(crate) fn covers(account: &Account, session: &Session) -> bool {
    !account.disabled && session.started_at >= account.tokens_not_before
}

/// Ends every session of `username`. The account's cut-off has ended them already: this tidies up.
pub(crate) async fn end_all(service: &Service, username: &Username) {
    let prefix = format!("{}{username}/", DocumentKey::SESSIONS);
    if let Err(error) = service.bucket.remove_all(&prefix).await {
        tracing::warn!(%error, "ended sessions were left behind");
    }
}

pub(crate) fn signed_out() -> Problem {
    Problem::unauthorized("You are signed out: sign in again.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_has_one_successor() {
        let token = RefreshToken::first("ada.l".parse().expect("a name"));
        assert_eq!(token.to_string().parse(), Ok(token.clone()));
        assert_eq!(token.next(b"key"), token.next(b"key"));
        assert_ne!(token.next(b"key"), token);
        assert_ne!(token.next(b"key"), token.next(b"other"));
        assert_eq!(token.next(b"key").key(), token.key());
    }

    #[test]
    fn malformed_tokens_are_none() {
        for bad in ["", "ada", "ada~x~y", "../x~67e55044-10b1-426f-9247-bb680e5fe0c8~s", "~~"] {
            assert!(bad.parse::<RefreshToken>().is_err(), "{bad}");
        }
    }
}
