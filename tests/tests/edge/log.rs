//! No query, token, signature or share in a log: neither of ordinary requests nor of failures, which nginx likes to quote.

use crate::client::send;
use crate::signing::good;
use crate::world::{SEGMENT, UUID, World};

#[test]
fn neither_log_holds_a_query_whatever_went_wrong() {
    let failing = World::with(|setup| {
        setup.bucket_address = "127.0.0.1:9".to_owned();
        setup.api = "127.0.0.1:9".to_owned();
    });
    let working = World::start();
    for world in [failing, working] {
        let upload = format!("/clipset/originals/{UUID}?uploadId=a&partNumber=1&X-Amz-Signature=aa11");
        let referer = [("Referer", "http://x/v/a?token=secret&md5=x"), ("Authorization", "Bearer token=secret")];
        for (method, target) in [
            ("GET", good(SEGMENT)),
            ("GET", good("/hls/a/missing.ts")),
            ("GET", format!("{SEGMENT}%3Fmd5=x&expires=1")),
            ("GET", format!("{SEGMENT}%3fmd5=x&expires=1")),
            ("GET", format!("{SEGMENT};md5=x")),
            ("GET", format!("{SEGMENT}#?md5=x")),
            ("GET", format!("http://x{SEGMENT}?md5=x")),
            ("GET", format!("/hls/{}?md5=x", "a".repeat(9000))),
            ("TRACE", good(SEGMENT)),
            ("get", good(SEGMENT)),
            ("GET", "/api/videos?token=secret".to_owned()),
            ("GET", "/s/ThisIsAShare".to_owned()),
            ("GET", "/embed/ThisIsAShare?t=3".to_owned()),
            ("POST", "/api/shares/ThisIsAShare/open".to_owned()),
            ("DELETE", "/api/videos/aB3dE6gH9j/shares/ThisIsAShare".to_owned()),
            ("GET", "/assets/missing.js?token=secret".to_owned()),
            ("GET", format!("/assets/{}.js?token=secret", "a".repeat(4000))),
            ("GET", "/%00?token=secret".to_owned()),
            ("GET", "/%zz?token=secret".to_owned()),
            ("GET", upload.clone()),
        ] {
            send(world.nginx.address(), method, &target, &referer, b"");
        }
        send(world.nginx.address(), "PUT", &upload, &referer, &vec![0; 100_000]);
        send(world.nginx.address(), "POST", "/api/x?token=secret", &referer, &vec![0; 900_000]);
        send(world.nginx.address(), "POST", "/api/x?token=secret", &[("Content-Length", "99999999")], b"");

        let (access, errors) = world.nginx.stop().unwrap();
        assert!(access.contains(&format!("GET {SEGMENT} ")) && access.contains("GET /api/videos "), "{access}");
        for line in access.lines().chain(errors.lines()) {
            for part in ["md5=", "expires=", "X-Amz-Signature", "token=", "Bearer", "uploadId", "ThisIsAShare"] {
                assert!(!line.contains(part), "{line}");
            }
        }
    }
}
