//! A disk full of media takes documents and deletions still. The disk is a small file system in memory.

use std::path::Path;
use std::process::Command;

use aws_sdk_s3::Client;
use tempfile::TempDir;

use crate::world::{BUCKET, Process, get, keys, noise, refusal};

const FULL: (u16, &str) = (507, "InsufficientStorage");

/// A bucket on a disk of its own, which goes with the process.
fn small_disk(root: &Path) -> Process {
    let program = env!("CARGO_BIN_EXE_clipset-local-bucket");
    let script = format!("mount -t tmpfs -o size=16m none {} && exec {program} \"$@\"", root.display());
    let mut command = Command::new("unshare");
    // Whoever is not root becomes it within.
    let flags: &[&str] = if nix::unistd::geteuid().is_root() { &["-m"] } else { &["-m", "-r"] };
    command.args(flags).args(["sh", "-c", &script, "sh"]);
    Process::start_with(command, root)
}

async fn put(client: &Client, key: &str, length: usize) -> Result<(), (u16, String)> {
    let put = client.put_object().bucket(BUCKET).key(key).body(noise(1, length).into());
    put.send().await.map(drop).map_err(|error| refusal(&error))
}

/// Media of this size until there is no room for one more. Returns how many there are.
async fn fill(client: &Client, length: usize) -> usize {
    let mut count = 0;
    loop {
        match put(client, &format!("hls/{length}/{count}"), length).await {
            Ok(()) => count += 1,
            Err((status, code)) => {
                assert_eq!((status, &*code), FULL);
                return count;
            }
        }
    }
}

#[tokio::test]
async fn documents_are_written_and_media_deleted_on_a_full_disk() {
    let root = TempDir::new().unwrap();
    let bucket = small_disk(root.path());
    let client = &bucket.client;
    assert!(fill(client, 1_000_000).await > 8);
    fill(client, 10_000).await;
    fill(client, 1).await;

    for n in 0..20 {
        put(client, &format!("sessions/{n}"), 10_000).await.unwrap();
        put(client, "settings.json", 2_000).await.unwrap();
    }
    assert_eq!(get(client, "sessions/19").await.unwrap(), noise(1, 10_000));
    // What the documents took of the reserve is not for media.
    assert_eq!(put(client, "hls/more", 1).await.unwrap_err().1, FULL.1);
    assert_eq!(put(client, "catalog/large", 2 << 20).await.unwrap_err().1, FULL.1, "no small document");
    let create = client.create_multipart_upload().bucket(BUCKET).key("originals/u").send().await;
    assert_eq!(refusal(&create.unwrap_err()).1, FULL.1, "said before a byte is sent");

    for n in 0..4 {
        client.delete_object().bucket(BUCKET).key(format!("hls/1000000/{n}")).send().await.unwrap();
    }
    put(client, "hls/more", 1_000_000).await.unwrap();
    assert!(keys(client).await.contains(&"hls/more".to_owned()));
}

#[tokio::test]
async fn everything_can_be_deleted_when_documents_have_filled_the_reserve_too() {
    let root = TempDir::new().unwrap();
    let bucket = small_disk(root.path());
    let client = &bucket.client;
    fill(client, 1_000_000).await;
    fill(client, 1).await;
    let mut documents = 0;
    while put(client, &format!("accounts/{documents}"), 3_000).await.is_ok() {
        documents += 1;
    }
    assert!(documents > 50, "{documents} documents found room");
    for key in keys(client).await {
        client.delete_object().bucket(BUCKET).key(&key).send().await.unwrap();
    }
    assert!(keys(client).await.is_empty());
    put(client, "hls/again", 8_000_000).await.unwrap();
}

#[tokio::test]
async fn a_body_for_which_there_is_no_room_is_refused_before_it_is_sent() {
    let root = TempDir::new().unwrap();
    let bucket = small_disk(root.path());
    let put = put(&bucket.client, "hls/film", 20_000_000).await;
    assert_eq!(put.unwrap_err().1, FULL.1);
    let tmp = format!("/proc/{}/root{}/tmp", bucket.child.id(), root.path().display());
    assert_eq!(std::fs::read_dir(tmp).unwrap().count(), 0, "nothing was begun");
}
