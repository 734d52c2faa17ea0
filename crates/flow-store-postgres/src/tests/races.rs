//! What happens at the same moment, in an order that the test decides.

use flow_base::{ActorId, FlowId, LinkId, LinkRole, Seq, Timestamp, UserId, WebhookId, WorkspaceId};
use flow_store::{
    Conflict, DeliveryState, FlowStore, LinkStore, NewFlow, NewLink, NewVersion, NewWebhook, Origin,
    PurgePart, PurgeStore, Quotas, StoreError, TOLD_WHILE_DISABLED, VersionCause, VersionRecord,
    VersionStore, WEBHOOK_EVENTS, WebhookChange, WebhookStore,
};
use sqlx::{Executor, PgConnection};

use super::append::{end, waiting};
use super::{PostgresStore, TestStore, flows};

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

/// Begins a transaction with this statement about a row.
pub(super) async fn hold(connection: &mut PgConnection, statement: &'static str, id: uuid::Uuid) {
    connection.execute("begin").await.unwrap();
    sqlx::query(statement).bind(id).execute(connection).await.unwrap();
}

async fn owner(test: &TestStore, flow: FlowId) -> (UserId, WorkspaceId) {
    let (owner, workspace) = sqlx::query_as(
        "select user_id, workspace_id from flow_members where flow_id = $1 and role = 'owner'",
    )
    .bind(flow.as_uuid())
    .fetch_one(&mut test.connection().await)
    .await
    .unwrap();
    (UserId::from_uuid(owner), WorkspaceId::from_uuid(workspace))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_that_is_being_restored_is_left_and_one_that_is_being_purged_is_not_restored() {
    let test = TestStore::start().await;
    let [flow] = flows(&test.store, 1).await[..] else { unreachable!("one was asked for") };
    let (owner, _) = owner(&test, flow).await;
    assert!(test.store.delete_flow(flow, &Origin::operator(at(50))).await.unwrap());
    let begin = async || test.store.begin_purge(at(60), &Origin::operator(at(60))).await.unwrap();
    let mut holder = test.connection().await;
    hold(&mut holder, "update flows set deleted_at = null where id = $1", flow.as_uuid()).await;
    assert_eq!(begin().await, None, "it waits for nobody");
    holder.execute("rollback").await.unwrap();

    // The restore has looked for the flow before it is purged, and finds out when it has the row.
    hold(&mut holder, "select 1 from flows where id = $1 for update", flow.as_uuid()).await;
    let restoring = tokio::spawn({
        let store = test.store.clone();
        let by = Origin::operator(at(60));
        async move { store.restore_flow(flow, owner, at(10), &Quotas::UNBOUNDED, &by).await }
    });
    waiting(&mut test.connection().await, 1).await;
    sqlx::query("update flows set deleted_at = 'epoch' where id = $1")
        .bind(flow.as_uuid())
        .execute(&mut holder)
        .await
        .unwrap();
    end(&mut holder).await;
    assert!(!restoring.await.unwrap().unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purge_that_another_node_is_at_is_left_to_it() {
    let test = TestStore::start().await;
    let [flow] = flows(&test.store, 1).await[..] else { unreachable!("one was asked for") };
    test.store.delete_flow(flow, &Origin::operator(at(50))).await.unwrap();
    let begun = test.store.begin_purge(at(60), &Origin::operator(at(60))).await.unwrap();
    assert_eq!(begun, Some(flow));
    let mut other = test.connection().await;
    hold(&mut other, "select 1 from flow_purges where flow_id = $1 for update", flow.as_uuid()).await;
    assert_eq!(test.store.purge_part(flow).await.unwrap(), PurgePart::NotOurs);
    end(&mut other).await;
    assert_eq!(test.store.purge_part(flow).await.unwrap(), PurgePart::More);
}

async fn activate(store: &PostgresStore, flow: FlowId, seq: u64) -> VersionRecord {
    let version = NewVersion {
        flow,
        name: String::new(),
        description: String::new(),
        cause: VersionCause::Activation,
        seq: Seq(seq),
        content_hash: "0".repeat(64),
        content: bytes::Bytes::from_static(b"\x01content"),
        author: ActorId::Server,
        created_at: at(40),
    };
    store.create_version(&version, &Origin::operator(at(40))).await.unwrap()
}

/// Both have begun before either has the flow, and the older one comes last.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_activations_at_once_the_newer_stays_though_it_came_first() {
    let test = TestStore::start().await;
    let [flow] = flows(&test.store, 1).await[..] else { unreachable!("one was asked for") };
    let (mut holder, mut watcher) = (test.connection().await, test.connection().await);
    hold(&mut holder, "select 1 from flows where id = $1 for update", flow.as_uuid()).await;
    let mut activating = Vec::new();
    for (place, seq) in (1..).zip([9, 8]) {
        let store = test.store.clone();
        activating.push(tokio::spawn(async move { activate(&store, flow, seq).await }));
        waiting(&mut watcher, place).await;
    }
    end(&mut holder).await;
    for activating in activating {
        let published = activating.await.unwrap();
        assert_eq!((published.number, published.seq), (1, Seq(9)));
    }
}

async fn webhook(test: &TestStore, flow: FlowId) -> (WorkspaceId, WebhookId) {
    let (owner, workspace) = owner(test, flow).await;
    let webhook = NewWebhook {
        id: WebhookId::generate(),
        workspace,
        url: "https://example.org/hook".to_owned(),
        description: String::new(),
        events: WEBHOOK_EVENTS.iter().map(|event| (*event).to_owned()).collect(),
        secret: flow_base::Secret::new([7; 32]),
        created_by: owner,
    };
    test.store.create_webhook(&webhook, &Origin::operator(at(1))).await.unwrap();
    (workspace, webhook.id)
}

/// Whoever tells something has looked before the webhook is disabled.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_told_past_a_webhook_that_is_being_disabled() {
    let test = TestStore::start().await;
    let [flow] = flows(&test.store, 1).await[..] else { unreachable!("one was asked for") };
    let (workspace, webhook) = webhook(&test, flow).await;
    let mut holder = test.connection().await;
    let disable = "update webhooks set disabled_at = now(), disabled_reason = 'so' where id = $1";
    hold(&mut holder, disable, webhook.as_uuid()).await;
    let deleting = tokio::spawn({
        let store = test.store.clone();
        async move { store.delete_flow(flow, &Origin::operator(at(50))).await }
    });
    waiting(&mut test.connection().await, 1).await;
    end(&mut holder).await;
    assert!(deleting.await.unwrap().unwrap());
    assert_eq!(test.store.deliveries(workspace, webhook, None, 9).await.unwrap(), []);
}

/// Whoever disables it waits for those who have told it something.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_told_a_webhook_while_it_was_being_disabled_is_given_up() {
    let test = TestStore::start().await;
    let [flow] = flows(&test.store, 1).await[..] else { unreachable!("one was asked for") };
    let (workspace, webhook) = webhook(&test, flow).await;
    let mut holder = test.connection().await;
    let tell = "insert into webhook_deliveries (webhook_id, event_id, event, body, created_at, next_at)
        select id, id, 'ping', '{}', now(), now() from webhooks where id = $1 for share";
    hold(&mut holder, tell, webhook.as_uuid()).await;
    let disabling = tokio::spawn({
        let store = test.store.clone();
        let change = WebhookChange { enabled: Some(false), ..WebhookChange::default() };
        async move { store.change_webhook(workspace, webhook, &change, &Origin::operator(at(50))).await }
    });
    waiting(&mut test.connection().await, 1).await;
    end(&mut holder).await;
    assert!(disabling.await.unwrap().unwrap());
    let told = test.store.deliveries(workspace, webhook, None, 9).await.unwrap();
    assert_eq!(told.len(), 1);
    assert_eq!((told[0].state, told[0].error.as_deref()), (DeliveryState::Failed, Some(TOLD_WHILE_DISABLED)));
}

/// The account was there when its sign-in was looked at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flow_that_is_made_beside_an_erasure_does_not_outlive_it() {
    let test = TestStore::start().await;
    let [flow] = flows(&test.store, 1).await[..] else { unreachable!("one was asked for") };
    let (owner, workspace) = owner(&test, flow).await;
    let mut holder = test.connection().await;
    hold(&mut holder, "update users set erased_at = now() where id = $1", owner.as_uuid()).await;
    let new = NewFlow {
        id: FlowId::generate(),
        workspace,
        owner,
        name: String::new(),
        description: String::new(),
        tags: Vec::new(),
        created_at: at(50),
        updates: Vec::new(),
    };
    let creating = tokio::spawn({
        let (store, by) = (test.store.clone(), Origin::user(owner, at(50)));
        async move { store.create_flow(&new, &Quotas::UNBOUNDED, &by).await }
    });
    waiting(&mut test.connection().await, 1).await;
    end(&mut holder).await;
    let refused = creating.await.unwrap();
    assert!(matches!(refused, Err(StoreError::Conflict(Conflict::UnknownUser))), "{refused:?}");
}

/// Whoever is removed was allowed to share the flow when the request was looked at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_is_being_removed_leaves_no_link_behind() {
    let remove_from_flow = "delete from flow_members where flow_id = $1";
    let remove_from_workspace = "delete from workspace_members
        where workspace_id = (select workspace_id from flows where id = $1)";
    for (first, then) in [
        ("select 1 from flows where id = $1 for no key update", remove_from_flow),
        (
            "select 1 from workspaces
                where id = (select workspace_id from flows where id = $1) for no key update",
            remove_from_workspace,
        ),
    ] {
        let test = TestStore::start().await;
        let [flow] = flows(&test.store, 1).await[..] else { unreachable!("one was asked for") };
        let (owner, _) = owner(&test, flow).await;
        let other = if then == remove_from_flow { remove_from_workspace } else { remove_from_flow };
        sqlx::query(other).bind(flow.as_uuid()).execute(&mut test.connection().await).await.unwrap();
        let mut holder = test.connection().await;
        hold(&mut holder, first, flow.as_uuid()).await;
        let link = NewLink {
            id: LinkId::generate(),
            flow,
            hash: [1; 32],
            role: LinkRole::Editor,
            created_by: owner,
            expires_at: None,
        };
        let sharing = tokio::spawn({
            let (store, by) = (test.store.clone(), Origin::user(owner, at(50)));
            async move { store.create_link(&link, &by).await }
        });
        waiting(&mut test.connection().await, 1).await;
        sqlx::query(then).bind(flow.as_uuid()).execute(&mut holder).await.unwrap();
        end(&mut holder).await;
        let refused = sharing.await.unwrap();
        assert!(matches!(refused, Err(StoreError::Conflict(Conflict::NotAllowed))), "{refused:?}");
        assert_eq!(test.store.links(flow).await.unwrap(), []);
    }
}
