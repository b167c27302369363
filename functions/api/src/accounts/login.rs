//! Signing in, who one is, and one's own password.

use axum::{extract::State, response::Response};
use clipset_core::{
    Timestamp,
    account::{Account, Role},
    id::Username,
    key::DocumentKey,
};
use clipset_service::{Json, Problem};
use http::HeaderMap;
use serde::{Deserialize, Serialize};

use super::{device, passwords::require_good, session, users::change_account};
use crate::{
    App,
    address::require_same_origin,
    extract::{ClientAddress, Member},
    throttle::{Attempt, Guesser, Lock},
};

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct Credentials {
    username: String,
    password: String,
}

/// `POST /api/auth/login`. The turn is held until the attempt has ended, so that attempts at once are attempts one after
/// the other.
pub(crate) async fn login(
    State(service): App,
    ClientAddress(address): ClientAddress,
    headers: HeaderMap,
    Json(given): Json<Credentials>,
) -> Result<Response, Problem> {
    // Or another site could sign its visitor in as someone else.
    require_same_origin(&headers, &service.config.public_url)?;
    let username = given.username.trim().parse::<Username>().ok();
    let account = match &username {
        Some(name) => service.bucket.read::<Account>(&DocumentKey::Account(name.clone())).await?,
        None => None,
    };
    let account = account.map(|found| found.value);
    let known = account.as_ref().and_then(|account| device::known(&service, &headers, account));
    let guesser = match (&username, known) {
        (Some(name), Some(device)) => Guesser::KnownDevice(name, device),
        (name, _) => Guesser::Stranger(name.as_ref().map(Lock::Account), address),
    };
    let (turn, attempt) = Attempt::begin(&service.bucket, guesser).await?;
    let hash = account.as_ref().map(|account| account.password_hash.clone());
    let (turn, good) = turn.verify(given.password, hash).await?;
    let account = account.filter(|_| good);
    let account = account.ok_or_else(|| Problem::unauthorized("The username or the password is wrong."))?;
    attempt.succeeded().await?;
    drop(turn);
    if account.disabled {
        return Err(Problem::forbidden("This account is disabled: ask an administrator."));
    }
    session::start(&service, &account, known, Timestamp::now()).await
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct Me {
    username: Username,
    role: Role,
}

/// `GET /api/auth/me`.
pub(crate) async fn me(Member(viewer): Member) -> Json<Me> {
    Json(Me { username: viewer.username, role: viewer.role })
}

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct PasswordChange {
    current_password: String,
    #[cfg_attr(feature = "openapi", schemars(length(min = 8, max = 256)))]
    new_password: String,
}

/// `POST /api/auth/password`: ends every other device; the answer is this one's new pair.
pub(crate) async fn change_password(
    State(service): App,
    Member(viewer): Member,
    headers: HeaderMap,
    Json(given): Json<PasswordChange>,
) -> Result<Response, Problem> {
    require_good(&given.new_password)?;
    let account = service.bucket.read::<Account>(&DocumentKey::Account(viewer.username.clone())).await?;
    let account = account.ok_or_else(|| Problem::conflict("This token has no account, so there is no password."))?;
    let device = device::known(&service, &headers, &account.value);
    let guesser = match device {
        Some(device) => Guesser::KnownDevice(&viewer.username, device),
        None => Guesser::TokenHolder(&viewer.username),
    };
    let (turn, attempt) = Attempt::begin(&service.bucket, guesser).await?;
    let known = account.value.password_hash;
    let (turn, good) = turn.verify(given.current_password, Some(known.clone())).await?;
    if !good {
        return Err(Problem::forbidden("The present password is wrong."));
    }
    attempt.succeeded().await?;
    let (turn, hash) = turn.hash(given.new_password).await?;
    drop(turn);
    let account = change_account(&service, &viewer.username, |account| {
        if account.password_hash != known {
            return Err(Problem::conflict("The password was changed meanwhile: sign in again."));
        }
        account.password_hash.clone_from(&hash);
        account.cut_off(Timestamp::now());
        Ok(())
    });
    let account = account.await?;
    session::end_all(&service, &account.username).await;
    session::start(&service, &account, device, Timestamp::now()).await
}
