//! Measuring with wrk: two servers in turn, pair by pair, so that a noisy machine disturbs both.

use std::{path::Path, process::Command};

/// What one run of wrk said.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Answered.
    pub requests_per_second: f64,
    /// Half were answered within, milliseconds.
    pub p50: f64,
    /// 99 of 100 were answered within, milliseconds.
    pub p99: f64,
}

/// Loads `url` with `connections` for some seconds; `arguments` are wrk's own.
///
/// # Panics
/// If wrk is not installed, or an answer was an error.
pub fn load(url: &str, connections: u32, arguments: &[&str]) -> Load {
    let mut command = Command::new("wrk");
    command.args(["-t1", "-d4s", "--latency", &format!("-c{connections}")]).args(arguments).arg(url);
    let output = command.output().expect("wrk is needed: apt-get install wrk");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && !said.contains("Non-2xx") && !said.contains("Socket errors"), "{said}");
    let number = |label: &str| {
        let line = said.lines().map(str::trim).find(|line| line.starts_with(label)).expect("wrk's report");
        line.split_whitespace().last().expect("a figure").to_owned()
    };
    Load {
        requests_per_second: number("Requests/sec:").parse().expect("a figure"),
        p50: milliseconds(&number("50%")),
        p99: milliseconds(&number("99%")),
    }
}

fn milliseconds(text: &str) -> f64 {
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: f64 = number.parse().expect("a figure");
    if text.ends_with("us") {
        number / 1000.0
    } else if text.ends_with("ms") {
        number
    } else {
        number * 1000.0
    }
}

/// Measures `ours` and `peer` in turn; one pair to warm up, then `pairs`. Prints each ratio and
/// gives the median of ours to the peer's.
pub fn median_ratio(pairs: usize, mut ours: impl FnMut() -> f64, mut peer: impl FnMut() -> f64) -> f64 {
    ours();
    peer();
    let mut ratios: Vec<_> = (0..pairs)
        .map(|_| {
            let (ours, peer) = (ours(), peer());
            say(&format!("  {ours:>9.0} beside {peer:>9.0}: {:.3}", ours / peer));
            ours / peer
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    ratios[pairs / 2]
}

/// A wrk script that asks for `targets` in turn.
///
/// # Panics
/// If it cannot be written.
pub fn write_script(path: &Path, targets: impl Iterator<Item = String>) {
    let list: String = targets.map(|target| format!("\"{target}\",")).collect();
    let script = format!(
        "local targets = {{{list}}}\nlocal n = 0\n\
         request = function() n = n % #targets + 1; return wrk.format(\"GET\", targets[n]) end\n"
    );
    std::fs::write(path, script).expect("a script for wrk");
}

/// A line of the report.
#[expect(clippy::print_stdout, reason = "a benchmark reports on standard output")]
pub fn say(line: &str) {
    println!("{line}");
}
