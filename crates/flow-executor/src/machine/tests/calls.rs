use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde_json::{Value as Json, json};

use super::{Play, flow};
use crate::machine::{
    At, CallAuth, CallFailure, CallRequest, Effect, Event, Happened, Output, Response, Stale,
};
use crate::plan::Plan;

fn calling(data: &Json) -> Plan {
    flow(
        &json!([
            { "id": "start", "type": "start", "data": {} },
            { "id": "call", "type": "api", "data": data },
            { "id": "end", "type": "end", "data": { "output": { "city": "city", "all": "all" } } },
        ]),
        &["start → call", "call → end"],
        &json!({ "id": { "type": "text", "default": "a/b c" }, "city": { "type": "text" }, "all": { "type": "list" } }),
    )
}

fn get(more: &Json) -> Json {
    let mut data = json!({ "url": "https://e.com/{{ id }}", "retry": { "max": 2, "base_ms": 100, "factor": 3, "jitter": false } });
    for (name, value) in more.as_object().unwrap() {
        data[name] = value.clone();
    }
    data
}

#[test]
fn a_request_is_made_of_templates() {
    let plan = calling(&get(&json!({
        "method": "POST",
        "url": "https://e.com/{{ id }}?x=1#part",
        "query": [{ "id": "q", "name": "q", "value": "{{ id }}" }],
        "headers": [{ "id": "h", "name": "X-Id", "value": "{{ id }}" }],
        "auth": "bearer", "auth_secret": "token",
        "body_kind": "json", "body": "{\"id\": \"{{ id }}\", \"n\": {{ [1, 2] }}}",
    })));
    let play = Play::new(&plan);
    let call: CallRequest = play.calls()[0].clone();
    assert_eq!(call.url, "https://e.com/a%2Fb%20c?x=1&q=a%2Fb+c#part");
    assert_eq!(call.method, "POST");
    assert_eq!(
        call.headers,
        [("X-Id".into(), "a/b c".into()), ("content-type".into(), "application/json".into())]
    );
    assert_eq!(call.body.as_deref(), Some(r#"{"id": "a/b c", "n": [1,2]}"#));
    assert_eq!(call.auth, CallAuth::Bearer { secret: "token".into() });
    assert!(!call.repeatable && call.idempotency_key.len() == 64);
}

#[test]
fn what_is_answered_goes_into_variables() {
    let map = json!([
        { "id": "a", "variable": "city", "path": "$.where.city" },
        { "id": "b", "variable": "all", "path": "$.tags[*]" },
        { "id": "c", "variable": "id", "kind": "expression", "expression": "status ~ body.where.city ~ ms" },
    ]);
    let plan = calling(&get(&json!({ "map": map })));
    let mut play = Play::new(&plan);
    play.answered(200, &json!({ "where": { "city": "Wien" }, "tags": ["x", "y"] }));
    assert_eq!(play.state(), r#"completed {"all":["x","y"],"city":"Wien"}"#);
    assert_eq!(play.variable("id"), json!("200Wien7"));
    let mut play = Play::new(&plan);
    play.answered(200, &json!("no object"));
    assert_eq!(play.state(), "failed: id: body.where is not set");
}

#[test]
fn failures_are_tried_again_with_growing_waits() {
    let plan = calling(&get(&json!({})));
    let mut play = Play::new(&plan);
    let key = play.calls()[0].idempotency_key.clone();
    let wait = |play: &Play<'_>| match &play.machine.state.at {
        At::Waiting(waiting) => waiting.until.map(|until| until.duration_since(play.now)),
        _ => None,
    };
    play.answered(503, &json!({}));
    assert_eq!(wait(&play), Some(SignedDuration::from_millis(100)));
    play.due().failed(CallFailure::Timeout);
    assert_eq!(wait(&play), Some(SignedDuration::from_millis(300)));
    play.due();
    assert_eq!(play.calls().iter().map(|call| call.attempt).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(play.calls().iter().all(|call| call.idempotency_key == key), "it is one call");
    play.failed(CallFailure::Broken);
    assert_eq!(play.state(), "failed: Broken");
}

#[test]
fn retry_after_is_obeyed_up_to_the_cap() {
    let plan =
        calling(&get(&json!({ "retry": { "max": 1, "base_ms": 100, "cap_ms": 5_000, "jitter": false } })));
    for (header, ms) in
        [("2", 2_000), ("3600", 5_000), ("Thu, 26 Nov 2026 12:00:03 GMT", 3_000), ("soon", 100)]
    {
        let mut play = Play::new(&plan);
        let headers = [("retry-after".to_owned(), header.to_owned())].into();
        play.called(Ok(Response { status: 429, headers, body: String::new(), ms: 1 }));
        let At::Waiting(waiting) = &play.machine.state.at else { panic!("it waits") };
        assert_eq!(
            waiting.until.unwrap().duration_since(play.now),
            SignedDuration::from_millis(ms),
            "{header}"
        );
    }
}

#[test]
fn what_may_have_been_done_is_not_done_again() {
    let plan = calling(&get(&json!({ "method": "POST" })));
    for failure in [CallFailure::Timeout, CallFailure::Broken, CallFailure::UnknownOutcome] {
        let mut play = Play::new(&plan);
        play.failed(failure);
        assert_eq!(play.variable("last_error")["kind"], "unknown_outcome", "{failure:?}");
        assert_eq!(play.calls().len(), 1);
    }
    // It was never sent.
    let mut play = Play::new(&plan);
    play.failed(CallFailure::Unreachable).due();
    assert_eq!(play.calls().len(), 2);
    let idempotent = calling(&get(&json!({ "method": "POST", "idempotent": true })));
    let mut play = Play::new(&idempotent);
    play.failed(CallFailure::UnknownOutcome).due();
    assert_eq!(play.calls().len(), 2);
}

#[test]
fn other_statuses_and_refusals_are_errors() {
    let plan = calling(&get(&json!({})));
    let mut play = Play::new(&plan);
    play.answered(404, &json!({}));
    assert_eq!(play.state(), "failed: the service answered with status 404");
    assert_eq!(
        play.variable("last_error"),
        json!({ "kind": "http_status", "message": "the service answered with status 404", "node": "call", "status": 404 })
    );
    for (failure, kind) in [
        (CallFailure::Refused, "refused_address"),
        (CallFailure::TooLarge, "response_too_large"),
        (CallFailure::Invalid, "invalid_request"),
    ] {
        let mut play = Play::new(&plan);
        play.failed(failure);
        assert_eq!(play.variable("last_error")["kind"], kind);
        assert_eq!(play.calls().len(), 1);
    }
}

#[test]
fn jitter_is_the_same_for_everybody_who_walks_the_run() {
    let plan = calling(&get(&json!({ "retry": { "max": 1, "base_ms": 10_000, "jitter": true } })));
    let until = || {
        let mut play = Play::new(&plan);
        play.answered(500, &json!({}));
        match &play.machine.state.at {
            At::Waiting(waiting) => waiting.until.unwrap().duration_since(play.now),
            _ => panic!("it waits"),
        }
    };
    assert_eq!(until(), until());
    assert!(until() < SignedDuration::from_secs(10));
}

#[test]
fn a_mocked_service_answers_after_a_while() {
    let plan = calling(
        &json!({ "mode": "mock", "mock_body": { "c": "Graz" }, "mock_delay_ms": 50, "map": [{ "id": "a", "variable": "city", "path": "$.c" }] }),
    );
    let mut play = Play::new(&plan);
    assert_eq!(play.due().state(), r#"completed {"all":null,"city":"Graz"}"#);
    assert!(!play.out.effects.iter().any(|effect| matches!(effect, Effect::Call(_))));
    let failing = calling(&json!({ "mode": "mock", "mock_status": 500 }));
    assert_eq!(Play::new(&failing).state(), "failed: the service answered with status 500");
}

#[test]
fn a_body_that_is_no_json_is_not_sent() {
    let plan =
        calling(&get(&json!({ "method": "POST", "body_kind": "json", "body": "{\"a\": {{ nothing }}}" })));
    let play = Play::new(&plan);
    assert!(play.state().starts_with("failed: the body is no JSON"), "{}", play.state());
    assert!(play.calls().is_empty());
}

#[test]
fn what_an_earlier_call_came_to_is_none_of_this_one() {
    let plan = calling(&get(&json!({})));
    let mut play = Play::new(&plan);
    play.answered(503, &json!({})).due();
    let late = Response { status: 200, headers: BTreeMap::new(), body: "{}".into(), ms: 1 };
    for (visit, attempt) in [(2, 1), (1, 2), (3, 2)] {
        let what = Happened::Called { visit, attempt, result: Ok(late.clone()) };
        let stale = play.machine.step(Event { at: play.now, what }, &mut Output::default());
        assert_eq!(stale, Err(Stale::NotWaited), "{visit}, {attempt}");
    }
    assert!(play.answered(200, &json!({})).state().starts_with("completed"));
}
