//! Test cases of a flow: read, played through the machine, and judged.
//!
//! Start with [`run_cases`]. A case is played by the machine that carries runs on, with the
//! case's variables and mocks. Nothing is stored and nobody is called: a call without a mock ends
//! the case. Delays pass at once; the clock of the case stands where they end.

mod assertion;
mod coverage;
mod export;
mod play;
mod read;
mod report;

use std::collections::BTreeMap;
use std::time::Duration;

use flow_model::FlowGraph;
use tokio::time::Instant;

pub use assertion::{Assertion, Failure};
pub use coverage::{Counted, Coverage};
pub use export::{ExportError, Exported, exported};
pub use read::{Case, CaseError, Turn};
pub use report::{CaseReport, CaseStatus, Report, TooLong, TurnReport};

use crate::plan::{Budgets, Plan};
use coverage::Visits;
use report::Room;

/// How much running test cases may take.
#[derive(Debug, Clone, Copy)]
pub struct CaseLimits {
    pub budgets: Budgets,
    /// Of computing, for one turn.
    pub turn_within: Duration,
    /// For all cases together. Those that are not begun by then are errors that say so.
    pub within: Duration,
}

impl Default for CaseLimits {
    fn default() -> Self {
        Self {
            budgets: Budgets::DEFAULT,
            turn_within: Duration::from_secs(30),
            within: Duration::from_secs(60),
        }
    }
}

/// Of a case that is under way by then.
const TIME_IS_OVER: &str = "the time for all test cases is over";

/// There is no test case of this id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no test case {0:?}")]
pub struct UnknownCase(pub String);

/// Runs the flow's test cases, in their order: all, or those of these ids. Coverage is that of the
/// cases that were run, together.
///
/// # Errors
/// [`UnknownCase`]; then none was run.
pub fn run_cases(
    graph: &FlowGraph,
    only: Option<&[String]>,
    limits: &CaseLimits,
) -> Result<Report, UnknownCase> {
    let known = |id: &&String| !graph.tests.contains_key(id.as_str());
    if let Some(unknown) = only.unwrap_or_default().iter().find(known) {
        return Err(UnknownCase(unknown.clone()));
    }
    let wanted = |id: &str| only.is_none_or(|only| only.iter().any(|wanted| wanted == id));
    // Most cases have no mocks, and share this one.
    let shared = Plan::compile(graph, limits.budgets, &BTreeMap::new());
    let end = Instant::now() + limits.within;
    let (mut visits, mut room) = (Visits::default(), Room::default());
    let mut cases = Vec::new();
    for test in graph.tests_in_order().into_iter().filter(|test| wanted(&test.id)) {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let message = "the time for all test cases was over before this one began";
            cases.push(CaseReport::error(test, message));
            continue;
        }
        let case = match Case::read(test, end) {
            Ok(case) => case,
            Err(error) => {
                cases.push(CaseReport::error(test, &error.to_string()));
                continue;
            }
        };
        let own;
        let plan = if case.mocks.is_empty() {
            &shared
        } else {
            own = Plan::compile(graph, limits.budgets, &case.mocks);
            &own
        };
        let turn_within = limits.turn_within.min(left);
        cases.push(play::play(test, &case, plan, turn_within, end, &mut visits, &mut room));
    }
    Ok(Report::of(cases, visits.coverage(graph, &shared)))
}

#[cfg(test)]
mod tests;
