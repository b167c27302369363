//! The members, as administrators see and change them.

use axum::{extract::State, response::IntoResponse};
use clipset_bucket::BucketError;
use clipset_core::{
    Timestamp,
    account::{Account, Role},
    id::Username,
    key::DocumentKey,
    listing::Kept,
};
use clipset_service::{Json, PathId, Problem, Service};
use serde::{Deserialize, Serialize};

use super::{invitations::reset_link, session};
use crate::{App, NO_STORE, documents::read_all, extract::Admin};

/// A member as administrators see them.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "Account"))]
pub(crate) struct UserView {
    username: Username,
    role: Role,
    disabled: bool,
    created_at: Timestamp,
}

impl From<Account> for UserView {
    fn from(account: Account) -> Self {
        let Account { username, role, disabled, created_at, .. } = account;
        Self { username, role, disabled, created_at }
    }
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "Members"))]
pub(crate) struct Users {
    users: Vec<Listed>,
}

/// A member, and what they keep here.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "Member"))]
pub(crate) struct Listed {
    #[serde(flatten)]
    user: UserView,
    /// Videos that are not deleted.
    videos: u64,
    /// Of their uploads.
    uploaded_bytes: u64,
}

/// `GET /api/users`: in the order of their names.
/// What they keep is, in a library of very many clips, as old as the walk that counted it.
pub(crate) async fn list(State(service): App, _: Admin) -> Result<Json<Users>, Problem> {
    let mut accounts = accounts(&service).await?;
    accounts.sort_by(|one, other| one.username.cmp(&other.username));
    let kept = service.videos.tally().await?;
    let users = accounts.into_iter().map(|account| {
        let Kept { videos, bytes: uploaded_bytes } = kept.0.get(&account.username).copied().unwrap_or_default();
        Listed { user: account.into(), videos, uploaded_bytes }
    });
    Ok(Json(Users { users: users.collect() }))
}

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "MemberChange"))]
#[serde(deny_unknown_fields)]
pub(crate) struct Change {
    #[serde(default)]
    role: Option<Role>,
    #[serde(default)]
    disabled: Option<bool>,
    #[serde(default)]
    reset_password: bool,
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "ChangedMember"))]
pub(crate) struct Changed {
    #[serde(flatten)]
    user: UserView,
    #[serde(skip_serializing_if = "Option::is_none")]
    reset_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reset_expires_at: Option<Timestamp>,
}

/// `PATCH /api/users/{username}`.
pub(crate) async fn change(
    State(service): App,
    Admin(admin): Admin,
    PathId(username): PathId<Username>,
    Json(given): Json<Change>,
) -> Result<impl IntoResponse, Problem> {
    let before = account(&service, &username).await?.ok_or_else(no_such_user)?;
    let takes_power = |account: &Account| {
        account.is_active_admin() && (given.role == Some(Role::User) || given.disabled == Some(true))
    };
    if takes_power(&before) && !others_administer(&service, &username).await? {
        return Err(last_admin());
    }
    let mut ended = false;
    let changed = change_account(&service, &username, |account| {
        let was = (account.role, account.disabled);
        account.role = given.role.unwrap_or(account.role);
        account.disabled = given.disabled.unwrap_or(account.disabled);
        ended = account.role != was.0 || (account.disabled && !was.1);
        if ended {
            account.cut_off(Timestamp::now());
            // Its links end for good: they do not come back with the account.
            account.links_not_before = Some(Timestamp::now());
        }
        Ok(())
    });
    let account = changed.await?;
    // Two administrators may have demoted each other at the same time: then both take it back.
    if takes_power(&before) && !account.is_active_admin() && !others_administer(&service, &username).await? {
        change_account(&service, &username, |account| {
            (account.role, account.disabled) = (before.role, before.disabled);
            Ok(())
        })
        .await?;
        return Err(last_admin());
    }
    if ended {
        session::end_all(&service, &username).await;
    }
    let reset = match given.reset_password {
        true => Some(reset_link(&service, admin.username, username, account.role).await?),
        false => None,
    };
    let (reset_url, reset_expires_at) = reset.unzip();
    Ok((NO_STORE, Json(Changed { user: account.into(), reset_url, reset_expires_at })))
}

/// Changes an account, and counts the change at once in this process.
///
/// # Errors
/// What `change` refused; [`Problem`] 404, 503.
pub(crate) async fn change_account(
    service: &Service,
    username: &Username,
    change: impl FnMut(&mut Account) -> Result<(), Problem>,
) -> Result<Account, Problem> {
    let changed = service.bucket.update(&DocumentKey::Account(username.clone()), change).await?;
    service.gate.account_changed(username);
    Ok(changed.value)
}

/// One account as it is now.
///
/// # Errors
/// [`BucketError`].
pub(crate) async fn account(service: &Service, username: &Username) -> Result<Option<Account>, BucketError> {
    let found = service.bucket.read::<Account>(&DocumentKey::Account(username.clone())).await?;
    Ok(found.map(|found| found.value))
}

/// Every account.
///
/// # Errors
/// [`BucketError`].
pub(crate) async fn accounts(service: &Service) -> Result<Vec<Account>, BucketError> {
    let names = service.bucket.children(DocumentKey::ACCOUNTS).await?;
    let names = names.iter().filter_map(|name| name.strip_suffix(".json")?.parse::<Username>().ok());
    read_all(&service.bucket, names.map(DocumentKey::Account).collect()).await
}

async fn others_administer(service: &Service, but: &Username) -> Result<bool, BucketError> {
    Ok(accounts(service).await?.iter().any(|account| account.username != *but && account.is_active_admin()))
}

fn last_admin() -> Problem {
    Problem::conflict("This is the last active administrator: make another one first.")
}

pub(crate) fn no_such_user() -> Problem {
    Problem::not_found("There is no such user.")
}
