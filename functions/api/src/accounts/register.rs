//! Using an invitation: a new account, or a new password.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use clipset_bucket::{BucketError, UpdateError};
use clipset_core::{
    Timestamp,
    account::{Account, Invitation},
    id::Username,
    key::DocumentKey,
};
use clipset_service::{Json, Problem, Service};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::{
    invitations::{Ticket, has_maker},
    passwords::{Turn, require_good},
    session,
    users::{account, change_account},
};
use crate::{App, address::require_same_origin};

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub(crate) struct Registration {
    invitation: String,
    #[serde(default)]
    username: Option<String>,
    #[cfg_attr(feature = "openapi", schemars(length(min = 8, max = 256)))]
    password: String,
}

/// `POST /api/auth/register`: 201 with a pair; 200 where the link sets a new password.
pub(crate) async fn register(
    State(service): App,
    headers: HeaderMap,
    Json(given): Json<Registration>,
) -> Result<Response, Problem> {
    require_same_origin(&headers, &service.config.public_url)?;
    let ticket = Ticket::parse(&given.invitation).ok_or_else(no_such_invitation)?;
    let found = service.bucket.read::<Invitation>(&ticket.key()).await?;
    let invitation = found.map(|found| found.value).filter(|held| ticket.opens(held)).ok_or_else(no_such_invitation)?;
    let username = match (&invitation.resets, &given.username) {
        (Some(resets), _) => resets.clone(),
        (None, Some(name)) => {
            name.trim().parse().map_err(|error| Problem::invalid(format!("Choose another name: {error}.")))?
        }
        (None, None) => return Err(Problem::invalid("Choose a username.")),
    };
    require_usable(&invitation, &username)?;
    require_maker(&service, &invitation).await?;
    require_good(&given.password)?;
    match invitation.resets {
        Some(_) => require_newest(&service, &invitation, &username).await?,
        None => require_free(&service, &username).await?,
    }
    let (turn, password_hash) = Turn::take().await?.hash(given.password).await?;
    drop(turn);
    // Once more, for the turn may have taken a while.
    require_maker(&service, &invitation).await?;
    // Whoever writes this first has used it. Killed after it, one may use it again for the same name.
    let key = ticket.key();
    let spent = service.bucket.update(&key, |held: &mut Invitation| {
        require_usable(held, &username)?;
        held.used_by = Some(username.clone());
        Ok::<_, Problem>(())
    });
    match spent.await {
        Ok(_) => {}
        Err(UpdateError::Missing) => return Err(no_such_invitation()),
        Err(error) => return Err(error.into()),
    }
    let now = Timestamp::now();
    if invitation.resets.is_some() {
        let account = change_account(&service, &username, |account| {
            if !account.may_be_reset_by(&invitation) {
                return Err(no_such_invitation());
            }
            account.reset_link = Some(invitation.id.clone());
            account.password_hash.clone_from(&password_hash);
            account.cut_off(now);
            Ok(())
        });
        let account = account.await?;
        session::end_all(&service, &username).await;
        if account.disabled {
            return Err(Problem::forbidden("The password is set, but the account is disabled: ask an administrator."));
        }
        return session::start(&service, &account, None, now).await;
    }
    let account = Account::new(username.clone(), invitation.role, password_hash, now);
    match service.bucket.create(&DocumentKey::Account(username.clone()), &account).await {
        Ok(_) => {}
        Err(BucketError::Conflict { .. }) => return Err(taken()),
        Err(error) => return Err(error.into()),
    }
    service.gate.account_changed(&username);
    let mut response = session::start(&service, &account, None, now).await?.into_response();
    *response.status_mut() = StatusCode::CREATED;
    Ok(response)
}

fn require_usable(invitation: &Invitation, username: &Username) -> Result<(), Problem> {
    match &invitation.used_by {
        Some(user) if user == username && invitation.resets.is_none() => Ok(()),
        Some(_) => Err(Problem::conflict("This link was used already: ask for a new one.")),
        None if invitation.is_open(Timestamp::now()) => Ok(()),
        None => Err(no_such_invitation()),
    }
}

/// 404 unless whoever made the link is an administrator still: a link is worth what its maker may do now.
async fn require_maker(service: &Service, invitation: &Invitation) -> Result<(), Problem> {
    let maker = account(service, &invitation.invited_by).await?;
    if has_maker(invitation, maker.as_ref()) { Ok(()) } else { Err(no_such_invitation()) }
}

/// 404 unless no newer link to set this password was made or used.
async fn require_newest(service: &Service, invitation: &Invitation, username: &Username) -> Result<(), Problem> {
    let held = account(service, username).await?;
    if held.is_some_and(|account| account.may_be_reset_by(invitation)) { Ok(()) } else { Err(no_such_invitation()) }
}

async fn require_free(service: &Service, username: &Username) -> Result<(), Problem> {
    if account(service, username).await?.is_none() { Ok(()) } else { Err(taken()) }
}

fn taken() -> Problem {
    Problem::conflict("This username is taken: choose another one.")
}

fn no_such_invitation() -> Problem {
    Problem::not_found("This link is not valid or has run out: ask for a new one.")
}
