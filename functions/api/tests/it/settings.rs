//! The settings, and what runners measured.

use clipset_core::{Timestamp, encoders::EncoderReport, key::DocumentKey, settings::SettingsDocument};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::app::{Answer, TestApp};

async fn show(app: &TestApp) -> Answer {
    app.get("/api/config").bearer(&app.root()).await.expect(200)
}

async fn patch(app: &TestApp, change: Value) -> Answer {
    app.patch("/api/config").bearer(&app.root()).json(change).await
}

async fn patch_over(app: &TestApp, etag: &str, change: Value) -> Answer {
    app.patch("/api/config").bearer(&app.root()).header("if-match", etag).json(change).await
}

async fn report(app: &TestApp, name: &str, gpu: Option<&str>, encoders: &[&str]) {
    let report = EncoderReport {
        name: name.into(),
        gpu_available: gpu.is_some(),
        gpu_name: gpu.map(str::to_owned),
        encoders: encoders.iter().map(|&encoder| encoder.to_owned()).collect(),
        measured_at: Timestamp::now(),
    };
    app.service.bucket.put(&DocumentKey::Runner(name.into()), &report).await.unwrap();
}

#[tokio::test]
async fn the_defaults_have_a_version_too() {
    let app = TestApp::start().await;
    let answer = show(&app).await;
    assert_eq!(answer.header("etag"), Some("\"0\""));
    let settings = answer.json();
    assert_eq!((&settings["video_output_format"], &settings["cpu_crf"]), (&json!("hls"), &json!(18)));
    assert_eq!((&settings["updated_by"], &settings["updated_at"]), (&Value::Null, &Value::Null));
}

#[tokio::test]
async fn a_change_is_kept_with_its_author() {
    let app = TestApp::start().await;
    let changed = patch(&app, json!({"transcode_preset_mode": "quality", "keep_originals": false})).await.expect(200);
    let shown = show(&app.restarted().await).await;
    assert_eq!(changed.header("etag"), shown.header("etag"));
    let settings = shown.json();
    assert_eq!(changed.json(), settings);
    assert_eq!((&settings["cpu_preset"], &settings["keep_originals"]), (&json!("slow"), &json!(false)));
    assert_eq!(settings["updated_by"], "root");
    assert!(settings["updated_at"].as_str().unwrap().parse::<Timestamp>().is_ok());
}

#[tokio::test]
async fn a_stale_page_gets_the_newer_settings_instead_of_overwriting_them() {
    let app = TestApp::start().await;
    let stale = show(&app).await.header("etag").unwrap().to_owned();
    let newer = patch_over(&app, &stale, json!({"cpu_crf": 20})).await.expect(200);
    let etag = newer.header("etag").unwrap().to_owned();
    let refused = patch_over(&app, &stale, json!({"cpu_crf": 30})).await;
    assert_eq!(refused.status, 412);
    assert_eq!(refused.header("etag"), Some(etag.as_str()));
    assert_eq!(refused.json()["cpu_crf"], 20);
    patch_over(&app, &etag, json!({"cpu_crf": 30})).await.expect(200);
    let etag = show(&app).await.header("etag").unwrap().to_owned();
    patch_over(&app, &format!("W/{etag}"), json!({"cpu_crf": 29})).await.expect(200);
    patch_over(&app, "*", json!({"cpu_crf": 31})).await.expect(200);
    assert_eq!(patch_over(&app, "nonsense", json!({"cpu_crf": 32})).await.status, 412);
    assert_eq!(show(&app).await.json()["cpu_crf"], 31);
}

#[tokio::test]
async fn of_racing_changes_over_one_version_one_is_taken() {
    let app = TestApp::start().await;
    for round in 0..3 {
        let etag = show(&app).await.header("etag").unwrap().to_owned();
        let change = |number: usize| patch_over(&app, &etag, json!({"cpu_crf": 10 * round + number}));
        let answers = join_all((1..=8).map(change)).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
        assert_eq!(answers.iter().filter(|answer| answer.status == 412).count(), 7);
    }
}

#[tokio::test]
async fn without_a_version_every_change_is_applied_to_the_newest() {
    let app = TestApp::start().await;
    let changes =
        [json!({"cpu_crf": 20}), json!({"nvenc_cq": 21}), json!({"gpu_device_id": 3}), json!({"renditions": "single"})];
    for answer in join_all(changes.map(|change| patch(&app, change))).await {
        answer.expect(200);
    }
    let settings = show(&app).await.json();
    assert_eq!((&settings["cpu_crf"], &settings["nvenc_cq"]), (&json!(20), &json!(21)));
    assert_eq!((&settings["gpu_device_id"], &settings["renditions"]), (&json!(3), &json!("single")));
}

#[tokio::test]
async fn every_wrong_field_gets_its_sentence_and_nothing_changes() {
    let app = TestApp::start().await;
    let change =
        json!({"cpu_crf": 52, "audio_bitrate": "loud", "nope": 1, "use_gpu_transcoding": true, "nvenc_cq": 20});
    let refused = patch(&app, change).await.expect(422).json();
    let fields: Vec<_> = refused["errors"].as_object().unwrap().keys().cloned().collect();
    assert_eq!(fields, ["audio_bitrate", "cpu_crf", "nope", "use_gpu_transcoding"]);
    assert_eq!(show(&app).await.header("etag"), Some("\"0\""));
    patch(&app, json!([1])).await.expect(422);
    app.patch("/api/config").bearer(&app.root()).body("{").await.expect(400);
}

#[tokio::test]
async fn the_gpu_is_switched_on_only_where_one_was_measured() {
    let app = TestApp::start().await;
    report(&app, "plain", None, &["libx264", "aac"]).await;
    patch(&app, json!({"use_gpu_transcoding": true})).await.expect(422);
    patch(&app, json!({"use_gpu_transcoding": false})).await.expect(200);
    report(&app, "fast", Some("NVIDIA T4"), &["h264_nvenc", "libx264"]).await;
    patch(&app, json!({"use_gpu_transcoding": true})).await.expect(200);
    let encoders = app.get("/api/config/encoders").bearer(&app.root()).await.expect(200).json();
    let expected =
        json!({"gpu_available": true, "gpu_name": "NVIDIA T4", "encoders": ["aac", "h264_nvenc", "libx264"]});
    assert_eq!(encoders, expected);
}

#[tokio::test]
async fn without_a_runner_there_are_no_encoders_and_an_unreadable_report_is_passed_over() {
    let app = TestApp::start().await;
    app.service.bucket.put(&DocumentKey::Runner("odd".into()), &json!({"what": 1})).await.unwrap();
    let encoders = app.get("/api/config/encoders").bearer(&app.root()).await.expect(200).json();
    assert_eq!(encoders, json!({"gpu_available": false, "gpu_name": null, "encoders": []}));
}

#[tokio::test]
async fn the_migration_status_has_exactly_its_five_fields() {
    let app = TestApp::start().await;
    let status = app.get("/api/config/hls-migration-status").bearer(&app.root()).await.expect(200).json();
    let expected = json!({"is_running": false, "total": 0, "completed": 0, "current_video": null, "errors": []});
    assert_eq!(status, expected);
}

#[tokio::test]
async fn settings_are_administrators_business() {
    let app = TestApp::start().await;
    for path in ["/api/config", "/api/config/encoders", "/api/config/hls-migration-status"] {
        app.get(path).await.expect(401);
        app.get(path).bearer(&app.ada()).await.expect(403);
    }
    app.patch("/api/config").bearer(&app.ada()).json(json!({})).await.expect(403);
    app.patch("/api/config").json(json!({})).await.expect(401);
    assert!(app.service.bucket.read::<SettingsDocument>(&DocumentKey::Settings).await.unwrap().is_none());
}
