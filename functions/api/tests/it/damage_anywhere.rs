//! Every kind of document is damaged, one after the other: no request fails as if the whole were broken.

use std::collections::BTreeSet;

use clipset_core::{
    Timestamp,
    account::Role,
    id::{EncodeId, ShortId},
    job::{Job, JobKind},
    key::DocumentKey,
};
use serde_json::json;

use crate::app::{PASSWORD, TestApp};

const BROKEN: [&str; 3] = ["", "{\"short_id\":\"aB", "[1, 2]"];

/// One of each kind, as far as the API does not make it by itself.
async fn one_of_each(app: &TestApp, clip: &ShortId) {
    let root = app.root();
    for name in ["ada", "bob"] {
        app.add_user(name, Role::User).await;
        app.log_in(name).await;
    }
    app.try_log_in("bob", "wrong password").await.expect(401);
    app.patch("/api/config").bearer(&root).json(json!({"cpu_crf": 30})).await.expect(200);
    app.post("/api/invitations").bearer(&root).json(json!({})).await.expect(201);
    app.post(&format!("/api/videos/{clip}/shares")).bearer(&app.ada()).json(json!({})).await.expect(201);
    begin_upload(app, "ada").await;
    let job = Job::new(clip.clone(), JobKind::Ladder, 2, Timestamp::now()).unwrap();
    app.service.jobs.enqueue(&job).await.unwrap();
    // Left by programs that do not run here.
    for key in [
        DocumentKey::Import(clip.clone()),
        DocumentKey::Dispatch(job.id.clone()),
        DocumentKey::Leftover(job.id.clone()),
        DocumentKey::MigrationPlan(EncodeId::random(), 0),
        DocumentKey::Migration,
        DocumentKey::Runner("one".into()),
        DocumentKey::Buried,
        DocumentKey::Orphans(7),
    ] {
        app.service.bucket.write_raw(&key.to_string(), "{}".into()).await.unwrap();
    }
}

async fn begin_upload(app: &TestApp, owner: &str) -> u16 {
    let create = json!({"filename": "a.mp4", "type": "video/mp4", "metadata": {"title": "A", "size": 1000}});
    app.post("/api/s3/multipart").bearer(&app.token(owner, Role::User)).json(create).await.status.as_u16()
}

#[tokio::test]
async fn whichever_document_is_damaged_nothing_else_is_down() {
    let app = TestApp::start().await;
    let (clip, other) = (app.completed().await.short_id, app.completed().await.short_id);
    one_of_each(&app, &clip).await;
    let documents = app.service.bucket.keys("").await.unwrap().into_iter();
    let documents: Vec<_> = documents.filter_map(|key| Some((DocumentKey::parse(&key)?, key))).collect();
    let kinds: BTreeSet<_> =
        documents.iter().map(|(kind, _)| std::mem::discriminant(kind)).map(|it| format!("{it:?}")).collect();
    assert!(kinds.len() >= 20, "{documents:?}");
    let (root, ada) = (app.root(), app.ada());
    for (number, (kind, key)) in documents.iter().enumerate() {
        let whole = app.service.bucket.read_raw(key).await.unwrap().unwrap();
        let body = BROKEN[number % BROKEN.len()];
        app.service.bucket.write_raw(key, body.into()).await.unwrap();
        let seen = |what: &str| format!("{what} while {key} is {body:?}");
        let paths = ["auth/me", "videos", "videos?q=lake", "users", "invitations", "config", "config/encoders"];
        let paths = paths.into_iter().chain(["config/health", "config/hls-migration-status"]).map(str::to_owned);
        let of_clips =
            [&clip, &other].into_iter().flat_map(|id| [format!("videos/{id}"), format!("videos/{id}/shares")]);
        for path in paths.chain(of_clips) {
            let answer = app.get(&format!("/api/{path}")).bearer(&root).await;
            assert!(!answer.status.is_server_error(), "{}: {}", seen(&path), answer.body);
        }
        if *kind != DocumentKey::Video(other.clone()) {
            let change = json!({"description": key});
            let changed = app.patch(&format!("/api/videos/{other}")).bearer(&ada).json(change).await;
            assert_eq!(changed.status, 200, "{}: {}", seen("a change"), changed.body);
        }
        // A password takes a while.
        if key.starts_with("accounts/") {
            let own = *kind == DocumentKey::Account("bob".parse().unwrap());
            let logged_in = app.try_log_in("bob", PASSWORD).await.status;
            assert_eq!(logged_in, if own { 409 } else { 200 }, "{}", seen("bob"));
        }
        if *kind != DocumentKey::Quota("ada".parse().unwrap()) {
            // Of somebody else each time: nobody has more than twenty open.
            assert_eq!(begin_upload(&app, &format!("member{number}")).await, 200, "{}", seen("an upload"));
        }
        app.service.bucket.write_raw(key, whole).await.unwrap();
    }
}
