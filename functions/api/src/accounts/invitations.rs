//! Invitation links: made by administrators, used once, for a week.

use axum::{extract::State, response::IntoResponse};
use clipset_bucket::Bucket;
use clipset_core::{
    Timestamp,
    account::{Invitation, Role},
    id::Username,
    key::DocumentKey,
};
use clipset_service::{Json, PathId, Problem, Service};
use http::StatusCode;
use jiff::SignedDuration;
use rand::distr::{Alphanumeric, SampleString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::session::sha256;
use crate::{App, NO_STORE, documents::read_all, extract::Admin};

const INVITATION_LIFE: SignedDuration = SignedDuration::from_hours(7 * 24);
const RESET_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// `{id}.{secret}`: what a link carries, in its fragment, which no server and no log gets to see.
pub(crate) struct Ticket {
    pub(crate) id: Uuid,
    pub(crate) secret: String,
}

impl Ticket {
    fn new() -> Self {
        Self { id: Uuid::new_v4(), secret: Alphanumeric.sample_string(&mut rand::rng(), 32) }
    }

    /// The ticket in `text`, or in the link that ends with it.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.rsplit('#').next()?.trim();
        let (id, secret) = text.split_once('.')?;
        Some(Self { id: Uuid::try_parse(id).ok()?, secret: secret.to_owned() })
    }

    pub(crate) fn key(&self) -> DocumentKey {
        key(self.id)
    }

    /// Whether it opens `invitation`.
    pub(crate) fn opens(&self, invitation: &Invitation) -> bool {
        // Hashes of random secrets: how far they agree tells nothing.
        sha256(&self.secret) == invitation.secret_hash
    }
}

fn key(id: Uuid) -> DocumentKey {
    DocumentKey::Invitation(id.to_string())
}

/// An invitation as administrators see it.
#[derive(Serialize)]
pub(crate) struct InvitationView {
    id: String,
    email: Option<String>,
    role: Role,
    resets: Option<Username>,
    invited_by: Username,
    created_at: Timestamp,
    expires_at: Timestamp,
    used_by: Option<Username>,
    open: bool,
}

impl InvitationView {
    fn new(invitation: Invitation, now: Timestamp) -> Self {
        Self {
            open: invitation.is_open(now),
            id: invitation.id,
            email: invitation.email,
            role: invitation.role,
            resets: invitation.resets,
            invited_by: invitation.invited_by,
            created_at: invitation.created_at,
            expires_at: invitation.expires_at,
            used_by: invitation.used_by,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Invite {
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    role: Role,
}

#[derive(Serialize)]
pub(crate) struct Invited {
    #[serde(flatten)]
    invitation: InvitationView,
    /// What the link carries: `register` takes it.
    invitation_token: String,
    url: String,
}

/// `POST /api/invitations`.
pub(crate) async fn invite(
    State(service): App,
    Admin(admin): Admin,
    Json(given): Json<Invite>,
) -> Result<impl IntoResponse, Problem> {
    let email = given.email.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    if email.as_ref().is_some_and(|text| text.chars().count() > 254 || text.chars().any(char::is_control)) {
        return Err(Problem::invalid("An email address has at most 254 characters."));
    }
    let now = Timestamp::now();
    let (ticket, invitation) = issue(&service.bucket, admin.username, given.role, email, None, now).await?;
    let token = format!("{}.{}", ticket.id, ticket.secret);
    let url = format!("{}/register#{token}", service.config.public_url);
    let invitation = InvitationView::new(invitation, now);
    Ok((StatusCode::CREATED, NO_STORE, Json(Invited { invitation, invitation_token: token, url })))
}

/// A link with which `username` sets a new password, and its end.
///
/// # Errors
/// [`Problem`] 503.
pub(crate) async fn reset_link(
    service: &Service,
    admin: Username,
    username: Username,
    role: Role,
) -> Result<(String, Timestamp), Problem> {
    let (ticket, invitation) = issue(&service.bucket, admin, role, None, Some(username), Timestamp::now()).await?;
    let url = format!("{}/reset#{}.{}", service.config.public_url, ticket.id, ticket.secret);
    Ok((url, invitation.expires_at))
}

#[derive(Serialize)]
pub(crate) struct Invitations {
    invitations: Vec<InvitationView>,
}

/// `GET /api/invitations`: newest first.
pub(crate) async fn list(State(service): App, _: Admin) -> Result<Json<Invitations>, Problem> {
    let now = Timestamp::now();
    let names = service.bucket.children("accounts/invitations/").await?;
    let keys = names.iter().filter_map(|name| Uuid::try_parse(name.strip_suffix(".json")?).ok()).map(key);
    let found: Vec<Invitation> = read_all(&service.bucket, keys.collect()).await?;
    let found = found.into_iter().map(|invitation| InvitationView::new(invitation, now));
    let mut invitations: Vec<_> = found.collect();
    invitations.sort_by_key(|invitation| std::cmp::Reverse(invitation.created_at));
    Ok(Json(Invitations { invitations }))
}

/// `DELETE /api/invitations/{id}`.
pub(crate) async fn withdraw(State(service): App, _: Admin, PathId(id): PathId<Uuid>) -> Result<StatusCode, Problem> {
    if service.bucket.read::<Invitation>(&key(id)).await?.is_none() {
        return Err(Problem::not_found("There is no such invitation."));
    }
    service.bucket.remove(&key(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn issue(
    bucket: &Bucket,
    invited_by: Username,
    role: Role,
    email: Option<String>,
    resets: Option<Username>,
    now: Timestamp,
) -> Result<(Ticket, Invitation), Problem> {
    let ticket = Ticket::new();
    let life = if resets.is_some() { RESET_LIFE } else { INVITATION_LIFE };
    let invitation = Invitation {
        id: ticket.id.to_string(),
        secret_hash: sha256(&ticket.secret),
        email,
        role,
        resets,
        invited_by,
        created_at: now,
        expires_at: now.saturating_add(life).expect("a duration in hours"),
        used_by: None,
    };
    bucket.create(&ticket.key(), &invitation).await?;
    Ok((ticket, invitation))
}
