//! A report as JUnit's XML, as build servers read it.

use std::time::Duration;

use anyhow::Context;
use flow_executor::cases::{CaseReport, CaseStatus, Report};
use flow_model::FlowJson;
use quick_junit::{NonSuccessKind, TestCase, TestCaseStatus, TestSuite};

use super::tell;

/// One suite, named like the flow, with a case for each test case. Times are those of the cases'
/// clocks.
pub(super) fn xml(flow: &FlowJson, report: &Report) -> anyhow::Result<String> {
    let mut suite = TestSuite::new(flow.name());
    for case in &report.cases {
        suite.add_test_case(test_case(flow, case));
    }
    suite.set_time(report.cases.iter().map(time).sum());
    let mut xml = quick_junit::Report::new("interflow");
    xml.add_test_suite(suite);
    xml.to_string().context("could not write the XML")
}

fn test_case(flow: &FlowJson, case: &CaseReport) -> TestCase {
    let mut status = match case.status {
        CaseStatus::Passed => TestCaseStatus::success(),
        CaseStatus::Failed => TestCaseStatus::non_success(NonSuccessKind::Failure),
        CaseStatus::Error => TestCaseStatus::non_success(NonSuccessKind::Error),
    };
    let failures: Vec<String> = case
        .failures()
        .map(|(turn, failure)| format!("{}: {failure}", tell::at(flow.graph(), case, turn)))
        .chain(case.error.clone())
        .collect();
    if let Some(first) = failures.first() {
        status.set_message(first.lines().next().unwrap_or_default());
        status.set_type(if case.status == CaseStatus::Error { "error" } else { "assertion" });
        status.set_description(failures.join("\n"));
    }
    let mut told = TestCase::new(case.name.as_str(), status);
    told.set_classname(flow.name());
    told.set_time(time(case));
    let said: Vec<&str> = case.turns.iter().flat_map(|turn| &turn.said).map(String::as_str).collect();
    told.set_system_out(said.join("\n"));
    told
}

fn time(case: &CaseReport) -> Duration {
    Duration::from_millis(case.ms)
}
