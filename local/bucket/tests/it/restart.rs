//! What is there after a restart, and who may start.

use std::fs;
use std::time::Instant;

use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use clipset_local_bucket::{Error, Server};
use tempfile::TempDir;

use crate::world::{BUCKET, World, config, noise, object_file, refusal};

#[tokio::test]
async fn objects_and_uploads_survive_a_restart() {
    let root = TempDir::new().unwrap();
    let world = World::start_in(root.path()).await;
    let long = "k".repeat(1024);
    for key in ["a", "a/b", "hls/1/segment000.ts", &long] {
        let put = world.client.put_object().bucket(BUCKET).key(key).cache_control("max-age=1");
        put.body(key.as_bytes().to_vec().into()).send().await.unwrap();
    }
    let upload = world.client.create_multipart_upload().bucket(BUCKET).key("m").content_type("video/mp4").send().await;
    let id = upload.unwrap().upload_id.unwrap();
    let part = world.client.upload_part().bucket(BUCKET).key("m").upload_id(&id).part_number(1);
    let tag = part.body(noise(1, 100_000).into()).send().await.unwrap().e_tag.unwrap();
    let before = world.client.head_object().bucket(BUCKET).key("a").send().await.unwrap();
    world.stop().await;

    let world = World::start_in(root.path()).await;
    assert_eq!(world.keys().await, ["a", "a/b", "hls/1/segment000.ts", &long]);
    assert_eq!(world.get(&long).await.unwrap(), long.as_bytes());
    let after = world.client.head_object().bucket(BUCKET).key("a").send().await.unwrap();
    assert_eq!((after.e_tag(), after.last_modified()), (before.e_tag(), before.last_modified()));
    assert_eq!(after.cache_control(), Some("max-age=1"));
    let parts = CompletedMultipartUpload::builder().parts(CompletedPart::builder().part_number(1).e_tag(tag).build());
    let complete = world.client.complete_multipart_upload().bucket(BUCKET).key("m").upload_id(id);
    complete.multipart_upload(parts.build()).send().await.unwrap();
    assert_eq!(world.get("m").await.unwrap(), noise(1, 100_000));
}

#[tokio::test]
async fn a_folder_has_one_owner() {
    let world = World::start().await;
    let error = Server::bind(config(&world.root), ([127, 0, 0, 1], 0).into()).await.unwrap_err();
    assert!(matches!(error, Error::InUse(_)));
    assert!(error.to_string().contains("already in use by another process"), "{error}");
    world.put("k", "still served").await;
}

#[tokio::test]
async fn a_folder_of_another_program_is_refused_and_stays_as_it_is() {
    for (files, named) in [(&[".minio.sys", "objects"][..], "the data of MinIO"), (&["lost+found", "1.dat"], "1.dat")] {
        let root = TempDir::new().unwrap();
        for file in files {
            fs::create_dir(root.path().join(file)).unwrap();
        }
        let error = Server::bind(config(root.path()), ([127, 0, 0, 1], 0).into()).await.unwrap_err();
        assert!(error.to_string().contains(named) && error.to_string().contains("./local/backup"), "{error}");
        assert_eq!(fs::read_dir(root.path()).unwrap().count(), files.len());
    }
    let fresh_disk = TempDir::new().unwrap();
    fs::create_dir(fresh_disk.path().join("lost+found")).unwrap();
    World::start_in(fresh_disk.path()).await.put("k", "taken").await;
}

#[tokio::test]
async fn an_unusable_configuration_is_refused() {
    let root = TempDir::new().unwrap();
    let change = |change: fn(&mut clipset_local_bucket::Config)| {
        let mut config = config(root.path());
        change(&mut config);
        Server::bind(config, ([127, 0, 0, 1], 0).into())
    };
    assert!(matches!(change(|config| config.bucket = "No Bucket".into()).await, Err(Error::BucketName(_))));
    assert!(matches!(change(|config| config.secret_key.clear()).await, Err(Error::NoCredentials)));
    assert!(matches!(change(|config| config.anonymous_prefixes = vec![String::new()]).await, Err(Error::EmptyPrefix)));
    assert!(!format!("{:?}", config(root.path())).contains("test-secret"));
}

#[tokio::test]
async fn leftovers_are_not_seen_and_a_damaged_object_is_known() {
    let root = TempDir::new().unwrap();
    let world = World::start_in(root.path()).await;
    world.put("whole", "content").await;
    world.put("cut", "content").await;
    world.stop().await;

    fs::write(root.path().join("tmp/left"), "half").unwrap();
    fs::create_dir(root.path().join("tmp/folder")).unwrap();
    fs::write(root.path().join("tmp/folder/part"), "half").unwrap();
    let files = || {
        fs::read_dir(root.path().join("objects"))
            .unwrap()
            .flat_map(|shard| fs::read_dir(shard.unwrap().path()).unwrap())
    };
    for file in files().map(|file| file.unwrap().path()).collect::<Vec<_>>() {
        let bytes = fs::read(&file).unwrap();
        if String::from_utf8_lossy(&bytes).contains("\"key\":\"cut\"") {
            fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
        } else {
            // A copy under another name is no second object.
            fs::copy(&file, file.with_file_name("0".repeat(64))).unwrap();
        }
    }

    let world = World::start_in(root.path()).await;
    assert_eq!(world.temporary_files(), 0);
    assert_eq!(world.keys().await, ["cut", "whole"]);
    let get = world.client.get_object().bucket(BUCKET).key("cut").send().await;
    assert_eq!(refusal(&get.unwrap_err()), (500, "ObjectDamaged".into()));
    world.put("cut", "mended").await;
    assert_eq!(world.get("cut").await.unwrap(), b"mended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thousands_of_objects_are_read_in_at_start_and_listed_quickly() {
    let root = TempDir::new().unwrap();
    let world = World::start_in(root.path()).await;
    world.put("hls/seed", "x").await;
    world.stop().await;
    // Written as the store writes them, without waiting for the disk: the seed's file with other keys.
    let seed = fs::read_dir(root.path().join("objects")).unwrap();
    let seed = seed.flat_map(|shard| fs::read_dir(shard.unwrap().path()).unwrap()).next().unwrap().unwrap().path();
    let seed = fs::read(seed).unwrap();
    for n in 0..5000 {
        write_object(root.path(), &seed, &format!("hls/{:04}/segment{:03}.ts", n / 100, n % 100));
    }
    let begun = Instant::now();
    let world = World::start_in(root.path()).await;
    let started = begun.elapsed();
    let list = world.client.list_objects_v2().bucket(BUCKET).prefix("hls/").delimiter("/").send().await.unwrap();
    assert_eq!(list.common_prefixes().len(), 50);
    assert_eq!(world.keys().await.len(), 5001);
    assert!(started.as_secs() < 15, "{started:?}");
}

fn write_object(root: &std::path::Path, seed: &[u8], key: &str) {
    use s3s::crypto::Crc32;
    let mut bytes = seed.to_vec();
    let json = format!("{{\"key\":\"{key}\"}}");
    bytes[96..4096].fill(b' ');
    bytes[96..96 + json.len()].copy_from_slice(json.as_bytes());
    let crc = Crc32::checksum_u32(&bytes[16..4096]);
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    fs::write(object_file(root, key), bytes).unwrap();
}
