//! What happens to stored bytes is noticed, told as such, and never taken for an object that is not there.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use tempfile::TempDir;

use crate::kill::multipart;
use crate::world::{BUCKET, Process, World, noise, object_file, refusal};

const KEY: &str = "catalog/videos/aB3dE6gH9j";
const MEDIA: &str = "hls/u/segment000.ts";

fn cut_to_half(path: &Path) {
    let file = File::options().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() / 2).unwrap();
}

fn flip(path: &Path, at: u64) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
}

async fn read(world: &World, key: &str) -> (u16, String) {
    match world.client.get_object().bucket(BUCKET).key(key).send().await {
        Ok(_) => (200, String::new()),
        Err(error) => refusal(&error),
    }
}

fn damaged() -> (u16, String) {
    (500, "ObjectDamaged".into())
}

fn set_aside(root: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(root.join("damaged")).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.file_name().is_some_and(|name| name != "list")).collect()
}

async fn assert_known_and_damaged(world: &World, tag: &str, how: &str) {
    assert_eq!(read(world, KEY).await, damaged(), "{how}");
    let head = world.client.head_object().bucket(BUCKET).key(KEY).send().await;
    assert_eq!(refusal(&head.unwrap_err()).0, 500, "{how}");
    let get = || world.client.get_object().bucket(BUCKET).key(KEY);
    for get in [get().if_none_match("*"), get().if_match("\"0\""), get().if_none_match(tag), get().range("bytes=0-0")] {
        assert_eq!(refusal(&get.send().await.unwrap_err()), damaged(), "{how}");
    }
    assert_eq!(world.keys().await, [KEY, "other"], "{how}");
    let new = world.client.put_object().bucket(BUCKET).key(KEY).if_none_match("*");
    assert_eq!(refusal(&new.send().await.unwrap_err()).0, 412, "{how}");
    assert_eq!(world.get("other").await.unwrap(), b"untouched");
}

/// Every kind, made while the store is stopped and while it runs.
#[tokio::test]
async fn a_damaged_or_missing_object_stays_known_and_is_answered_as_damaged() {
    type Harm = fn(&Path);
    let harms: [(&str, Harm); 8] = [
        ("cut to half", cut_to_half),
        ("a byte of the header flipped", |path| flip(path, 100)),
        ("the first byte flipped", |path| flip(path, 0)),
        ("its end missing", |path| {
            let file = File::options().write(true).open(path).unwrap();
            file.set_len(file.metadata().unwrap().len() - 1).unwrap();
        }),
        ("emptied", |path| fs::write(path, "").unwrap()),
        ("overwritten", |path| fs::write(path, noise(3, 9000)).unwrap()),
        ("gone", |path| fs::remove_file(path).unwrap()),
        ("a folder instead", |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        }),
    ];
    for (how, harm) in harms {
        for restarted in [true, false] {
            let root = TempDir::new().unwrap();
            let mut world = World::start_in(root.path()).await;
            let tag = world.put(KEY, "a document").await;
            world.put("other", "untouched").await;
            let path = object_file(root.path(), KEY);
            if restarted {
                world.stop().await;
                harm(&path);
                world = World::start_in(root.path()).await;
            } else {
                harm(&path);
            }
            assert_known_and_damaged(&world, &tag, how).await;

            // What takes its place sets the file aside; the entity tag is known from the second place.
            let put = world.client.put_object().bucket(BUCKET).key(KEY).if_match(&tag).body(b"mended".to_vec().into());
            put.send().await.unwrap();
            assert_eq!(world.get(KEY).await.unwrap(), b"mended", "{how}");
            assert_eq!(set_aside(root.path()).len(), usize::from(how != "gone"), "{how}");
            world.stop().await;
            let world = World::start_in(root.path()).await;
            assert_eq!(world.get(KEY).await.unwrap(), b"mended", "{how}");
        }
    }
}

#[tokio::test]
async fn a_deleted_damaged_object_is_gone_and_its_file_is_kept() {
    let root = TempDir::new().unwrap();
    let world = World::start_in(root.path()).await;
    for key in [KEY, "one", "two", "short"] {
        world.put(key, "a document").await;
    }
    let path = object_file(root.path(), KEY);
    cut_to_half(&path);
    flip(&object_file(root.path(), "one"), 8);
    flip(&object_file(root.path(), "short"), 4096 + 2);
    let bytes = fs::read(&path).unwrap();
    for key in [KEY, "short"] {
        world.client.delete_object().bucket(BUCKET).key(key).send().await.unwrap();
    }
    let objects = ["one", "two"].map(|key| aws_sdk_s3::types::ObjectIdentifier::builder().key(key).build().unwrap());
    let delete = aws_sdk_s3::types::Delete::builder().set_objects(Some(objects.into())).build().unwrap();
    let deleted = world.client.delete_objects().bucket(BUCKET).delete(delete).send().await.unwrap();
    assert!(deleted.errors().is_empty());
    assert_eq!(world.get(KEY).await, None);
    let aside = set_aside(root.path());
    assert_eq!(aside.len(), 3, "the whole one was unlinked: {aside:?}");
    assert!(aside.iter().any(|file| fs::read(file).unwrap() == bytes));
    assert!(fs::read_to_string(root.path().join("damaged/list")).unwrap().contains(KEY));
    world.stop().await;
    let world = World::start_in(root.path()).await;
    assert!(world.keys().await.is_empty());
    assert_eq!(set_aside(root.path()).len(), 3);
}

#[tokio::test]
async fn a_flip_in_a_body_is_never_sent() {
    let root = TempDir::new().unwrap();
    let world = World::start_in(root.path()).await;
    let content = noise(1, 3_000_000);
    world.put(MEDIA, content.clone()).await;
    let path = object_file(root.path(), MEDIA);
    let at = 2_000_000;
    flip(&path, 4096 + at);

    // Whole: it begins, and ends before the block.
    let mut body = world.client.get_object().bucket(BUCKET).key(MEDIA).send().await.unwrap().body;
    let mut got = Vec::new();
    let end = loop {
        match body.next().await {
            Some(Ok(bytes)) => got.extend_from_slice(&bytes),
            end => break end,
        }
    };
    assert!(matches!(end, Some(Err(_))), "the connection ended");
    assert!(got.len() as u64 <= at && content.starts_with(&got), "{} bytes came", got.len());

    // A range that touches the block is an error before anything is sent; others are as before.
    let range = async |from: u64, to: u64| {
        let get = world.client.get_object().bucket(BUCKET).key(MEDIA).range(format!("bytes={from}-{to}"));
        let got = get.send().await.map_err(|error| refusal(&error))?;
        Ok::<_, (u16, String)>(got.body.collect().await.unwrap().to_vec())
    };
    for (from, to) in [(at, at), (at - 1000, at + 1000), (at - 300_000, at + 300_000), (at + 20_000, 2_999_999)] {
        let touched = from / 65536 <= at / 65536;
        match range(from, to).await {
            Ok(bytes) => assert!(!touched && bytes == content[from as usize..=to as usize], "{from}-{to}"),
            Err(refused) => assert!(touched && refused == damaged(), "{from}-{to}: {refused:?}"),
        }
    }
    for (from, to) in [(0, 0), (65_535, 65_536), (100, 1_900_000), (2_100_000, 2_999_999)] {
        assert!(range(from, to).await.unwrap() == content[from as usize..=to as usize], "{from}-{to}");
    }

    // Noticed, so it is kept when it goes.
    world.client.delete_object().bucket(BUCKET).key(MEDIA).send().await.unwrap();
    assert_eq!(set_aside(root.path()).len(), 1);
}

#[tokio::test]
async fn a_flip_in_a_document_or_in_its_checksums_is_answered_as_damaged() {
    let world = World::start().await;
    for at in [4096, 4096 + 9, 4096 + 10, 4096 + 13] {
        world.put(KEY, "a document").await;
        flip(&object_file(&world.root, KEY), at);
        assert_eq!(read(&world, KEY).await, damaged(), "byte {at}");
        let copy = world.client.copy_object().bucket(BUCKET).key("copy").copy_source(format!("{BUCKET}/{KEY}"));
        if copy.send().await.is_ok() {
            assert_eq!(read(&world, "copy").await, damaged(), "a copy does not make it whole");
        }
    }
}

/// Parts whose blocks fall together with the object's, and parts whose do not.
#[tokio::test]
async fn an_object_put_together_from_parts_is_checked_by_blocks() {
    let root = TempDir::new().unwrap();
    let world = World::start_in(root.path()).await;
    for part in [6 << 20, (5 << 20) + 1] {
        let content = noise(part as u64, 2 * part + 100_000);
        let upload = world.client.create_multipart_upload().bucket(BUCKET).key(MEDIA).send().await.unwrap();
        let id = upload.upload_id.unwrap();
        let mut parts = CompletedMultipartUpload::builder();
        for (n, bytes) in content.chunks(part).enumerate() {
            let number = n as i32 + 1;
            let put = world.client.upload_part().bucket(BUCKET).key(MEDIA).upload_id(&id).part_number(number);
            let tag = put.body(bytes.to_vec().into()).send().await.unwrap().e_tag.unwrap();
            parts = parts.parts(CompletedPart::builder().part_number(number).e_tag(tag).build());
        }
        let complete = world.client.complete_multipart_upload().bucket(BUCKET).key(MEDIA).upload_id(&id);
        complete.multipart_upload(parts.build()).send().await.unwrap();
        assert!(world.get(MEDIA).await.unwrap() == content);
        for at in [part as u64 + 5, 2 * part as u64 + 99_999] {
            flip(&object_file(root.path(), MEDIA), 4096 + at);
            let get = world.client.get_object().bucket(BUCKET).key(MEDIA).range(format!("bytes={at}-{at}"));
            assert_eq!(refusal(&get.send().await.unwrap_err()), damaged(), "part of {part}, byte {at}");
        }
    }
}

#[tokio::test]
async fn a_listing_that_may_be_incomplete_fails() {
    let root = TempDir::new().unwrap();
    let world = World::start_in(root.path()).await;
    let tag = world.put(KEY, "a document").await;
    world.put("other", "untouched").await;
    world.stop().await;
    // Both places lost: the journal and the file's header.
    let path = object_file(root.path(), KEY);
    fs::remove_file(root.path().join("keys")).unwrap();
    let bytes = fs::read(&path).unwrap();
    flip(&path, 100);

    let world = World::start_in(root.path()).await;
    let list = async || world.client.list_objects_v2().bucket(BUCKET).send().await.map_err(|error| refusal(&error));
    assert_eq!(list().await.unwrap_err(), damaged());
    let elder = world.client.list_objects().bucket(BUCKET).prefix("elsewhere/").send().await;
    assert_eq!(refusal(&elder.unwrap_err()), damaged());
    assert_eq!(world.get("other").await.unwrap(), b"untouched", "what is whole is served");
    // Its file's name follows from its key, so who knows the key is told.
    assert_eq!(read(&world, KEY).await, damaged());
    let new = world.client.put_object().bucket(BUCKET).key(KEY).if_none_match("*").send().await;
    assert_eq!(refusal(&new.unwrap_err()).0, 412);

    // Put right by hand.
    fs::write(&path, bytes).unwrap();
    assert_eq!(world.keys().await, [KEY, "other"]);
    assert_eq!(world.client.head_object().bucket(BUCKET).key(KEY).send().await.unwrap().e_tag(), Some(&*tag));
    world.stop().await;

    // Given up by a deletion.
    fs::remove_file(root.path().join("keys")).unwrap();
    flip(&path, 100);
    let world = World::start_in(root.path()).await;
    assert!(world.client.list_objects_v2().bucket(BUCKET).send().await.is_err());
    world.client.delete_object().bucket(BUCKET).key(KEY).send().await.unwrap();
    assert_eq!(world.keys().await, ["other"]);
    assert_eq!(set_aside(root.path()).len(), 1);
}

/// The journal alone may be damaged as well: then the files say what there is.
#[tokio::test]
async fn a_damaged_journal_is_made_anew_from_the_files() {
    let root = TempDir::new().unwrap();
    let world = World::start_in(root.path()).await;
    for key in ["a", "b", "c"] {
        world.put(key, key).await;
    }
    world.stop().await;
    let journal = root.path().join("keys");
    type Harm = fn(&Path);
    let harms: [Harm; 4] =
        [|path| flip(path, 16 + 60), |path| flip(path, 3), cut_to_half, |path| fs::remove_file(path).unwrap()];
    for harm in harms {
        let length = fs::metadata(&journal).unwrap().len().min(16 + 3 * 56);
        File::options().write(true).open(&journal).unwrap().set_len(length).unwrap();
        harm(&journal);
        let world = World::start_in(root.path()).await;
        assert_eq!(world.keys().await, ["a", "b", "c"]);
        world.stop().await;
        // And stands again as the second place.
        let path = object_file(root.path(), "b");
        let bytes = fs::read(&path).unwrap();
        cut_to_half(&path);
        let world = World::start_in(root.path()).await;
        assert_eq!(world.keys().await, ["a", "b", "c"]);
        assert_eq!(read(&world, "b").await, damaged());
        fs::write(&path, bytes).unwrap();
        assert_eq!(world.get("b").await.unwrap(), b"b", "a file that is whole again is read again");
        world.stop().await;
    }
}

#[tokio::test]
async fn an_upload_outlives_damage_to_its_record_and_to_its_parts() {
    let root = TempDir::new().unwrap();
    let world = World::start_in(root.path()).await;
    let create = world.client.create_multipart_upload().bucket(BUCKET).key("originals/u").send().await.unwrap();
    let id = create.upload_id.unwrap();
    let part = |n| world.client.upload_part().bucket(BUCKET).key("originals/u").upload_id(&id).part_number(n);
    let tag = part(1).body(noise(1, 1000).into()).send().await.unwrap().e_tag.unwrap();
    let folder = root.path().join("multipart").join(&id);
    flip(&folder.join("upload"), 100);
    let listed = world.client.list_multipart_uploads().bucket(BUCKET).send().await.unwrap();
    assert_eq!(listed.uploads().len(), 1);
    flip(&folder.join("00001"), 100);
    let parts = world.client.list_parts().bucket(BUCKET).key("originals/u").upload_id(&id).send().await.unwrap();
    assert!(parts.parts().is_empty(), "it is sent again");
    let again = part(1).body(noise(1, 1000).into()).send().await.unwrap().e_tag.unwrap();
    assert_eq!(tag, again);
    let parts = CompletedMultipartUpload::builder().parts(CompletedPart::builder().part_number(1).e_tag(tag).build());
    let complete = world.client.complete_multipart_upload().bucket(BUCKET).key("originals/u").upload_id(&id);
    complete.multipart_upload(parts.build()).send().await.unwrap();
    assert_eq!(world.get("originals/u").await.unwrap(), noise(1, 1000));
}

#[tokio::test]
async fn the_version_before_does_not_start_here() {
    let root = TempDir::new().unwrap();
    World::start_in(root.path()).await.stop().await;
    // It makes a file of this name, and would then leave out what it cannot read.
    assert!(File::create(root.path().join("lock")).is_err());
}

/// Thousands of changes to a few keys: the journal stays small, and right.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journal_is_bounded_and_right_after_a_kill() {
    let root = TempDir::new().unwrap();
    let mut bucket = Process::start(root.path());
    let long = "k".repeat(900);
    for round in 0..1600_u32 {
        let key = format!("{long}{}", round % 2);
        let put = bucket.client.put_object().bucket(BUCKET).key(&key).body(round.to_le_bytes().to_vec().into());
        put.send().await.unwrap();
    }
    multipart(&bucket.client, "m", noise(1, 10)).await.unwrap();
    bucket.kill();
    let length = fs::metadata(root.path().join("keys")).unwrap().len();
    assert!(length < 2 << 20, "{length}");
    assert!(clipset_local_bucket::verify(root.path(), &|_| ()).unwrap().damage.is_empty());
    for file in [object_file(root.path(), "m"), object_file(root.path(), &format!("{long}0"))] {
        fs::remove_file(file).unwrap();
    }
    let bucket = Process::start(root.path());
    assert_eq!(crate::world::keys(&bucket.client).await.len(), 3);
    let get = bucket.client.get_object().bucket(BUCKET).key("m").send().await;
    assert!(matches!(&get, Err(SdkError::ServiceError(error)) if error.raw().status().as_u16() == 500));
}
