//! The test cases that the sample flows bring along: examples for whoever writes some.

use flow_model::samples;

use super::*;

#[test]
fn the_samples_pass_their_tests_and_these_visit_every_node() {
    for sample in samples() {
        let flow = FlowJson::parse(sample.json).unwrap();
        let report = run_cases(flow.graph(), None, &CaseLimits::default()).unwrap();
        assert!(report.cases.len() >= 2, "{}", sample.id);
        assert_eq!(report.status, CaseStatus::Passed, "{}: {report:#?}", sample.id);
        assert_eq!(report.coverage.nodes.missing, Vec::<String>::new(), "{}", sample.id);
        let has_name = |case: &CaseReport| case.name != case.id;
        assert!(report.cases.iter().all(has_name), "{}: cases are named by what they show", sample.id);
        let judges = |case: &CaseReport| case.turns.iter().map(|turn| turn.assertions).sum::<usize>() > 0;
        assert!(report.cases.iter().all(judges), "{}", sample.id);
    }
}
