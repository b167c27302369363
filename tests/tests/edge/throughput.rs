//! What the check costs: signed 1 MiB segments out of the cache, beside the same cache with no check.
//!
//! `cargo test -p clipset-tests --test edge throughput -- --ignored --nocapture` (needs wrk; about a minute)

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Command;

use clipset_tests::nginx::SITE_TEMPLATE;

use crate::signing::good;
use crate::world::{World, bytes};

const SEGMENTS: usize = 16;
const PAIRS: usize = 7;

#[test]
#[ignore = "a measurement: wants a quiet machine and wrk"]
fn throughput_of_signed_segments_is_that_of_the_same_cache_without_a_check() {
    let unchecked = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let world = World::with(|setup| setup.more = server_without_check(unchecked));
    let paths: Vec<_> =
        (0..SEGMENTS).map(|n| format!("/hls/3f0c9a52-9a0e-4c0e-9e59-0f3a4f5b7a11/segment{n:03}.ts")).collect();
    for path in &paths {
        world.store(path, bytes(1 << 20));
    }
    let folder = tempfile::tempdir().unwrap();
    let (signed, plain) = (folder.path().join("signed.lua"), folder.path().join("plain.lua"));
    write_script(&signed, paths.iter().map(|path| good(path)));
    write_script(&plain, paths.iter().cloned());

    let mut ratios = Vec::new();
    // The first pair fills the cache and is not counted.
    for pair in 0..=PAIRS {
        let with = requests_per_second(world.nginx.address(), &signed);
        let without = requests_per_second(unchecked, &plain);
        let ratio = with / without;
        println!("signed {with:.0}/s, no check {without:.0}/s: {ratio:.3}");
        if pair > 0 {
            ratios.push(ratio);
        }
    }
    ratios.sort_by(f64::total_cmp);
    let median = ratios[PAIRS / 2];
    println!("median of {PAIRS} pairs: {median:.3}");
    assert!(median >= 0.95);
}

/// A server whose one location is `@media` of the template, reached without a question: same cache, same keys.
fn server_without_check(address: SocketAddr) -> String {
    let start = SITE_TEMPLATE.find("location @media {").unwrap();
    let end = start + SITE_TEMPLATE[start..].find("\n    }\n").unwrap();
    let media: String = SITE_TEMPLATE[start..end]
        .lines()
        .skip(1)
        .filter(|line| !line.contains("error_page") && !line.contains("if ("))
        .map(|line| format!("{line}\n"))
        .collect();
    format!(
        "server {{ listen {address}; access_log \"${{ACCESS_LOG}}\" clipset; sendfile on; tcp_nopush on; \
         location / {{\n{media}}} }}"
    )
}

fn write_script(path: &Path, targets: impl Iterator<Item = String>) {
    let list: String = targets.map(|target| format!("\"{target}\",")).collect();
    let script = format!(
        "local targets = {{{list}}}\nlocal n = 0\n\
         request = function() n = n % #targets + 1; return wrk.format(\"GET\", targets[n]) end\n\
         done = function(summary) io.write(\"failed \", summary.errors.status + summary.errors.connect, \"\\n\") end\n"
    );
    fs::write(path, script).unwrap();
}

fn requests_per_second(address: SocketAddr, script: &Path) -> f64 {
    let output = Command::new("wrk")
        .args(["-t1", "-c8", "-d3s", "-s"])
        .arg(script)
        .arg(format!("http://{address}"))
        .output()
        .expect("wrk is installed");
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("failed 0"), "{said}");
    let figure = said.lines().find_map(|line| line.strip_prefix("Requests/sec:")).unwrap();
    figure.trim().parse().unwrap()
}
