//! Children die with their parent, however it dies; limits hold. Real processes throughout.
#![allow(clippy::unwrap_used)]

use std::{
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use clipset_child::{Child, ChildError, ChildSpec, Limits, Output, Signal, use_launcher};
use tokio::io::{AsyncBufReadExt, BufReader};

const LAUNCHER: &str = env!("CARGO_BIN_EXE_clipset-launcher");

fn spec(program: &str) -> ChildSpec {
    use_launcher(LAUNCHER);
    ChildSpec::new(program).stdout(Output::Piped).stderr(Output::Piped)
}

fn shell(script: &str) -> ChildSpec {
    spec("/bin/sh").args(["-c", script])
}

async fn stdout_of(spec: ChildSpec) -> String {
    let finished = spec.spawn().unwrap().finish(Duration::from_secs(10), 1 << 20).await.unwrap();
    String::from_utf8(finished.stdout).unwrap()
}

/// Alive: not gone, and not a zombie that nobody waited for yet.
fn alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

async fn gone(pid: u32) {
    let deadline = Instant::now() + Duration::from_secs(5);
    while alive(pid) {
        assert!(Instant::now() < deadline, "{pid} is still alive");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn first_line(child: &mut Child) -> String {
    let mut lines = BufReader::new(child.take_stdout().unwrap()).lines();
    lines.next_line().await.unwrap().unwrap()
}

#[tokio::test]
async fn a_child_dies_when_its_parent_is_killed() {
    let mut parent =
        tokio::process::Command::new(LAUNCHER).args(["hold", "sleep", "1000"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(parent.stdout.take().unwrap()).lines();
    let child: u32 = lines.next_line().await.unwrap().unwrap().parse().unwrap();
    assert!(alive(child));
    parent.start_kill().unwrap(); // SIGKILL: nothing of ours runs any more.
    parent.wait().await.unwrap();
    gone(child).await;
}

#[test]
fn a_child_outlives_the_runtime_that_started_it_but_not_its_handle() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let child = runtime.block_on(async { spec("sleep").arg("1000").spawn().unwrap() });
    let pid = child.id().unwrap();
    // Waits for its threads to end; a second child's whole life is time enough for the signal.
    runtime.shutdown_timeout(Duration::from_secs(5));
    let second = tokio::runtime::Runtime::new().unwrap();
    second.block_on(async {
        assert!(spec("true").spawn().unwrap().wait().await.unwrap().success());
        assert!(alive(pid), "the parent-death signal must not come when a worker thread ends");
        drop(child);
        gone(pid).await;
    });
}

#[tokio::test]
async fn dropping_a_child_kills_its_whole_group() {
    let mut child = shell("sleep 1000 & echo $!; sleep 1000").spawn().unwrap();
    let grandchild: u32 = first_line(&mut child).await.parse().unwrap();
    let leader = child.id().unwrap();
    assert!(alive(grandchild) && alive(leader));
    drop(child);
    gone(grandchild).await;
    gone(leader).await;
}

#[tokio::test]
async fn a_child_that_takes_too_long_is_killed_with_its_group() {
    let mut child = shell("sleep 1000 & echo $!; sleep 1000").spawn().unwrap();
    let grandchild: u32 = first_line(&mut child).await.parse().unwrap();
    let error = child.wait_with_limit(Duration::from_millis(50)).await.unwrap_err();
    assert!(matches!(error, ChildError::TimedOut { .. }), "{error}");
    gone(grandchild).await;
}

#[tokio::test]
async fn a_child_that_does_not_heed_a_signal_is_killed_after_the_grace() {
    let mut child = shell("trap '' TERM; echo ready; while :; do sleep 1; done").spawn().unwrap();
    first_line(&mut child).await;
    let status = child.stop(Signal::Terminate, Duration::from_millis(100)).await.unwrap();
    assert!(!status.success());
}

#[tokio::test]
async fn limits_hold_in_the_child_and_not_here() {
    let limits = Limits { open_files: Some(77), cpu_seconds: Some(5), file_size: Some(512 * 3), address_space: None };
    assert_eq!(stdout_of(shell("ulimit -n; ulimit -t; ulimit -f").limits(limits)).await, "77\n5\n3\n");
    assert_ne!(stdout_of(shell("ulimit -n")).await, "77\n");
}

#[tokio::test]
async fn a_child_without_network_sees_no_interface_but_its_own_loopback() {
    let interfaces = |text: String| text.lines().skip(2).map(|line| line.trim().to_owned()).collect::<Vec<_>>();
    let inside = interfaces(stdout_of(spec("cat").arg("/proc/net/dev").without_network()).await);
    if !Path::new("/proc/self/ns/net").exists() || inside.len() != 1 {
        // The kernel allows no namespace here, which the contract of `without_network` accepts.
        assert_eq!(inside, interfaces(stdout_of(spec("cat").arg("/proc/net/dev")).await));
        return;
    }
    assert!(inside[0].starts_with("lo:"), "{inside:?}");
}

#[tokio::test]
async fn a_clean_environment_holds_only_what_was_set() {
    let text = stdout_of(spec("/usr/bin/env").clean_env().env("ONLY", "this")).await;
    assert_eq!(text, "ONLY=this\n");
}

#[tokio::test]
async fn a_missing_program_is_an_error_of_ours() {
    let error = spec("clipset-no-such-program").spawn().unwrap_err();
    assert_eq!(error.to_string(), "clipset-no-such-program is not installed, or not on the PATH");
}

#[tokio::test]
async fn output_beyond_the_limit_ends_the_child() {
    let child = spec("yes").spawn().unwrap();
    let pid = child.id().unwrap();
    let error = child.finish(Duration::from_secs(10), 1000).await.unwrap_err();
    assert!(matches!(error, ChildError::TooMuchOutput { limit: 1000, .. }), "{error}");
    gone(pid).await;
}
