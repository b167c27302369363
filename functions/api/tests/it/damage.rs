//! One document that cannot be read takes down itself alone.

use clipset_core::{
    Timestamp,
    account::{Account, Role},
    id::{ShareId, ShortId},
    job::{Job, JobKind},
    key::DocumentKey,
    settings::SettingsDocument,
    video::{Phase, Video},
};
use serde_json::{Value, json};

use crate::app::{PASSWORD, TestApp, pend};

/// What a document may be instead: nothing, garbage, cut, another shape, or of a newer version.
const BROKEN: [&str; 5] =
    ["", "\u{0}\u{1}garbage", "{\"short_id\":\"aB", "[1, 2]", "{\"phase\":{\"state\":\"hologram\"}}"];

impl TestApp {
    async fn break_document(&self, key: &DocumentKey, body: &'static str) {
        self.service.bucket.write_raw(&key.to_string(), body.into()).await.unwrap();
    }

    async fn listed(&self) -> Vec<Value> {
        let page = self.get("/api/videos").bearer(&self.root()).await.expect(200).json();
        page["videos"].as_array().unwrap().clone()
    }
}

fn video_key(video: &Video) -> DocumentKey {
    DocumentKey::Video(video.short_id.clone())
}

#[tokio::test]
async fn a_clip_whose_record_is_damaged_says_so_and_the_others_go_on() {
    let app = TestApp::start().await;
    let (broken, other) = (app.completed().await, app.completed().await);
    for body in BROKEN {
        app.break_document(&video_key(&broken), body).await;
        let problem = app.get(&format!("/api/videos/{}", broken.short_id)).bearer(&app.ada()).await.expect(409).json();
        assert_eq!(problem["damaged"], true, "{body}");
        assert_eq!(problem["detail"], "Its record is damaged; an administrator can repair or delete it.");
        app.get(&format!("/api/videos/{}", other.short_id)).bearer(&app.ada()).await.expect(200);
        assert_eq!(app.listed().await.len(), 2);
        app.patch(&format!("/api/videos/{}", other.short_id))
            .bearer(&app.ada())
            .json(json!({"title": body.len().to_string()}))
            .await
            .expect(200);
    }
}

#[tokio::test]
async fn a_damaged_clip_is_marked_in_lists_and_an_administrator_deletes_it() {
    let app = TestApp::start().await;
    let broken = app.completed().await;
    app.break_document(&video_key(&broken), "{").await;
    app.service.videos.reindex().await.unwrap();
    let listed = &app.listed().await[0];
    assert_eq!((&listed["processing_status"], &listed["damaged"]), (&json!("failed"), &json!(true)));
    assert_eq!(listed["title"], "The lake");
    let path = format!("/api/videos/{}", broken.short_id);
    app.delete(&path).bearer(&app.ada()).await.expect(409);
    app.delete(&path).bearer(&app.root()).await.expect(204);
    app.get(&path).bearer(&app.root()).await.expect(404);
    assert!(app.listed().await.is_empty());
}

#[tokio::test]
async fn a_clip_whose_record_was_set_aside_is_still_damaged_and_not_gone() {
    let app = TestApp::start().await;
    let broken = app.completed().await;
    app.break_document(&video_key(&broken), "{").await;
    let place = app.service.bucket.set_aside(&video_key(&broken).to_string(), "test").await.unwrap();
    assert_eq!(place, format!("damaged/{}", video_key(&broken)));
    let path = format!("/api/videos/{}", broken.short_id);
    app.get(&path).bearer(&app.root()).await.expect(409);
    app.delete(&path).bearer(&app.root()).await.expect(204);
    app.get(&path).bearer(&app.root()).await.expect(404);
    assert!(app.service.bucket.keys("damaged/").await.unwrap().is_empty());
}

#[tokio::test]
async fn a_clip_whose_job_is_damaged_says_so_and_is_tried_again() {
    let app = TestApp::start().await;
    let (broken, other) = (app.video("ada", pend).await, app.video("ada", pend).await);
    app.break_document(&DocumentKey::Job(broken.job.clone().unwrap()), "{\"state\":{\"state\":\"dreaming\"}}").await;
    let path = format!("/api/videos/{}", broken.short_id);
    let shown = app.get(&path).bearer(&app.ada()).await.expect(200).json();
    assert_eq!(shown["processing_status"], "failed");
    assert!(shown["error"].as_str().unwrap().contains("damaged"), "{shown}");
    let states: Vec<_> = app.listed().await.iter().map(|video| video["processing_status"].clone()).collect();
    assert!(states.contains(&json!("failed")) && states.contains(&json!("pending")), "{states:?}");
    app.post(&format!("{path}/retry")).bearer(&app.ada()).await.expect(202);
    let shown = app.get(&path).bearer(&app.ada()).await.expect(200).json();
    assert_eq!(shown["processing_status"], "pending");
    app.get(&format!("/api/videos/{}", other.short_id)).bearer(&app.ada()).await.expect(200);
}

#[tokio::test]
async fn a_damaged_shard_hides_no_clip_of_another_and_takes_new_ones() {
    let app = TestApp::start().await;
    let before = app.completed().await;
    for body in BROKEN {
        app.break_document(&DocumentKey::Shard("0".to_owned()), body).await;
        app.get("/api/videos").bearer(&app.root()).await.expect(200);
        app.get("/api/users").bearer(&app.root()).await.expect(200);
        let new = app.completed().await;
        assert_eq!(app.listed().await[0]["short_id"], json!(new.short_id));
    }
    app.service.videos.reindex().await.unwrap();
    assert_eq!(app.listed().await.len(), 1 + BROKEN.len());
    assert!(app.listed().await.iter().any(|video| video["short_id"] == json!(before.short_id)));
}

#[tokio::test]
async fn an_entry_of_a_newer_version_hides_no_other_entry_of_its_shard() {
    let app = TestApp::start().await;
    let (newer, other) = (app.completed().await, app.completed().await);
    let key = DocumentKey::Shard("0".to_owned()).to_string();
    let body = app.service.bucket.read_raw(&key).await.unwrap().unwrap();
    let mut shard: Value = serde_json::from_slice(&body).unwrap();
    let entries = shard["entries"].as_array_mut().unwrap();
    let entry = entries.iter_mut().find(|entry| entry["short_id"] == json!(newer.short_id)).unwrap();
    entry["phase"] = json!({"state": "hologram"});
    app.service.bucket.write_raw(&key, shard.to_string().into()).await.unwrap();
    let listed = app.listed().await;
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0]["short_id"], json!(other.short_id));
}

#[tokio::test]
async fn damaged_settings_fall_back_and_are_not_overwritten_unasked() {
    let app = TestApp::start().await;
    let video = app.completed().await;
    let root = app.root();
    app.patch("/api/config").bearer(&root).json(json!({"cpu_crf": 30, "keep_originals": false})).await.expect(200);
    for body in ["", "garbage", "{\"cpu_crf\":", "[]", "{\"what\":1}"] {
        app.break_document(&DocumentKey::Settings, body).await;
        app.get(&format!("/api/videos/{}", video.short_id)).bearer(&app.ada()).await.expect(200);
        let shown = app.get("/api/config").bearer(&root).await.expect(200).json();
        assert_eq!((&shown["cpu_crf"], &shown["settings_fallen_back"]), (&json!(30), &json!(true)), "{body}");
        let refused = app.patch("/api/config").bearer(&root).json(json!({"cpu_crf": 20})).await.expect(409).json();
        assert_eq!(refused["damaged"], true);
        let stored = app.service.bucket.read_raw("settings.json").await.unwrap().unwrap();
        assert_eq!(stored, body.as_bytes());
        assert!(app.service.settings.reading().await.unwrap().fallen_back);
    }
    app.patch("/api/config?replace_damaged=true").bearer(&root).json(json!({"cpu_crf": 99})).await.expect(422);
    app.patch("/api/config?replace_damaged=true").bearer(&root).json(json!({"nvenc_cq": 25})).await.expect(200);
    let shown = app.get("/api/config").bearer(&root).await.expect(200).json();
    assert_eq!((&shown["cpu_crf"], &shown["nvenc_cq"]), (&json!(30), &json!(25)));
    assert_eq!(shown["settings_fallen_back"], false);
    let aside = app.service.bucket.read_raw("damaged/settings.json").await.unwrap().unwrap();
    assert_eq!(aside, "{\"what\":1}");
}

#[tokio::test]
async fn lost_settings_are_fallen_back_to_the_last_good_ones() {
    let app = TestApp::start().await;
    app.patch("/api/config").bearer(&app.root()).json(json!({"cpu_crf": 30})).await.expect(200);
    app.service.bucket.remove(&DocumentKey::Settings).await.unwrap();
    let reading = app.service.settings.reading().await.unwrap();
    assert_eq!((reading.settings.cpu_crf.get(), reading.fallen_back), (30, true));
    app.patch("/api/config").bearer(&app.root()).json(json!({"nvenc_cq": 25})).await.expect(200);
    let reading = app.service.settings.reading().await.unwrap();
    assert_eq!((reading.settings.cpu_crf.get(), reading.settings.nvenc_cq.get(), reading.fallen_back), (30, 25, false));
}

#[tokio::test]
async fn a_damaged_account_keeps_out_itself_alone() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::User).await;
    app.add_user("bob", Role::User).await;
    for body in BROKEN {
        app.break_document(&DocumentKey::Account("ada".parse().unwrap()), body).await;
        let problem = app.try_log_in("ada", PASSWORD).await.expect(409).json();
        assert_eq!(problem["damaged"], true);
        app.log_in("bob").await;
        let users = app.get("/api/users").bearer(&app.root()).await.expect(200).json();
        assert_eq!(users["users"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_damaged_session_has_ended_and_damaged_attempts_are_forgotten() {
    let app = TestApp::start().await;
    app.add_user("ada", Role::User).await;
    let cookie = app.log_in("ada").await.cookie();
    let sessions = app.service.bucket.keys("accounts/sessions/").await.unwrap();
    for key in sessions {
        app.service.bucket.write_raw(&key, "{".into()).await.unwrap();
    }
    app.post("/api/auth/refresh").header("cookie", &cookie).await.expect(401);
    app.break_document(&DocumentKey::Attempts("account-ada".to_owned()), "{").await;
    app.try_log_in("ada", "wrong password").await.expect(401);
    app.log_in("ada").await;
}

#[tokio::test]
async fn a_damaged_invitation_or_share_takes_down_itself_alone() {
    let app = TestApp::start().await;
    let video = app.completed().await;
    let invite = || app.post("/api/invitations").bearer(&app.root()).json(json!({}));
    let broken = invite().await.expect(201).json()["id"].as_str().unwrap().to_owned();
    invite().await.expect(201);
    app.break_document(&DocumentKey::Invitation(broken), "{").await;
    let left = app.get("/api/invitations").bearer(&app.root()).await.expect(200).json();
    assert_eq!(left["invitations"].as_array().unwrap().len(), 1);

    let shares = format!("/api/videos/{}/shares", video.short_id);
    let share = async || {
        let made = app.post(&shares).bearer(&app.ada()).json(json!({})).await.expect(201).json();
        made["share_id"].as_str().unwrap().to_owned()
    };
    let (broken, other) = (share().await, share().await);
    let key = DocumentKey::Share(broken.parse::<ShareId>().unwrap());
    app.break_document(&key, "{").await;
    app.post(&format!("/api/shares/{broken}/open")).await.expect(409);
    app.post(&format!("/api/shares/{other}/open")).await.expect(200);
    let listed = app.get(&shares).bearer(&app.ada()).await.expect(200).json();
    assert_eq!(listed["shares"].as_array().unwrap().len(), 1);
    app.delete(&format!("{shares}/{broken}")).bearer(&app.ada()).await.expect(204);
}

#[tokio::test]
async fn a_damaged_job_does_not_stop_the_queue_behind_it() {
    let app = TestApp::start().await;
    let job = async |second: i64| {
        let made = Timestamp::from_second(1_700_000_000 + second).unwrap();
        let job = Job::new(ShortId::random(), JobKind::First, 1, made).unwrap();
        app.service.jobs.enqueue(&job).await.unwrap();
        job
    };
    let (broken, next) = (job(1).await, job(2).await);
    app.break_document(&DocumentKey::Job(broken.id), "{").await;
    app.break_document(&DocumentKey::QueueEntry("0-what".to_owned()), "{").await;
    let claimed = app.service.jobs.claim_next("one", &[JobKind::First]).await.unwrap();
    assert_eq!(claimed.expect("a job").0.id, next.id);
}

#[tokio::test]
async fn a_damaged_migration_stands_in_nobodys_way() {
    let app = TestApp::start().await;
    app.completed().await;
    app.break_document(&DocumentKey::Migration, "{").await;
    app.get("/api/config/hls-migration-status").bearer(&app.root()).await.expect(409);
    app.patch("/api/config").bearer(&app.root()).json(json!({"video_output_format": "progressive"})).await.expect(200);
    app.get("/api/videos").bearer(&app.root()).await.expect(200);
}

#[tokio::test]
async fn a_change_keeps_what_a_newer_version_wrote() {
    let app = TestApp::start().await;
    let video = app.completed().await;
    app.add_user("ada", Role::User).await;
    let newer = async |key: &DocumentKey| {
        let body = app.service.bucket.read_raw(&key.to_string()).await.unwrap().unwrap();
        let mut document: Value = serde_json::from_slice(&body).unwrap();
        document["newer"] = json!({"of": "tomorrow"});
        app.service.bucket.write_raw(&key.to_string(), document.to_string().into()).await.unwrap();
    };
    let kept = async |key: &DocumentKey| {
        let body = app.service.bucket.read_raw(&key.to_string()).await.unwrap().unwrap();
        serde_json::from_slice::<Value>(&body).unwrap()["newer"]["of"] == "tomorrow"
    };
    app.patch("/api/config").bearer(&app.root()).json(json!({"cpu_crf": 30})).await.expect(200);
    let account = DocumentKey::Account("ada".parse().unwrap());
    for key in [&video_key(&video), &account, &DocumentKey::Settings] {
        newer(key).await;
    }
    app.patch(&format!("/api/videos/{}", video.short_id))
        .bearer(&app.ada())
        .json(json!({"title": "New"}))
        .await
        .expect(200);
    app.patch("/api/users/ada").bearer(&app.root()).json(json!({"role": "admin"})).await.expect(200);
    let config = app.get("/api/config").bearer(&app.root()).await.expect(200);
    let etag = config.header("etag").unwrap().to_owned();
    app.patch("/api/config")
        .bearer(&app.root())
        .header("if-match", &etag)
        .json(json!({"cpu_crf": 31}))
        .await
        .expect(200);
    for key in [&video_key(&video), &account, &DocumentKey::Settings] {
        assert!(kept(key).await, "{key}");
    }
    assert_eq!(app.service.videos.get(&video.short_id).await.unwrap().unwrap().value.title, "New");
    assert_eq!(app.service.bucket.read::<Account>(&account).await.unwrap().unwrap().value.role, Role::Admin);
    let settings = app.service.bucket.read::<SettingsDocument>(&DocumentKey::Settings).await.unwrap().unwrap();
    assert_eq!(settings.value.settings.cpu_crf.get(), 31);
    assert_eq!(video.phase, Phase::Completed);
}
