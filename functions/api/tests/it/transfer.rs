//! All clips of one member handed over to another.

use clipset_core::{account::Role, id::ShortId, key::DocumentKey, share::Share, video::Video};
use serde_json::{Value, json};

use crate::app::{Answer, TestApp, complete, pend};

async fn hand_over(app: &TestApp, from: &str, to: &str) -> Answer {
    app.post(&format!("/api/users/{from}/clips/transfer")).bearer(&app.root()).json(json!({"to": to})).await
}

async fn world() -> TestApp {
    let app = TestApp::start().await;
    app.add_user("ada", Role::User).await;
    app.add_user("bob", Role::User).await;
    app
}

async fn owned(app: &TestApp, owner: &str) -> Vec<String> {
    let listed = app.get(&format!("/api/videos?owner={owner}")).bearer(&app.root()).await.expect(200).json();
    let mut ids: Vec<String> =
        listed["videos"].as_array().unwrap().iter().map(|video| text(&video["short_id"])).collect();
    ids.sort();
    ids
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

fn ids(videos: &[&Video]) -> Vec<String> {
    let mut ids: Vec<String> = videos.iter().map(|video| video.short_id.to_string()).collect();
    ids.sort();
    ids
}

async fn owner(app: &TestApp, id: &ShortId) -> String {
    app.service.video(id).await.unwrap().owner.to_string()
}

#[tokio::test]
async fn all_clips_of_a_member_go_to_another_and_their_shares_with_them() {
    let app = world().await;
    let (done, waiting) = (app.completed().await, app.video("ada", pend).await);
    let (sending, other) = (app.video("ada", |_| {}).await, app.video("carl", complete).await);
    let path = format!("/api/videos/{}/shares", done.short_id);
    let share = text(&app.post(&path).bearer(&app.ada()).await.expect(201).json()["share_id"]);
    let by_root = text(&app.post(&path).bearer(&app.root()).await.expect(201).json()["share_id"]);
    let answer = hand_over(&app, "ada", "bob").await.expect(200).json();
    assert_eq!(answer, json!({"transferred": 2, "remaining": 0, "uploading": 1, "unreadable": []}));
    assert_eq!(owned(&app, "bob").await, ids(&[&done, &waiting]));
    assert_eq!(owned(&app, "ada").await, ids(&[&sending]));
    assert_eq!(owned(&app, "carl").await, ids(&[&other]));
    let bob = app.bob();
    let video = format!("/api/videos/{}", done.short_id);
    app.patch(&video).bearer(&bob).json(json!({"title": "Mine now"})).await.expect(200);
    app.patch(&video).bearer(&app.ada()).json(json!({"title": "Mine still"})).await.expect(403);
    for (id, maker) in [(&share, "bob"), (&by_root, "root")] {
        let held = app.service.bucket.read::<Share>(&DocumentKey::Share(id.parse().unwrap())).await.unwrap().unwrap();
        assert_eq!(held.value.created_by.as_str(), maker);
    }
    app.patch("/api/users/ada").bearer(&app.root()).json(json!({"disabled": true})).await.expect(200);
    app.post(&format!("/api/shares/{share}/open")).await.expect(200);
    // Again there is nothing to do.
    let again = hand_over(&app, "ada", "bob").await.expect(200).json();
    assert_eq!((&again["transferred"], &again["uploading"]), (&json!(0), &json!(1)));
}

#[tokio::test]
async fn a_handover_that_was_killed_in_the_middle_goes_on() {
    let app = world().await;
    let (one, two) = (app.completed().await, app.completed().await);
    // Its document was written, its entry in the listing was not.
    let given = app.service.videos.update_document(&one.short_id, |video| {
        video.owner = "bob".parse().unwrap();
        Ok::<_, std::convert::Infallible>(())
    });
    given.await.unwrap();
    assert_eq!(owned(&app, "bob").await, Vec::<String>::new());
    hand_over(&app, "ada", "bob").await.expect(200);
    assert_eq!(owned(&app, "bob").await, ids(&[&one, &two]));
    assert_eq!(owned(&app, "ada").await, Vec::<String>::new());
}

#[tokio::test]
async fn a_clip_whose_record_is_damaged_is_passed_over_and_told() {
    let app = world().await;
    let (damaged, whole) = (app.completed().await, app.completed().await);
    let key = DocumentKey::Video(damaged.short_id.clone()).to_string();
    app.service.bucket.write_raw(&key, b"{\"short_id\":".to_vec().into()).await.unwrap();
    let answer = hand_over(&app, "ada", "bob").await.expect(200).json();
    assert_eq!((&answer["transferred"], &answer["unreadable"]), (&json!(1), &json!([damaged.short_id])));
    assert_eq!(owner(&app, &whole.short_id).await, "bob");
    assert_eq!(app.service.bucket.read_raw(&key).await.unwrap().unwrap(), "{\"short_id\":", "it stays as it is");
}

#[tokio::test]
async fn clips_go_to_members_who_can_keep_them() {
    let app = world().await;
    let video = app.completed().await;
    hand_over(&app, "ada", "nobody").await.expect(422);
    hand_over(&app, "ada", "ada").await.expect(422);
    hand_over(&app, "nobody", "bob").await.expect(404);
    app.patch("/api/users/bob").bearer(&app.root()).json(json!({"disabled": true})).await.expect(200);
    hand_over(&app, "ada", "bob").await.expect(422);
    let path = "/api/users/ada/clips/transfer";
    app.post(path).bearer(&app.ada()).json(json!({"to": "bob"})).await.expect(403);
    app.post(path).json(json!({"to": "bob"})).await.expect(401);
    app.post(path).bearer(&app.root()).json(json!({"to": "../bob"})).await.expect(422);
    assert_eq!(owner(&app, &video.short_id).await, "ada");
}
