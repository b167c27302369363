//! The pages, the API, and what they say when something is missing.

use std::fs;

use crate::client::send;
use crate::world::World;

#[test]
fn the_api_sees_the_request_and_who_it_really_came_from() {
    let world = World::start();
    let headers = [
        ("Authorization", "Bearer t"),
        ("X-Forwarded-For", "6.6.6.6"),
        ("X-Forwarded-Host", "evil.example"),
        ("X-Forwarded-Proto", "https"),
        ("X-Real-IP", "6.6.6.6"),
        ("Forwarded", "for=6.6.6.6"),
        ("X-Clipset-Origin", "guessed"),
        ("X-Clipset-Viewer", "6.6.6.6"),
    ];
    let answer = send(world.nginx.address(), "POST", "/api/videos/a%20b/x?q=%2F&token=t", &headers, b"{\"a\":1}");
    assert_eq!((answer.status, answer.text().as_str()), (200, "{\"from\":\"api\"}"));
    let seen = &world.api.seen()[0];
    let address = world.nginx.address().to_string();
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", "/api/videos/a%20b/x?q=%2F&token=t"));
    assert_eq!(seen.body, b"{\"a\":1}");
    assert_eq!(seen.header("authorization"), Some("Bearer t"));
    assert_eq!(seen.header("host"), Some(address.as_str()));
    assert_eq!(seen.header("x-forwarded-host"), Some(address.as_str()));
    assert_eq!(seen.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(seen.header("x-forwarded-proto"), Some("http"));
    assert_eq!(seen.header("x-real-ip"), Some("127.0.0.1"));
    for name in ["forwarded", "x-clipset-origin", "x-clipset-viewer"] {
        assert_eq!(seen.header(name), None, "{name}");
    }
}

#[test]
fn the_apis_answers_pass_unchanged_and_are_not_kept() {
    let world = World::start();
    for (target, status) in
        [("/api/videos", 200), ("/api/missing", 404), ("/s/abc", 200), ("/embed/abc", 200), ("/healthz", 200)]
    {
        for _ in 0..2 {
            let answer = world.get(target);
            assert_eq!(answer.status, status, "{target}");
            assert_eq!(answer.header("cache-control"), Some("private, max-age=60"));
            assert_eq!(answer.header("x-from"), Some("api"));
            for name in ["access-control-allow-origin", "x-frame-options", "content-security-policy", "x-clipset"] {
                assert_eq!(answer.header(name), None, "{target}: {name}");
            }
        }
    }
    assert_eq!(world.api.seen().len(), 10);
}

#[test]
fn while_the_api_is_down_its_clients_get_a_problem_they_can_read() {
    let world = World::with(|setup| setup.api = "127.0.0.1:9".to_owned());
    for target in ["/api/videos?token=t", "/healthz", "/s/abc"] {
        let answer = world.get(target);
        assert_eq!(answer.status, 503);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        assert!(answer.header("retry-after").is_some());
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let problem: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!((&problem["status"], &problem["type"]), (&503.into(), &"about:blank".into()));
        assert!(problem["title"] == "Service Unavailable" && problem["detail"].as_str().unwrap().contains("try again"));
    }
}

#[test]
fn a_body_that_no_call_needs_does_not_reach_the_api() {
    let world = World::start();
    let limit = clipset_api::BODY_LIMIT;
    let answer = send(world.nginx.address(), "POST", "/api/videos", &[], &vec![b' '; limit + 1]);
    assert_eq!((answer.status, answer.header("x-content-type-options")), (413, Some("nosniff")));
    assert_eq!(answer.header("content-type"), Some("application/problem+json"));
    let problem: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(problem["status"], 413);
    assert!(world.api.seen().is_empty());
    let answer = send(world.nginx.address(), "POST", "/api/videos", &[], &vec![b' '; limit]);
    assert_eq!((answer.status, world.api.seen()[0].body.len()), (200, limit));
}

#[test]
fn every_page_address_is_the_one_page_and_a_missing_file_is_missing() {
    let world = World::start();
    for target in
        ["/", "/v/0123456789", "/upload", "/admin/settings", "/login?next=%2Fv%2Fa", "/index.html", "/api", "/assets"]
    {
        let answer = world.get(target);
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/html")), "{target}");
        assert!(answer.text().contains("<title>Clipset"), "{target}");
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
        assert!(answer.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"));
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        assert_eq!(answer.header("referrer-policy"), Some("same-origin"));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
    let script = world.get("/assets/index-4f2a.js");
    assert_eq!((script.status, script.header("content-type")), (200, Some("text/javascript")));
    assert_eq!(script.header("cache-control"), Some("public, max-age=31536000, immutable"));
    for target in ["/assets/index-0000.js", "/favicon.ico", "/v/x.html"] {
        let answer = world.get(target);
        assert_eq!(answer.status, 404, "{target}");
        assert_eq!(answer.header("cache-control"), None, "{target}");
    }
}

#[test]
fn pages_are_read_and_nothing_else() {
    let world = World::start();
    for method in ["POST", "PUT", "DELETE", "OPTIONS"] {
        let answer = world.send(method, "/upload", &[]);
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")), "{method}");
    }
    assert_eq!(world.send("HEAD", "/upload", &[]).status, 200);
}

#[test]
fn hidden_files_are_not_pages() {
    let pages = tempfile::tempdir().unwrap();
    fs::create_dir(pages.path().join(".git")).unwrap();
    for name in [".env", ".git/config", "index.html"] {
        fs::write(pages.path().join(name), "hidden").unwrap();
    }
    let world = World::with(|setup| setup.pages = Some(pages.path().to_owned()));
    for target in ["/.env", "/.git/config", "/%2eenv", "/x/../.env", "/.git/"] {
        assert_eq!(world.get(target).status, 404, "{target}");
    }
}
