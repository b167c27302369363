//! The template itself: its variables, and that it stands as well in the official image as in a folder of its own.

use std::fs;
use std::process::Command;

use clipset_tests::nginx::{SITE_TEMPLATE, render};

const VARIABLES: [&str; 13] = [
    "HLS_SIGNING_SECRET",
    "HLS_SIGNING_SECRET_PREVIOUS",
    "LISTEN",
    "API_UPSTREAM",
    "BUCKET_UPSTREAM",
    "BUCKET",
    "PAGES_DIR",
    "CACHE_DIR",
    "CACHE_MAX_SIZE",
    "TOMBSTONES_DIR",
    "RUN_DIR",
    "ACCESS_LOG",
    "REAL_IP_FROM",
];

/// http level of nginx.conf in the official image, 1.28.
const OFFICIAL: &str = "events { worker_connections 1024; } pid {run}/nginx.pid; error_log stderr notice; http {
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    log_format main '$remote_addr - $remote_user [$time_local] \"$request\" $status';
    access_log {run}/access.log main;
    sendfile on;
    keepalive_timeout 65;
    include {run}/conf.d/*.conf;
}";

#[test]
fn the_readme_and_the_heads_list_are_the_templates_variables() {
    let rest = render(SITE_TEMPLATE, &VARIABLES.map(|name| (name, "")));
    let left = rest.match_indices("${").filter(|(at, _)| rest[at + 2..].starts_with(|c: char| c.is_ascii_uppercase()));
    // The one in the first lines, which explain the form.
    assert_eq!(left.map(|(at, _)| &rest[at..at + 7]).collect::<Vec<_>>(), ["${NAME}"]);
    let readme = include_str!("../../../nginx/README.md");
    let head = SITE_TEMPLATE.split("\n\n").next().unwrap();
    for name in VARIABLES {
        assert!(SITE_TEMPLATE.contains(&format!("${{{name}}}")), "{name}");
        assert!(head.contains(name) && readme.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn the_site_fits_into_the_official_images_configuration() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().to_str().unwrap();
    fs::create_dir(folder.path().join("conf.d")).unwrap();
    let cache = format!("{run}/cache");
    let log = format!("{run}/site.log");
    let values = [
        "0123456789abcdef0123456789abcdef",
        "",
        "127.0.0.1:1",
        "127.0.0.1:2",
        "127.0.0.1:3",
        "clipset",
        run,
        &cache,
        "1g",
        run,
        run,
        &log,
        "",
    ];
    let variables: Vec<_> = VARIABLES.into_iter().zip(values).collect();
    fs::write(folder.path().join("conf.d/default.conf"), render(SITE_TEMPLATE, &variables)).unwrap();
    fs::write(folder.path().join("nginx.conf"), OFFICIAL.replace("{run}", run)).unwrap();
    // -t binds to nothing: port 1 needs no right.
    let output =
        Command::new("nginx").args(["-e", "stderr", "-t", "-c"]).arg(folder.path().join("nginx.conf")).output();
    let said = String::from_utf8(output.unwrap().stderr).unwrap();
    assert!(said.contains("test is successful"), "{said}");
}
