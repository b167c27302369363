//! What the check costs: signed 1 MiB segments out of the cache, beside the same cache with no
//! check, and beside nginx serving the same files plainly.
//!
//! `cargo bench --bench edge` (needs wrk; two minutes)
#![allow(missing_docs)]

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use clipset_core::{Timestamp, id::EncodeId, key::MediaKey};
use clipset_tests::{
    measure::{load, median_ratio, say, write_script},
    nginx::{Nginx, SITE_TEMPLATE, Setup},
    stack::sign,
    stores,
};

const SEGMENTS: usize = 16;
const PAIRS: usize = 7;
const CONNECTIONS: u32 = 8;

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().expect("a folder");
    let store = stores::embedded().await;
    let files = folder.path().join("files");
    let encode = EncodeId::random();
    let keys: Vec<_> = (0..SEGMENTS).map(|n| MediaKey::Segment(encode, None, format!("segment{n:03}.ts"))).collect();
    for key in &keys {
        let content = vec![7_u8; 1 << 20];
        let file = files.join(key.to_string());
        std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        std::fs::write(file, &content).expect("a file");
        store.bucket.put_bytes(key, content).await.expect("stored");
    }
    let [unchecked, plain] = [(); 2].map(|()| free_address());
    let endpoint = store.config.endpoint.clone().expect("an endpoint");
    let setup = Setup {
        bucket_address: endpoint.trim_start_matches("http://").to_owned(),
        bucket: store.config.bucket.clone(),
        more: server_without_check(unchecked)
            + &format!("server {{ listen {plain}; root {}; sendfile on; tcp_nopush on; }}", files.display()),
        ..Setup::default()
    };
    let nginx = Nginx::start(&setup).expect("nginx");

    let expires = Timestamp::now().as_second() as u64 + 3600;
    let (signed, bare) = (folder.path().join("signed.lua"), folder.path().join("bare.lua"));
    write_script(&signed, keys.iter().map(|key| sign(&key.path(), expires)));
    write_script(&bare, keys.iter().map(MediaKey::path));
    let rate = |address: SocketAddr, script: &std::path::Path| {
        load(&format!("http://{address}"), CONNECTIONS, &["-s", &script.display().to_string()]).requests_per_second
    };
    say("1 MiB segments from the cache, signed, beside the same cache with no check (requests/s):");
    let with_check = || rate(nginx.address(), &signed);
    let ratio = median_ratio(PAIRS, with_check, || rate(unchecked, &bare));
    say(&format!("median of {PAIRS} pairs: {ratio:.3} (at least 0.95)"));
    say("the same beside nginx serving plain files, for the record:");
    let record = median_ratio(PAIRS, with_check, || rate(plain, &bare));
    say(&format!("median of {PAIRS} pairs: {record:.3}"));
    assert!(ratio >= 0.95, "the check costs too much");
}

fn free_address() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| listener.local_addr()).expect("a free port")
}

/// A server whose one location is `@media` of the template, reached without a question: same cache, same keys.
fn server_without_check(address: SocketAddr) -> String {
    let start = SITE_TEMPLATE.find("location @media {").expect("the location");
    let end = start + SITE_TEMPLATE[start..].find("\n    }\n").expect("its end");
    let media: String = SITE_TEMPLATE[start..end]
        .lines()
        .skip(1)
        .filter(|line| !line.contains("error_page") && !line.contains("if ("))
        .map(|line| format!("{line}\n"))
        .collect();
    format!(
        "server {{ listen {address}; access_log \"${{ACCESS_LOG}}\" clipset; sendfile on; tcp_nopush on; \
         location / {{\n{media}}} }}\n"
    )
}
