//! The faults: chosen at random, and done to the running system.

use std::{fmt, process::Command, time::Duration};

use clipset_tests::{
    process::Process,
    stack::{Stack, program},
};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use rand::{RngExt, rngs::StdRng};

use crate::{
    damage::{self, Harm},
    ledger::Ledger,
};

const CHILDREN: [&str; 4] = ["bucket", "api", "runner", "nginx"];

/// A child that ends five times within a minute is given up by `up`, as it should be.
const MOST_KILLS_LATELY: usize = 3;
const LATELY: usize = 8;

/// Something that goes wrong.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fault {
    /// `kill -9`.
    Kill(&'static str),
    /// SIGSTOP, and SIGCONT after these seconds.
    Freeze(&'static str, u64),
    /// No byte free for these seconds.
    FullDisk(u64),
    /// An object's file is cut to half, or a byte of it changed. The key, once it is struck.
    Damage(Harm, std::sync::Arc<std::sync::OnceLock<String>>),
    /// A process whose clock is off by these seconds works with the others for a while.
    Clock(Skewed, i64),
}

/// Whose clock is wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Skewed {
    /// One more transcode runner.
    Runner,
    /// A sweep by hand.
    Sweep,
    /// The API: it takes the place of the one whose clock is right.
    Api,
}

impl Fault {
    /// One of all kinds.
    pub(crate) fn any(random: &mut StdRng, before: &[Self]) -> Self {
        loop {
            let child = CHILDREN[random.random_range(0..CHILDREN.len())];
            let fault = match random.random_range(0..6) {
                0 => Self::Kill(child),
                1 => Self::Freeze(child, random.random_range(3..=30)),
                2 => Self::FullDisk(random.random_range(4..=12)),
                3 => Self::Damage(Harm::Cut, Default::default()),
                4 => Self::Damage(Harm::Flip, Default::default()),
                _ => {
                    let who = [Skewed::Runner, Skewed::Sweep, Skewed::Api][random.random_range(0..3)];
                    Self::Clock(who, if random.random() { 3600 } else { -3600 })
                }
            };
            let lately = before.iter().rev().take(LATELY).filter(|other| **other == fault).count();
            if !matches!(fault, Self::Kill(_)) || lately < MOST_KILLS_LATELY {
                return fault;
            }
        }
    }

    /// Does it, and undoes what ends by itself; false if there was nothing to strike.
    pub(crate) async fn strike(&self, stack: &Stack, ledger: &Ledger, random: &mut StdRng) -> bool {
        match self {
            Self::Kill(child) => signal(stack, child, Signal::SIGKILL),
            Self::Freeze(child, seconds) => {
                // Its own id, also if another takes its place meanwhile.
                let Some(pid) = pid(stack, child).filter(|pid| kill(*pid, Signal::SIGSTOP).is_ok()) else {
                    return false;
                };
                tokio::time::sleep(Duration::from_secs(*seconds)).await;
                let _ = kill(pid, Signal::SIGCONT);
                true
            }
            Self::FullDisk(seconds) => {
                stack.disk().fill(0);
                tokio::time::sleep(Duration::from_secs(*seconds)).await;
                stack.disk().make_room();
                true
            }
            Self::Damage(harm, struck) => match damage::any_object(stack, *harm, ledger, random).await {
                Some(key) => struck.set(key).is_ok(),
                None => false,
            },
            Self::Clock(Skewed::Runner, seconds) => {
                let mut command = Command::new(program("clipset-transcoder"));
                command.arg("watch").env("TRANSCODER_NAME", "skewed");
                command.env("TRANSCODER_SCRATCH", stack.folder().join("skewed"));
                let runner = Process::start_into(with_clock(&mut command, stack, *seconds), &stack.log());
                tokio::time::sleep(Duration::from_secs(10)).await;
                drop(runner);
                true
            }
            Self::Clock(Skewed::Api, seconds) => in_place_of_the_api(stack, *seconds).await,
            Self::Clock(Skewed::Sweep, seconds) => {
                let mut command = stack.clipset(&["sweep"]);
                let output = with_clock(&mut command, stack, *seconds).output().unwrap();
                stack.note(&String::from_utf8_lossy(&output.stderr));
                // Something else may be wrong with the system just now; then it says so.
                output.status.success() || !output.stderr.is_empty()
            }
        }
    }
}

/// nginx finds the API by its socket's path: a second API, whose clock is off, has that path for a while.
async fn in_place_of_the_api(stack: &Stack, seconds: i64) -> bool {
    let socket = stack.data().join("run/api.sock");
    let aside = socket.with_extension("aside");
    if std::fs::rename(&socket, &aside).is_err() {
        return false;
    }
    let mut command = stack.clipset(&["serve", "--listen"]);
    command.arg(format!("unix:{}", socket.display()));
    let api = Process::start_into(with_clock(&mut command, stack, seconds), &stack.log());
    tokio::time::sleep(Duration::from_secs(15)).await;
    drop(api);
    // One that was started meanwhile has made its own.
    let mut right = reqwest::Client::builder().unix_socket(socket.clone()).build().unwrap().get("http://api/healthz");
    right = right.timeout(Duration::from_secs(2));
    if right.send().await.is_err() {
        std::fs::rename(&aside, &socket).unwrap();
    }
    true
}

fn pid(stack: &Stack, child: &str) -> Option<Pid> {
    let pid = *stack.address()?.pids.get(child)?;
    Some(Pid::from_raw(pid.try_into().ok()?))
}

fn signal(stack: &Stack, child: &str, signal: Signal) -> bool {
    pid(stack, child).is_some_and(|pid| kill(pid, signal).is_ok())
}

/// `command` as a process of the system whose wall clock is off by `seconds`.
pub(crate) fn with_clock<'a>(command: &'a mut Command, stack: &Stack, seconds: i64) -> &'a mut Command {
    command.envs(stack.environment());
    command.env("LD_PRELOAD", faketime()).env("FAKETIME", format!("{seconds:+}s"));
    // A clock that is set wrong does not run otherwise.
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
}

/// Debian's `faketime` package brings it.
fn faketime() -> std::path::PathBuf {
    let folders = std::fs::read_dir("/usr/lib").unwrap().map(|entry| entry.unwrap().path());
    let mut libraries = folders.map(|folder| folder.join("faketime/libfaketimeMT.so.1"));
    libraries.find(|library| library.is_file()).expect("libfaketime: apt-get install faketime")
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(child) => write!(f, "{child} is killed"),
            Self::Freeze(child, seconds) => write!(f, "{child} is stopped for {seconds} s"),
            Self::FullDisk(seconds) => write!(f, "the disk is full for {seconds} s"),
            Self::Damage(harm, key) => {
                write!(f, "{} is {harm}", key.get().map_or("an object", String::as_str))
            }
            Self::Clock(who, seconds) => write!(f, "the clock of a {who:?} is off by {seconds} s"),
        }
    }
}
