//! Bodies up to the limit and beyond it, through nginx: an answer always, and the right one.

use std::{
    io::{Read, Write},
    net::TcpStream,
};

use clipset_api::BODY_LIMIT;
use clipset_tests::stack::Stack;

/// A race shows itself once in many.
const TIMES: usize = 40;

/// The status of one request with `length` bytes, in chunks or of a said length.
fn post(address: &str, path: &str, length: usize, chunked: bool) -> u16 {
    let mut stream = TcpStream::connect(address).unwrap();
    let framing = if chunked { "Transfer-Encoding: chunked".to_owned() } else { format!("Content-Length: {length}") };
    let head = format!("POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{framing}\r\n\r\n");
    let mut request = head.into_bytes();
    let body = vec![b' '; length];
    if chunked {
        for chunk in body.chunks(50_000) {
            request.extend(format!("{:x}\r\n", chunk.len()).bytes().chain(chunk.iter().copied()).chain(*b"\r\n"));
        }
        request.extend(b"0\r\n\r\n");
    } else {
        request.extend(body);
    }
    // Refused before its end, it need not be taken to its end.
    let _ = stream.write_all(&request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer);
    answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_else(|| panic!("no answer: {answer:?}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_over_the_limit_is_413_and_one_within_it_gets_its_own_answer_every_time() {
    let stack = Stack::start().await;
    let address = stack.url.strip_prefix("http://").unwrap().to_owned();
    let asked = tokio::task::spawn_blocking(move || {
        for (path, length, status) in [
            // Blanks are no JSON: whoever says so has read them all.
            ("/api/auth/login", BODY_LIMIT - 1, 400),
            ("/api/auth/login", BODY_LIMIT, 400),
            ("/api/auth/login", BODY_LIMIT + 1, 413),
            ("/api/auth/login", 3 * BODY_LIMIT, 413),
            // Refused before they are read.
            ("/api/nothing", BODY_LIMIT, 404),
            ("/api/config", BODY_LIMIT, 405),
            ("/api/s3/multipart", BODY_LIMIT, 401),
            ("/api/videos/aaaaaaaaaa/stream-info", BODY_LIMIT, 405),
        ] {
            for chunked in [false, true] {
                for time in 0..TIMES {
                    assert_eq!(post(&address, path, length, chunked), status, "{path} {length} {chunked}, time {time}");
                }
            }
        }
    });
    asked.await.unwrap();
}
