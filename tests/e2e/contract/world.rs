use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use flow_base::{FlowId, Role, Scope, Secret, UserId};
use flow_client::{Api, NewFlow, NewKey};
use flow_testing::TestServer;
use reqwest::{Client, Response};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::document::{Document, Operation};
use super::rows;
use super::sample::{Row, Sample};
use crate::PROGRAM;

pub(super) const PASSWORD: &str = "correct horse battery staple";
/// Of nobody in particular; has an account.
pub(super) const BEN: &str = "ben@example.org";
pub(super) const METRICS_TOKEN: &str = "let me see";

/// A server with Ann, who owns the installation and makes what requests need, and Ben, who
/// has nothing to do with it.
pub(super) struct World {
    server: TestServer,
    http: Client,
    pub(super) document: Document,
    pub(super) ann: Api,
    pub(super) ben: Api,
    people: AtomicUsize,
    /// Of Ann's, by their scopes: one may not have many.
    keys: Mutex<HashMap<Vec<Scope>, String>>,
}

/// An answer that the document knows.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Value,
}

pub(super) fn token(of: &Api) -> String {
    of.token().unwrap().expose().clone()
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with(&[]).await
    }

    /// With these settings, too.
    pub(super) async fn with(settings: &[(&str, &str)]) -> Self {
        let usual = [
            ("INTERFLOW_METRICS_TOKEN", METRICS_TOKEN),
            ("INTERFLOW_LIMITS__FAILED_SIGN_INS_PER_ACCOUNT", "0"),
            ("INTERFLOW_LIMITS__FAILED_SIGN_INS_PER_ADDRESS", "0"),
            ("INTERFLOW_LIMITS__REQUESTS_PER_USER", "0"),
            ("INTERFLOW_LIMITS__REQUESTS_PER_KEY", "0"),
        ];
        let settings = [&usual, settings].concat();
        let server = TestServer::start_with(PROGRAM, &settings).await.unwrap();
        let (ann, _) = server.person("ann").await.unwrap();
        let (ben, _) = server.person("ben").await.unwrap();
        let document = Document::of(&server.url()).await;
        let http = Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { server, http, document, ann, ben, people: AtomicUsize::new(0), keys: Mutex::default() }
    }

    /// Each operation with its row.
    pub(super) fn table(&self) -> Vec<(Operation, Row)> {
        let mut rows = rows::rows();
        let table = self.document.operations().into_iter().map(|operation| {
            let at = rows.iter().position(|row| row.operation == operation.id);
            let at = at.unwrap_or_else(|| panic!("{} has no row in tests/e2e/contract/rows", operation.id));
            (operation, rows.swap_remove(at))
        });
        let table = table.collect();
        let left: Vec<_> = rows.iter().map(|row| row.operation).collect();
        assert_eq!(left, <[&str; 0]>::default(), "these rows are of no operation");
        table
    }

    /// Sends a request, and holds the answer against what the document says of it.
    pub(super) async fn send(&self, operation: &Operation, sample: &Sample) -> Answer {
        let request = self.request(operation, sample);
        let request = match (&sample.body, sample.content) {
            (Some(body), _) => request.json(body),
            (None, Some(content)) => request.header("content-type", "application/octet-stream").body(content),
            (None, None) => request,
        };
        self.check(operation, request.send().await.unwrap()).await
    }

    pub(super) fn request(&self, operation: &Operation, sample: &Sample) -> reqwest::RequestBuilder {
        let mut path = operation.path.clone();
        for name in operation.path_names() {
            path = path.replace(&format!("{{{name}}}"), &sample.path[&name]);
        }
        let mut url = reqwest::Url::parse(&format!("{}{path}", self.server.url())).unwrap();
        if !sample.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&sample.query);
        }
        let mut request = self.http.request(operation.method.clone(), url);
        for (name, value) in &sample.headers {
            request = request.header(*name, value);
        }
        match &sample.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    pub(super) async fn check(&self, operation: &Operation, response: Response) -> Answer {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let at = format!("{} {status}", operation.id);
        // After a 101 the connection is no HTTP any more, and a stream has no end.
        let is_stream = headers.get("content-type").is_some_and(|is| is == "text/event-stream");
        let text = if status == 101 || is_stream { String::new() } else { response.text().await.unwrap() };
        let documented = self.document.response(operation, status);
        let documented = documented.unwrap_or_else(|| panic!("{at} is not documented: {text}"));
        for name in documented["headers"].as_object().into_iter().flatten().map(|(name, _)| name) {
            assert!(
                headers.contains_key(name) || (status == 503 && name == "Retry-After"),
                "{at}: no {name}"
            );
        }
        let Some(content) = documented["content"].as_object() else {
            assert_eq!(text, "", "{at} has no body");
            return Answer { status, body: Value::Null };
        };
        let (said, content) = content.iter().next().unwrap();
        let is = headers["content-type"].to_str().unwrap();
        assert!(said == "*/*" || is.split(';').next() == Some(said), "{at}: {is} is not {said}");
        let body = if said == "application/json" || said.ends_with("+json") {
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{at}: {error}: {text}"))
        } else {
            Value::String(text)
        };
        let misfit = self.document.misfit(&content["schema"], &body);
        assert_eq!(misfit, None, "{at}: {body}");
        if status >= 400 {
            assert_eq!(body["error"]["requestId"], headers["x-request-id"].to_str().unwrap(), "{at}");
        }
        Answer { status, body }
    }

    /// A request of Ann's.
    pub(super) fn ann(&self) -> Sample {
        Sample::default().by(&token(&self.ann))
    }

    /// Somebody new.
    pub(super) async fn person(&self) -> (Api, UserId, String) {
        let name = format!("person{}", self.people.fetch_add(1, Ordering::Relaxed));
        let (api, user) = self.server.person(&name).await.unwrap();
        (api, user.id, format!("{name}@example.org"))
    }

    /// A flow of Ann's that can be activated.
    pub(super) async fn new_flow(&self) -> FlowId {
        let flow = NewFlow { sample: Some("quiz".into()), ..NewFlow::default() };
        self.ann.create_flow(&flow).await.unwrap().id
    }

    /// A request of Ann's about a new flow.
    pub(super) async fn flow(&self) -> Sample {
        self.ann().at("flow_id", self.new_flow().await)
    }

    /// A request of Ann's about a run of hers, which waits for an answer.
    pub(super) async fn run(&self) -> Sample {
        let flow = self.new_flow().await;
        self.ann.activate(flow).await.unwrap();
        let turn = self.ann.start_run(flow, &flow_client::StartRun::default()).await.unwrap();
        self.ann().at("run_id", turn.run_id)
    }

    /// A request of Ann's about a run of hers, which waits for a file.
    pub(super) async fn run_for_files(&self) -> Sample {
        let flow = crate::runs::active(&self.ann, &crate::files::asking_for_files()).await;
        let turn = self.ann.start_run(flow, &flow_client::StartRun::default()).await.unwrap();
        self.ann().at("run_id", turn.run_id)
    }

    /// A request of Ann's about a version of a new flow.
    pub(super) async fn version(&self) -> Sample {
        let flow = self.new_flow().await;
        let version = self.ann.create_version(flow, "One").await.unwrap();
        self.ann().at("flow_id", flow).at("version", version.version)
    }

    /// A request of Ann's about what testing a version of a new flow came to.
    pub(super) async fn tested(&self) -> Sample {
        let sample = self.version().await;
        let flow = sample.path["flow_id"].parse().unwrap();
        let tests = flow_client::RunTests { version: Some(1), tests: None };
        let done = self.ann.run_tests(flow, &tests).await.unwrap();
        sample.at("result_id", done.result.id)
    }

    pub(super) async fn key_of(&self, owner: &Api, scopes: &[Scope]) -> String {
        let key = NewKey { name: "Bot".into(), scopes: scopes.to_vec(), expires_at: None };
        owner.create_key(&key).await.unwrap().secret.expose().clone()
    }

    /// What Ann's request is answered with.
    async fn ask(&self, path: &str, body: &Value) -> Value {
        let request = self.http.post(format!("{}/api/{path}", self.server.url())).json(body);
        let answer = request.bearer_auth(token(&self.ann)).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}: {}", answer.status());
        answer.json().await.unwrap()
    }

    /// A request of Ann's about a new workspace.
    pub(super) async fn workspace(&self) -> Sample {
        let made = self.ask("workspaces", &json!({ "name": "Support" })).await;
        self.ann().at("workspace_id", made["id"].as_str().unwrap())
    }

    /// Likewise, and somebody else who is a member.
    pub(super) async fn workspace_with_member(&self) -> (Sample, UserId) {
        let (sample, (_, user, email)) = (self.workspace().await, self.person().await);
        let members = format!("workspaces/{}/members", sample.path["workspace_id"]);
        self.ask(&members, &json!({ "email": email, "role": "editor" })).await;
        (sample, user)
    }

    /// A request of Ann's about an invitation, and its token.
    pub(super) async fn invitation(&self) -> (Sample, String) {
        let sample = self.workspace().await;
        let invitations = format!("workspaces/{}/invitations", sample.path["workspace_id"]);
        let made = self.ask(&invitations, &json!({ "role": "viewer" })).await;
        let made = |name: &str| made[name].as_str().unwrap().to_owned();
        (sample.at("invitation_id", made("id")), made("token"))
    }

    /// A request of Ann's about a secret of a workspace.
    pub(super) async fn secret(&self) -> Sample {
        let sample = self.workspace().await;
        let workspace = sample.path["workspace_id"].parse().unwrap();
        self.ann.put_secret(workspace, "crm", &Secret::new("s3cret".into())).await.unwrap();
        sample.at("secret_name", "crm")
    }

    /// A request of Ann's about a webhook.
    pub(super) async fn webhook(&self) -> Sample {
        let sample = self.workspace().await;
        let webhooks = format!("workspaces/{}/webhooks", sample.path["workspace_id"]);
        let body = json!({ "url": "https://hooks.invalid/flows", "events": ["flow.created"] });
        let made = self.ask(&webhooks, &body).await;
        sample.at("webhook_id", made["id"].as_str().unwrap())
    }

    /// A request of Ann's about a delivery to a webhook.
    pub(super) async fn delivery(&self) -> Sample {
        let sample = self.webhook().await;
        let (workspace, webhook) = (&sample.path["workspace_id"], &sample.path["webhook_id"]);
        let ping = format!("workspaces/{workspace}/webhooks/{webhook}/ping");
        let made = self.ask(&ping, &json!({})).await;
        let delivery = made["deliveryId"].as_u64().unwrap();
        sample.at("delivery_id", delivery)
    }

    /// A request of Ann's about a share link, and its token.
    pub(super) async fn link(&self) -> (Sample, String) {
        let sample = self.flow().await;
        let links = format!("flows/{}/links", sample.path["flow_id"]);
        let made = self.ask(&links, &json!({ "role": "viewer" })).await;
        let made = |name: &str| made[name].as_str().unwrap().to_owned();
        (sample.at("link_id", made("id")), made("token"))
    }

    /// A key of Ann's with these scopes.
    pub(super) async fn anns_key(&self, scopes: &[Scope]) -> String {
        let mut keys = self.keys.lock().await;
        if !keys.contains_key(scopes) {
            keys.insert(scopes.to_vec(), self.key_of(&self.ann, scopes).await);
        }
        keys[scopes].clone()
    }

    /// Somebody with a role on what the request is about.
    pub(super) async fn with_role(&self, sample: &Sample, role: Role) -> String {
        let (api, _, email) = self.person().await;
        let named = |kind: &str| sample.path.get(&format!("{kind}_id"));
        let members = if let Some(flow) = named("flow") {
            format!("flows/{flow}/members")
        } else if let Some(workspace) = named("workspace") {
            format!("workspaces/{workspace}/members")
        } else {
            let run = named("run").expect("say here how one gets a role on what else there is");
            let flow = self.ann.run(run.parse().unwrap()).await.unwrap().summary.flow_id;
            format!("flows/{flow}/members")
        };
        self.ask(&members, &json!({ "email": email, "role": role })).await;
        token(&api)
    }
}
