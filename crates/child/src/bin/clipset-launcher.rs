//! What test binaries start children through, their own `main` not being ours; and, for the tests
//! of this crate, a parent to kill: `hold PROGRAM ARGS…` prints the child's process id and waits.

use std::{io::Write, process::ExitCode};

use clipset_child::{ChildSpec, enter_if_asked};

fn main() -> ExitCode {
    enter_if_asked();
    let mut args = std::env::args_os().skip(1);
    match (args.next(), args.next()) {
        (Some(hold), Some(program)) if hold == "hold" => hold_child(ChildSpec::new(program).args(args)),
        _ => ExitCode::from(2),
    }
}

#[tokio::main]
async fn hold_child(spec: ChildSpec) -> ExitCode {
    let Ok(mut child) = spec.spawn() else { return ExitCode::FAILURE };
    let _ = writeln!(std::io::stdout(), "{}", child.id().unwrap_or_default());
    match child.wait().await {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
