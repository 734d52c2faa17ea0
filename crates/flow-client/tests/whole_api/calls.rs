//! Every method, with all that it can be given.

use flow_base::{
    FlowId, InvitationId, KeyId, LinkId, LinkRole, Role, RunFileId, RunId, Secret, Seq, SessionId,
    TestResultId, Timestamp, UserId, WebhookId, WorkspaceId,
};
use flow_client::{
    AccountChange, Answer, Api, FlowChange, FlowStatus, ImportFlow, ListFlows, ListRuns, NewFlow,
    NewInvitation, NewKey, NewWebhook, ReplayRun, ReplayedCalls, RunAnswer, RunTests, SlugChange, StartRun,
    WebhookChange,
};
use serde_json::json;

use crate::Held;

pub(crate) async fn accounts(held: &mut Held, api: &Api) {
    held.asks("register", api.register("ann@example.org", "secret", "Ann")).await;
    held.asks("login", api.login("ann@example.org", "secret")).await;
    held.asks("refresh", api.refresh()).await;
    held.asks("getMe", api.me()).await;
    let change = AccountChange {
        name: Some("Anna".into()),
        email: Some("anna@example.org".into()),
        current_password: Some(Secret::new("secret".into())),
    };
    held.asks("changeMe", api.change_me(&change)).await;
    held.asks("exportMe", api.export_me()).await;
    held.asks("exportMe", api.export_me_to(&mut tokio::io::sink())).await;
    held.asks("eraseMe", api.erase_me("secret", Some("ben@example.org"))).await;
    held.asks("changePassword", api.change_password("secret", "another")).await;
    held.asks("listSessions", api.sessions()).await;
    held.asks("endSession", api.end_session(SessionId::generate())).await;
    held.asks("listKeys", api.keys()).await;
    let key = NewKey { name: "Bot".into(), scopes: Vec::new(), expires_at: Some(Timestamp::UNIX_EPOCH) };
    held.asks("createKey", api.create_key(&key)).await;
    held.asks("revokeKey", api.revoke_key(KeyId::generate())).await;
    held.asks("logout", api.logout()).await;
}

pub(crate) async fn flows(held: &mut Held, api: &Api) {
    let flow = FlowId::generate();
    held.asks("listFlows", api.flows(10, Some("cursor"))).await;
    let list = ListFlows {
        search: Some("a b".into()),
        tag: Some("t".into()),
        status: Some("draft".into()),
        owner: Some(UserId::generate()),
        workspace: Some(WorkspaceId::generate()),
        page: Some(1),
        sort: Some("name".into()),
    };
    held.asks("listFlows", api.list_flows(&list, 10, None)).await;
    let new = NewFlow {
        name: Some("New".into()),
        description: Some("It".into()),
        sample: Some("quiz".into()),
        flow: Some(json!({})),
        workspace_id: Some(WorkspaceId::generate()),
    };
    held.asks("createFlow", api.create_flow(&new)).await;
    let import = ImportFlow {
        format: Some("typebot".into()),
        data: json!({}),
        name: Some("New".into()),
        workspace_id: Some(WorkspaceId::generate()),
    };
    held.asks("importFlow", api.import_flow(&import)).await;
    held.asks("getFlow", api.flow(flow)).await;
    held.asks("changeFlow", api.rename_flow(flow, "Other")).await;
    let change = FlowChange {
        name: Some("Other".into()),
        description: Some("It".into()),
        tags: Some(vec!["t".into()]),
        status: Some(FlowStatus::Draft),
        slug: Some(SlugChange::Give("other".into())),
    };
    held.asks("changeFlow", api.change_flow(flow, &change)).await;
    let change = FlowChange { slug: Some(SlugChange::TakeAway), ..FlowChange::default() };
    held.asks("changeFlow", api.change_flow(flow, &change)).await;
    held.asks("moveFlow", api.move_flow(flow, WorkspaceId::generate())).await;
    held.asks("duplicateFlow", api.duplicate_flow(flow, None)).await;
    let copied = api.duplicate_flow_to(flow, Some("Copy"), Some(WorkspaceId::generate()));
    held.asks("duplicateFlow", copied).await;
    held.asks("deleteFlow", api.delete_flow(flow)).await;
    held.asks("listDeletedFlows", api.deleted_flows()).await;
    held.asks("restoreFlow", api.restore_flow(flow)).await;
    held.asks("getGrowth", api.flow_growth(flow)).await;
    held.asks("exportFlow", api.export_flow(flow)).await;
}

pub(crate) async fn content(held: &mut Held, api: &Api) {
    let flow = FlowId::generate();
    held.asks("getGraph", api.graph(flow)).await;
    held.asks("getGraph", api.graph_unless(flow, "\"x\"")).await;
    held.asks("editGraph", api.edit_graph(flow, &[], Some("\"x\""))).await;
    held.asks("putFlow", api.put_flow(flow, &json!({}), Some("\"x\""))).await;
    held.asks("validateFlow", api.diagnostics(flow)).await;
    held.asks("listHistory", api.history(flow, Some(Seq(9)), 10)).await;
    held.asks("listHistory", api.history_between(flow, Some(Seq(1)), Some(Seq(9)), 10)).await;
    held.asks("getMoment", api.flow_at(flow, Seq(3))).await;
    held.asks("getMoment", api.moment(flow, Seq(3))).await;
    held.asks("getPresence", api.presence(flow)).await;
    held.asks("getDurability", api.durability(flow, &[0], Some(&[0]))).await;
    held.asks("streamFlow", async { api.stream(flow).next().await }).await;
    held.asks("streamFlow", async { api.stream_after(flow, Some("1-2-3".into())).next().await }).await;
}

pub(crate) async fn versions(held: &mut Held, api: &Api) {
    let flow = FlowId::generate();
    held.asks("listVersions", api.versions(flow, 10, Some("7"))).await;
    held.asks("createVersion", api.create_version(flow, "Kept")).await;
    held.asks("createVersion", api.create_version_described(flow, "Kept", "It")).await;
    held.asks("getVersion", api.version(flow, 1)).await;
    held.asks("diffVersion", api.version_diff(flow, 1, Some(2))).await;
    held.asks("restoreVersion", api.restore_version(flow, 1)).await;
    held.asks("restoreVersion", api.restore_version_if(flow, 1, Some("\"x\""))).await;
    held.asks("activateFlow", api.activate(flow)).await;
    held.asks("activateFlow", api.activate_as(flow, "First")).await;
    held.asks("deactivateFlow", api.deactivate(flow)).await;
}

pub(crate) async fn sharing(held: &mut Held, api: &Api) {
    let (flow, token) = (FlowId::generate(), Secret::new("token".to_owned()));
    held.asks("listMembers", api.members(flow)).await;
    held.asks("putMember", api.put_member(flow, "ben@example.org", Role::Editor)).await;
    held.asks("removeMember", api.remove_member(flow, UserId::generate())).await;
    held.asks("listLinks", api.links(flow)).await;
    let created = api.create_link(flow, LinkRole::Viewer, Some(Timestamp::UNIX_EPOCH));
    held.asks("createLink", created).await;
    held.asks("revokeLink", api.revoke_link(flow, LinkId::generate())).await;
    held.asks("lookAtLink", api.look_at_link(&token)).await;
    let workspace = WorkspaceId::generate();
    held.asks("listInvitations", api.invitations(workspace)).await;
    let new =
        NewInvitation { role: Role::Viewer, expires_at: Some(Timestamp::UNIX_EPOCH), uses_max: Some(1) };
    held.asks("createInvitation", api.invite(workspace, &new)).await;
    held.asks("revokeInvitation", api.revoke_invitation(workspace, InvitationId::generate())).await;
    held.asks("lookAtInvitation", api.look_at_invitation(&token)).await;
    held.asks("acceptInvitation", api.accept_invitation(&token)).await;
}

pub(crate) async fn workspaces(held: &mut Held, api: &Api) {
    let workspace = WorkspaceId::generate();
    held.asks("listWorkspaces", api.workspaces()).await;
    held.asks("createWorkspace", api.create_workspace("Team")).await;
    held.asks("getWorkspace", api.workspace(workspace)).await;
    held.asks("renameWorkspace", api.rename_workspace(workspace, "Team")).await;
    held.asks("listWorkspaceMembers", api.workspace_members(workspace)).await;
    let put = api.put_workspace_member(workspace, "ben@example.org", Role::Editor);
    held.asks("putWorkspaceMember", put).await;
    held.asks("removeWorkspaceMember", api.remove_workspace_member(workspace, UserId::generate())).await;
    held.asks("transferWorkspace", api.transfer_workspace(workspace, UserId::generate())).await;
    held.asks("listAudit", api.audit(workspace, Some(7), 10)).await;
    held.asks("exportAudit", api.export_audit(workspace)).await;
    held.asks("exportAudit", api.export_audit_to(workspace, &mut tokio::io::sink())).await;
}

pub(crate) async fn webhooks(held: &mut Held, api: &Api) {
    let (workspace, webhook) = (WorkspaceId::generate(), WebhookId::generate());
    held.asks("listWebhooks", api.webhooks(workspace)).await;
    let (url, events) = ("https://example.org/".to_owned(), vec!["flow.created".to_owned()]);
    let new = NewWebhook { url: url.clone(), events: events.clone(), description: "It".into() };
    held.asks("createWebhook", api.create_webhook(workspace, &new)).await;
    held.asks("getWebhook", api.webhook(workspace, webhook)).await;
    let change = WebhookChange {
        url: Some(url),
        events: Some(events),
        description: Some("It".into()),
        enabled: Some(false),
    };
    held.asks("changeWebhook", api.change_webhook(workspace, webhook, &change)).await;
    held.asks("deleteWebhook", api.delete_webhook(workspace, webhook)).await;
    held.asks("listDeliveries", api.deliveries(workspace, webhook, 10, Some("7"))).await;
    held.asks("redeliver", api.redeliver(workspace, webhook, 7)).await;
    held.asks("pingWebhook", api.ping_webhook(workspace, webhook)).await;
    held.asks("renewWebhookSecret", api.renew_webhook_secret(workspace, webhook)).await;
}

pub(crate) async fn server(held: &mut Held, api: &Api) {
    held.asks("getHealth", api.health()).await;
    held.asks("getLiveness", api.is_live()).await;
    held.asks("getReadiness", api.readiness()).await;
    held.asks("listSamples", api.samples()).await;
    held.asks("getFlowSchema", api.flow_schema()).await;
}

pub(crate) async fn secrets(held: &mut Held, api: &Api) {
    let workspace = WorkspaceId::generate();
    held.asks("listSecrets", api.secrets(workspace)).await;
    held.asks("putSecret", api.put_secret(workspace, "crm", &Secret::new("s3cret".into()))).await;
    held.asks("deleteSecret", api.delete_secret(workspace, "crm")).await;
}

pub(crate) async fn runs(held: &mut Held, api: &Api) {
    let (flow, run) = (FlowId::generate(), RunId::generate());
    let start = StartRun {
        preview: true,
        version: Some(1),
        variables: [("a".to_owned(), json!(1))].into_iter().collect(),
        mocks: [("n".to_owned(), json!({ "output": 1 }))].into(),
    };
    held.asks("startRun", api.start_run(flow, &start)).await;
    let list = ListRuns { flow: Some(flow), kind: Some("preview".into()), status: Some("busy".into()) };
    held.asks("listRuns", api.runs(&list, 10, Some("cursor"))).await;
    held.asks("getRun", api.run(run)).await;
    held.asks("getRunJournal", api.run_journal(run, 3)).await;
    held.asks("getRunStep", api.run_step(run, 2)).await;
    for calls in [ReplayedCalls::Recorded, ReplayedCalls::Made] {
        let StartRun { variables, mocks, .. } = start.clone();
        held.asks("replayRun", api.replay_run(run, &ReplayRun { visit: 2, variables, mocks, calls })).await;
    }
    let file = RunFileId::generate();
    held.asks("sendRunFile", api.send_run_file(run, "größe 1.png", "7")).await;
    held.asks("getRunFile", api.run_file(run, file, &mut Vec::new())).await;
    for answer in [
        Answer::Text("yes".into()),
        Answer::Value(json!(true)),
        Answer::Choice(vec!["a".into()]),
        Answer::Files(vec![file]),
    ] {
        let answer = RunAnswer { answer, visit: Some(1), idempotency_key: Some("key".into()) };
        held.asks("answerRun", api.answer_run(run, &answer)).await;
    }
    held.asks("streamRun", async { api.run_stream(run, 3).next().await }).await;
    held.asks("cancelRun", api.cancel_run(run)).await;
    held.asks("getRunAsTest", api.run_as_test(run)).await;
    let tests = RunTests { version: Some(1), tests: Some(vec!["t".into()]) };
    held.asks("runTests", api.run_tests(flow, &tests)).await;
    held.asks("listTestResults", api.test_results(flow, Some(1), 10)).await;
    held.asks("getTestResult", api.test_result(flow, TestResultId::generate())).await;
}
