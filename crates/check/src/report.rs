//! What a check found, as data, as a table and as JSON.

use std::fmt;

use serde::Serialize;

/// How a stream stands to a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It holds.
    Pass,
    /// It is broken.
    Fail,
    /// There is nothing in this stream that it speaks of.
    NotApplicable,
}

/// One rule and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule's short name: `target-duration`.
    pub rule: &'static str,
    /// What must hold, in a sentence.
    pub requirement: &'static str,
    /// Where that is written.
    pub source: &'static str,
    /// How the stream stands to it.
    pub verdict: Verdict,
    /// What was measured, or why it does not apply.
    pub evidence: String,
}

/// All rules, each with its verdict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// In the order in which the rules are checked.
    pub findings: Vec<Finding>,
}

impl Report {
    /// No rule is broken.
    pub fn is_clean(&self) -> bool {
        self.broken().next().is_none()
    }

    /// The rules that are broken.
    pub fn broken(&self) -> impl Iterator<Item = &Finding> {
        self.of(Verdict::Fail)
    }

    fn of(&self, verdict: Verdict) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(move |finding| finding.verdict == verdict)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Pass => "pass",
            Self::Fail => "FAIL",
            Self::NotApplicable => "n/a",
        })
    }
}

impl fmt::Display for Report {
    /// A table of rule, verdict and evidence; below it what each broken rule demands.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.findings.iter().map(|finding| finding.rule.len()).max().unwrap_or_default();
        for Finding { rule, verdict, evidence, .. } in &self.findings {
            writeln!(f, "{rule:width$}  {verdict:4}  {evidence}")?;
        }
        writeln!(f)?;
        for Finding { rule, requirement, source, .. } in self.broken() {
            writeln!(f, "{rule}: {requirement} ({source})")?;
        }
        let count = |verdict| self.of(verdict).count();
        let (passed, failed, absent) = (count(Verdict::Pass), count(Verdict::Fail), count(Verdict::NotApplicable));
        write!(f, "{passed} rules hold, {failed} are broken, {absent} do not apply")
    }
}
