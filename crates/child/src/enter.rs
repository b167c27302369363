//! The hidden first argument: the fresh process limits itself and becomes the program.

use std::{
    ffi::{OsStr, OsString},
    io::{self, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use nix::{
    sched::{CloneFlags, unshare},
    sys::{
        prctl,
        resource::{Resource, setrlimit},
        signal::Signal,
    },
    unistd::{getgid, getppid, getuid},
};

use crate::spec::ChildSpec;

const MARK: &str = "__clipset-child";

static ENTERED: AtomicBool = AtomicBool::new(false);
static LAUNCHER: OnceLock<PathBuf> = OnceLock::new();

/// If this process was started by [`ChildSpec::spawn`], becomes the program and does not return.
/// The first call of `main`, before any thread: a network namespace for an unprivileged user can
/// be made by a single-threaded process alone (user_namespaces(7)).
pub fn enter_if_asked() {
    ENTERED.store(true, Ordering::Relaxed);
    let mut args = std::env::args_os().skip(1);
    if args.next().as_deref() != Some(OsStr::new(MARK)) {
        return;
    }
    let error = become_program(args);
    let _ = writeln!(io::stderr(), "the child could not be set up: {error}");
    std::process::exit(126);
}

/// Starts children through `program`, whose `main` calls [`enter_if_asked`], instead of through our
/// own binary. For test binaries, whose `main` is not ours; the first call wins.
pub fn use_launcher(program: impl Into<PathBuf>) {
    let _ = LAUNCHER.set(program.into());
}

/// What to start children through; `None` if nothing would answer to the mark.
pub(crate) fn launcher() -> Option<PathBuf> {
    // Not current_exe(): this link leads to the running binary even after it was replaced.
    LAUNCHER.get().cloned().or_else(|| ENTERED.load(Ordering::Relaxed).then(|| "/proc/self/exe".into()))
}

/// The launcher's arguments for `spec` with its program found at `program`.
pub(crate) fn arguments(spec: &ChildSpec, program: &Path) -> Vec<OsString> {
    let limit = |name: &str, value: Option<u64>| value.map(|value| format!("{name}={value}"));
    let orders: Vec<String> = [
        Some(format!("parent={}", std::process::id())),
        Some(format!("signal={}", spec.death_signal.to_nix().as_str())),
        limit("address_space", spec.limits.address_space),
        limit("cpu_seconds", spec.limits.cpu_seconds),
        limit("file_size", spec.limits.file_size),
        limit("open_files", spec.limits.open_files),
        (!spec.network).then(|| "network=none".to_owned()),
    ]
    .into_iter()
    .flatten()
    .collect();
    let head = [MARK.into(), orders.join(",").into(), program.into()];
    head.into_iter().chain(spec.args.iter().cloned()).collect()
}

fn become_program(mut args: impl Iterator<Item = OsString>) -> io::Error {
    let orders = args.next().unwrap_or_default();
    let Some(program) = args.next() else { return wrong("no program") };
    let orders = orders.to_string_lossy();
    for order in orders.split(',') {
        if let Err(error) = obey(order) {
            return error;
        }
    }
    // After the signal was asked for: a parent that had died before would send none.
    if !orders.split(',').any(|order| order == format!("parent={}", getppid())) {
        return io::Error::other("the parent is gone");
    }
    Command::new(program).args(args).exec()
}

fn obey(order: &str) -> io::Result<()> {
    let (name, value) = order.split_once('=').ok_or_else(|| wrong(order))?;
    let number = || value.parse::<u64>().map_err(|_| wrong(order));
    let limit = |resource| Ok(setrlimit(resource, number()?, number()?)?);
    match name {
        "signal" => Ok(prctl::set_pdeathsig(value.parse::<Signal>().map_err(|_| wrong(order))?)?),
        "parent" => Ok(()),
        "address_space" => limit(Resource::RLIMIT_AS),
        "cpu_seconds" => limit(Resource::RLIMIT_CPU),
        "file_size" => limit(Resource::RLIMIT_FSIZE),
        "open_files" => limit(Resource::RLIMIT_NOFILE),
        "network" => {
            leave_network();
            Ok(prctl::set_no_new_privs()?)
        }
        _ => Err(wrong(order)),
    }
}

/// Moves into a network namespace of its own. Root can do so directly, others by way of a user
/// namespace; where the kernel or a container forbids both, the network stays.
fn leave_network() {
    let (user, group) = (getuid(), getgid());
    if unshare(CloneFlags::CLONE_NEWNET).is_ok() {
        return;
    }
    if unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNET).is_ok() {
        // The same ids inside as outside; without a map we would be `nobody` to ourselves.
        let _ = std::fs::write("/proc/self/setgroups", "deny");
        let _ = std::fs::write("/proc/self/gid_map", format!("{group} {group} 1"));
        let _ = std::fs::write("/proc/self/uid_map", format!("{user} {user} 1"));
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("not an order: {what}"))
}
