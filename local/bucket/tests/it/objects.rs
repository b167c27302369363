//! Objects written, read, copied and deleted.

use std::time::{Duration, Instant};

use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{Delete, MetadataDirective, ObjectIdentifier};

use crate::world::{BUCKET, World, noise, refusal};

#[tokio::test]
async fn an_object_keeps_its_metadata_and_has_the_md5_as_entity_tag() {
    let world = World::start().await;
    let put = world.client.put_object().bucket(BUCKET).key("images/1.jpg").body(ByteStream::from_static(b"hello"));
    let put = put.content_type("image/jpeg").cache_control("max-age=60").content_disposition("inline");
    let put = put.content_language("en").content_encoding("gzip").metadata("owner", "ann").metadata("title", "a b");
    let tag = put.expires(DateTime::from_secs(1_900_000_000)).send().await.unwrap().e_tag.unwrap();
    assert_eq!(tag, "\"5d41402abc4b2a76b9719d911017c592\"");

    let got = world.client.get_object().bucket(BUCKET).key("images/1.jpg").send().await.unwrap();
    assert_eq!(got.content_type(), Some("image/jpeg"));
    assert_eq!(got.cache_control(), Some("max-age=60"));
    assert_eq!(got.content_disposition(), Some("inline"));
    assert_eq!((got.content_language(), got.content_encoding()), (Some("en"), Some("gzip")));
    assert_eq!(got.metadata().unwrap()["owner"], "ann");
    assert_eq!(got.metadata().unwrap()["title"], "a b");
    assert_eq!((got.e_tag(), got.content_length()), (Some(tag.as_str()), Some(5)));
    assert_eq!(got.expires_string(), Some("Sun, 17 Mar 2030 17:46:40 GMT"));

    let head = world.client.head_object().bucket(BUCKET).key("images/1.jpg").send().await.unwrap();
    assert_eq!((head.content_type(), head.content_length()), (Some("image/jpeg"), Some(5)));
    assert_eq!((head.cache_control(), head.e_tag()), (Some("max-age=60"), Some(tag.as_str())));
    assert_eq!(head.metadata().unwrap()["owner"], "ann");
    assert_eq!(head.last_modified(), got.last_modified());
}

#[tokio::test]
async fn an_overwrite_replaces_content_and_metadata_together() {
    let world = World::start().await;
    let put = world.client.put_object().bucket(BUCKET).key("k").cache_control("no-store").metadata("a", "1");
    put.body(ByteStream::from_static(b"old")).send().await.unwrap();
    world.put("k", "").await;
    let got = world.client.get_object().bucket(BUCKET).key("k").send().await.unwrap();
    assert_eq!((got.cache_control(), got.content_length()), (None, Some(0)));
    assert_eq!(got.content_type(), Some("application/octet-stream"));
    assert!(got.metadata().is_none_or(|metadata| metadata.is_empty()));
}

#[tokio::test]
async fn metadata_beyond_2_kib_is_refused() {
    let world = World::start().await;
    let put = world.client.put_object().bucket(BUCKET).key("k").metadata("a", "x".repeat(2048));
    assert_eq!(refusal(&put.send().await.unwrap_err()), (400, "MetadataTooLarge".into()));
}

#[tokio::test]
async fn long_bodies_come_back_whole() {
    let world = World::start().await;
    // Around the sizes at which the paths through the server change.
    for length in [1, 524_287, 524_288, 524_289, 1_048_576, 1_048_577, 5_000_003] {
        let content = noise(length as u64, length);
        world.put("k", content.clone()).await;
        assert!(world.get("k").await.unwrap() == content, "{length}");
    }
    assert_eq!(world.temporary_files(), 0);
}

#[tokio::test]
async fn ranges_are_answered_with_their_bytes() {
    let world = World::start().await;
    let content = noise(1, 2_000_000);
    world.put("hls/k", content.clone()).await;
    world.put("hls/empty", "").await;
    for (range, from, to) in [
        ("bytes=0-0", 0, 1),
        ("bytes=5-1999999", 5, 2_000_000),
        ("bytes=1999999-", 1_999_999, 2_000_000),
        ("bytes=100-99999999", 100, 2_000_000),
        ("bytes=-7", 1_999_993, 2_000_000),
        ("bytes=-99999999", 0, 2_000_000),
    ] {
        let got = world.client.get_object().bucket(BUCKET).key("hls/k").range(range).send().await.unwrap();
        assert_eq!(got.content_range(), Some(format!("bytes {from}-{}/2000000", to - 1).as_str()), "{range}");
        assert_eq!(got.content_length(), Some((to - from) as i64), "{range}");
        assert!(got.body.collect().await.unwrap().to_vec() == content[from..to], "{range}");
    }
    for (key, range) in
        [("hls/k", "bytes=2000000-"), ("hls/k", "bytes=-0"), ("hls/empty", "bytes=0-"), ("hls/empty", "bytes=-1")]
    {
        let response = world.http.get(world.url(key)).header("range", range).send().await.unwrap();
        assert_eq!(response.status(), 416, "{key} {range}");
        assert!(response.headers()["content-range"].to_str().unwrap().starts_with("bytes */"));
        assert!(response.text().await.unwrap().contains("<Code>InvalidRange</Code>"));
    }
}

#[tokio::test]
async fn conditional_reads_are_answered_with_304_or_412() {
    let world = World::start().await;
    let put = world.client.put_object().bucket(BUCKET).key("hls/k").cache_control("max-age=9");
    let tag = put.body(ByteStream::from_static(b"content")).send().await.unwrap().e_tag.unwrap();
    let http = &world.http;
    let modified = http.head(world.url("hls/k")).send().await.unwrap().headers()["last-modified"].clone();
    let modified = modified.to_str().unwrap();
    let (before, after) = ("Mon, 01 Jan 2001 00:00:00 GMT", "Fri, 01 Jan 2038 00:00:00 GMT");
    let cases: [(&[(&str, &str)], u16); 14] = [
        (&[("if-none-match", &tag)], 304),
        (&[("if-none-match", "*")], 304),
        (&[("if-none-match", "\"other\"")], 200),
        (&[("if-match", &tag)], 200),
        (&[("if-match", "*")], 200),
        (&[("if-match", "\"other\"")], 412),
        (&[("if-modified-since", modified)], 304),
        (&[("if-modified-since", after)], 304),
        (&[("if-modified-since", before)], 200),
        (&[("if-unmodified-since", modified)], 200),
        (&[("if-unmodified-since", before)], 412),
        (&[("if-none-match", "\"other\""), ("if-modified-since", after)], 200),
        (&[("if-match", &tag), ("if-unmodified-since", before)], 200),
        (&[("if-match", &tag), ("if-none-match", &tag)], 304),
    ];
    for (headers, status) in cases {
        for request in [http.get(world.url("hls/k")), http.head(world.url("hls/k"))] {
            let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), status, "{headers:?}");
            if status == 304 {
                assert_eq!(response.headers()["etag"], tag.as_str());
                assert_eq!(response.headers()["last-modified"], modified);
                assert_eq!(response.headers()["cache-control"], "max-age=9");
                assert_eq!(response.bytes().await.unwrap().len(), 0);
            }
        }
    }
}

#[tokio::test]
async fn a_presigned_url_can_choose_response_headers() {
    let world = World::start().await;
    world.put("originals/1", "content").await;
    let request = world.client.get_object().bucket(BUCKET).key("originals/1").response_content_type("video/mp4");
    let request = request.response_content_disposition("attachment; filename=\"a.mp4\"");
    let url = request.presigned(PresigningConfig::expires_in(Duration::from_secs(60)).unwrap()).await.unwrap();
    let response = reqwest::get(url.uri()).await.unwrap();
    assert_eq!(response.headers()["content-type"], "video/mp4");
    assert_eq!(response.headers()["content-disposition"], "attachment; filename=\"a.mp4\"");
}

#[tokio::test]
async fn a_reader_finishes_although_the_object_is_replaced_and_deleted() {
    let world = World::start().await;
    let content = noise(1, 8 << 20);
    world.put("k", content.clone()).await;
    let got = world.client.get_object().bucket(BUCKET).key("k").send().await.unwrap();
    world.put("k", "new").await;
    world.client.delete_object().bucket(BUCKET).key("k").send().await.unwrap();
    assert!(got.body.collect().await.unwrap().to_vec() == content);
    assert_eq!(world.get("k").await, None);
}

#[tokio::test]
async fn deleting_is_final_and_deleting_nothing_is_no_error() {
    let world = World::start().await;
    world.put("a", "1").await;
    world.client.delete_object().bucket(BUCKET).key("a").send().await.unwrap();
    world.client.delete_object().bucket(BUCKET).key("a").send().await.unwrap();
    assert_eq!(world.get("a").await, None);
    assert!(world.keys().await.is_empty());
}

#[tokio::test]
async fn a_thousand_objects_are_deleted_at_once_and_quickly() {
    let world = World::start().await;
    let keys: Vec<_> = (0..1000).map(|n| format!("hls/{}/segment{n:03}.ts", n / 250)).collect();
    let puts = keys.iter().map(|key| world.put(key, "x"));
    futures_util::future::join_all(puts).await;
    world.put("kept", "x").await;
    let identify = |key: &String| ObjectIdentifier::builder().key(key).build().unwrap();
    let mut delete = Delete::builder();
    for key in &keys {
        delete = delete.objects(identify(key));
    }
    let begun = Instant::now();
    let request = world.client.delete_objects().bucket(BUCKET);
    let deleted = request.clone().delete(delete.clone().build().unwrap()).send().await.unwrap();
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!((deleted.deleted().len(), deleted.errors().len()), (1000, 0));
    assert_eq!(world.keys().await, ["kept"]);
    let quiet = request.clone().delete(delete.clone().quiet(true).build().unwrap()).send().await.unwrap();
    assert_eq!(quiet.deleted().len(), 0);
    let too_many = delete.objects(identify(&"one more".into())).build().unwrap();
    assert_eq!(refusal(&request.delete(too_many).send().await.unwrap_err()), (400, "MalformedXML".into()));
}

#[tokio::test]
async fn a_copy_has_the_content_and_the_metadata_or_new_metadata() {
    let world = World::start().await;
    let content = noise(1, 3_000_000);
    let put = world.client.put_object().bucket(BUCKET).key("a b/ü").content_type("video/mp4").metadata("n", "1");
    let tag = put.body(content.clone().into()).send().await.unwrap().e_tag.unwrap();
    let copy = world.client.copy_object().bucket(BUCKET).copy_source(format!("{BUCKET}/a%20b/%C3%BC"));
    let copied = copy.clone().key("copy").send().await.unwrap();
    assert_eq!(copied.copy_object_result().unwrap().e_tag(), Some(tag.as_str()));
    assert!(world.get("copy").await.unwrap() == content);
    let head = world.client.head_object().bucket(BUCKET).key("copy").send().await.unwrap();
    assert_eq!((head.content_type(), head.metadata().unwrap()["n"].as_str()), (Some("video/mp4"), "1"));

    let replace = copy.clone().key("a b/ü").metadata_directive(MetadataDirective::Replace);
    replace.content_type("text/plain").send().await.unwrap();
    let head = world.client.head_object().bucket(BUCKET).key("a b/ü").send().await.unwrap();
    assert_eq!(head.content_type(), Some("text/plain"));
    assert!(world.get("a b/ü").await.unwrap() == content);

    let error = copy.clone().key("x").copy_source_if_match("\"other\"").send().await.unwrap_err();
    assert_eq!(refusal(&error), (412, "PreconditionFailed".into()));
    let error = world.client.copy_object().bucket(BUCKET).copy_source(format!("{BUCKET}/none")).key("x").send().await;
    assert_eq!(refusal(&error.unwrap_err()), (404, "NoSuchKey".into()));
}
