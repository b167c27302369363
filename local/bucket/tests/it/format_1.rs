//! A folder that the version before wrote: no journal, no checksums of blocks, a file for a lock.

use std::fs;
use std::path::Path;

use s3s::crypto::{Checksum as _, Crc32, Md5};
use tempfile::TempDir;

use crate::world::{BUCKET, World, noise, object_file, refusal};

fn object(key: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0; 96];
    bytes[0..8].copy_from_slice(b"CLIPOBJ1");
    bytes[8..12].copy_from_slice(&4096_u32.to_le_bytes());
    bytes[16..24].copy_from_slice(&(body.len() as u64).to_le_bytes());
    bytes[24..32].copy_from_slice(&1_700_000_000_000_u64.to_le_bytes());
    bytes[32..48].copy_from_slice(Md5::checksum(body).as_ref());
    bytes.extend_from_slice(format!("{{\"key\":\"{key}\"}}").as_bytes());
    bytes.resize(4096, b' ');
    let crc = Crc32::checksum_u32(&bytes[16..]);
    bytes[12..16].copy_from_slice(&crc.to_le_bytes());
    bytes.extend_from_slice(body);
    bytes
}

fn write(root: &Path, key: &str, bytes: &[u8]) {
    let path = object_file(root, key);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn damaged() -> (u16, String) {
    (500, "ObjectDamaged".into())
}

#[tokio::test]
async fn an_older_folder_is_read_and_its_keys_are_written_down() {
    let root = TempDir::new().unwrap();
    fs::write(root.path().join("lock"), "").unwrap();
    let media = noise(1, 2_000_000);
    write(root.path(), "catalog/a", &object("catalog/a", b"a document"));
    write(root.path(), "hls/u/s.ts", &object("hls/u/s.ts", &media));
    let world = World::start_in(root.path()).await;
    assert_eq!(world.keys().await, ["catalog/a", "hls/u/s.ts"]);
    assert_eq!(world.get("catalog/a").await.unwrap(), b"a document");
    assert!(world.get("hls/u/s.ts").await.unwrap() == media);
    let range = world.client.get_object().bucket(BUCKET).key("hls/u/s.ts").range("bytes=1000000-1000009");
    assert_eq!(range.send().await.unwrap().body.collect().await.unwrap().to_vec(), media[1_000_000..1_000_010]);
    world.stop().await;

    // Now they stand in two places.
    fs::remove_file(object_file(root.path(), "catalog/a")).unwrap();
    let world = World::start_in(root.path()).await;
    assert_eq!(world.keys().await, ["catalog/a", "hls/u/s.ts"]);
    let get = world.client.get_object().bucket(BUCKET).key("catalog/a").send().await;
    assert_eq!(refusal(&get.unwrap_err()), damaged());
}

#[tokio::test]
async fn damage_to_an_older_file_is_noticed_when_it_is_read_whole() {
    let root = TempDir::new().unwrap();
    let mut document = object("catalog/a", b"a document");
    document[4100] ^= 1;
    write(root.path(), "catalog/a", &document);
    let media = noise(1, 2_000_000);
    let mut flipped = object("hls/u/s.ts", &media);
    flipped[4096 + 100_000] ^= 1;
    write(root.path(), "hls/u/s.ts", &flipped);
    let world = World::start_in(root.path()).await;
    let get = world.client.get_object().bucket(BUCKET).key("catalog/a").send().await;
    assert_eq!(refusal(&get.unwrap_err()), damaged());
    let body = world.client.get_object().bucket(BUCKET).key("hls/u/s.ts").send().await.unwrap().body;
    assert!(body.collect().await.is_err(), "it does not end as if it were whole");
}

#[tokio::test]
async fn damage_from_before_there_was_a_second_place_makes_listings_fail() {
    let root = TempDir::new().unwrap();
    write(root.path(), "catalog/a", &object("catalog/a", b"a document"));
    // Its header still tells the key of this one, and not of the next.
    let whole = object("catalog/b", b"a document");
    write(root.path(), "catalog/b", &whole[..whole.len() - 2]);
    let world = World::start_in(root.path()).await;
    assert_eq!(world.keys().await, ["catalog/a", "catalog/b"]);
    world.stop().await;
    fs::remove_file(root.path().join("keys")).unwrap();
    write(root.path(), "catalog/c", &whole[..2000]);
    let world = World::start_in(root.path()).await;
    let list = world.client.list_objects_v2().bucket(BUCKET).send().await;
    assert_eq!(refusal(&list.unwrap_err()), damaged());
    assert_eq!(world.get("catalog/a").await.unwrap(), b"a document");
}
