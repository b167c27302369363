//! The same nginx in front of the bucket that an installation on one machine has, with real signatures.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::types::{CompletedMultipartUpload, CompletedPart};
use clipset_local_bucket::{Config, Server};
use clipset_tests::nginx::{Nginx, Setup};
use tempfile::TempDir;

use crate::client::{Answer, send};
use crate::signing::{CURRENT, good};
use crate::world::{SEGMENT, UUID, bytes, wait_until};

struct Installation {
    nginx: Nginx,
    bucket: SocketAddr,
    _folder: TempDir,
}

impl Installation {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let config = Config {
            root: folder.path().join("bucket"),
            bucket: "clipset".into(),
            access_key: "clipset".into(),
            secret_key: "not much of a secret".into(),
            anonymous_prefixes: vec!["hls/".into(), "progressive/".into(), "images/".into()],
            reserve: clipset_local_bucket::Reserve::default(),
        };
        let server = Server::bind(config, (Ipv4Addr::LOCALHOST, 0).into()).await.unwrap();
        let bucket = server.local_addr();
        tokio::spawn(server.serve(std::future::pending()));
        let setup = Setup { secret: CURRENT.to_owned(), bucket_address: bucket.to_string(), ..Setup::default() };
        Self { nginx: Nginx::start(&setup).unwrap(), bucket, _folder: folder }
    }

    /// A client whose presigned URLs lead to `address`.
    fn client(address: SocketAddr) -> Client {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("auto"))
            .credentials_provider(Credentials::new("clipset", "not much of a secret", None, None, "test"))
            .endpoint_url(format!("http://{address}"))
            .force_path_style(true)
            .build();
        Client::from_conf(config)
    }

    async fn put(&self, key: &str, body: Vec<u8>) {
        let client = Self::client(self.bucket);
        client
            .put_object()
            .bucket("clipset")
            .key(key)
            .content_type("video/mp2t")
            .body(body.into())
            .send()
            .await
            .unwrap();
    }

    async fn ask(
        &self,
        method: &'static str,
        target: String,
        headers: &'static [(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        let address = self.nginx.address();
        tokio::task::spawn_blocking(move || send(address, method, &target, headers, &body)).await.unwrap()
    }
}

fn target(presigned: &str) -> String {
    presigned.splitn(4, '/').nth(3).map(|rest| format!("/{rest}")).unwrap()
}

fn an_hour() -> PresigningConfig {
    PresigningConfig::expires_in(Duration::from_secs(3600)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn signed_media_comes_whole_and_in_ranges_and_says_nothing_of_the_bucket() {
    let installation = Installation::start().await;
    let segment = bytes(5_000_000);
    installation.put(&SEGMENT[1..], segment.clone()).await;
    for _ in 0..2 {
        let whole = installation.ask("GET", good(SEGMENT), &[], vec![]).await;
        assert_eq!((whole.status, whole.header("content-type")), (200, Some("video/mp2t")));
        assert!(whole.body == segment);
        assert!(
            !whole.headers.iter().any(|(name, _)| name.to_ascii_lowercase().starts_with("x-amz")),
            "{:?}",
            whole.headers
        );
        let range = installation.ask("GET", good(SEGMENT), &[("Range", "bytes=2097000-2098000")], vec![]).await;
        assert_eq!(range.status, 206);
        assert!(range.body == segment[2_097_000..=2_098_000]);
    }
    assert_eq!(installation.ask("GET", good(SEGMENT), &[("Range", "bytes=5000000-")], vec![]).await.status, 416);
    assert_eq!(installation.ask("GET", good("/hls/a/missing.ts"), &[], vec![]).await.status, 404);
    let long = format!("/hls/{}.ts", "a".repeat(1500));
    assert_eq!(installation.ask("GET", good(&long), &[], vec![]).await.status, 404);
    assert_eq!(installation.ask("GET", SEGMENT.to_owned(), &[], vec![]).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cached_segment_ends_within_ten_seconds_of_its_deletion() {
    let installation = Installation::start().await;
    installation.put(&SEGMENT[1..], bytes(1000)).await;
    assert_eq!(installation.ask("GET", good(SEGMENT), &[], vec![]).await.status, 200);
    Installation::client(installation.bucket)
        .delete_object()
        .bucket("clipset")
        .key(&SEGMENT[1..])
        .send()
        .await
        .unwrap();
    let address = installation.nginx.address();
    let gone =
        move || wait_until(Duration::from_secs(10), || send(address, "GET", &good(SEGMENT), &[], b"").status == 404);
    tokio::task::spawn_blocking(gone).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unchanged_segment_stays_available_past_its_revalidation() {
    let installation = Installation::start().await;
    installation.put(&SEGMENT[1..], bytes(1000)).await;
    let address = installation.nginx.address();
    let mut asked = 0;
    let revalidated = move || {
        wait_until(Duration::from_secs(10), || {
            let answer = send(address, "GET", &good(SEGMENT), &[], b"");
            assert_eq!((answer.status, answer.body.len()), (200, 1000));
            asked += 1;
            installation.nginx.access_log().contains("cache=REVALIDATED upstream=304")
        })
    };
    tokio::task::spawn_blocking(revalidated).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_and_its_download_pass_by_presigned_addresses_alone() {
    let installation = Installation::start().await;
    let direct = Installation::client(installation.bucket);
    let through_nginx = Installation::client(installation.nginx.address());
    let key = format!("originals/{UUID}");
    let created = direct.create_multipart_upload().bucket("clipset").key(&key).send().await.unwrap();
    let upload_id = created.upload_id().unwrap();

    let film = bytes(7_500_000);
    let mut parts = Vec::new();
    for (number, bytes) in (1..).zip(film.chunks(5 << 20)) {
        let part = through_nginx.upload_part().bucket("clipset").key(&key).upload_id(upload_id).part_number(number);
        let url = part.presigned(an_hour()).await.unwrap();
        let answer = installation.ask("PUT", target(url.uri()), &[("Content-Type", "video/mp4")], bytes.to_vec()).await;
        assert_eq!(answer.status, 200, "{}: {}", url.uri(), answer.text());
        parts.push(CompletedPart::builder().part_number(number).e_tag(answer.header("etag").unwrap()).build());

        let tampered = target(url.uri()).replace("partNumber=", "partNumber=10");
        assert_eq!(installation.ask("PUT", tampered, &[], b"x".to_vec()).await.status, 403);
        let copied = [("x-amz-copy-source", "/clipset/settings.json")].as_slice();
        let answer = installation.ask("PUT", target(url.uri()), copied, bytes.to_vec()).await;
        assert!(!answer.text().contains("CopyPartResult"), "{}", answer.text());
    }
    let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
    let complete = direct.complete_multipart_upload().bucket("clipset").key(&key).upload_id(upload_id);
    complete.multipart_upload(parts).send().await.unwrap();

    let get = through_nginx.get_object().bucket("clipset").key(&key);
    let url =
        get.response_content_disposition("attachment; filename=\"a film.mp4\"").presigned(an_hour()).await.unwrap();
    let answer = installation.ask("GET", target(url.uri()), &[], vec![]).await;
    assert_eq!(answer.status, 200, "{}: {}", url.uri(), answer.text());
    assert_eq!(answer.header("content-disposition"), Some("attachment; filename=\"a film.mp4\""));
    assert!(answer.body == film);
    assert_eq!(installation.ask("GET", format!("/clipset/{key}"), &[], vec![]).await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_longer_or_shorter_than_was_signed_is_refused_and_not_stored() {
    const LENGTH: usize = 1_000_000;
    let installation = Installation::start().await;
    let direct = Installation::client(installation.bucket);
    let key = format!("originals/{UUID}");
    let created = direct.create_multipart_upload().bucket("clipset").key(&key).send().await.unwrap();
    let upload_id = created.upload_id().unwrap();
    let part = Installation::client(installation.nginx.address()).upload_part().bucket("clipset").key(&key);
    let part = part.upload_id(upload_id).part_number(1).content_length(LENGTH as i64);
    let url = target(part.presigned(an_hour()).await.unwrap().uri());
    for wrong in [0, 1, LENGTH - 1, LENGTH + 1, 5 * LENGTH] {
        let answer = installation.ask("PUT", url.clone(), &[], bytes(wrong)).await;
        assert_eq!(answer.status, 403, "{wrong}: {}", answer.text());
    }
    // Of no said length, by a client that leaves the header out.
    let chunked = [("Transfer-Encoding", "chunked")].as_slice();
    let address = installation.nginx.address();
    let unsaid = url.clone();
    let answer = tokio::task::spawn_blocking(move || {
        let mut stream = crate::client::begin(address, "PUT", &unsaid, chunked, b"");
        std::io::Write::write_all(&mut stream, b"4\r\nfour\r\n0\r\n\r\n").unwrap();
        crate::client::finish(stream)
    });
    assert_eq!(answer.await.unwrap().status, 403);
    let list = || direct.list_parts().bucket("clipset").key(&key).upload_id(upload_id).send();
    assert!(list().await.unwrap().parts().is_empty());
    // Browsers say the length by themselves.
    let answer = installation.ask("PUT", url, &[("Content-Type", "video/mp4")], bytes(LENGTH)).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(list().await.unwrap().parts()[0].size(), Some(LENGTH as i64));
}
