//! `clipset doctor`: looks at this machine and at the system that it serves, and says what is wrong and what to do.

mod machine;
mod system;

use std::{env, time::Duration};

use anyhow::{Result, ensure};
use serde::Serialize;

use crate::{args::DoctorArgs, data::DataDir, manage::enter_local_system, output};

/// How long one look may take: what hangs is a finding, not a wait.
const PATIENCE: Duration = Duration::from_secs(10);

/// How a thing was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// As it should be.
    Ok,
    /// Works, and an administrator should know.
    Warning,
    /// Something will fail.
    Bad,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Finding {
    /// A word or two.
    what: &'static str,
    state: State,
    /// What was seen.
    seen: String,
    /// What an administrator does about it.
    #[serde(rename = "do", skip_serializing_if = "Option::is_none")]
    remedy: Option<String>,
}

impl Finding {
    fn ok(what: &'static str, seen: impl Into<String>) -> Self {
        Self { what, state: State::Ok, seen: seen.into(), remedy: None }
    }

    fn warning(what: &'static str, seen: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what, state: State::Warning, seen: seen.into(), remedy: Some(remedy.into()) }
    }

    fn bad(what: &'static str, seen: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { what, state: State::Bad, seen: seen.into(), remedy: Some(remedy.into()) }
    }

    fn lines(&self) -> String {
        let mark = match self.state {
            State::Ok => "ok     ",
            State::Warning => "warning",
            State::Bad => "BAD    ",
        };
        let line = format!("{mark}  {:<12}  {}", self.what, self.seen);
        match &self.remedy {
            Some(remedy) => format!("{line}\n{:23}do: {remedy}", ""),
            None => line,
        }
    }
}

/// `clipset doctor`.
///
/// # Errors
/// A sentence if anything is bad.
pub async fn doctor(args: &DoctorArgs) -> Result<()> {
    let data = DataDir::find();
    // With the variables of the system that runs here, if one does and none is named.
    if env::var_os("BUCKET").is_none() && data.environment().is_some() {
        enter_local_system()?;
    }
    let mut findings = machine::look(&data).await;
    if env::var_os("BUCKET").is_some() {
        findings.extend(system::look(&data).await);
    } else {
        let place = data.root().display();
        findings.push(Finding::warning(
            "system",
            format!("nothing runs on {place}, and BUCKET is not set"),
            "start ./local/up, or set BUCKET and what belongs to it, and ask again",
        ));
    }
    match args.json {
        true => output::json(&findings),
        false => findings.iter().for_each(|finding| output::line(finding.lines())),
    }
    let bad = findings.iter().filter(|finding| finding.state == State::Bad).count();
    ensure!(bad == 0, "{bad} of {} looks found something bad", findings.len());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_a_line_and_what_to_do_another() {
        assert_eq!(Finding::ok("disk", "12 GB free").lines(), "ok       disk          12 GB free");
        let bad = Finding::bad("nginx", "not installed", "apt-get install nginx");
        assert_eq!(
            bad.lines(),
            "BAD      nginx         not installed\n                       do: apt-get install nginx"
        );
    }
}
