//! The whole system while its storage hangs, and while its disk is full.
#![allow(clippy::unwrap_used, missing_docs)]

mod doctor;
mod full_disk;
mod hanging_bucket;

use std::path::Path;

use clipset_tests::{
    client::{Client, uris},
    media::COPYABLE,
    stack::Stack,
};
use reqwest::Method;
use serde_json::json;

/// One rendition a clip: nothing is at work any more once it plays and has its extras.
async fn administrator(stack: &Stack) -> Client {
    let admin = stack.admin().await;
    let change = admin.request(Method::PATCH, "/api/config").json(&json!({"renditions": "single"}));
    assert_eq!(change.send().await.unwrap().status(), 200);
    admin
}

/// A clip that plays, and its segments.
async fn clip(admin: &Client, folder: &Path, title: &str) -> (String, Vec<String>) {
    let id = admin.upload(&COPYABLE.make(folder, "clip.mp4"), title).await;
    admin.ready(&id).await;
    let segments = uris(&admin.manifest(&id).await.unwrap());
    (id, segments)
}
