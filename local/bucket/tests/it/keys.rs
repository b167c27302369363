//! Keys that would be trouble as paths.

use aws_sdk_s3::types::{Delete, EncodingType, ObjectIdentifier};

use crate::world::{BUCKET, World};

#[tokio::test]
async fn odd_keys_are_kept_apart_and_inside_the_folder() {
    let world = World::start().await;
    let long = "k".repeat(1024);
    let longer_name = format!("a/{}/b", "n".repeat(300));
    let umlauts = "ü".repeat(512);
    let keys = [
        "..",
        "../escape",
        "a/../b",
        "a/./b",
        "a//b",
        "a/b",
        "a",
        "a/",
        "/a",
        "//a",
        "A",
        "a/B",
        ".",
        "a b",
        "a+b",
        "a%2Fb",
        "é",
        "e\u{301}",
        "🎬",
        "a?b#c&d",
        "a\\b",
        "*",
        "~",
        "a:b",
        "\"q\"",
        "<x>",
        "a\tb",
        "tmp",
        "lock",
        "a'b",
        &long,
        &longer_name,
        &umlauts,
    ];
    for key in keys {
        world.put(key, key).await;
    }
    for key in keys {
        assert_eq!(world.get(key).await.as_deref(), Some(key.as_bytes()), "{key:?}");
    }
    let mut sorted = keys.map(str::to_owned).to_vec();
    sorted.sort_unstable();
    assert_eq!(world.keys().await, sorted);
    let beside: Vec<_> =
        std::fs::read_dir(world.root.join("..")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!beside.iter().any(|name| name == "escape"));

    for key in &keys[..keys.len() / 2] {
        world.client.delete_object().bucket(BUCKET).key(*key).send().await.unwrap();
    }
    assert_eq!(world.keys().await.len(), keys.len() - keys.len() / 2);
}

#[tokio::test]
async fn control_characters_can_be_written_read_and_listed_url_encoded() {
    let world = World::start().await;
    let keys = ["c/\u{1}", "c/\n", "c/\r", "c/\u{7f}"];
    for key in keys {
        world.put(key, key).await;
    }
    for key in keys {
        assert_eq!(world.get(key).await.as_deref(), Some(key.as_bytes()), "{key:?}");
    }
    let listed = world.client.list_objects_v2().bucket(BUCKET).encoding_type(EncodingType::Url).send().await.unwrap();
    let listed: Vec<_> = listed.contents().iter().map(|object| object.key().unwrap()).collect();
    assert_eq!(listed, ["c/%01", "c/%0A", "c/%0D", "c/%7F"]);
}

#[tokio::test]
async fn a_key_of_more_than_1024_bytes_is_refused() {
    let world = World::start().await;
    let put = world.client.put_object().bucket(BUCKET).key("k".repeat(1025)).send().await;
    assert_eq!(crate::world::refusal(&put.unwrap_err()), (400, "KeyTooLongError".into()));
}

#[tokio::test]
async fn odd_keys_are_deleted_in_bulk() {
    let world = World::start().await;
    let keys = ["a&b<c>", "../x", "a//", " lead", "é🎬"];
    let mut delete = Delete::builder();
    for key in keys {
        world.put(key, "x").await;
        delete = delete.objects(ObjectIdentifier::builder().key(key).build().unwrap());
    }
    world.client.delete_objects().bucket(BUCKET).delete(delete.build().unwrap()).send().await.unwrap();
    assert_eq!(world.keys().await, Vec::<String>::new());
}
