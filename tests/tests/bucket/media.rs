//! Media, large and small, and uploads by presigned URLs.

use std::time::Duration;

use clipset_bucket::{BucketError, Part, UploadError};
use clipset_core::{id::EncodeId, key::MediaKey};
use clipset_tests::stores::Store;

super::on_every_store!(
    files_go_there_and_back_whole,
    what_stands_below_a_prefix_is_listed_and_removed,
    an_upload_by_presigned_parts_arrives_whole,
);

/// Bytes that differ everywhere, so that a swapped part is noticed.
fn bytes(length: usize) -> Vec<u8> {
    (0..length as u64).flat_map(|n| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_le_bytes()).take(length).collect()
}

async fn files_go_there_and_back_whole(store: Store) {
    let folder = tempfile::tempdir().unwrap();
    // One put, one put of nothing, and three parts.
    for length in [100_000, 0, 40 << 20] {
        let (up, down) = (folder.path().join("up"), folder.path().join("down"));
        let content = bytes(length);
        std::fs::write(&up, &content).unwrap();
        let key = MediaKey::Progressive(EncodeId::random());
        store.bucket.put_file(&key, &up).await.unwrap();
        assert_eq!(store.bucket.size(&key).await.unwrap(), Some(length as u64));
        assert_eq!(store.bucket.download(&key, &down).await.unwrap(), length as u64);
        assert!(std::fs::read(&down).unwrap() == content, "{length} bytes came back changed");
    }
    let missing = MediaKey::Poster(EncodeId::random());
    assert_eq!(store.bucket.size(&missing).await.unwrap(), None);
    assert_eq!(store.bucket.read_text(&missing).await.unwrap(), None);
    let nowhere = store.bucket.download(&missing, &folder.path().join("none")).await;
    assert!(matches!(nowhere, Err(BucketError::Missing { .. })));
}

async fn what_stands_below_a_prefix_is_listed_and_removed(store: Store) {
    let (one, other) = (EncodeId::random(), EncodeId::random());
    for id in [one, other] {
        for number in 0..5 {
            let segment = MediaKey::Segment(id, None, format!("segment{number:03}.ts"));
            store.bucket.put_bytes(&segment, vec![0_u8; 10]).await.unwrap();
        }
    }
    store.bucket.put_bytes(&MediaKey::Poster(one), vec![1_u8]).await.unwrap();
    let mut folders = store.bucket.children("hls/").await.unwrap();
    folders.sort();
    let mut expected = [format!("{one}/"), format!("{other}/")];
    expected.sort();
    assert_eq!(folders, expected);
    assert_eq!(store.bucket.remove_all(&format!("hls/{one}/")).await.unwrap(), 5);
    assert_eq!(store.bucket.remove_all(&format!("hls/{one}/")).await.unwrap(), 0);
    assert_eq!(store.bucket.keys("hls/").await.unwrap().len(), 5);
    assert_eq!(store.bucket.children("images/").await.unwrap(), [format!("{one}.jpg")]);
}

async fn an_upload_by_presigned_parts_arrives_whole(store: Store) {
    let bucket = &store.bucket;
    let key = MediaKey::Original(EncodeId::random());
    let id = bucket.begin_upload(&key).await.unwrap();
    assert_eq!(bucket.parts(&key, &id).await.unwrap(), []);
    let content = bytes((5 << 20) + 1000);
    let client = reqwest::Client::new();
    for (number, part) in [(1, &content[..5 << 20]), (2, &content[5 << 20..])] {
        let url =
            bucket.presign_part(&key, &id, number, Some(part.len() as u64), Duration::from_secs(60)).await.unwrap();
        let answer = client.put(url).body(part.to_vec()).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    }
    let parts = bucket.parts(&key, &id).await.unwrap();
    let sizes: Vec<_> = parts.iter().map(|part| (part.number, part.size)).collect();
    assert_eq!(sizes, [(1, 5 << 20), (2, 1000)]);

    let wrong = [Part { etag: "\"00000000000000000000000000000000\"".into(), ..parts[0].clone() }];
    assert!(matches!(bucket.complete_upload(&key, &id, &wrong).await, Err(UploadError::Parts(_))));
    bucket.complete_upload(&key, &id, &parts).await.unwrap();
    assert_eq!(bucket.size(&key).await.unwrap(), Some(content.len() as u64));
    assert!(matches!(bucket.complete_upload(&key, "no-such-upload", &parts).await, Err(UploadError::Missing)));

    let url = bucket.presign_download(&key, "my clip.mp4", Duration::from_secs(60)).await.unwrap();
    let answer = client.get(url).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let disposition = answer.headers()["content-disposition"].to_str().unwrap().to_owned();
    assert!(disposition.contains("my clip.mp4"), "{disposition}");
    assert!(answer.bytes().await.unwrap() == content, "the download differs");

    let id = bucket.begin_upload(&key).await.unwrap();
    bucket.abort_upload(&key, &id).await.unwrap();
    bucket.abort_upload(&key, &id).await.unwrap();
    assert!(matches!(bucket.parts(&key, &id).await, Err(BucketError::Missing { .. })));
}
