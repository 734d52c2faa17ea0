//! What programs do over the HTTP API with its client, and nobody else's tests do.

use flow_base::Seq;
use flow_client::{Api, ClientError, FlowChange, FlowStatus, ListFlows, NewFlow};

use crate::accounts::{code, refused};
use crate::people::{add, scene};

#[tokio::test]
async fn flows_are_made_of_samples_changed_published_copied_and_found() {
    let scene = scene().await;
    let (ann, me) = (&scene.ann, scene.ann.me().await.unwrap());
    let sample = ann.samples().await.unwrap().into_iter().find(|sample| sample.id == "quiz").unwrap();
    let new = NewFlow { sample: Some(sample.id), ..NewFlow::default() };
    let flow = ann.create_flow(&new).await.unwrap();
    assert_eq!((flow.workspace_id, flow.status), (me.workspace_id, FlowStatus::Draft));

    let change = FlowChange {
        description: Some("Asks".into()),
        tags: Some(vec!["school".into()]),
        status: Some(FlowStatus::Active),
        ..FlowChange::default()
    };
    let changed = ann.change_flow(flow.id, &change).await.unwrap();
    assert_eq!((&changed.name, &*changed.description), (&flow.name, "Asks"), "its name stays");
    assert_eq!((&*changed.tags, changed.status), (&["school".to_owned()][..], FlowStatus::Active));
    assert_eq!(changed.active_version, Some(1));

    let team = ann.create_workspace("Team").await.unwrap();
    let copy = ann.duplicate_flow_to(flow.id, Some("Copy"), Some(team.id)).await.unwrap();
    assert_eq!((&*copy.name, copy.workspace_id), ("Copy", team.id));
    assert_eq!(ann.duplicate_flow(flow.id, None).await.unwrap().workspace_id, me.workspace_id);

    let found = async |list: ListFlows, limit| {
        let page = ann.list_flows(&list, limit, None).await.unwrap();
        page.items.into_iter().map(|flow| flow.id).collect::<Vec<_>>()
    };
    let by_name = ListFlows { sort: Some("name".into()), ..ListFlows::default() };
    assert_eq!(found(ListFlows { workspace: Some(team.id), ..by_name.clone() }, 10).await, [copy.id]);
    let all = found(ListFlows { owner: Some(me.id), ..by_name.clone() }, 10).await;
    assert_eq!(all.len(), 4);
    assert!(
        found(ListFlows { owner: Some(flow_base::UserId::generate()), ..by_name.clone() }, 10)
            .await
            .is_empty()
    );
    assert_eq!(found(ListFlows { page: Some(2), ..by_name.clone() }, 3).await, all[3..]);
    assert_eq!(found(ListFlows { status: Some("active".into()), ..by_name }, 10).await, [flow.id]);
}

#[tokio::test]
async fn what_a_flow_says_is_read_once_and_what_it_said_comes_back_if_nobody_was_quicker() {
    let scene = scene().await;
    let (ann, flow) = (&scene.ann, scene.flow);
    let (_, seen) = ann.graph(flow).await.unwrap();
    assert_eq!(ann.graph_unless(flow, &seen).await.unwrap(), None);
    let kept = ann.create_version_described(flow, "Empty", "Before anything").await.unwrap();
    assert_eq!(ann.version(flow, kept.version).await.unwrap().version, kept);
    assert_eq!(kept.description, "Before anything");
    let changed = ann.edit_graph(flow, &[add("a")], None).await.unwrap();
    let (graph, etag) = ann.graph_unless(flow, &seen).await.unwrap().expect("it is another one now");
    assert!(graph["nodes"]["a"].is_object() && etag == changed.etag);

    let late = ann.restore_version_if(flow, kept.version, Some(&seen)).await;
    assert_eq!(code(late), refused(412, "changed"));
    let back = ann.restore_version_if(flow, kept.version, Some(&etag)).await.unwrap();
    assert!(back.seq > changed.seq && ann.graph(flow).await.unwrap().1 == back.etag);

    let moment = ann.moment(flow, changed.seq).await.unwrap();
    assert_eq!((moment.seq, moment.author_id), (changed.seq, Some(ann.me().await.unwrap().id)));
    assert_eq!(moment.flow, ann.flow_at(flow, changed.seq).await.unwrap());
    let all = ann.history_between(flow, None, None, 10).await.unwrap().items;
    assert_eq!(all[0].last_seq, back.seq);
    let until = ann.history_between(flow, None, Some(changed.seq), 10).await.unwrap().items;
    assert_eq!(until[0].last_seq, changed.seq);
    let after = ann.history_between(flow, Some(Seq(back.seq.0 + 1)), None, 10).await.unwrap();
    assert!(after.items.is_empty());
    let schema = ann.flow_schema().await.unwrap();
    assert!(schema["properties"]["nodes"].is_object(), "{schema}");
}

#[tokio::test]
async fn a_version_that_is_published_has_the_name_it_was_given() {
    let scene = scene().await;
    let new = NewFlow { sample: Some("quiz".into()), ..NewFlow::default() };
    let flow = scene.ann.create_flow(&new).await.unwrap().id;
    let published = scene.ann.activate_as(flow, "First term").await.unwrap();
    assert_eq!((&*published.name, &*published.cause), ("First term", "activation"));
    scene.ann.deactivate(flow).await.unwrap();
    assert_eq!(scene.ann.flow(flow).await.unwrap().status, FlowStatus::Draft);
}

#[tokio::test]
async fn exports_are_written_as_they_come() {
    let scene = scene().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("me.zip");
    let mut file = tokio::fs::File::create(&path).await.unwrap();
    let bytes = scene.ann.export_me_to(&mut file).await.unwrap();
    let written = std::fs::read(&path).unwrap();
    assert!(written.len() as u64 == bytes && written.starts_with(b"PK"), "{bytes} bytes");

    let workspace = scene.ann.me().await.unwrap().workspace_id;
    let mut lines = Vec::new();
    let bytes = scene.ann.export_audit_to(workspace, &mut lines).await.unwrap();
    assert_eq!(bytes, lines.len() as u64);
    // The next one has the first in it, too.
    let next = scene.ann.export_audit(workspace).await.unwrap();
    assert!(next.as_bytes().starts_with(&lines) && lines.ends_with(b"\n"), "{next}");

    let mut read_only = tokio::fs::File::open(&path).await.unwrap();
    let failed = scene.ann.export_me_to(&mut read_only).await;
    assert!(matches!(failed, Err(ClientError::Write(_))), "{failed:?}");
    let nobody = Api::new(&scene.server.url()).unwrap();
    assert_eq!(code(nobody.export_me_to(&mut tokio::io::sink()).await), refused(401, "signed_out"));
}

#[tokio::test]
async fn a_server_says_how_it_is() {
    let scene = scene().await;
    let nobody = Api::new(&scene.server.url()).unwrap();
    assert!(nobody.is_live().await.unwrap());
    let ready = nobody.readiness().await.unwrap();
    assert_eq!((&*ready.status, &*ready.parts["database"]), ("ready", "here"));
    assert_eq!(scene.ann.health().await.unwrap().status, "ready");
    assert_eq!(code(nobody.health().await), refused(401, "signed_out"));
}
