//! The whole system, started as `./local/up` starts it, in a folder and on a port of its own.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

use clipset_bucket::{Bucket, BucketConfig, StaticCredentials};
use clipset_core::signing::SigningSecret;
use nix::sys::signal::Signal;
use serde::Deserialize;
use tempfile::TempDir;

use crate::{client::Client, disk::SmallDisk, process::Process, process::free_port, wait};

/// The administrator's password.
pub const PASSWORD: &str = "correct horse battery";
/// The secret that media URLs are signed with.
pub const SIGNING_SECRET: &str = "0123456789abcdef0123456789abcdef";
/// The secret that tokens are signed with.
pub const SECRET_KEY: &str = "a test's secret key of at least 32 bytes";

/// A running system; it ends with the test.
pub struct Stack {
    /// `http://127.0.0.1:{port}`.
    pub url: String,
    process: Option<Process>,
    disk: Option<SmallDisk>,
    folder: TempDir,
    port: u16,
    extra: Vec<(String, String)>,
}

/// What `clipset up` tells of itself.
#[derive(Debug, Deserialize)]
pub struct Address {
    /// Of the public port.
    pub url: String,
    /// Of each child, and of `up`.
    pub pids: BTreeMap<String, u32>,
}

/// A program that was built with these tests.
///
/// # Panics
/// If it was not built.
pub fn program(name: &str) -> PathBuf {
    let deps = std::env::current_exe().expect("this test's own path");
    let folder = deps.parent().and_then(Path::parent).expect("target/debug/deps");
    let program = folder.join(name);
    assert!(program.is_file(), "{} is missing: cargo build --workspace --bins", program.display());
    program
}

impl Stack {
    /// Starts the system and waits until it answers.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// The same, with more variables.
    ///
    /// # Panics
    /// If it does not answer within a minute.
    pub async fn start_with(extra: &[(&str, &str)]) -> Self {
        let mut stack = Self::planned(extra);
        stack.up().await;
        stack
    }

    /// The same, with all its data on a disk of `megabytes`; in a [namespace](crate::namespace).
    pub async fn start_on_disk_of(megabytes: u32) -> Self {
        let mut stack = Self::planned(&[]);
        stack.disk = Some(SmallDisk::mount(&stack.data(), megabytes));
        stack.up().await;
        stack
    }

    /// The small disk that it was started on.
    ///
    /// # Panics
    /// If it was started on another.
    pub fn disk(&self) -> &SmallDisk {
        self.disk.as_ref().expect("started on a small disk")
    }

    fn planned(extra: &[(&str, &str)]) -> Self {
        let port = free_port();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let pages = folder.path().join("pages");
        std::fs::create_dir(&pages).expect("a folder");
        std::fs::write(pages.join("index.html"), "<!doctype html><title>Clipset</title>").expect("a page");
        let extra = extra.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Self { url: format!("http://127.0.0.1:{port}"), process: None, disk: None, folder, port, extra }
    }

    /// Starts the system again on the same data.
    ///
    /// # Panics
    /// If it does not answer within a minute.
    pub async fn up(&mut self) {
        let _ = std::fs::remove_file(self.data().join("run/address"));
        let mut command = Command::new(program("clipset"));
        command.arg("up").arg("--no-demo").arg("--pages").arg(self.folder.path().join("pages"));
        command.arg("--nginx-dir").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../nginx"));
        command.env("CLIPSET_PORT", self.port.to_string()).env("CLIPSET_DATA", self.data());
        command.env("CLIPSET_ACCESS_LOG", "/dev/stdout");
        command.env("INITIAL_ADMIN_USERNAME", "admin").env("INITIAL_ADMIN_PASSWORD", PASSWORD);
        command.env("SECRET_KEY", SECRET_KEY).env("HLS_SIGNING_SECRET", SIGNING_SECRET);
        command.envs(self.extra.iter().map(|(name, value)| (name, value)));
        self.process = Some(if std::env::var_os("CLIPSET_TEST_LOGS").is_some() {
            Process::start(&mut command)
        } else {
            Process::start_into(&mut command, &self.log())
        });
        wait::until("the system to answer", Duration::from_secs(60), async || {
            self.address()?;
            let answer = reqwest::get(format!("{}/healthz", self.url)).await.ok()?;
            answer.status().is_success().then_some(())
        })
        .await;
    }

    /// Kills `up` and with it everything, as `kill -9` does, and waits until all of it is gone.
    pub async fn kill_everything(&mut self) {
        let pids = self.address().map(|address| address.pids).unwrap_or_default();
        self.process = None;
        for (name, pid) in pids {
            // Gone, or a zombie that nobody has collected yet.
            let gone = async || match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
                Ok(stat) => stat.contains(") Z ").then_some(()),
                Err(_) => Some(()),
            };
            wait::until(&format!("{name} to end with its parent"), Duration::from_secs(20), gone).await;
        }
    }

    /// Kills one child: `api`, `runner`, `bucket` or `nginx`.
    ///
    /// # Panics
    /// If there is no such child.
    pub fn kill(&self, name: &str) {
        self.signal(name, Signal::SIGKILL);
    }

    /// Sends one child a signal, such as SIGSTOP.
    ///
    /// # Panics
    /// If there is no such child.
    pub fn signal(&self, name: &str, signal: Signal) {
        let pids = self.address().expect("the system runs").pids;
        let pid = pids.get(name).unwrap_or_else(|| panic!("no {name} among {pids:?}"));
        let pid = nix::unistd::Pid::from_raw((*pid).try_into().expect("a process id"));
        nix::sys::signal::kill(pid, signal).expect("it runs");
    }

    /// What `up` wrote of itself.
    pub fn address(&self) -> Option<Address> {
        let text = std::fs::read(self.data().join("run/address")).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// `CLIPSET_DATA`.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// What `up` and its children said, unless `CLIPSET_TEST_LOGS` sends it elsewhere.
    pub fn log(&self) -> PathBuf {
        self.folder.path().join("log")
    }

    /// Adds what another program said to the log.
    ///
    /// # Panics
    /// If the log cannot be written.
    pub fn note(&self, said: &str) {
        let mut log = File::options().create(true).append(true).open(self.log()).expect("the log");
        log.write_all(said.as_bytes()).expect("written");
    }

    /// What the functions of the running system are told.
    ///
    /// # Panics
    /// If nothing runs.
    pub fn environment(&self) -> BTreeMap<String, String> {
        let text = std::fs::read_to_string(self.data().join("run/environment")).expect("the system runs");
        let lines = text.lines().filter_map(|line| line.split_once('='));
        lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// The bucket of the running system.
    ///
    /// # Panics
    /// If nothing runs.
    pub async fn bucket(&self) -> Bucket {
        let mut environment = self.environment();
        let mut take = |name: &str| environment.remove(name).unwrap_or_else(|| panic!("no {name}"));
        let config = BucketConfig {
            bucket: take("BUCKET"),
            endpoint: Some(take("AWS_ENDPOINT_URL_S3")),
            region: take("AWS_REGION"),
            upload_url: None,
            credentials: Some(StaticCredentials {
                access_key: take("AWS_ACCESS_KEY_ID"),
                secret_key: take("AWS_SECRET_ACCESS_KEY"),
            }),
        };
        Bucket::connect(&config).await
    }

    /// One more transcode runner, beside that of `up`.
    pub fn runner(&self, name: &str) -> Process {
        let mut command = Command::new(program("clipset-transcoder"));
        command.arg("watch").envs(self.environment());
        command.env("TRANSCODER_NAME", name).env("TRANSCODER_SCRATCH", self.folder.path().join(name));
        Process::start(&mut command)
    }

    /// A folder for the test's own files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A client that is signed in as the administrator.
    pub async fn admin(&self) -> Client {
        Client::sign_in(&self.url, "admin", PASSWORD).await
    }

    /// The `clipset` command against this system.
    pub fn clipset(&self, arguments: &[&str]) -> Command {
        let mut command = self.with_environment(program("clipset"));
        command.args(arguments);
        command
    }

    /// Another program that is told of this system, such as a script that runs `clipset`.
    pub fn with_environment(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env("CLIPSET_DATA", self.data()).env("CLIPSET_SERVER", &self.url);
        command.env("CLIPSET_USERNAME", "admin").env("CLIPSET_PASSWORD", PASSWORD);
        command.env("XDG_STATE_HOME", self.folder.path().join("state"));
        command
    }

    /// A command that works on the bucket itself.
    ///
    /// # Panics
    /// If it fails.
    pub fn maintenance(&self, arguments: &[&str]) -> Output {
        let output = self.clipset(arguments).output().expect("clipset runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }
}

/// `uri` signed by the tests' secret until `expires`.
///
/// # Panics
/// Never: the secret is well-formed.
pub fn sign(uri: &str, expires: u64) -> String {
    SigningSecret::parse("HLS_SIGNING_SECRET", SIGNING_SECRET).expect("a secret").signed_url(uri, expires)
}
