//! Accounts: signing in and out, invitations, members, and the first administrator.

mod device;
mod invitations;
mod login;
mod open;
#[cfg(feature = "openapi")]
mod operations;
mod passwords;
mod refresh;
mod register;
mod session;
mod transfer;
mod users;

use std::sync::Arc;

use axum::{
    Router,
    routing::{delete, get, patch, post},
};
use clipset_service::Service;

pub use open::{AccountError, add_user, ensure_first_admin};
#[cfg(feature = "openapi")]
pub(crate) use operations::operations;
pub(crate) use passwords::Turn;
pub(crate) use session::{member_by_cookie, sha256};

pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/api/auth/login", post(login::login))
        .route("/api/auth/refresh", post(refresh::refresh))
        .route("/api/auth/logout", post(refresh::logout))
        .route("/api/auth/me", get(login::me))
        .route("/api/auth/password", post(login::change_password))
        .route("/api/auth/register", post(register::register))
        .route("/api/invitations", get(invitations::list).post(invitations::invite))
        .route("/api/invitations/{id}", delete(invitations::withdraw))
        .route("/api/users", get(users::list))
        .route("/api/users/{username}", patch(users::change))
        .route("/api/users/{username}/clips/transfer", post(transfer::transfer))
}
