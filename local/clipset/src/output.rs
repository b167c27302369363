//! The one place that writes to the terminal; elsewhere the workspace's lints forbid it.

use std::io::Write as _;

/// A line of the answer, on standard output.
pub fn line(text: impl AsRef<str>) {
    // A reader that went away (`clipset … | head`) is no reason to fail.
    let _ = writeln!(std::io::stdout().lock(), "{}", text.as_ref());
}

/// One JSON document on one line, on standard output.
pub fn json(value: &impl serde::Serialize) {
    line(serde_json::to_string(value).unwrap_or_default());
}

/// A sentence for a person, on standard error.
pub fn note(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stderr().lock(), "{}", text.as_ref());
}

/// Why the command failed: the error and its causes in one sentence.
pub fn failure(error: &anyhow::Error) {
    note(format!("clipset: {}", sentence(error)));
}

/// An error and its causes, joined, each said once.
pub fn sentence(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if !text.contains(&cause) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&cause);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_joined_and_said_once() {
        let error = anyhow::anyhow!("connection refused").context("the server did not answer");
        assert_eq!(sentence(&error), "the server did not answer: connection refused");
        let wrapped = anyhow::anyhow!("no").context("it said no");
        assert_eq!(sentence(&wrapped), "it said no");
    }
}
