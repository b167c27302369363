//! What we build on: licences that go with MIT, one registry, one TLS stack.
#![allow(clippy::unwrap_used, missing_docs)]

use std::process::Command;

use serde_json::Value;

/// Licences that ask for no more than to be named.
const LICENCES: [&str; 13] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "BSL-1.0",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "OpenSSL",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Crates that would bring what another one does already, and why not.
const BANNED: [(&str, &str); 3] = [
    ("openssl-sys", "TLS is rustls with aws-lc-rs"),
    ("native-tls", "TLS is rustls with aws-lc-rs"),
    ("rsa", "tokens are HS256"),
];

fn packages() -> Vec<Value> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version", "1", "--locked", "--offline"]);
    cargo.args(["--filter-platform", "x86_64-unknown-linux-gnu"]);
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let all = metadata["packages"].as_array().unwrap().iter();
    all.filter(|package| !package["source"].is_null()).cloned().collect()
}

/// Whether an SPDX expression can be met: each side of an AND, one side of an OR.
fn is_allowed(expression: &str) -> bool {
    let expression = expression.replace('/', " OR ").replace(['(', ')'], "");
    expression.split(" AND ").all(|term| term.split(" OR ").any(|licence| LICENCES.contains(&licence.trim())))
}

#[test]
fn every_dependency_has_a_licence_that_goes_with_ours() {
    let refused: Vec<_> = packages()
        .iter()
        .filter(|package| !package["license"].as_str().is_some_and(is_allowed))
        .map(|package| format!("{} {}", package["name"], package["license"]))
        .collect();
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
fn every_dependency_comes_from_the_one_registry() {
    let packages = packages();
    let source = packages[0]["source"].as_str().unwrap();
    assert!(source.starts_with("registry+"), "{source}");
    assert!(packages.iter().all(|package| package["source"] == source));
}

#[test]
fn nothing_is_built_on_that_we_chose_against() {
    let packages = packages();
    for (banned, why) in BANNED {
        assert!(!packages.iter().any(|package| package["name"] == banned), "{banned}: {why}");
    }
}

#[test]
fn copyleft_and_unknown_licences_are_refused() {
    for bad in ["GPL-3.0", "MIT AND GPL-3.0", "AGPL-3.0-only OR LGPL-2.1"] {
        assert!(!is_allowed(bad), "{bad}");
    }
    for good in ["MIT OR Apache-2.0", "MIT/Apache-2.0", "(MIT OR Apache-2.0) AND Unicode-3.0", "GPL-3.0 OR MIT"] {
        assert!(is_allowed(good), "{good}");
    }
}
