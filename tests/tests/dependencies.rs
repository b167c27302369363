//! What we build on: licences that go with MIT, one registry, one TLS stack, and nothing that is not used.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{fs, path::Path, process::Command};

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

fn metadata() -> Value {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version", "1", "--locked", "--offline"]);
    cargo.args(["--filter-platform", "x86_64-unknown-linux-gnu"]);
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Those that are not ours.
fn packages() -> Vec<Value> {
    let metadata = metadata();
    let all = metadata["packages"].as_array().unwrap().iter();
    all.filter(|package| !package["source"].is_null()).cloned().collect()
}

/// Everything written in Rust below `folder`.
fn rust_below(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("target") {
            text += &rust_below(&path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text += &fs::read_to_string(path).unwrap();
        }
    }
    text
}

fn names_it(text: &str, name: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|word| word == name)
}

/// What code calls the package, which is not always its name (`md-5` is `md5`).
fn library_name(packages: &[Value], package: &Value) -> Option<String> {
    let found = packages.iter().find(|found| found["name"] == *package)?;
    let is_library = |target: &&Value| {
        let kinds = target["kind"].as_array().unwrap();
        kinds.iter().any(|kind| ["lib", "rlib", "proc-macro"].iter().any(|library| kind == library))
    };
    let target = found["targets"].as_array()?.iter().find(is_library)?;
    Some(target["name"].as_str()?.replace('-', "_"))
}

#[test]
fn every_dependency_that_is_asked_for_is_used() {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let mut unused = Vec::new();
    for ours in packages.iter().filter(|package| package["source"].is_null()) {
        let text = rust_below(Path::new(ours["manifest_path"].as_str().unwrap()).parent().unwrap());
        for dependency in ours["dependencies"].as_array().unwrap() {
            let called = library_name(packages, &dependency["name"]);
            if called.is_some_and(|called| !names_it(&text, &called)) {
                unused.push(format!("{} asks for {}", ours["name"], dependency["name"]));
            }
        }
    }
    assert!(unused.is_empty(), "{unused:#?}");
    assert!(names_it("use md5::Md5;", "md5") && !names_it("use md5sum::x;", "md5"));
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
