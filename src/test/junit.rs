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

#[cfg(test)]
mod tests {
    use flow_executor::cases::{CaseLimits, run_cases};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_report_is_a_suite_with_what_failed() {
        let flow = json!({
            "interflow": 1, "name": "A & B",
            "nodes": [
                { "id": "start", "type": "start" },
                { "id": "hi", "type": "message", "data": { "blocks": [{ "id": "b", "text": "<Hello>\u{1}" }] } },
            ],
            "edges": [{ "source": "start", "target": "hi" }],
            "tests": [
                { "id": "good", "name": "is \"good\"", "turns": [{ "expect": [{ "type": "contains", "value": "Hello" }] }] },
                { "id": "bad", "turns": [{ "expect": [{ "type": "contains", "value": "<Bye>" }] }] },
                { "id": "odd", "turns": [{ "say": 1 }] },
            ],
        });
        let flow = FlowJson::from_value(&flow).unwrap();
        let report = run_cases(flow.graph(), None, &CaseLimits::default()).unwrap();
        let xml = xml(&flow, &report).unwrap();
        for part in [
            r#"<testsuites name="interflow" tests="3" failures="1" errors="1">"#,
            r#"<testsuite name="A &amp; B" tests="3" disabled="0" errors="1" failures="1" time="0.000">"#,
            r#"<testcase name="is &quot;good&quot;" classname="A &amp; B" time="0.000">"#,
            r#"<failure message="turn 1: contains: what was said does not fit" type="assertion">"#,
            "expected: &quot;&lt;Bye&gt;&quot;",
            r#"<error message="turns/"#,
            "<system-out>&lt;Hello&gt;</system-out>",
        ] {
            assert!(xml.contains(part), "{part}\n{xml}");
        }
    }
}
