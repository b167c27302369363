//! What of the bucket can be reached through nginx: a part of an upload and a download of an original, both presigned.

use crate::client::send;
use crate::world::{UUID, World, bytes};

const SIGNATURE: &str = "aa11bb22cc33dd44ee55ff6677889900aa11bb22cc33dd44ee55ff6677889900";

fn upload_query() -> String {
    format!(
        "x-id=UploadPart&partNumber=3&uploadId=abc-DEF_1.2&X-Amz-Algorithm=AWS4-HMAC-SHA256\
         &X-Amz-Credential=k%2F20260101%2Fauto%2Fs3%2Faws4_request&X-Amz-Date=20260101T000000Z&X-Amz-Expires=900\
         &X-Amz-SignedHeaders=host&X-Amz-Signature={SIGNATURE}"
    )
}

fn download_query() -> String {
    format!(
        "response-content-disposition=attachment%3B%20filename%3D%22a%20b.mp4%22&x-id=GetObject\
         &X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=k&X-Amz-Signature={SIGNATURE}"
    )
}

#[test]
fn a_part_passes_byte_for_byte_with_its_host_and_the_etag_comes_back_readable() {
    let world = World::start();
    let target = format!("/clipset/originals/{UUID}?{}", upload_query());
    let part = bytes(7_000_000);
    let headers = [
        ("Content-Type", "application/octet-stream"),
        ("Origin", "http://elsewhere"),
        ("Authorization", "Bearer t"),
        ("Cookie", "session=s"),
        ("x-amz-copy-source", "/clipset/accounts/root.json"),
        ("x-amz-acl", "public-read"),
    ];
    let answer = send(world.nginx.address(), "PUT", &target, &headers, &part);
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.header("etag").is_some());
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    assert!(answer.header("access-control-expose-headers").unwrap().contains("ETag"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));

    let seen = &world.bucket.seen()[0];
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("PUT", target.as_str()));
    assert_eq!(seen.header("host"), Some(world.nginx.address().to_string().as_str()));
    assert_eq!(seen.header("content-type"), Some("application/octet-stream"));
    assert!(seen.body == part);
    for name in ["authorization", "cookie", "x-amz-copy-source", "x-amz-acl", "origin"] {
        assert_eq!(seen.header(name), None, "{name}");
    }
}

#[test]
fn a_browser_may_ask_first_and_the_bucket_need_not_answer() {
    let world = World::start();
    let target = format!("/clipset/originals/{UUID}?{}", upload_query());
    let answer = world.send("OPTIONS", &target, &[("Origin", "http://x"), ("Access-Control-Request-Method", "PUT")]);
    assert_eq!(answer.status, 204);
    assert_eq!(answer.header("access-control-allow-methods"), Some("PUT"));
    assert!(answer.header("access-control-allow-headers").unwrap().contains("Content-Type"));
    assert!(world.bucket.seen().is_empty());
}

#[test]
fn a_download_passes_with_its_range_and_never_as_a_page_of_this_origin() {
    let world = World::start();
    world.bucket.put(&format!("/clipset/originals/{UUID}"), bytes(3_000_000));
    let target = format!("/clipset/originals/{UUID}?{}", download_query());
    let answer = world.send("GET", &target, &[("Range", "bytes=10-19"), ("Cookie", "session=s")]);
    assert_eq!((answer.status, answer.body), (206, bytes(20)[10..].to_vec()));
    let whole = world.send("GET", &target, &[]);
    assert_eq!((whole.status, whole.body.len()), (200, 3_000_000));
    assert_eq!(whole.header("cache-control"), Some("no-store"));
    assert!(whole.header("content-security-policy").unwrap().contains("sandbox"));
    assert_eq!(world.send("HEAD", &target, &[]).header("content-length"), Some("3000000"));
    for seen in world.bucket.seen() {
        assert_eq!(seen.target, target);
        assert_eq!(seen.header("cookie"), None);
    }
}

#[test]
fn nothing_else_of_the_bucket_is_reached_whatever_the_spelling() {
    let world = World::start();
    let (upload, download) = (upload_query(), download_query());
    let key = format!("/clipset/originals/{UUID}");
    for path in ["/clipset/accounts/root.json", "/clipset/hls/a.ts", "/clipset/settings.json", &key] {
        world.bucket.put(path, "private");
    }
    let denied = [
        // Methods and queries of the one place that is open.
        ("GET", key.clone()),
        ("HEAD", key.clone()),
        ("PUT", key.clone()),
        ("OPTIONS", key.clone()),
        ("POST", format!("{key}?{upload}")),
        ("DELETE", format!("{key}?{upload}")),
        ("GET", format!("{key}?{upload}")),
        ("PUT", format!("{key}?{download}")),
        ("PUT", format!("{key}?partNumber=1&X-Amz-Signature={SIGNATURE}")),
        ("PUT", format!("{key}?uploadId=a&X-Amz-Signature={SIGNATURE}")),
        ("PUT", format!("{key}?uploadId=a&partNumber=1")),
        ("PUT", format!("{key}?uploadId=a&partNumber=x&X-Amz-Signature={SIGNATURE}")),
        ("PUT", format!("{key}?uploadId=&partNumber=1&X-Amz-Signature={SIGNATURE}")),
        ("PUT", format!("{key}?uploadId=a&partNumber=1&X-Amz-Signature=")),
        ("PUT", format!("{key}?uploadId=a&partNumber=1&X-Amz-Signature=zz")),
        ("PUT", format!("{key}?acl&{upload}")),
        ("PUT", format!("{key}?tagging=&{upload}")),
        ("PUT", format!("{key}?{upload}&versionId=1")),
        ("PUT", format!("{key}?%75ploadId=a&partNumber=1&X-Amz-Signature={SIGNATURE}")),
        ("PUT", format!("{key}?a=uploadId=1&b=partNumber=1&X-Amz-Signature={SIGNATURE}")),
        ("GET", format!("{key}?X-Amz-Signature={SIGNATURE}")),
        ("GET", format!("{key}?X-Amz-Algorithm=a")),
        ("GET", format!("{key}?acl&{download}")),
        ("GET", format!("{key}?{download}&uploadId=a")),
        ("GET", format!("{key}?{download}&response-content-encoding=br")),
        // Other keys, signed or not.
        ("GET", "/clipset".to_owned()),
        ("GET", "/clipset/".to_owned()),
        ("GET", "/clipset?list-type=2".to_owned()),
        ("GET", format!("/clipset/?{download}")),
        ("GET", "/clipset/settings.json".to_owned()),
        ("GET", format!("/clipset/accounts/root.json?{download}")),
        ("PUT", format!("/clipset/accounts/root.json?{upload}")),
        ("GET", "/clipset/hls/a.ts".to_owned()),
        ("GET", format!("/clipset/hls/a.ts?{download}")),
        ("PUT", format!("/clipset/originals/{UUID}/x?{upload}")),
        ("PUT", format!("/clipset/originals/{}?{upload}", UUID.to_uppercase())),
        ("PUT", format!("/clipset/originals/{UUID}.mp4?{upload}")),
        ("PUT", format!("/clipset/originals/x?{upload}")),
        ("PUT", format!("/clipset/originals/?{upload}")),
        // Spellings of the open place and of ways out of it.
        ("PUT", format!("//clipset/originals/{UUID}?{upload}")),
        ("PUT", format!("/clipset//originals/{UUID}?{upload}")),
        ("PUT", format!("/clipset/./originals/{UUID}?{upload}")),
        ("PUT", format!("/clipset/originals/../originals/{UUID}?{upload}")),
        ("PUT", format!("/clipset/originals/{UUID}/../../accounts/root.json?{upload}")),
        ("PUT", format!("/clipset/originals/..%2faccounts%2froot.json?{upload}")),
        ("PUT", format!("/%63lipset/originals/{UUID}?{upload}")),
        ("PUT", format!("/clipset%2foriginals%2f{UUID}?{upload}")),
        ("PUT", format!("/clipset/originals/%33{}?{upload}", &UUID[1..])),
        ("GET", format!("/CLIPSET/originals/{UUID}?{download}")),
        ("GET", format!("/x/../clipset/originals/{UUID}?{download}")),
        ("GET", format!("/clipset/originals/{UUID}%0a?{download}")),
        ("GET", format!("/clipset/originals/{UUID};x?{download}")),
        ("GET", format!("/hls/../clipset/originals/{UUID}?{download}")),
        ("GET", "/hls/../clipset/settings.json".to_owned()),
        ("GET", "/hls/..%2f..%2fclipset/settings.json".to_owned()),
        ("GET", "/hls/%2e%2e/%2e%2e/clipset/settings.json".to_owned()),
        ("GET", "/api/../clipset/settings.json".to_owned()),
        ("GET", "/assets/..%2fclipset%2fsettings.json".to_owned()),
        ("GET", "/settings.json".to_owned()),
        ("GET", "/accounts/root.json".to_owned()),
        ("GET", format!("http://127.0.0.1/clipset/settings.json?{download}")),
    ];
    for (method, target) in denied {
        let answer = world.send(method, &target, &[]);
        assert!(matches!(answer.status, 400 | 403 | 404), "{method} {target}: {}", answer.status);
        assert!(!answer.text().contains("private"), "{method} {target}");
    }
    assert!(world.bucket.seen().is_empty(), "{:?}", world.bucket.seen());
}

#[test]
fn a_bucket_whose_name_has_a_dot_stands_for_itself_alone() {
    let world = World::with(|setup| setup.bucket = "my.clips".to_owned());
    let target = |bucket: &str| format!("/{bucket}/originals/{UUID}?{}", upload_query());
    assert_eq!(send(world.nginx.address(), "PUT", &target("my.clips"), &[], b"x").status, 200);
    let seen = world.bucket.seen().len();
    assert_ne!(send(world.nginx.address(), "PUT", &target("my-clips"), &[], b"x").status, 200);
    assert_eq!(world.bucket.seen().len(), seen);
}
