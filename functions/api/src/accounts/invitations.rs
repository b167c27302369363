//! Invitation links: made by administrators, used once, for a week.

use axum::{extract::State, response::IntoResponse};
use clipset_core::{
    Timestamp,
    account::{Account, Invitation, Role},
    id::Username,
    key::DocumentKey,
};
use clipset_service::{Json, PathId, Problem, Service};
use http::StatusCode;
use jiff::SignedDuration;
use rand::distr::{Alphanumeric, SampleString};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    session::sha256,
    users::{account, accounts, change_account},
};
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
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "Invitation"))]
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
    /// `counts`: whether it opens anything, as long as it is neither used nor at its end.
    fn new(invitation: Invitation, counts: bool, now: Timestamp) -> Self {
        Self {
            open: counts && invitation.is_open(now),
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
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema), schemars(rename = "NewInvitation"))]
#[serde(deny_unknown_fields)]
pub(crate) struct Invite {
    /// A note for administrators; nothing is sent to it.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schemars(length(max = 254)))]
    email: Option<String>,
    #[serde(default)]
    role: Role,
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
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
    let (ticket, invitation) = issue(&service, admin.username, given.role, email, None).await?;
    let token = format!("{}.{}", ticket.id, ticket.secret);
    let url = format!("{}/register#{token}", service.config.public_url);
    let invitation = InvitationView::new(invitation, true, Timestamp::now());
    Ok((StatusCode::CREATED, NO_STORE, Json(Invited { invitation, invitation_token: token, url })))
}

/// A link with which `username` sets a new password, and its end. It ends those made before.
///
/// # Errors
/// [`Problem`] 404, 503.
pub(crate) async fn reset_link(
    service: &Service,
    admin: Username,
    username: Username,
    role: Role,
) -> Result<(String, Timestamp), Problem> {
    let (ticket, invitation) = issue(service, admin, role, None, Some(username.clone())).await?;
    change_account(service, &username, |account| {
        account.reset_link = Some(invitation.id.clone());
        Ok(())
    })
    .await?;
    let url = format!("{}/reset#{}.{}", service.config.public_url, ticket.id, ticket.secret);
    Ok((url, invitation.expires_at))
}

/// Whether whoever made the link may still do so, given their account. One that was deleted stands behind nothing.
pub(crate) fn has_maker(invitation: &Invitation, maker: Option<&Account>) -> bool {
    maker.map_or(invitation.by_key, |maker| maker.stands_behind(invitation))
}

#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub(crate) struct Invitations {
    invitations: Vec<InvitationView>,
}

/// `GET /api/invitations`: newest first.
pub(crate) async fn list(State(service): App, _: Admin) -> Result<Json<Invitations>, Problem> {
    let now = Timestamp::now();
    let names = service.bucket.children(DocumentKey::INVITATIONS).await?;
    let keys = names.iter().filter_map(|name| Uuid::try_parse(name.strip_suffix(".json")?).ok()).map(key);
    let found: Vec<Invitation> = read_all(&service.bucket, keys.collect()).await?;
    let accounts = accounts(&service).await?;
    let account = |name: &Username| accounts.iter().find(|account| account.username == *name);
    let views = found.into_iter().map(|link| {
        let newest = |username| account(username).is_some_and(|held| held.may_be_reset_by(&link));
        let counts = has_maker(&link, account(&link.invited_by)) && link.resets.as_ref().is_none_or(newest);
        InvitationView::new(link, counts, now)
    });
    let mut invitations: Vec<_> = views.collect();
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
    service: &Service,
    invited_by: Username,
    role: Role,
    email: Option<String>,
    resets: Option<Username>,
) -> Result<(Ticket, Invitation), Problem> {
    let ticket = Ticket::new();
    let life = if resets.is_some() { RESET_LIFE } else { INVITATION_LIFE };
    let maker = account(service, &invited_by).await?;
    // A cut-off of the maker's links may lie in the future by what our clocks differ.
    let now = Timestamp::now().max(maker.as_ref().and_then(|maker| maker.links_not_before).unwrap_or(Timestamp::MIN));
    let invitation = Invitation {
        id: ticket.id.to_string(),
        secret_hash: sha256(&ticket.secret),
        email,
        role,
        resets,
        by_key: maker.is_none(),
        invited_by,
        created_at: now,
        expires_at: now.saturating_add(life).expect("a duration in hours"),
        used_by: None,
    };
    service.bucket.create(&ticket.key(), &invitation).await?;
    Ok((ticket, invitation))
}
