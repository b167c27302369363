//! The area's operations, for the description of the API.

use super::{
    change::Change,
    list::{Asked, VideoDetails, VideoPage},
    view::VideoView,
};
use crate::openapi::operation::{
    Access::{Member, Watcher},
    Content::{Nothing, Redirect, Text},
    Operation, delete, get, patch, post,
};

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        get("/api/videos", "A page of the library, the newest first.")
            .by(Member)
            .query::<Asked>()
            .answers::<VideoPage>(200),
        get("/api/videos/{short_id}", "One video.").by(Member).answers::<VideoDetails>(200),
        patch("/api/videos/{short_id}", "Change title, description, visibility or time.")
            .by(Member)
            .body::<Change>()
            .answers::<VideoView>(200)
            .refuses(&[403]),
        delete("/api/videos/{short_id}", "Delete a video.").by(Member).gives(204, Nothing).refuses(&[403]),
        post("/api/videos/{short_id}/retry", "Try a failed video again.")
            .by(Member)
            .answers::<VideoView>(202)
            .refuses(&[403]),
        get("/api/videos/{short_id}/stream", "The video's MP4, at a signed address.").by(Watcher).gives(307, Redirect),
        get("/api/videos/{short_id}/poster", "The video's poster, at a signed address.")
            .by(Watcher)
            .gives(307, Redirect),
        get("/api/videos/{short_id}/storyboard.vtt", "The previews of the seek bar, their sprites signed.")
            .by(Watcher)
            .gives(200, Text("text/vtt")),
        get("/api/videos/{short_id}/original", "The uploaded file, as a download.")
            .by(Watcher)
            .gives(307, Redirect)
            .refuses(&[403]),
    ]
}
