//! Clips from an installation of the predecessor, and back to plain files, over a whole running system.
#![allow(clippy::unwrap_used, missing_docs, unreachable_pub)]

mod predecessor;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::Duration,
};

use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use clipset_tests::{
    client::{Client, uris},
    media::{COPYABLE, decodes_without_a_warning, frame_hashes},
    stack::Stack,
    wait,
};
use predecessor::{Form, Predecessor};
use reqwest::Method;
use serde_json::{Value, json};

/// What an import writes and nothing else does while it is idle here: keys with their versions.
async fn written(stack: &Stack) -> BTreeMap<String, String> {
    let told = stack.environment();
    let keys = Credentials::new(&told["AWS_ACCESS_KEY_ID"], &told["AWS_SECRET_ACCESS_KEY"], None, None, "test");
    let config = aws_sdk_s3::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(&told["AWS_ENDPOINT_URL_S3"])
        .force_path_style(true)
        .credentials_provider(keys);
    let client = aws_sdk_s3::Client::from_conf(config.build());
    let mut found = BTreeMap::new();
    for prefix in ["hls/", "progressive/", "images/", "originals/", "catalog/", "accounts/users/", "jobs/documents/"] {
        let list = client.list_objects_v2().bucket(&told["BUCKET"]).prefix(prefix).into_paginator().send();
        for object in list.try_collect().await.unwrap().into_iter().flat_map(|page| page.contents.unwrap_or_default()) {
            found.insert(object.key.unwrap(), object.e_tag.unwrap());
        }
    }
    found
}

fn import(stack: &Stack, before: &Predecessor, more: &[&str]) -> Command {
    let mut command = stack.clipset(&["import", "--uploads"]);
    command.arg(before.uploads()).arg("--database").arg(before.database()).args(more);
    command
}

fn run(command: &mut Command) -> (Output, String) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    (output, told)
}

fn lines(told: &str, verb: &str) -> usize {
    told.lines().filter(|line| line.starts_with(verb)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_installation_of_the_predecessor_moves_here_and_out_again_with_nothing_lost() {
    let before = Predecessor::make();
    let stack = Stack::start().await;
    let client = stack.admin().await;
    // Nothing but the import is to write here.
    let settings = client.request(Method::PATCH, "/api/config").json(&json!({"video_output_format": "progressive"}));
    assert!(settings.send().await.unwrap().status().is_success());
    let empty = written(&stack).await;

    let (dry, told) = run(&mut import(&stack, &before, &["--dry-run"]));
    assert_eq!(dry.status.code(), Some(1), "two are broken");
    assert_eq!((lines(&told, "would import"), lines(&told, "failed")), (23, 2), "{told}");
    assert_eq!(written(&stack).await, empty, "a dry run writes nothing");

    kill_three_imports(&stack, &before).await;
    let (first, told) = run(&mut import(&stack, &before, &[]));
    assert_eq!(first.status.code(), Some(1));
    assert_eq!(lines(&told, "imported") + lines(&told, "unchanged"), 23, "{told}");
    let failed: BTreeSet<_> = told.lines().filter(|line| line.starts_with("failed")).collect();
    assert_eq!(failed.len(), 2, "{told}");
    for (name, reason) in before.broken() {
        assert!(failed.iter().any(|line| line.contains(&name) && line.contains(reason)), "{name} {reason}: {failed:?}");
        assert!(String::from_utf8_lossy(&first.stderr).contains(&name), "the last line names it too");
    }

    everything_plays(&client, &before).await;
    the_library_is_in_its_old_order(&client, &before).await;
    owners_cannot_sign_in(&client).await;

    stack.maintenance(&["sweep"]);
    let all = written(&stack).await;
    let (_, told) = run(&mut import(&stack, &before, &["--verify"]));
    assert_eq!((lines(&told, "unchanged"), lines(&told, "imported"), lines(&told, "failed")), (23, 0, 2), "{told}");
    assert_eq!(written(&stack).await, all, "a second run changes nothing");

    exported_files_are_the_old_ones(&stack, &before);
    assert_eq!(written(&stack).await, all, "an export changes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_browser_plays_is_prepared_by_a_job_and_an_older_schema_is_read() {
    let stack = Stack::start().await;
    let client = stack.admin().await;
    let uploads = stack.folder().join("uploads");
    std::fs::create_dir_all(&uploads).unwrap();
    let clip = COPYABLE.make(&uploads, "one.mp4");
    let matroska = uploads.join("one.mkv");
    let mut remux = Command::new("ffmpeg");
    remux.args(["-v", "error", "-i"]).arg(&clip).args(["-c", "copy"]).arg(&matroska);
    assert!(remux.status().unwrap().success());
    std::fs::remove_file(&clip).unwrap();
    let database = stack.folder().join("older.db");
    let schema = "CREATE TABLE video (slug TEXT, name TEXT, path TEXT, is_private BOOLEAN);
        INSERT INTO video VALUES ('aB3dE6gH9j', 'Older', '/data/uploads/one.mkv', 1);";
    rusqlite::Connection::open(&database).unwrap().execute_batch(schema).unwrap();
    let import = |more: &[&str]| {
        let mut command = stack.clipset(&["import", "--json", "--uploads"]);
        command.arg(&uploads).arg("--database").arg(&database).args(more);
        let (output, told) = run(&mut command);
        (output, serde_json::from_str::<Value>(&told).unwrap())
    };
    let (refused, told) = import(&[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(told["failed"][0]["reason"].as_str().unwrap().contains("--owner"), "{told}");
    assert!(told["missing"].to_string().contains("created_at"), "{told}");
    let (done, told) = import(&["--owner", "admin"]);
    assert!(done.status.success(), "{told}");
    assert_eq!(told["imported"], json!(["aB3dE6gH9j"]));
    assert_eq!(client.ready("aB3dE6gH9j").await["format"], "hls");
    let video = client.get("/api/videos/aB3dE6gH9j").await;
    assert_eq!((&video["owner"], &video["visibility"]), (&json!("admin"), &json!("private")));
    let (_, told) = import(&["--owner", "admin", "--verify"]);
    assert_eq!(told["unchanged"], json!(["aB3dE6gH9j"]));

    // What was deleted here is not brought back.
    client.delete("aB3dE6gH9j").await;
    for _ in 0..2 {
        let (done, told) = import(&["--owner", "admin"]);
        assert!(done.status.success());
        assert_eq!(told["unchanged"], json!(["aB3dE6gH9j"]), "{told}");
        stack.maintenance(&["sweep"]);
    }
}

/// Each as soon as it has begun some more; a sweep in between must not take what is half there.
async fn kill_three_imports(stack: &Stack, before: &Predecessor) {
    let begun = async || written(stack).await.keys().filter(|key| key.starts_with("catalog/imports/")).count();
    for wanted in [1, 4, 8] {
        let mut child = import(stack, before, &[]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait::until("the import to begin", Duration::from_secs(120), async || (begun().await >= wanted).then_some(()))
            .await;
        child.kill().unwrap();
        child.wait().unwrap();
        let there = written(stack).await;
        stack.maintenance(&["sweep"]);
        let left = written(stack).await;
        let is_media = |key: &&String| !key.starts_with("catalog/");
        assert!(there.keys().filter(is_media).all(|key| left.contains_key(key)), "a sweep took what an import wrote");
    }
}

async fn everything_plays(client: &Client, before: &Predecessor) {
    for clip in before.whole() {
        let info = client.ready(&clip.short_id).await;
        let (path, expected) = match clip.form {
            Form::Stream | Form::StreamAndFile => {
                assert_eq!(info["format"], "hls", "{info}");
                let playlist = client.manifest(&clip.short_id).await.unwrap();
                let segments = uris(&playlist);
                assert_eq!(segments.len(), clip.segments.len());
                (segments[0].clone(), std::fs::read(&clip.segments[0]).unwrap())
            }
            Form::File => {
                assert_eq!(info["format"], "progressive", "{info}");
                let stream = client.request(Method::GET, info["stream_url"].as_str().unwrap()).send().await.unwrap();
                let location = stream.headers()["location"].to_str().unwrap().to_owned();
                (location, std::fs::read(clip.file.as_ref().unwrap()).unwrap())
            }
        };
        let url = if path.starts_with('/') { format!("{}{path}", client.url) } else { path };
        let part = reqwest::Client::new().get(&url).header("range", "bytes=100-299").send().await.unwrap();
        assert_eq!(part.status(), 206, "{}", clip.short_id);
        assert_eq!(part.bytes().await.unwrap(), expected[100..300]);
        let whole = reqwest::get(&url).await.unwrap().bytes().await.unwrap();
        assert!(whole == expected, "{} arrived changed", clip.short_id);
    }
}

async fn the_library_is_in_its_old_order(client: &Client, before: &Predecessor) {
    let listed = client.get("/api/videos?limit=100").await;
    let listed = listed["videos"].as_array().unwrap();
    let told = |video: &Value| {
        let text = |name: &str| video[name].as_str().unwrap().to_owned();
        (text("title"), text("description"), text("owner"), text("created_at"))
    };
    let expected: Vec<_> = before
        .whole()
        .rev()
        .map(|clip| (clip.title.clone(), clip.description.clone(), clip.owner.to_owned(), clip.created_at()))
        .collect();
    assert_eq!(listed.iter().map(told).collect::<Vec<_>>(), expected);
    for (clip, video) in before.whole().rev().zip(listed) {
        if clip.short_id.len() == 10 && !clip.short_id.contains('_') {
            assert_eq!(video["short_id"], clip.short_id.as_str());
        }
        assert_eq!((&video["width"], &video["height"]), (&json!(320), &json!(180)));
        assert_eq!(video["has_poster"], clip.picture);
    }
}

async fn owners_cannot_sign_in(client: &Client) {
    let users = client.get("/api/users").await.to_string();
    assert!(users.contains("\"grace\""), "{users}");
    for password in ["", "pbkdf2", "grace", "correct horse battery"] {
        let login = reqwest::Client::new().post(format!("{}/api/auth/login", client.url));
        let login = login.json(&json!({"username": "grace", "password": password})).send().await.unwrap();
        assert!(login.status().is_client_error(), "{password:?}: {}", login.status());
    }
}

fn exported_files_are_the_old_ones(stack: &Stack, before: &Predecessor) {
    let folder = stack.folder().join("exported");
    std::fs::create_dir(&folder).unwrap();
    // What has the name already is not overwritten.
    let taken = before.whole().find(|clip| clip.form == Form::File).unwrap();
    let in_the_way = folder.join(taken.exported_name());
    std::fs::write(&in_the_way, "something else").unwrap();
    let export = || {
        let mut command = stack.clipset(&["export", "--all"]);
        command.arg(&folder);
        run(&mut command)
    };
    let (refused, told) = export();
    assert_eq!(refused.status.code(), Some(1), "{told}");
    assert_eq!((lines(&told, "exported"), lines(&told, "failed")), (22, 1), "{told}");
    assert_eq!(std::fs::read(&in_the_way).unwrap(), b"something else");
    std::fs::remove_file(&in_the_way).unwrap();
    let (done, told) = export();
    assert!(done.status.success(), "{told}");
    assert_eq!((lines(&told, "exported"), lines(&told, "there already")), (1, 22), "{told}");

    let files = |folder: &Path| -> BTreeMap<PathBuf, Vec<u8>> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_file()).map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
    };
    let exported = files(&folder);
    assert_eq!(exported.len(), 46, "a file and its JSON for each");
    for clip in before.whole() {
        let path = folder.join(clip.exported_name());
        match &clip.file {
            Some(file) => assert!(exported[&path] == std::fs::read(file).unwrap(), "{} changed", clip.title),
            None => {
                let path = path.to_str().unwrap();
                decodes_without_a_warning(path);
                assert_eq!(frame_hashes(path), before.frames);
            }
        }
        let told: Value = serde_json::from_slice(&exported[&path.with_extension("json")]).unwrap();
        assert_eq!((&told["title"], &told["created_at"]), (&json!(clip.title), &json!(clip.created_at())));
        assert_eq!(told["file"]["size"], exported[&path].len());
    }
    let (again, told) = export();
    assert!(again.status.success());
    assert_eq!(lines(&told, "there already"), 23, "{told}");
    assert_eq!(files(&folder), exported);
}
