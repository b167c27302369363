//! The area's operations, for the description of the API.

use super::{
    invitations::{Invitations, Invite, Invited},
    login::{Credentials, Me, PasswordChange},
    refresh::Along,
    register::Registration,
    session::Pair,
    transfer::{Handover, Transferred},
    users::{Change, Changed, Users},
};
use crate::openapi::operation::{
    Access::{Admin, Member, Session},
    Content::Nothing,
    Operation, delete, get, patch, post,
};

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        post("/api/auth/login", "Sign in.").body::<Credentials>().answers::<Pair>(200).refuses(&[401, 403, 429]),
        post("/api/auth/refresh", "A new access token for the refresh cookie.")
            .by(Session)
            .query::<Along>()
            .answers::<Pair>(200),
        post("/api/auth/logout", "Sign this device out.").gives(204, Nothing).refuses(&[403]),
        get("/api/auth/me", "Who is signed in.").by(Member).answers::<Me>(200),
        post("/api/auth/password", "Change one's own password, which signs all other devices out.")
            .by(Member)
            .body::<PasswordChange>()
            .answers::<Pair>(200)
            .refuses(&[403, 429]),
        post("/api/auth/register", "Use an invitation: a new account (201), or a new password (200).")
            .body::<Registration>()
            .answers::<Pair>(200)
            .answers::<Pair>(201)
            .refuses(&[403, 404, 429]),
        get("/api/invitations", "All invitations, the newest first.").by(Admin).answers::<Invitations>(200),
        post("/api/invitations", "Invite somebody.").by(Admin).body::<Invite>().answers::<Invited>(201),
        delete("/api/invitations/{id}", "Withdraw an invitation.").by(Admin).gives(204, Nothing),
        get("/api/users", "All members, in the order of their names.").by(Admin).answers::<Users>(200),
        patch("/api/users/{username}", "Change a member, or make a link that sets a new password.")
            .by(Admin)
            .body::<Change>()
            .answers::<Changed>(200),
        post(
            "/api/users/{username}/clips/transfer",
            "Hand all clips of a member over; asked again until none remains.",
        )
        .by(Admin)
        .body::<Handover>()
        .answers::<Transferred>(200),
    ]
}
