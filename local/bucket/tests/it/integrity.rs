//! Nothing becomes visible that is not what the client meant.

use std::io::Write;

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumMode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use s3s::crypto::{Checksum, Crc32, Md5, Sha256};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::signed;
use crate::world::{BUCKET, Process, World, eventually, get, keys, noise, put, refusal};

#[tokio::test]
async fn a_wrong_content_md5_leaves_nothing_behind() {
    let world = World::start().await;
    for length in [10, 3_000_000] {
        let put = world.client.put_object().bucket(BUCKET).key("k").body(noise(1, length).into());
        let wrong = put.content_md5(STANDARD.encode(Md5::checksum(b"other")));
        assert_eq!(refusal(&wrong.send().await.unwrap_err()), (400, "BadDigest".into()));
    }
    let put = world.client.put_object().bucket(BUCKET).key("k").content_md5("bm90IGFuIG1kNQ==");
    assert_eq!(refusal(&put.send().await.unwrap_err()), (400, "InvalidDigest".into()));
    assert_eq!(world.get("k").await, None);
    assert_eq!(world.temporary_files(), 0);
    let content = noise(1, 10);
    let put = world.client.put_object().bucket(BUCKET).key("k").content_md5(STANDARD.encode(Md5::checksum(&content)));
    put.body(content.into()).send().await.unwrap();
}

#[tokio::test]
async fn every_checksum_of_s3_is_verified_kept_and_returned() {
    let world = World::start().await;
    let algorithms = [
        ChecksumAlgorithm::Crc32,
        ChecksumAlgorithm::Crc32C,
        ChecksumAlgorithm::Crc64Nvme,
        ChecksumAlgorithm::Sha1,
        ChecksumAlgorithm::Sha256,
    ];
    for algorithm in algorithms {
        let put = world.client.put_object().bucket(BUCKET).key("k").checksum_algorithm(algorithm.clone());
        let put = put.body(ByteStream::from_static(b"content")).send().await.unwrap();
        let request = world.client.get_object().bucket(BUCKET).key("k").checksum_mode(ChecksumMode::Enabled);
        let got = request.send().await.unwrap();
        let all = [
            (put.checksum_crc32(), got.checksum_crc32()),
            (put.checksum_crc32_c(), got.checksum_crc32_c()),
            (put.checksum_crc64_nvme(), got.checksum_crc64_nvme()),
            (put.checksum_sha1(), got.checksum_sha1()),
            (put.checksum_sha256(), got.checksum_sha256()),
        ];
        let set: Vec<_> = all.iter().filter(|(put, _)| put.is_some()).collect();
        assert_eq!(set.len(), 1, "{algorithm:?}");
        assert_eq!(set[0].0, set[0].1, "{algorithm:?}");
    }
    let put = || world.client.put_object().bucket(BUCKET).key("k").body(ByteStream::from_static(b"changed"));
    let wrong = |length| STANDARD.encode(vec![1; length]);
    for put in [
        put().checksum_crc32(wrong(4)),
        put().checksum_crc32_c(wrong(4)),
        put().checksum_crc64_nvme(wrong(8)),
        put().checksum_sha1(wrong(20)),
        put().checksum_sha256(wrong(32)),
    ] {
        assert_eq!(refusal(&put.send().await.unwrap_err()), (400, "BadDigest".into()));
    }
    assert_eq!(refusal(&put().checksum_sha1("?").send().await.unwrap_err()), (400, "InvalidRequest".into()));
    assert_eq!(world.get("k").await.unwrap(), b"content");
}

#[tokio::test]
async fn a_file_sent_in_chunks_with_a_trailing_checksum_arrives() {
    let world = World::start().await;
    let content = noise(1, 5_000_000);
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&content).unwrap();
    let body = ByteStream::from_path(file.path()).await.unwrap();
    let put =
        world.client.put_object().bucket(BUCKET).key("k").content_encoding("gzip").body(body).send().await.unwrap();
    assert_eq!(put.checksum_crc32(), Some(STANDARD.encode(Crc32::checksum(&content)).as_str()));
    assert!(world.get("k").await.unwrap() == content);
    let head = world.client.head_object().bucket(BUCKET).key("k").send().await.unwrap();
    assert_eq!(head.content_encoding(), Some("gzip"));
}

/// An aws-chunked body with a trailer, as the SDK sends one.
async fn put_chunked(world: &World, body: &str, length: &str, checksum_header: &str) -> (u16, String) {
    let headers = [("x-amz-decoded-content-length", length), ("x-amz-trailer", checksum_header)];
    let request = signed::put(world, "k", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", &headers);
    let response = request.header("content-encoding", "aws-chunked").body(body.to_owned()).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn a_wrong_or_missing_trailing_checksum_or_chunk_leaves_nothing_behind() {
    let world = World::start().await;
    let good = STANDARD.encode(Crc32::checksum(b"hello"));
    let header = "x-amz-checksum-crc32";
    let whole = |sum: &str| format!("5\r\nhello\r\n0\r\n{header}:{sum}\r\n\r\n");
    let (status, text) = put_chunked(&world, &whole("AAAAAA=="), "5", header).await;
    assert!(status == 400 && text.contains("<Code>BadDigest</Code>"), "{text}");
    for cut in ["5\r\nhello\r\n0\r\n\r\n", "5\r\nhello\r\n", "5\r\nhel"] {
        let (status, text) = put_chunked(&world, cut, "5", header).await;
        assert!(status == 400 && text.contains("<Code>IncompleteBody</Code>"), "{cut:?}: {text}");
    }
    let (status, text) = put_chunked(&world, &whole(&good), "6", header).await;
    assert!(status == 400 && text.contains("<Code>IncompleteBody</Code>"), "{text}");
    let (status, _) = put_chunked(&world, "zz\r\nhello\r\n0\r\n\r\n", "5", header).await;
    assert_eq!(status, 400);
    assert_eq!(world.get("k").await, None);
    let (status, text) = put_chunked(&world, &whole(&good), "5", header).await;
    assert_eq!(status, 200, "{text}");
    assert_eq!(world.get("k").await.unwrap(), b"hello");
}

#[tokio::test]
async fn a_body_that_is_not_what_was_signed_leaves_nothing_behind() {
    let world = World::start().await;
    let hash = signed::hex(&Sha256::checksum(b"signed"));
    let response = signed::put(&world, "k", &hash, &[]).body("forged").send().await.unwrap();
    assert_eq!(response.status(), 400);
    assert!(response.text().await.unwrap().contains("<Code>XAmzContentSHA256Mismatch</Code>"));
    assert_eq!(world.get("k").await, None);
    assert_eq!(signed::put(&world, "k", &hash, &[]).body("signed").send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_connection_cut_within_the_body_leaves_nothing_behind() {
    let world = World::start().await;
    for sent in [100, 3 << 20] {
        let request = signed::put(&world, "k", "UNSIGNED-PAYLOAD", &[]).build().unwrap();
        let address = world.endpoint.trim_start_matches("http://");
        let mut head = format!("PUT /{BUCKET}/k HTTP/1.1\r\nhost: {address}\r\ncontent-length: {}\r\n", 4 << 20);
        for (name, value) in request.headers() {
            head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
        }
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(format!("{head}\r\n").as_bytes()).await.unwrap();
        stream.write_all(&noise(1, sent)).await.unwrap();
        if sent > 1 << 20 {
            eventually("the body is being written", async || world.temporary_files() > 0).await;
        }
        stream.shutdown().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.is_empty() || answer.contains("IncompleteBody"), "{answer}");
        drop(stream);
        eventually("the temporary file is gone", async || world.temporary_files() == 0).await;
        assert_eq!(world.get("k").await, None);
    }
}

#[tokio::test]
async fn a_body_of_unknown_length_is_refused() {
    let world = World::start().await;
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter([Ok::<_, std::io::Error>("content")]));
    let response = signed::put(&world, "k", "UNSIGNED-PAYLOAD", &[]).body(body).send().await.unwrap();
    assert_eq!(response.status(), 411);
    assert_eq!(world.get("k").await, None);
}

#[tokio::test]
async fn a_client_that_is_still_sending_reads_why_it_is_refused() {
    let world = World::start().await;
    for _ in 0..5 {
        let put = world.client.put_object().bucket("other").key("k").body(noise(1, 8 << 20).into());
        assert_eq!(refusal(&put.send().await.unwrap_err()), (404, "NoSuchBucket".into()));
        let response = world.http.put(world.url("k")).body(noise(1, 8 << 20)).send().await.unwrap();
        assert_eq!(response.status(), 403);
    }
}

/// A limit on the size of files stands in for a full disk; both fail the write half-way.
#[tokio::test]
async fn a_full_disk_is_answered_with_507_and_leaves_nothing_behind() {
    let root = TempDir::new().unwrap();
    let bucket = Process::start_under("prlimit", &["--fsize=2000000"], root.path());
    put(&bucket.client, "k", "kept").await;
    for length in [2_000_000, 6_000_000] {
        let put = bucket.client.put_object().bucket(BUCKET).key("k").body(noise(1, length).into());
        assert_eq!(refusal(&put.send().await.unwrap_err()), (507, "InsufficientStorage".into()));
        let put = bucket.client.put_object().bucket(BUCKET).key("new").body(noise(1, length).into());
        assert_eq!(refusal(&put.send().await.unwrap_err()), (507, "InsufficientStorage".into()));
    }
    assert_eq!(get(&bucket.client, "k").await.unwrap(), b"kept");
    assert_eq!(keys(&bucket.client).await, ["k"]);
    let temporary = || std::fs::read_dir(root.path().join("tmp")).unwrap().count();
    eventually("the temporary files are gone", async || temporary() == 0).await;
}

#[tokio::test]
async fn a_large_object_is_never_in_memory_whole() {
    let root = TempDir::new().unwrap();
    let bucket = Process::start(root.path());
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let block = noise(1, 1 << 20);
    for _ in 0..96 {
        file.write_all(&block).unwrap();
    }
    let body = ByteStream::from_path(file.path()).await.unwrap();
    bucket.client.put_object().bucket(BUCKET).key("k").body(body).send().await.unwrap();
    let mut got = bucket.client.get_object().bucket(BUCKET).key("k").send().await.unwrap().body;
    let mut length = 0;
    while let Some(bytes) = got.next().await {
        length += bytes.unwrap().len();
    }
    assert_eq!(length, 96 << 20);
    let status = std::fs::read_to_string(format!("/proc/{}/status", bucket.child.id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: usize = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 48 << 10, "{peak} KiB at the peak");
}
