//! A report for people.

use flow_executor::cases::{CaseReport, CaseStatus, Counted, Report, TurnReport};
use flow_model::{FlowGraph, FlowJson};
use serde_json::Value;

use crate::maintenance::output;

/// How many of those that are not covered are named.
const NAMED_MAX: usize = 20;

pub(super) fn report(flow: &FlowJson, report: &Report) -> anyhow::Result<()> {
    for case in &report.cases {
        tell(flow.graph(), case)?;
    }
    if report.cases.is_empty() {
        output::line("the flow has no test cases")?;
    }
    let Report { passed, failed, errors, coverage, .. } = report;
    let (nodes, edges) = (&coverage.nodes, &coverage.edges);
    output::line(&format!(
        "{passed} passed, {failed} failed, {errors} in error; {} of {} nodes and {} of {} edges covered",
        nodes.covered, nodes.total, edges.covered, edges.total
    ))?;
    missing("nodes", nodes, |id| node(flow.graph(), id))?;
    missing("edges", edges, |id| edge(flow.graph(), id))
}

fn tell(graph: &FlowGraph, case: &CaseReport) -> anyhow::Result<()> {
    let word = match case.status {
        CaseStatus::Passed => "passed",
        CaseStatus::Failed => "FAILED",
        CaseStatus::Error => "ERROR ",
    };
    output::line(&format!("{word}  {}", case.name))?;
    for (turn, failure) in case.failures() {
        output::line(&format!("        {}", at(graph, case, turn)))?;
        for line in failure.to_string().lines() {
            output::line(&format!("          {line}"))?;
        }
    }
    let shown: usize = case.turns.iter().map(|turn| turn.failures.len()).sum();
    if case.failed() > shown {
        output::line(&format!("        and {} more", case.failed() - shown))?;
    }
    match &case.error {
        Some(error) => output::line(&format!("        {error}")),
        None => Ok(()),
    }
}

/// Which turn it was, and what was said in it.
pub(super) fn at(graph: &FlowGraph, case: &CaseReport, turn: &TurnReport) -> String {
    let Some(id) = &turn.turn else { return "at the beginning".to_owned() };
    let test = graph.tests.get(case.id.as_str());
    let turns = test.and_then(|test| test.data.get("turns")).and_then(Value::as_array);
    let at = turns.and_then(|turns| turns.iter().position(|turn| turn["id"] == **id));
    let said = at.and_then(|at| turns?.get(at)?.get("say"));
    let number = at.map_or_else(|| id.clone(), |at| (at + 1).to_string());
    match said {
        Some(Value::String(said)) => format!("turn {number}, after {said:?}"),
        Some(said) => format!("turn {number}, after {said}"),
        None => format!("turn {number}"),
    }
}

fn missing(what: &str, counted: &Counted, name: impl Fn(&str) -> String) -> anyhow::Result<()> {
    if counted.missing.is_empty() {
        return Ok(());
    }
    let mut names: Vec<String> = counted.missing.iter().take(NAMED_MAX).map(|id| name(id)).collect();
    if counted.missing.len() > NAMED_MAX {
        names.push(format!("and {} more", counted.missing.len() - NAMED_MAX));
    }
    output::line(&format!("{what} not covered: {}", names.join(", ")))
}

fn node(graph: &FlowGraph, id: &str) -> String {
    let label = graph.nodes.get(id).and_then(|node| node.label.as_deref());
    label.filter(|label| !label.trim().is_empty()).unwrap_or(id).to_owned()
}

fn edge(graph: &FlowGraph, id: &str) -> String {
    match graph.edges.get(id) {
        Some(edge) => {
            format!("{} ({}) → {}", node(graph, &edge.source), edge.output(), node(graph, &edge.target))
        }
        None => id.to_owned(),
    }
}
