//! Calls of workspaces beside those of others.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::extract::State;
use axum::routing::any;
use flow_client::StartRun;
use flow_testing::{TestServer, eventually};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::PROGRAM;
use crate::runs::{LOCAL, told};
use crate::secrets::{calling, flow, outcome, service};

/// A service that answers when it may.
struct Slow {
    url: String,
    asked: Arc<AtomicUsize>,
    may: Arc<Semaphore>,
}

async fn slow() -> Slow {
    let (asked, may) = (Arc::new(AtomicUsize::new(0)), Arc::new(Semaphore::new(0)));
    let answer = async |State((asked, may)): State<(Arc<AtomicUsize>, Arc<Semaphore>)>| {
        asked.fetch_add(1, Ordering::SeqCst);
        may.acquire().await.unwrap().forget();
        axum::Json(json!({ "city": "Graz" }))
    };
    let router = Router::new().fallback(any(answer)).with_state((Arc::clone(&asked), Arc::clone(&may)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    Slow { url, asked, may }
}

#[tokio::test]
async fn a_call_waits_for_others_of_its_workspace_and_not_for_those_of_another() {
    let (slow, quick) = (slow().await, service().await);
    let limits =
        [LOCAL, ("INTERFLOW_EXECUTOR__CALLS_AT_ONCE", "6"), ("INTERFLOW_EXECUTOR__CALLS_PER_WORKSPACE", "4")];
    let server = TestServer::start_with(PROGRAM, &limits).await.unwrap();
    let ((ann, _), (ben, _)) = (server.person("ann").await.unwrap(), server.person("ben").await.unwrap());
    let without = |url: &str| {
        let mut content = calling(url, "x");
        content["nodes"][1]["data"]["auth"] = json!("none");
        content
    };
    let (hers, his) =
        (flow(&ann, without(&slow.url), None).await, flow(&ben, without(&quick.url), None).await);
    let mut started = Vec::new();
    for _ in 0..10 {
        started.push(ann.start_run(hers, &StartRun::default()).await.unwrap().run_id);
    }
    let asked = async || slow.asked.load(Ordering::SeqCst);
    eventually("as many as may be are under way", asked, |asked| *asked == 4).await;
    for _ in 0..3 {
        assert_eq!(outcome(&ben, his).await["output"]["city"], "Wien");
    }
    assert_eq!(slow.asked.load(Ordering::SeqCst), 4, "the others wait");
    slow.may.add_permits(10);
    for run in started {
        assert_eq!(told(&ann, run).await.1["output"]["city"], "Graz");
    }
}
