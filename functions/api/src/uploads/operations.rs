//! The area's operations, for the description of the API.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    KeyQuery,
    begin::{Begin, Begun},
    complete::{Completed, Parts},
    parts::{BatchQuery, ListedPart, Signed, SignedBatch},
};
use crate::openapi::operation::{Access::Uploader, Operation, delete, get, post};

pub(crate) fn operations() -> Vec<Operation> {
    vec![
        post("/api/s3/multipart", "Begin an upload.")
            .by(Uploader)
            .body::<Begin>()
            .answers::<Begun>(200)
            .refuses(&[429]),
        get("/api/s3/multipart/{upload_id}", "The parts that have arrived.")
            .by(Uploader)
            .query::<KeyQuery>()
            .answers::<Vec<ListedPart>>(200),
        delete("/api/s3/multipart/{upload_id}", "Give an upload up.")
            .by(Uploader)
            .query::<KeyQuery>()
            .answers::<BTreeMap<String, Value>>(200),
        get("/api/s3/multipart/{upload_id}/batch", "Where to put several parts.")
            .by(Uploader)
            .query::<BatchQuery>()
            .answers::<SignedBatch>(200),
        get("/api/s3/multipart/{upload_id}/{part}", "Where to put one part.")
            .by(Uploader)
            .query::<KeyQuery>()
            .answers::<Signed>(200),
        post("/api/s3/multipart/{upload_id}/complete", "Put the parts together; may be asked again.")
            .by(Uploader)
            .query::<KeyQuery>()
            .body::<Parts>()
            .answers::<Completed>(200),
    ]
}
