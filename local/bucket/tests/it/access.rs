//! Who may do what.

use std::time::Duration;

use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::primitives::{ByteStream, DateTime};

use crate::signed;
use crate::world::{BUCKET, World, client, refusal};

fn for_a_minute() -> PresigningConfig {
    PresigningConfig::expires_in(Duration::from_secs(60)).unwrap()
}

#[tokio::test]
async fn anyone_may_read_below_the_anonymous_prefixes_and_nowhere_else() {
    let world = World::start().await;
    for key in ["hls/1/segment000.ts", "progressive/1.mp4", "images/1.jpg", "settings.json", "accounts/hls/1", "hlsx"] {
        world.put(key, "content").await;
        let response = reqwest::get(world.url(key)).await.unwrap();
        let head = world.http.head(world.url(key)).send().await.unwrap();
        let open = ["hls/", "progressive/", "images/"].iter().any(|prefix| key.starts_with(prefix));
        let expected = if open { 200 } else { 403 };
        assert_eq!(
            (response.status(), head.status()),
            (expected.try_into().unwrap(), expected.try_into().unwrap()),
            "{key}"
        );
        let text = response.text().await.unwrap();
        assert!(if open { text == "content" } else { text.contains("<Code>AccessDenied</Code>") }, "{key}: {text}");
    }
}

#[tokio::test]
async fn without_credentials_nothing_is_listed_written_or_deleted() {
    let world = World::start().await;
    world.put("hls/1", "content").await;
    let http = &world.http;
    let bucket = format!("{}/{BUCKET}", world.endpoint);
    let requests = [
        http.get(&world.endpoint),
        http.get(format!("{bucket}?list-type=2&prefix=hls/")),
        http.get(format!("{bucket}?uploads")),
        http.head(&bucket),
        http.put(&bucket),
        http.put(world.url("hls/2")).body("x"),
        http.delete(world.url("hls/1")),
        http.post(format!("{}?uploads", world.url("hls/3"))),
        http.post(format!("{bucket}?delete")).body("<Delete><Object><Key>hls/1</Key></Object></Delete>"),
        http.get(format!("{}?acl", world.url("hls/1"))),
        http.get(format!("{}/other/hls/1", world.endpoint)),
    ];
    for request in requests {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 403, "{}", response.url());
    }
    assert_eq!(world.keys().await, ["hls/1"]);
}

#[tokio::test]
async fn a_wrong_secret_or_an_unknown_key_is_refused() {
    let world = World::start().await;
    let stranger = client(&world.endpoint, "wrong-secret");
    let error = stranger.list_objects_v2().bucket(BUCKET).send().await.unwrap_err();
    assert_eq!(refusal(&error), (403, "SignatureDoesNotMatch".into()));
    let url = world.client.get_object().bucket(BUCKET).key("k").presigned(for_a_minute()).await.unwrap();
    let unknown = url.uri().replace("test-access", "best-access");
    assert_eq!(reqwest::get(unknown).await.unwrap().status(), 403);
}

#[tokio::test]
async fn an_anonymous_reader_cannot_choose_response_headers() {
    let world = World::start().await;
    world.put("images/1.jpg", "<script>").await;
    let url = format!("{}?response-content-type=text/html", world.url("images/1.jpg"));
    assert_eq!(reqwest::get(&url).await.unwrap().status(), 400);
    assert_eq!(world.http.head(&url).send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn a_form_upload_is_refused_before_it_is_read() {
    let world = World::start().await;
    let form = "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\nhls/1\r\n--b--\r\n";
    let url = format!("{}/{BUCKET}", world.endpoint);
    let request = world.http.post(url).header("content-type", "Multipart/form-data; boundary=b").body(form);
    assert_eq!(request.send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn there_is_one_bucket() {
    let world = World::start().await;
    world.client.head_bucket().bucket(BUCKET).send().await.unwrap();
    world.client.create_bucket().bucket(BUCKET).send().await.unwrap();
    let error = world.client.create_bucket().bucket("another").send().await.unwrap_err();
    assert_eq!(refusal(&error), (403, "AccessDenied".into()));
    let error = world.client.list_objects_v2().bucket("another").send().await.unwrap_err();
    assert_eq!(refusal(&error), (404, "NoSuchBucket".into()));
    let error = world.client.head_bucket().bucket("another").send().await.unwrap_err();
    assert_eq!(refusal(&error).0, 404);
    let buckets = world.client.list_buckets().send().await.unwrap();
    assert_eq!(buckets.buckets()[0].name(), Some(BUCKET));
}

#[tokio::test]
async fn a_presigned_url_reads_until_it_expires_and_only_what_it_was_made_for() {
    let world = World::start().await;
    world.put("originals/1", "first").await;
    world.put("originals/2", "second").await;
    let request = world.client.get_object().bucket(BUCKET).key("originals/1");
    let url = request.clone().presigned(for_a_minute()).await.unwrap().uri().to_owned();
    assert_eq!(reqwest::get(&url).await.unwrap().text().await.unwrap(), "first");
    assert_eq!(reqwest::get(url.replace("originals/1", "originals/2")).await.unwrap().status(), 403);
    assert_eq!(world.http.delete(&url).send().await.unwrap().status(), 403);

    let past = DateTime::from_secs(DateTime::from(std::time::SystemTime::now()).secs() - 120);
    let expired = PresigningConfig::builder().start_time(past.try_into().unwrap()).expires_in(Duration::from_secs(60));
    let url = request.presigned(expired.build().unwrap()).await.unwrap();
    assert_eq!(reqwest::get(url.uri()).await.unwrap().status(), 403);
}

#[tokio::test]
async fn a_presigned_upload_takes_a_part_and_no_header_that_was_not_signed() {
    let world = World::start().await;
    world.put("accounts/secret", "secret").await;
    let upload = world.client.create_multipart_upload().bucket(BUCKET).key("originals/1").send().await.unwrap();
    let part = world.client.upload_part().bucket(BUCKET).key("originals/1").part_number(1);
    let url = part.upload_id(upload.upload_id().unwrap()).presigned(for_a_minute()).await.unwrap();
    let http = &world.http;
    assert_eq!(http.put(url.uri()).body("content").send().await.unwrap().status(), 200);
    let copy = http.put(url.uri()).header("x-amz-copy-source", format!("{BUCKET}/accounts/secret"));
    assert_eq!(copy.send().await.unwrap().status(), 403);

    let url = world.client.put_object().bucket(BUCKET).key("originals/2").presigned(for_a_minute()).await.unwrap();
    let copy = http.put(url.uri()).header("x-amz-copy-source", format!("{BUCKET}/accounts/secret"));
    assert_eq!(copy.send().await.unwrap().status(), 403);
    assert_eq!(http.put(url.uri()).body("content").send().await.unwrap().status(), 200);
    assert_eq!(world.get("originals/2").await.unwrap(), b"content");
}

#[tokio::test]
async fn a_signature_of_version_2_is_not_enough() {
    let world = World::start().await;
    world.put("settings.json", "{}").await;
    let request = world.http.get(world.url("settings.json")).header("authorization", "AWS test-access:c2ln");
    assert_eq!(request.header("date", "Tue, 27 Mar 2007 19:36:42 GMT").send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn a_request_signed_by_hand_is_accepted_so_that_other_tests_mean_something() {
    let world = World::start().await;
    let response = signed::put(&world, "k", "UNSIGNED-PAYLOAD", &[]).body("content").send().await.unwrap();
    assert_eq!(response.status(), 200, "{}", response.text().await.unwrap());
    assert_eq!(world.get("k").await.unwrap(), b"content");
    let body = ByteStream::from_static(b"replaced");
    world.client.put_object().bucket(BUCKET).key("k").body(body).send().await.unwrap();
    assert_eq!(world.get("k").await.unwrap(), b"replaced");
}
