//! Whether the client covers the API that the server describes: every operation, every
//! parameter and every field of a body. Each method is called, and what arrives is held
//! against the document.
#![expect(clippy::unwrap_used, reason = "a failed step of a test is its failure")]

mod calls;
mod document;
mod recorder;

use std::collections::{BTreeMap, BTreeSet};

use document::Operations;
use recorder::Recorder;

/// What the client does not ask, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    ("getDocs", "a page for people"),
    ("getDocsFile", "a page for people"),
    ("getMetrics", "Prometheus' own text, for Prometheus"),
    ("getOpenApi", "for who makes a client, not for who has one"),
    ("chat", "a WebSocket of people; a program has `start_run` and `answer_run`"),
    ("joinFlow", "a WebSocket, which `Peer` holds; its tests are those of the whole product"),
];

/// Parameters that the client has another way for, and which.
const NOT_GIVEN: &[(&str, &str, &str)] = &[
    ("sendRunFile", "x-resume-token", "of a chat over a WebSocket; a program has `start_run`"),
    ("streamRun", "token", "sent as a header, which a browser's `EventSource` cannot"),
    ("streamRun", "lasteventid", "sent as a header, which a browser's `EventSource` cannot"),
    ("streamFlow", "token", "sent as a header, which a browser's `EventSource` cannot"),
    ("streamFlow", "lasteventid", "sent as a header, which a browser's `EventSource` cannot"),
];

/// Fields of bodies, in the same way.
const NOT_FILLED: &[&str] = &[
    // Its body is a flow in its JSON form, whatever that has.
    "putFlow",
];

struct Held {
    recorder: Recorder,
    operations: Operations,
    seen: BTreeMap<String, Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    parameters: BTreeSet<String>,
    fields: BTreeSet<String>,
}

impl Held {
    /// The call's first request is one of this operation; whether the call takes what it is
    /// answered does not matter here.
    async fn asks<T>(&mut self, operation: &str, call: impl Future<Output = T>) {
        self.recorder.take();
        drop(call.await);
        let asked = self.recorder.take();
        let first = asked.first().unwrap_or_else(|| panic!("{operation}: nothing was asked"));
        let described =
            self.operations.get(operation).unwrap_or_else(|| panic!("{operation} is no operation"));
        assert!(described.is_meant_by(&first.method, &first.path), "{operation}: {first:?}");
        let seen = self.seen.entry(operation.to_owned()).or_default();
        for name in &first.query {
            assert!(described.parameters.contains(name), "{operation} has no parameter {name}");
        }
        let headers = first.headers.intersection(&described.parameters);
        seen.parameters.extend(first.query.iter().chain(headers).cloned());
        let fields: BTreeSet<String> =
            first.body.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
        for name in &fields {
            assert!(described.fields.contains(name), "{operation} has no field {name}");
        }
        seen.fields.extend(fields);
    }
}

#[tokio::test]
async fn every_operation_of_the_api_has_a_method_with_all_it_takes() {
    let recorder = Recorder::start().await;
    let api = flow_client::Api::new(&recorder.url).unwrap();
    let mut held = Held { recorder, operations: document::operations(), seen: BTreeMap::new() };
    calls::accounts(&mut held, &api).await;
    calls::flows(&mut held, &api).await;
    calls::content(&mut held, &api).await;
    calls::versions(&mut held, &api).await;
    calls::sharing(&mut held, &api).await;
    calls::workspaces(&mut held, &api).await;
    calls::webhooks(&mut held, &api).await;
    calls::secrets(&mut held, &api).await;
    calls::runs(&mut held, &api).await;
    calls::server(&mut held, &api).await;

    let Held { operations, mut seen, .. } = held;
    for (operation, _) in LEFT_OUT {
        assert!(operations.contains_key(*operation), "{operation} is no operation any more");
        assert!(!seen.contains_key(*operation), "{operation} is not left out");
    }
    let left_out = |id: &str| LEFT_OUT.iter().any(|(operation, _)| *operation == id);
    let mut missing = Vec::new();
    for (id, operation) in operations.iter().filter(|(id, _)| !left_out(id)) {
        let Some(seen) = seen.remove(id) else {
            missing.push(format!("{id} has no method"));
            continue;
        };
        let not_given = |name: &str| NOT_GIVEN.iter().any(|(of, what, _)| (*of, *what) == (id, name));
        let parameters = operation.parameters.difference(&seen.parameters).filter(|name| !not_given(name));
        missing.extend(parameters.map(|name| format!("{id} is never given the parameter {name}")));
        if !NOT_FILLED.contains(&&**id) {
            let fields = operation.fields.difference(&seen.fields);
            missing.extend(fields.map(|name| format!("{id} is never given the field {name}")));
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}
