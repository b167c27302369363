//! A child that was stopped (SIGSTOP, a debugger) lives and answers nothing: it is told in the log, or nobody finds out why.

use std::{convert::Infallible, fs, time::Duration};

use super::console::Console;

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Looks at the child `pid` once a second and says when it is stopped and when it goes on.
pub(super) async fn watch(name: &str, pid: u32, console: Console) -> Infallible {
    let mut was_stopped = false;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let stopped = fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| is_stopped(&stat));
        match (was_stopped, stopped) {
            (false, true) => console
                .say(format!("{name} is stopped by a signal and answers nothing: `kill -CONT {pid}` lets it go on")),
            (true, false) => console.say(format!("{name} goes on")),
            _ => {}
        }
        was_stopped = stopped;
    }
}

/// By a line of `/proc/PID/stat` (proc(5)): `PID (NAME) STATE …`, where a name may hold anything.
fn is_stopped(stat: &str) -> bool {
    let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
    matches!(state, Some('T' | 't'))
}

#[cfg(test)]
mod tests {
    use super::is_stopped;

    #[test]
    fn the_state_is_read_behind_any_name() {
        assert!(is_stopped("12 (nginx) T 1 12 12"));
        assert!(!is_stopped("12 (a) T b) S 1 12 12"));
        assert!(!is_stopped(""));
    }
}
