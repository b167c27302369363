//! The containers, as far as they can be looked at without Docker: linted, parsed, and held to what they promise; and the
//! parts of ours that they are made of, run for real. On an engine they run in `tests/containers`.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use clipset_core::path::EDGE_PREFIXES;
use clipset_tests::{
    client::uris,
    media::COPYABLE,
    process::{Process, free_port},
    stack::{SIGNING_SECRET, Stack, program},
    stores::{self, tool},
    wait,
};
use serde_json::Value;

const DOCKERFILES: [&str; 2] = ["local/Dockerfile", "functions/transcoder/Dockerfile"];
const OURS: [&str; 3] = ["clipset", "clipset-edge", "clipset-transcoder"];

fn root() -> PathBuf {
    fs::canonicalize(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).unwrap()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// Told as compose is by `.env`, with secrets that can be looked for.
fn secrets() -> BTreeMap<&'static str, String> {
    let told = ["SECRET_KEY", "HLS_SIGNING_SECRET", "AWS_SECRET_ACCESS_KEY"];
    told.into_iter().map(|name| (name, format!("{}-of-the-test-0123456789", name.to_lowercase()))).collect()
}

fn compose(files: &[&str], variables: &BTreeMap<&str, String>) -> Output {
    let mut command = Command::new("docker-compose");
    for file in files {
        command.arg("-f").arg(root().join("local").join(file));
    }
    let kept = std::env::vars_os().filter(|(name, _)| name == "PATH" || name == "HOME");
    command.args(["config"]).env_clear().envs(kept).envs(variables).output().unwrap()
}

/// What compose makes of the files.
fn parsed(files: &[&str], variables: &BTreeMap<&str, String>) -> Value {
    let output = compose(files, variables);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut python = Command::new(tool("python3"));
    let text = String::from_utf8(output.stdout).unwrap();
    // A YAML parser in Rust would be one more dependency of ours.
    python.args(["-c", "import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.argv[1])))", &text]);
    let json = python.output().unwrap();
    assert!(json.status.success(), "{}", String::from_utf8_lossy(&json.stderr));
    serde_json::from_slice(&json.stdout).unwrap()
}

#[test]
fn dockerfiles_are_linted() {
    let mut hadolint = Command::new(tool("hadolint"));
    hadolint.arg("--config").arg(root().join(".hadolint.yaml")).args(DOCKERFILES.map(|file| root().join(file)));
    let output = hadolint.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn images_are_pinned_run_as_nobody_special_and_hold_no_secret() {
    for file in DOCKERFILES {
        let text = read(file);
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with('#')).collect();
        let arguments: BTreeMap<_, _> =
            lines.iter().filter_map(|line| line.strip_prefix("ARG ")?.split_once('=')).collect();
        let mut stages: BTreeSet<&str> = BTreeSet::new();
        for from in lines.iter().filter_map(|line| line.strip_prefix("FROM ")) {
            let (image, stage) = from.split_once(" AS ").unwrap_or((from, ""));
            let (_, tag) = image.split_once(':').unwrap_or_else(|| panic!("{file}: {image} has no tag"));
            let version = arguments[tag.trim_start_matches("${").trim_end_matches('}')];
            assert!(version.starts_with(|c: char| c.is_ascii_digit()) && version.contains('.'), "{file}: {version}");
            stages.insert(stage);
        }
        // Whatever runs comes after the last FROM, or is a stage that compose names.
        let last = &text[text.rfind("\nFROM ").unwrap()..];
        for wanted in ["\nUSER 10", "\nHEALTHCHECK "] {
            assert!(last.contains(wanted), "{file}: {wanted}");
        }
        for name in ["SECRET", "PASSWORD", "TOKEN", "ACCESS_KEY"] {
            let told = |line: &&&str| line.starts_with("ARG ") || line.starts_with("ENV ") || line.starts_with("    ");
            assert!(!lines.iter().filter(told).any(|line| line.contains(name)), "{file}: {name}");
        }
        let manifest = read("Cargo.toml");
        let members = manifest.split("members = [").nth(1).and_then(|rest| rest.split(']').next()).unwrap();
        for member in members.split('"').skip(1).step_by(2) {
            let folder = member.split('/').next().unwrap();
            assert!(
                lines.contains(&format!("COPY {folder} {folder}").as_str()),
                "{file}: the workspace needs {member}"
            );
        }
        for copied in lines.iter().filter_map(|line| line.strip_prefix("COPY ")).filter(|line| !line.contains("--from"))
        {
            let parts: Vec<_> = copied.split(' ').filter(|part| !part.starts_with("--")).collect();
            for source in &parts[..parts.len() - 1] {
                // The pages' own files are their build's affair.
                assert!(source.starts_with("web/") || root().join(source).exists(), "{file} copies {source}");
            }
        }
    }
}

#[test]
fn nothing_private_gets_into_a_build() {
    let ignored = read(".dockerignore");
    let lines: Vec<_> = ignored.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines[0], "*", "only what is named gets in");
    for private in ["local/.data", "local/.env", "**/node_modules", "**/target"] {
        let at = lines.iter().position(|line| *line == private).unwrap_or_else(|| panic!("{private}"));
        assert!(lines[at + 1..].iter().all(|line| !line.starts_with('!')), "{private} is let in again");
    }
    assert!(!lines.contains(&"!.git"));
}

#[test]
fn compose_publishes_one_port_and_runs_nothing_that_may_more_than_it_must() {
    let secrets = secrets();
    let overlays = ["compose.gpu.yaml", "compose.minio.yaml", "compose.seaweedfs.yaml"];
    let files: Vec<_> = overlays.iter().map(|overlay| vec!["compose.yaml", overlay]).collect();
    for files in [vec!["compose.yaml"]].iter().chain(&files) {
        let all = parsed(files, &secrets);
        let services = all["services"].as_object().unwrap();
        assert_eq!(
            services.keys().map(String::as_str).collect::<Vec<_>>(),
            ["api", "bucket", "bucket-setup", "edge", "runner"]
        );
        for (name, service) in services {
            assert_eq!(service["ports"].is_null(), name != "edge", "{name}: {}", service["ports"]);
            assert_eq!(service["read_only"], true, "{name}");
            assert_eq!(service["cap_drop"][0], "ALL", "{name}");
            assert_eq!(service["security_opt"][0], "no-new-privileges:true", "{name}");
            assert!(service["privileged"].is_null(), "{name}");
            assert!(!service["mem_limit"].is_null(), "{name}");
            assert!(service["volumes"].to_string().matches("/data").count() <= 1, "{name}: one store's folder");
            let image = service["image"].as_str().unwrap();
            let pinned = image.split_once(':').is_some_and(|(_, tag)| tag.contains(|c: char| c.is_ascii_digit()));
            assert!(pinned || OURS.contains(&image), "{name}: {image}");
            let networks = service["networks"].to_string();
            assert_eq!(networks.contains("outside"), name == "edge", "{name}: {networks}");
            for volume in service["volumes"].as_array().into_iter().flatten() {
                // Text from the older compose, an object from the newer one.
                let source = volume.as_str().and_then(|text| text.split(':').next());
                let source = source.or(volume["source"].as_str()).unwrap();
                assert!(all["volumes"].get(source).is_some(), "{name}: {source} is no named volume");
            }
        }
        assert_eq!(all["networks"]["inside"]["internal"], true);
        let waits = |name: &str, other: &str| services[name]["depends_on"][other]["condition"].clone();
        assert_eq!(waits("bucket-setup", "bucket"), "service_healthy");
        assert_eq!(waits("api", "bucket-setup"), "service_completed_successfully");
        assert_eq!(waits("runner", "bucket-setup"), "service_completed_successfully");
        assert_eq!(waits("edge", "api"), "service_healthy");
        let devices = &services["runner"]["deploy"]["resources"]["reservations"]["devices"];
        assert_eq!(devices.to_string().contains("gpu"), files.contains(&"compose.gpu.yaml"), "{devices}");
        assert!(
            services["edge"]["ports"].to_string().contains("127.0.0.1"),
            "bound to this machine unless told otherwise"
        );
    }
}

#[test]
fn compose_holds_no_secret_and_starts_without_none() {
    let secrets = secrets();
    for name in secrets.keys() {
        let mut fewer = secrets.clone();
        fewer.remove(name);
        let refused = compose(&["compose.yaml"], &fewer);
        assert!(!refused.status.success(), "{name}");
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(said.contains(name) && said.contains("openssl rand"), "{said}");
    }
    let all = parsed(&["compose.yaml"], &secrets);
    // Each service is told those secrets alone that it needs.
    let told = |service: &str| {
        let environment = all["services"][service]["environment"].to_string();
        secrets.iter().filter(|(_, value)| environment.contains(*value)).map(|(name, _)| *name).collect::<Vec<_>>()
    };
    assert_eq!(told("api"), ["AWS_SECRET_ACCESS_KEY", "HLS_SIGNING_SECRET", "SECRET_KEY"]);
    assert_eq!(told("edge"), ["HLS_SIGNING_SECRET"]);
    for service in ["bucket", "bucket-setup", "runner"] {
        assert_eq!(told(service), ["AWS_SECRET_ACCESS_KEY"], "{service}");
    }
    for name in ["compose.yaml", "compose.minio.yaml", "compose.seaweedfs.yaml", ".env.example"] {
        for line in read(&format!("local/{name}")).lines() {
            let literal = ["SECRET", "PASSWORD"].iter().any(|word| line.contains(word))
                && line.trim_start().split_once([':', '=']).is_some_and(|(key, value)| {
                    let value = value.trim();
                    key.chars().all(|c| c.is_ascii_uppercase() || c == '_')
                        && !value.is_empty()
                        && !value.starts_with("${")
                });
            assert!(!literal, "{name}: {line}");
        }
    }
}

#[test]
fn every_variable_is_in_the_example_and_a_store_elsewhere_is_reached() {
    let example = read("local/.env.example");
    let named: BTreeSet<_> = example
        .lines()
        .filter_map(|line| line.trim_start_matches('#').split_once('=').map(|(name, _)| name))
        .filter(|name| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit())
        })
        .collect();
    let files: String = ["", ".gpu", ".minio", ".seaweedfs", ".elsewhere"]
        .map(|overlay| read(&format!("local/compose{overlay}.yaml")))
        .concat();
    for variable in files.split("${").skip(1).filter_map(|rest| rest.split(['}', ':']).next()) {
        assert!(named.contains(variable), "{variable} is not in .env.example");
    }
    // Section 6 of the contract.
    for variable in [
        "SECRET_KEY",
        "SECRET_KEY_PREVIOUS",
        "HLS_SIGNING_SECRET",
        "HLS_SIGNING_SECRET_PREVIOUS",
        "HLS_URL_TTL_SECONDS",
        "BUCKET",
        "AWS_REGION",
        "AWS_ENDPOINT_URL_S3",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "PUBLIC_URL",
        "UPLOAD_URL",
        "TRUSTED_PROXIES",
        "JOB_BACKEND",
        "INITIAL_ADMIN_USERNAME",
        "INITIAL_ADMIN_PASSWORD",
    ] {
        assert!(named.contains(variable), "{variable}");
    }
    let mut other = secrets();
    other.insert("AWS_ENDPOINT_URL_S3", "http://store.example:3900".to_owned());
    other.insert("BUCKET_UPSTREAM", "store.example:3900".to_owned());
    let all = parsed(&["compose.yaml", "compose.elsewhere.yaml"], &other);
    for service in ["bucket-setup", "api", "runner", "edge"] {
        let networks = all["services"][service]["networks"].to_string();
        assert!(networks.contains("outside") && networks.contains("inside"), "{service}: {networks}");
    }
    assert_eq!(all["services"]["api"]["environment"]["AWS_ENDPOINT_URL_S3"], "http://store.example:3900");
    assert_eq!(all["services"]["edge"]["environment"]["BUCKET_UPSTREAM"], "store.example:3900");
}

/// The edge as its container starts it, with Debian's nginx: the image's entry point runs the check, replaces the names
/// of all variables that are set, and starts nginx with the image's own nginx.conf around it.
#[tokio::test(flavor = "multi_thread")]
async fn the_edge_starts_with_exactly_the_variables_of_its_container() {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path();
    let pages = run.join("pages");
    fs::create_dir(&pages).unwrap();
    fs::write(pages.join("index.html"), "<!doctype html><title>Clipset</title>").unwrap();
    let mut told = secrets();
    told.insert("HLS_SIGNING_SECRET", SIGNING_SECRET.to_owned());
    let all = parsed(&["compose.yaml"], &told);
    let environment = all["services"]["edge"]["environment"].as_object().unwrap();
    let port = free_port();
    let here: BTreeMap<String, String> = environment
        .iter()
        .map(|(name, value)| {
            let in_container = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            // Only what names a place or a neighbour is another one here.
            let value = match name.as_str() {
                "LISTEN" => format!("127.0.0.1:{port}"),
                "API_UPSTREAM" => "127.0.0.1:1".to_owned(),
                "BUCKET_UPSTREAM" => "127.0.0.1:2".to_owned(),
                "PAGES_DIR" => pages.display().to_string(),
                "CACHE_DIR" => run.join("cache").display().to_string(),
                "TOMBSTONES_DIR" | "RUN_DIR" => run.display().to_string(),
                _ => in_container,
            };
            (name.clone(), value)
        })
        .collect();
    let check = |environment: &BTreeMap<String, String>| {
        Command::new(root().join("nginx/check-secrets.sh")).env_clear().envs(environment).output().unwrap()
    };
    assert!(check(&here).status.success());
    let mut open = here.clone();
    open.insert("HLS_SIGNING_SECRET".to_owned(), String::new());
    assert!(!check(&open).status.success(), "an edge without a secret does not start");

    // What is sourced may set more of them; then the names of all that are set are replaced.
    let names: String = here.keys().map(|name| format!("${{{name}}}")).collect::<String>() + "${REAL_IP_FROM}";
    let render = |environment: &BTreeMap<String, String>| {
        let template = fs::File::open(root().join("nginx/templates/default.conf.template")).unwrap();
        let mut entry = Command::new("sh");
        entry
            .args(["-ec", ". \"$0\"; exec envsubst \"$1\""])
            .arg(root().join("nginx/trusted-proxies.envsh"))
            .arg(&names);
        entry.envs(environment).stdin(template).output().unwrap()
    };
    let mut behind = here.clone();
    behind.insert("TRUSTED_PROXIES".to_owned(), "10.0.0.0/8".to_owned());
    assert!(String::from_utf8(render(&behind).stdout).unwrap().contains("set_real_ip_from 10.0.0.0/8;"));
    behind.insert("TRUSTED_PROXIES".to_owned(), "everywhere".to_owned());
    assert!(!render(&behind).status.success(), "an edge with a network that is none does not start");
    let rendered = render(&here);
    assert!(rendered.status.success());
    fs::write(run.join("default.conf"), rendered.stdout).unwrap();
    let around = fs::read_to_string(root().join("nginx/nginx.conf.template")).unwrap();
    fs::write(run.join("nginx.conf"), around.replace("${RUN_DIR}", run.to_str().unwrap())).unwrap();
    let mut nginx = Command::new("nginx");
    nginx.args(["-e", "stderr", "-c"]).arg(run.join("nginx.conf"));
    if nix::unistd::Uid::effective().is_root() {
        nginx.args(["-g", "user root;"]);
    }
    let _nginx = Process::start(&mut nginx).ended_by(nix::sys::signal::Signal::SIGTERM);
    let url = format!("http://127.0.0.1:{port}");
    let page = wait::until("the edge to answer", Duration::from_secs(20), async || reqwest::get(&url).await.ok()).await;
    assert_eq!(page.status(), 200);
    let unsigned = reqwest::get(format!("{url}/hls/x/segment000.ts")).await.unwrap();
    assert_eq!(unsigned.status(), 403);
}

/// `bucket-setup` on a store that enforces policies: the edge's prefixes can be read by anyone, nothing else, and no list.
#[tokio::test(flavor = "multi_thread")]
async fn the_bucket_that_containers_set_up_lets_the_edge_read_and_nobody_list() {
    let store = stores::seaweedfs().await;
    let endpoint = store.config.endpoint.clone().unwrap();
    let keys = store.config.credentials.clone().unwrap();
    let clipset = |arguments: &[&str]| {
        let mut command = Command::new(program("clipset"));
        command.args(arguments).env("BUCKET", "made-by-setup").env("AWS_REGION", "us-east-1");
        command.env("AWS_ENDPOINT_URL_S3", &endpoint);
        command.env("AWS_ACCESS_KEY_ID", &keys.access_key).env("AWS_SECRET_ACCESS_KEY", &keys.secret_key);
        command.output().unwrap()
    };
    assert!(!clipset(&["healthy"]).status.success(), "there is no bucket yet");
    for time in ["first", "second"] {
        let made = clipset(&["bucket-setup"]);
        assert!(made.status.success(), "{time}: {}", String::from_utf8_lossy(&made.stderr));
    }
    assert!(clipset(&["healthy"]).status.success());
    let config = clipset_bucket::BucketConfig { bucket: "made-by-setup".into(), ..store.config.clone() };
    let bucket = clipset_bucket::Bucket::connect(&config).await;
    let mut written = Vec::new();
    for prefix in EDGE_PREFIXES.iter().chain(&["originals/", "catalog/videos/", "accounts/users/"]) {
        let key = format!("{prefix}x.json");
        bucket.write_raw(&key, bytes::Bytes::from_static(b"{}")).await.unwrap();
        written.push((key, EDGE_PREFIXES.contains(prefix)));
    }
    for (key, public) in written {
        let status = reqwest::get(format!("{endpoint}/made-by-setup/{key}")).await.unwrap().status();
        assert_eq!(status.as_u16(), if public { 200 } else { 403 }, "{key}");
    }
    for list in ["?list-type=2", "?list-type=2&prefix=hls/"] {
        let status = reqwest::get(format!("{endpoint}/made-by-setup{list}")).await.unwrap().status();
        assert_eq!(status.as_u16(), 403, "{list}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_backed_up_and_wiped_plays_again_after_a_restore() {
    let mut stack = Stack::start().await;
    let client = stack.admin().await;
    let clip = COPYABLE.make(stack.folder(), "clip.mp4");
    let short_id = client.upload(&clip, "Kept").await;
    client.ready(&short_id).await;
    let info = client.stream_info(&short_id, |info| info["stream_url"].is_string()).await;
    let before = first_segment(&client.url, &client.manifest(&short_id).await.unwrap()).await;
    // The last that is made of a clip: nothing new comes after it.
    let storyboard = format!("{}/api/videos/{short_id}/storyboard.vtt?token={}", stack.url, client.token);
    wait::until("the storyboard", Duration::from_secs(60), async || {
        reqwest::get(&storyboard).await.ok()?.status().is_success().then_some(())
    })
    .await;
    let backup = stack.folder().join("backup");
    let script = |stack: &Stack, name: &str| {
        let mut command = stack.with_environment(root().join("local").join(name));
        command.env("CLIPSET_PROGRAM", program("clipset")).arg(&backup).output().unwrap()
    };
    for new in ["", " 0 media files new"] {
        let done = script(&stack, "backup");
        let told = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(done.status.success() && told.contains(new), "{told} {}", String::from_utf8_lossy(&done.stderr));
    }
    let sums =
        Command::new("sha256sum").args(["--check", "--quiet", "SHA256SUMS"]).current_dir(&backup).output().unwrap();
    assert!(sums.status.success(), "{}", String::from_utf8_lossy(&sums.stdout));

    stack.kill_everything().await;
    fs::remove_dir_all(stack.data()).unwrap();
    stack.up().await;
    let empty = stack.admin().await;
    assert_eq!(empty.get("/api/videos").await["videos"].as_array().unwrap().len(), 0);
    damaged_backups_are_refused(&stack, &backup, &script);
    let done = script(&stack, "restore");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let again = script(&stack, "restore");
    assert!(again.status.success(), "done twice: {}", String::from_utf8_lossy(&again.stderr));

    let client = stack.admin().await;
    let listed = client.get("/api/videos").await;
    assert_eq!(
        (&listed["videos"][0]["short_id"], &listed["videos"][0]["title"]),
        (&short_id.as_str().into(), &"Kept".into())
    );
    assert_eq!(client.ready(&short_id).await["stream_url"], info["stream_url"]);
    assert!(first_segment(&client.url, &client.manifest(&short_id).await.unwrap()).await == before);

    // A clip that came since would be lost.
    let newer = client.upload(&clip, "Newer").await;
    client.ready(&newer).await;
    let refused = script(&stack, "restore");
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("restore into an empty one"));
    assert_eq!(client.ready(&newer).await["ready"], true);
}

fn damaged_backups_are_refused(stack: &Stack, backup: &Path, script: &dyn Fn(&Stack, &str) -> Output) {
    let settings = fs::read_dir(backup.join("catalog/videos")).unwrap().next().unwrap().unwrap().path();
    let whole = fs::read(&settings).unwrap();
    fs::write(&settings, "{}").unwrap();
    let refused = script(stack, "restore");
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("damaged"));
    fs::write(&settings, whole).unwrap();
}

/// The bytes of the first segment of the best rendition, over nginx.
async fn first_segment(url: &str, master: &str) -> bytes::Bytes {
    let absolute = |uri: &str| if uri.starts_with('/') { format!("{url}{uri}") } else { uri.to_owned() };
    let playlist = match master.contains("#EXT-X-STREAM-INF") {
        true => reqwest::get(absolute(&uris(master)[0])).await.unwrap().text().await.unwrap(),
        false => master.to_owned(),
    };
    let segment = reqwest::get(absolute(&uris(&playlist)[0])).await.unwrap();
    assert_eq!(segment.status(), 200);
    segment.bytes().await.unwrap()
}
