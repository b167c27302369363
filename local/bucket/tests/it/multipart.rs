//! Multipart uploads.

use aws_sdk_s3::Client;
use aws_sdk_s3::operation::complete_multipart_upload::builders::CompleteMultipartUploadFluentBuilder as Complete;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use s3s::crypto::{Checksum, Crc32, Md5};

use crate::signed::hex;
use crate::world::{BUCKET, World, noise, refusal};

const KEY: &str = "originals/1";
const MIN: usize = 5 << 20;

async fn create(client: &Client) -> String {
    let create = client.create_multipart_upload().bucket(BUCKET).key(KEY).content_type("video/mp4");
    let create = create.cache_control("private").metadata("name", "clip").content_disposition("inline");
    create.send().await.unwrap().upload_id.unwrap()
}

async fn part(client: &Client, id: &str, number: i32, content: Vec<u8>) -> CompletedPart {
    let part = client.upload_part().bucket(BUCKET).key(KEY).upload_id(id).part_number(number);
    let tag = part.body(content.into()).send().await.unwrap().e_tag.unwrap();
    CompletedPart::builder().part_number(number).e_tag(tag).build()
}

fn complete(client: &Client, id: &str, parts: &[CompletedPart]) -> Complete {
    let parts = CompletedMultipartUpload::builder().set_parts(Some(parts.to_vec())).build();
    client.complete_multipart_upload().bucket(BUCKET).key(KEY).upload_id(id).multipart_upload(parts)
}

#[tokio::test]
async fn parts_become_one_object_with_its_metadata_and_a_tag_of_tags() {
    let world = World::start().await;
    let id = create(&world.client).await;
    let (first, second) = (noise(1, MIN + 3), noise(2, 1000));
    // In any order, with gaps in the numbers, and one sent twice.
    let last = part(&world.client, &id, 7, second.clone()).await;
    part(&world.client, &id, 2, noise(9, 10)).await;
    let parts = [part(&world.client, &id, 2, first.clone()).await, last];
    assert_eq!(world.get(KEY).await, None);
    let done = complete(&world.client, &id, &parts).send().await.unwrap();
    let tag = format!("\"{}-2\"", hex(&Md5::checksum(&[Md5::checksum(&first), Md5::checksum(&second)].concat())));
    assert_eq!(done.e_tag(), Some(tag.as_str()));

    let got = world.client.get_object().bucket(BUCKET).key(KEY).send().await.unwrap();
    assert_eq!((got.e_tag(), got.content_type()), (Some(tag.as_str()), Some("video/mp4")));
    assert_eq!((got.cache_control(), got.content_disposition()), (Some("private"), Some("inline")));
    assert_eq!(got.metadata().unwrap()["name"], "clip");
    assert!(got.body.collect().await.unwrap().to_vec() == [first, second].concat());
    assert_eq!(std::fs::read_dir(world.root.join("multipart")).unwrap().count(), 0);
    assert_eq!(world.temporary_files(), 0);
}

#[tokio::test]
async fn a_wrong_list_of_parts_is_refused_and_the_upload_goes_on() {
    let world = World::start().await;
    let id = create(&world.client).await;
    let first = part(&world.client, &id, 1, noise(1, MIN)).await;
    let small = part(&world.client, &id, 2, noise(2, MIN - 1)).await;
    let last = part(&world.client, &id, 3, vec![3]).await;
    let absent = CompletedPart::builder().part_number(4).e_tag("\"0\"").build();
    let other = CompletedPart::builder().part_number(3).e_tag(first.e_tag().unwrap()).build();
    let wrong_sum =
        CompletedPart::builder().part_number(3).e_tag(last.e_tag().unwrap()).checksum_crc32("AAAAAA==").build();
    for (parts, code) in [
        (vec![last.clone(), first.clone()], "InvalidPartOrder"),
        (vec![first.clone(), first.clone()], "InvalidPartOrder"),
        (vec![first.clone(), absent], "InvalidPart"),
        (vec![first.clone(), other], "InvalidPart"),
        (vec![first.clone(), wrong_sum], "InvalidPart"),
        (vec![first.clone(), small.clone(), last.clone()], "EntityTooSmall"),
        (vec![], "MalformedXML"),
    ] {
        let error = complete(&world.client, &id, &parts).send().await.unwrap_err();
        assert_eq!(refusal(&error), (400, code.into()));
    }
    assert_eq!(world.get(KEY).await, None);
    complete(&world.client, &id, &[first, small]).send().await.unwrap();
}

#[tokio::test]
async fn an_unknown_upload_is_not_found_whatever_its_id_looks_like() {
    let world = World::start().await;
    let known = create(&world.client).await;
    let parts = [CompletedPart::builder().part_number(1).e_tag("\"0\"").build()];
    for id in ["0123456789abcdef0123456789abcdef", "..", "../objects", "x"] {
        let missing = (404, "NoSuchUpload".into());
        assert_eq!(refusal(&complete(&world.client, id, &parts).send().await.unwrap_err()), missing);
        let put = world.client.upload_part().bucket(BUCKET).key(KEY).upload_id(id).part_number(1);
        assert_eq!(refusal(&put.body(ByteStream::from_static(b"x")).send().await.unwrap_err()), missing);
        let abort = world.client.abort_multipart_upload().bucket(BUCKET).key(KEY).upload_id(id);
        assert_eq!(refusal(&abort.send().await.unwrap_err()), missing);
        let list = world.client.list_parts().bucket(BUCKET).key(KEY).upload_id(id);
        assert_eq!(refusal(&list.send().await.unwrap_err()), missing);
    }
    let elsewhere = world.client.upload_part().bucket(BUCKET).key("originals/2").upload_id(known).part_number(1);
    assert_eq!(refusal(&elsewhere.send().await.unwrap_err()), (404, "NoSuchUpload".into()));
}

#[tokio::test]
async fn part_numbers_go_from_1_to_10000() {
    let world = World::start().await;
    let id = create(&world.client).await;
    for number in [0, 10_001, -1] {
        let put = world.client.upload_part().bucket(BUCKET).key(KEY).upload_id(&id).part_number(number);
        assert_eq!(refusal(&put.send().await.unwrap_err()), (400, "InvalidArgument".into()));
    }
    part(&world.client, &id, 10_000, vec![1]).await;
}

#[tokio::test]
async fn a_part_is_verified_like_an_object() {
    let world = World::start().await;
    let id = create(&world.client).await;
    let put = || world.client.upload_part().bucket(BUCKET).key(KEY).upload_id(&id).part_number(1).body(vec![1].into());
    let wrong = put().content_md5(STANDARD.encode(Md5::checksum(b"other")));
    assert_eq!(refusal(&wrong.send().await.unwrap_err()), (400, "BadDigest".into()));
    assert_eq!(refusal(&put().checksum_crc32("AAAAAA==").send().await.unwrap_err()), (400, "BadDigest".into()));
    let parts = world.client.list_parts().bucket(BUCKET).key(KEY).upload_id(&id).send().await.unwrap();
    assert_eq!(parts.parts().len(), 0);
}

#[tokio::test]
async fn parts_are_listed_in_pages() {
    let world = World::start().await;
    let id = create(&world.client).await;
    for number in [3, 1, 12, 2, 10_000] {
        part(&world.client, &id, number, noise(1, number as usize)).await;
    }
    let list = world.client.list_parts().bucket(BUCKET).key(KEY).upload_id(&id);
    let page = list.clone().max_parts(2).part_number_marker("1").send().await.unwrap();
    let numbers: Vec<_> = page.parts().iter().map(|part| (part.part_number().unwrap(), part.size().unwrap())).collect();
    assert_eq!(numbers, [(2, 2), (3, 3)]);
    assert_eq!((page.is_truncated(), page.next_part_number_marker()), (Some(true), Some("3")));
    assert_eq!(page.parts()[0].e_tag(), Some(format!("\"{}\"", hex(&Md5::checksum(&noise(1, 2)))).as_str()));
    assert!(page.parts()[0].checksum_crc32().is_some());
    let mut pages = list.max_parts(2).into_paginator().items().send();
    let mut all = Vec::new();
    while let Some(part) = pages.next().await {
        all.push(part.unwrap().part_number().unwrap());
    }
    assert_eq!(all, [1, 2, 3, 12, 10_000]);
}

#[tokio::test]
async fn an_aborted_upload_is_gone_with_its_parts() {
    let world = World::start().await;
    let id = create(&world.client).await;
    let parts = [part(&world.client, &id, 1, noise(1, 100)).await];
    world.client.abort_multipart_upload().bucket(BUCKET).key(KEY).upload_id(&id).send().await.unwrap();
    assert_eq!(refusal(&complete(&world.client, &id, &parts).send().await.unwrap_err()), (404, "NoSuchUpload".into()));
    assert_eq!(std::fs::read_dir(world.root.join("multipart")).unwrap().count(), 0);
    assert_eq!(world.temporary_files(), 0);
    assert_eq!(world.get(KEY).await, None);
}

#[tokio::test]
async fn a_completion_can_be_conditional() {
    let world = World::start().await;
    let tag = world.put(KEY, "there").await;
    let id = create(&world.client).await;
    let parts = [part(&world.client, &id, 1, vec![1]).await];
    let failed = (412, "PreconditionFailed".into());
    let request = || complete(&world.client, &id, &parts);
    assert_eq!(refusal(&request().if_none_match("*").send().await.unwrap_err()), failed);
    assert_eq!(refusal(&request().if_match("\"other\"").send().await.unwrap_err()), failed);
    assert_eq!(world.get(KEY).await.unwrap(), b"there");
    request().if_match(tag).send().await.unwrap();
    assert_eq!(world.get(KEY).await.unwrap(), [1]);
}

#[tokio::test]
async fn a_checksum_and_length_of_the_whole_are_verified() {
    let world = World::start().await;
    let id = create(&world.client).await;
    let content = noise(1, MIN + 100);
    let parts = [
        part(&world.client, &id, 1, content[..MIN].to_vec()).await,
        part(&world.client, &id, 2, content[MIN..].to_vec()).await,
    ];
    let request = || complete(&world.client, &id, &parts);
    let wrong = request().checksum_crc32("AAAAAA==").send().await.unwrap_err();
    assert_eq!(refusal(&wrong), (400, "BadDigest".into()));
    assert_eq!(refusal(&request().mpu_object_size(5).send().await.unwrap_err()), (400, "BadDigest".into()));
    let good = request().checksum_crc32(STANDARD.encode(Crc32::checksum(&content)));
    good.mpu_object_size(content.len() as i64).send().await.unwrap();
    assert!(world.get(KEY).await.unwrap() == content);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn completions_at_the_same_time_and_again_make_one_object() {
    let world = World::start().await;
    let id = create(&world.client).await;
    let content = noise(1, 2 * MIN);
    let parts = [
        part(&world.client, &id, 1, content[..MIN].to_vec()).await,
        part(&world.client, &id, 2, content[MIN..].to_vec()).await,
    ];
    let requests: Vec<_> = (0..4).map(|_| tokio::spawn(complete(&world.client, &id, &parts).send())).collect();
    let mut tags = Vec::new();
    for request in requests {
        tags.push(request.await.unwrap().unwrap().e_tag.unwrap());
    }
    tags.dedup();
    assert_eq!(tags.len(), 1);
    assert!(world.get(KEY).await.unwrap() == content);

    let again = complete(&world.client, &id, &parts).if_none_match("*").send().await.unwrap();
    assert_eq!(again.e_tag(), Some(tags[0].as_str()));
    // Not once the object is another's.
    world.put(KEY, "new").await;
    let error = complete(&world.client, &id, &parts).send().await.unwrap_err();
    assert_eq!(refusal(&error), (404, "NoSuchUpload".into()));
    assert_eq!(world.get(KEY).await.unwrap(), b"new");
}

#[tokio::test]
async fn uploads_are_listed_in_pages() {
    let world = World::start().await;
    for key in ["b", "a/2", "a/1", "b"] {
        world.client.create_multipart_upload().bucket(BUCKET).key(key).send().await.unwrap();
    }
    let list = || world.client.list_multipart_uploads().bucket(BUCKET);
    let all = list().send().await.unwrap();
    let keys: Vec<_> = all.uploads().iter().map(|upload| upload.key().unwrap()).collect();
    assert_eq!(keys, ["a/1", "a/2", "b", "b"]);
    assert!(all.uploads()[0].initiated().is_some());
    assert_eq!(list().prefix("a/").send().await.unwrap().uploads().len(), 2);
    let page = list().max_uploads(3).send().await.unwrap();
    assert_eq!((page.is_truncated(), page.next_key_marker()), (Some(true), Some("b")));
    let rest = list().key_marker("b").upload_id_marker(page.next_upload_id_marker().unwrap()).send().await.unwrap();
    assert_eq!(rest.uploads().len(), 1);
    assert_eq!(rest.uploads()[0].upload_id(), all.uploads()[3].upload_id());
}
