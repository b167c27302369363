//! Staying signed in, and signing out.

use axum::{
    extract::{Query, State},
    response::{IntoResponse, Response},
};
use clipset_bucket::UpdateError;
use clipset_core::{
    Timestamp,
    account::{Account, Presented, Session},
    key::DocumentKey,
};
use clipset_service::{Problem, Service, TokenQuery};
use clipset_stream_info::StreamInfo;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;

use super::{
    device,
    session::{self, Pair, RefreshToken},
};
use crate::{App, NO_STORE, address::require_same_origin};

#[derive(Deserialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "RefreshQuery"))]
pub(crate) struct Along {
    /// A clip whose stream-info comes along, where there is one for this member: it saves the player a round trip.
    video: Option<String>,
}

/// `POST /api/auth/refresh`: a new pair for the cookie, whose token counts once.
pub(crate) async fn refresh(
    State(service): App,
    Query(along): Query<Along>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let token = session::presented(&service, &headers)?;
    match renew(&service, &headers, &token, along).await {
        Err(problem) if problem.status() == StatusCode::UNAUTHORIZED => {
            let mut response = problem.into_response();
            session::set_cookie(&mut response, &service, "");
            Ok(response)
        }
        answer => answer,
    }
}

/// `POST /api/auth/logout`: ends this device; without a session it is ended already.
pub(crate) async fn logout(State(service): App, headers: HeaderMap) -> Result<Response, Problem> {
    require_same_origin(&headers, &service.config.public_url)?;
    if let Ok(token) = session::presented(&service, &headers)
        && let Some(found) = service.bucket.read::<Session>(&token.key()).await?
        && found.value.judge(&token.hash(), Timestamp::now()) != Presented::Invalid
    {
        service.bucket.remove(&token.key()).await?;
    }
    let mut response = (StatusCode::NO_CONTENT, NO_STORE).into_response();
    session::set_cookie(&mut response, &service, "");
    Ok(response)
}

async fn renew(
    service: &Service,
    headers: &HeaderMap,
    token: &RefreshToken,
    along: Along,
) -> Result<Response, Problem> {
    let now = Timestamp::now();
    let account = service.bucket.read::<Account>(&DocumentKey::Account(token.username.clone())).await?;
    let account = account.ok_or_else(session::signed_out)?.value;
    let next = token.next(&service.secrets().secret_key);
    let mut presented = Presented::Invalid;
    let key = token.key();
    let renewed = service.bucket.update(&key, |held: &mut Session| {
        presented = if session::covers(&account, held) { held.judge(&token.hash(), now) } else { Presented::Invalid };
        match presented {
            Presented::Current => held.rotate(next.hash(), now),
            // Another tab has put the successor in its place already.
            Presented::JustReplaced => {}
            Presented::Reused | Presented::Invalid => return Err(session::signed_out()),
        }
        Ok(())
    });
    match renewed.await {
        Ok(held) => {
            // Not the successor only where the secret key was changed in between.
            let next = Some(&next).filter(|next| held.value.token_hash == next.hash());
            let known = device::known(service, headers, &account);
            let access = session::access(service, &account, now);
            let stream_info = stream_info(service, &access, along).await;
            Ok(session::pair(service, &account, Pair::of(access, stream_info), next, known, now))
        }
        Err(UpdateError::Bucket(error)) => Err(error.into()),
        Err(UpdateError::Missing) => Err(session::signed_out()),
        Err(UpdateError::Refused(problem)) => {
            if presented == Presented::Reused {
                tracing::warn!(username = %token.username, "an old refresh token was used again: its session is ended");
            }
            service.bucket.remove(&key).await?;
            Err(problem)
        }
    }
}

/// As the new token is told it; whoever is told nothing asks, and hears why.
async fn stream_info(service: &Service, access: &str, along: Along) -> Option<StreamInfo> {
    let short_id = along.video?.parse().ok()?;
    let token = TokenQuery { token: Some(access.to_owned()) };
    clipset_stream_info::told(service, &HeaderMap::new(), &token, &short_id).await.ok()
}
