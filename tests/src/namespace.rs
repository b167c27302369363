//! Tests that need a machine of their own in one respect: its mounts or its network.

use std::{env, process::Command};

use nix::unistd::geteuid;

const INSIDE: &str = "CLIPSET_TEST_NAMESPACE";

/// What a test has for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Own {
    /// Mounts, which end with the test.
    Mounts,
    /// A network with nothing but loopback, all of 127.0.0.0/8.
    Network,
}

/// Runs the test `name` (with its modules) once more in a namespace of its own: true there, false outside after it went
/// well.
///
/// # Panics
/// If it did not go well there, or the system gives no namespaces.
pub fn in_a_namespace(name: &str, own: Own) -> bool {
    if env::var_os(INSIDE).is_some() {
        return true;
    }
    let mut command = Command::new("unshare");
    if !geteuid().is_root() {
        // Whoever is not root is root of a user namespace.
        command.arg("--map-root-user");
    }
    match own {
        Own::Mounts => command.arg("--mount"),
        Own::Network => command.args(["--net", "sh", "-ec", "ip link set lo up; exec \"$@\"", "sh"]),
    };
    command.arg(env::current_exe().expect("this test's own path")).args(["--exact", name, "--nocapture"]);
    let ended = command.env(INSIDE, "1").status().expect("unshare (util-linux) runs");
    assert!(ended.success(), "{name}: see above");
    false
}
