//! What running test cases came to.

use flow_model::graph::Test;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::assertion::{Failure, shown};
use super::coverage::Coverage;

/// What a report shows of what was said, altogether; what does not fit is cut.
const SAID_BYTES_MAX: usize = 2 << 20;
/// Failures that a report shows, altogether; the others are counted.
const FAILURES_MAX: usize = 500;

/// A report of so many cases, turns and names that it does not become short enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the report of all these test cases is too long; run fewer at a time")]
pub struct TooLong;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// `passed` if all of them did.
    pub status: CaseStatus,
    pub passed: usize,
    pub failed: usize,
    pub errors: usize,
    pub cases: Vec<CaseReport>,
    pub coverage: Coverage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CaseStatus {
    Passed,
    /// Something that was expected does not hold, or the run failed.
    Failed,
    /// The case could not be played to its end.
    Error,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CaseReport {
    pub id: String,
    pub name: String,
    pub status: CaseStatus,
    /// Why it could not be played to its end.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub error: Option<String>,
    /// How the run stands after it: `waiting`, `completed`, `failed`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub outcome: Option<String>,
    /// By the clock of the case.
    pub ms: u64,
    pub turns: Vec<TurnReport>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TurnReport {
    /// The id of the case's turn; none for a beginning that no turn of it judges.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub turn: Option<String>,
    /// The texts of what was said, message by message.
    pub said: Vec<String>,
    /// More was said than is shown.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub cut: bool,
    /// By the clock of the case.
    pub ms: u64,
    /// How many expectations it had, and how many were not met; a run that failed is one more.
    pub assertions: usize,
    pub failed: usize,
    /// Those that were not met. In a report of very many not all of them.
    pub failures: Vec<Failure>,
}

/// What is left to show what was said, and what failed.
#[derive(Debug)]
pub(super) struct Room {
    said_bytes: usize,
    failures: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self { said_bytes: SAID_BYTES_MAX, failures: FAILURES_MAX }
    }
}

impl Room {
    /// The texts that fit, and whether all did.
    pub(super) fn take(&mut self, texts: &[String]) -> (Vec<String>, bool) {
        let mut taken = Vec::with_capacity(texts.len());
        for text in texts {
            if text.len() > self.said_bytes {
                return (taken, false);
            }
            self.said_bytes -= text.len();
            taken.push(text.clone());
        }
        (taken, true)
    }

    /// Those that fit.
    pub(super) fn take_failures(&mut self, mut failures: Vec<Failure>) -> Vec<Failure> {
        failures.truncate(self.failures);
        self.failures -= failures.len();
        failures
    }
}

impl Report {
    pub(super) fn of(cases: Vec<CaseReport>, coverage: Coverage) -> Self {
        let count = |status| cases.iter().filter(|case| case.status == status).count();
        let (passed, failed) = (count(CaseStatus::Passed), count(CaseStatus::Failed));
        let errors = count(CaseStatus::Error);
        let status = if failed + errors == 0 { CaseStatus::Passed } else { CaseStatus::Failed };
        Self { status, passed, failed, errors, cases, coverage }
    }

    /// The report in at most so many bytes of JSON. Where it is longer, what was said is cut, of cases
    /// that passed first, and then failures are, from the last on; they stay counted.
    ///
    /// # Errors
    /// [`TooLong`] where all that does not help.
    pub fn within(mut self, bytes_max: usize) -> Result<Self, TooLong> {
        let passed: fn(&CaseReport) -> bool = |case| case.status == CaseStatus::Passed;
        for is_cut in [passed, |_| true] {
            if encoded_bytes(&self) <= bytes_max {
                return Ok(self);
            }
            let cases = self.cases.iter_mut().filter(|case| is_cut(case));
            for turn in cases.flat_map(|case| &mut case.turns).filter(|turn| !turn.said.is_empty()) {
                turn.said.clear();
                turn.cut = true;
            }
        }
        let mut bytes = encoded_bytes(&self);
        for turn in self.cases.iter_mut().flat_map(|case| &mut case.turns).rev() {
            while bytes > bytes_max
                && let Some(failure) = turn.failures.pop()
            {
                bytes -= encoded_bytes(&failure);
            }
        }
        // Commas between failures went too, so that it is no longer than this.
        if bytes <= bytes_max { Ok(self) } else { Err(TooLong) }
    }

    /// Without anything that the flow says or is made of: for those who may run it and not read it.
    #[must_use]
    pub fn in_numbers(mut self) -> Self {
        for case in &mut self.cases {
            case.error = None;
            case.turns.clear();
        }
        self.coverage.nodes.missing.clear();
        self.coverage.edges.missing.clear();
        self
    }
}

/// Counted as it is written: what is too long is not built.
fn encoded_bytes(value: &impl Serialize) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    serde_json::to_writer(&mut count, value).expect("counting does not fail, and all keys are texts");
    count.0
}

impl CaseReport {
    pub(super) fn error(test: &Test, message: &str) -> Self {
        Self {
            id: test.id.to_string(),
            name: test.name().to_owned(),
            status: CaseStatus::Error,
            error: Some(shown(message).to_owned()),
            outcome: None,
            ms: 0,
            turns: Vec::new(),
        }
    }

    /// How many expectations were not met.
    #[must_use]
    pub fn failed(&self) -> usize {
        self.turns.iter().map(|turn| turn.failed).sum()
    }

    /// What failed, and in which turn.
    pub fn failures(&self) -> impl Iterator<Item = (&TurnReport, &Failure)> {
        self.turns.iter().flat_map(|turn| turn.failures.iter().map(move |failure| (turn, failure)))
    }
}

impl CaseStatus {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Error => "error",
        }
    }
}

/// Expected and actual values, for people.
impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let quoted = |json: &Json| json.to_string();
        write!(f, "{}", self.message)?;
        if !self.expected.is_null() {
            write!(f, "\n  expected: {}", quoted(&self.expected))?;
        }
        write!(f, "\n  actual:   {}", quoted(&self.actual))
    }
}
