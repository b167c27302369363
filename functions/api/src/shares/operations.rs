//! The area's operations, for the description of the API.

use super::{
    manage::{ShareView, Shares, Wanted},
    oembed::{Asked, Embed},
    open::{Key, Opened},
};
use crate::openapi::operation::{
    Access::Member,
    Content::{Nothing, Redirect, Text},
    Operation, delete, get, post,
};

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        get("/api/videos/{short_id}/shares", "The shares that open now, the newest first.")
            .by(Member)
            .answers::<Shares>(200)
            .refuses(&[403]),
        post("/api/videos/{short_id}/shares", "Share a video by a link.")
            .by(Member)
            .maybe_body::<Wanted>()
            .answers::<ShareView>(201)
            .refuses(&[403, 429]),
        delete("/api/videos/{short_id}/shares/{share_id}", "Revoke a share.")
            .by(Member)
            .gives(204, Nothing)
            .refuses(&[403]),
        post("/api/shares/{share_id}/open", "Open a share: a token for its video alone.")
            .maybe_body::<Key>()
            .answers::<Opened>(200)
            .refuses(&[403, 429]),
        get("/api/shares/{share_id}/poster", "The poster of a share without a password.").gives(307, Redirect),
        get("/api/oembed", "How to show a share inside another page (oembed.com).")
            .query::<Asked>()
            .answers::<Embed>(200)
            .refuses(&[404, 501]),
        get("/s/{share_id}", "The page of a share.").gives(200, Text("text/html")).gives(404, Text("text/html")),
        get("/embed/{share_id}", "The page of a share, for other sites to frame.")
            .gives(200, Text("text/html"))
            .gives(404, Text("text/html")),
    ]
}
