use std::collections::BTreeSet;
use std::time::Duration;

use flow_base::{ActorId, Role, Secret, Seq, UserId, WebhookId, WorkspaceId};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::Harness;
use super::fixture::{Person, at, by, bytes, flow_of, new_flow, person, set_role};
use crate::{
    AttemptOutcome, Attempted, ClaimedDelivery, Conflict, DISABLED_BY_ERASURE, DISABLED_BY_HAND,
    DeliveryRecord, DeliveryState, NewVersion, NewWebhook, Quotas, Store, StoreError, TOLD_WHILE_DISABLED,
    VersionCause, WEBHOOK_EVENTS, WEBHOOKS_PER_WORKSPACE, WebhookChange, WebhookEvent, WebhookRecord,
};

const LONG: Duration = Duration::from_secs(3_600);
const NOW: Duration = Duration::ZERO;

fn new_webhook(owner: Person, events: &[&str]) -> NewWebhook {
    NewWebhook {
        id: WebhookId::generate(),
        workspace: owner.workspace,
        url: "https://example.org/hook".to_owned(),
        description: "Größe".to_owned(),
        events: events.iter().map(|event| (*event).to_owned()).collect(),
        secret: Secret::new([7; 32]),
        created_by: owner.id,
    }
}

async fn webhook_of(store: &dyn Store, owner: Person, events: &[&str]) -> WebhookId {
    let webhook = new_webhook(owner, events);
    store.create_webhook(&webhook, &by(1)).await.expect("it is stored");
    webhook.id
}

async fn one(store: &dyn Store, workspace: WorkspaceId, webhook: WebhookId) -> WebhookRecord {
    let listed = store.webhooks(workspace).await.expect("it lists");
    listed.into_iter().find(|listed| listed.id == webhook).expect("it is there")
}

async fn deliveries(store: &dyn Store, owner: Person, webhook: WebhookId) -> Vec<DeliveryRecord> {
    store.deliveries(owner.workspace, webhook, None, 100).await.expect("it lists")
}

async fn claim(store: &dyn Store, lease: Duration) -> Vec<ClaimedDelivery> {
    store.claim_deliveries(10, lease).await.expect("it answers")
}

async fn ping(store: &dyn Store, owner: Person, webhook: WebhookId) -> u64 {
    let event = WebhookEvent::ping(owner.workspace, &by(5));
    store.tell(owner.workspace, webhook, &event).await.expect("it is stored").expect("it is there")
}

fn delivered() -> Attempted {
    Attempted { status: Some(204), answer: Some("thanks".to_owned()), outcome: AttemptOutcome::Delivered }
}

fn failed(retry_in: Option<Duration>, pause: Duration, disable_after: Duration) -> Attempted {
    let outcome = AttemptOutcome::Failed { error: "no".to_owned(), retry_in, pause, disable_after };
    Attempted { status: Some(500), answer: None, outcome }
}

async fn change(store: &dyn Store, owner: Person, webhook: WebhookId, change: WebhookChange) -> bool {
    store.change_webhook(owner.workspace, webhook, &change, &by(9)).await.expect("it answers")
}

pub(super) async fn a_webhook_reads_back_and_is_its_workspaces_alone(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let webhook = new_webhook(ann, &["flow.created", "flow.deleted"]);
    store.create_webhook(&webhook, &by(1)).await.expect("it is stored");
    let record = WebhookRecord {
        id: webhook.id,
        workspace: ann.workspace,
        url: webhook.url.clone(),
        description: webhook.description.clone(),
        events: webhook.events.clone(),
        created_by: ann.id,
        created_at: at(1),
        failing_since: None,
        disabled: None,
    };
    assert_eq!(store.webhooks(ann.workspace).await.expect("it lists"), std::slice::from_ref(&record));
    assert_eq!(store.webhooks(ben.workspace).await.expect("it lists"), []);
    let nowhere = NewWebhook { workspace: WorkspaceId::generate(), ..new_webhook(ann, &[]) };
    let refused = store.create_webhook(&nowhere, &by(1)).await;
    assert!(matches!(refused, Err(StoreError::Conflict(Conflict::UnknownWorkspace))), "{refused:?}");

    // Another workspace has no part in it.
    assert!(!change(store, ben, webhook.id, WebhookChange::default()).await);
    let delivery = ping(store, ann, webhook.id).await;
    assert_eq!(deliveries(store, ben, webhook.id).await, []);
    let event = WebhookEvent::ping(ben.workspace, &by(5));
    assert_eq!(store.tell(ben.workspace, webhook.id, &event).await.expect("it answers"), None);
    assert_eq!(store.redeliver(ben.workspace, webhook.id, delivery).await.expect("it answers"), None);
    assert!(!store.delete_webhook(ben.workspace, webhook.id, &by(9)).await.expect("it answers"));

    let renamed = WebhookChange {
        url: Some("https://example.org/other".to_owned()),
        events: Some(vec!["ping".to_owned()]),
        secret: Some(Secret::new([8; 32])),
        ..WebhookChange::default()
    };
    assert!(change(store, ann, webhook.id, renamed).await);
    let changed = WebhookRecord {
        url: "https://example.org/other".to_owned(),
        events: vec!["ping".to_owned()],
        ..record
    };
    assert_eq!(one(store, ann.workspace, webhook.id).await, changed);
    assert_eq!(claim(store, LONG).await[0].secret.expose(), &[8; 32]);
    assert!(store.delete_webhook(ann.workspace, webhook.id, &by(9)).await.expect("it answers"));
    assert_eq!(store.webhooks(ann.workspace).await.expect("it lists"), []);
    assert_eq!(deliveries(store, ann, webhook.id).await, []);
    assert!(!store.delete_webhook(ann.workspace, webhook.id, &by(9)).await.expect("only once"));
}

pub(super) async fn a_workspace_has_so_many_webhooks(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    for _ in 0..WEBHOOKS_PER_WORKSPACE {
        webhook_of(store, ann, &[]).await;
    }
    let refused = store.create_webhook(&new_webhook(ann, &[]), &by(1)).await;
    assert!(matches!(refused, Err(StoreError::Conflict(Conflict::TooManyWebhooks))), "{refused:?}");
}

pub(super) async fn what_happens_is_told_to_those_who_want_to_know(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let all = webhook_of(store, ann, WEBHOOK_EVENTS).await;
    let some = webhook_of(store, ann, &["flow.deleted"]).await;
    let off = webhook_of(store, ann, WEBHOOK_EVENTS).await;
    change(store, ann, off, WebhookChange { enabled: Some(false), ..WebhookChange::default() }).await;
    let other = webhook_of(store, ben, WEBHOOK_EVENTS).await;

    let flow = flow_of(store, ann).await;
    set_role(store, flow, ben.id, Some(Role::Viewer)).await;
    for cause in [VersionCause::Named, VersionCause::Activation] {
        let version = NewVersion {
            flow,
            name: String::new(),
            description: String::new(),
            cause,
            seq: Seq::ZERO,
            content_hash: "00".to_owned(),
            content: bytes("{}"),
            author: ActorId::User(ann.id),
            created_at: at(40),
        };
        store.create_version(&version, &by(40)).await.expect("it is kept");
    }
    store.deactivate(flow, &by(41)).await.expect("it answers");
    store.delete_flow(flow, &by(42)).await.expect("it is deleted");

    let told = deliveries(store, ann, all).await;
    let names: Vec<_> = told.iter().rev().map(|told| told.event.as_str()).collect();
    let expected = [
        "flow.created",
        "flow.memberChanged",
        "version.created",
        "version.created",
        "flow.activated",
        "flow.deactivated",
        "flow.deleted",
    ];
    assert_eq!(names, expected);
    assert!(told.iter().all(|told| told.state == DeliveryState::Pending && told.attempts == 0));
    let body: Value = serde_json::from_str(&told[0].body).expect("it is JSON");
    assert_eq!((&body["type"], &body["workspace"]), (&json!("flow.deleted"), &json!(ann.workspace)));
    assert_eq!((&body["id"], &body["data"]), (&json!(told[0].event_id), &json!({ "flow": flow })));
    assert_eq!(body["at"], json!(at(42).to_string()));
    let version: Value = serde_json::from_str(&told[3].body).expect("it is JSON");
    assert_eq!(version["data"], json!({ "flow": flow, "version": 2 }));
    let few = deliveries(store, ann, some).await;
    assert_eq!(few.iter().map(|told| &told.event).collect::<Vec<_>>(), ["flow.deleted"]);
    assert_eq!(few[0].event_id, told[0].event_id, "it is the same event");
    assert_eq!(deliveries(store, ann, off).await, []);
    assert_eq!(deliveries(store, ben, other).await, []);
}

pub(super) async fn nothing_is_told_of_what_did_not_happen(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let webhook = webhook_of(store, ann, WEBHOOK_EVENTS).await;
    let flow = new_flow(ann);
    store.create_flow(&flow, &Quotas::UNBOUNDED, &by(10)).await.expect("it is made");
    store.create_flow(&flow, &Quotas::UNBOUNDED, &by(10)).await.expect_err("its id is taken");
    assert!(!store.deactivate(flow.id, &by(11)).await.expect("it answers"), "nothing was active");
    assert_eq!(deliveries(store, ann, webhook).await.len(), 1);
}

pub(super) async fn a_claimed_delivery_is_nobody_elses_until_its_lease_is_over(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let webhook = webhook_of(store, ann, &[]).await;
    let id = ping(store, ann, webhook).await;
    let first = claim(store, NOW).await;
    let [first] = &first[..] else { panic!("it is due: {first:?}") };
    assert_eq!((first.id, first.webhook, first.attempt, first.failures), (id, webhook, 1, 0));
    assert_eq!((first.url.as_str(), first.secret.expose()), ("https://example.org/hook", &[7; 32]));
    let second = claim(store, LONG).await;
    let [second] = &second[..] else { panic!("the lease is over: {second:?}") };
    assert_eq!((second.id, second.attempt), (id, 2));
    assert!(claim(store, LONG).await.is_empty(), "it is claimed");

    assert!(!store.finish_delivery(first, &delivered()).await.expect("it answers"), "it came too late");
    assert_eq!(deliveries(store, ann, webhook).await[0].state, DeliveryState::Pending);
    assert!(store.finish_delivery(second, &delivered()).await.expect("it answers"));
    assert!(!store.finish_delivery(second, &delivered()).await.expect("it answers"), "only once");
    let ended = &deliveries(store, ann, webhook).await[0];
    assert_eq!((ended.state, ended.attempts, ended.status), (DeliveryState::Delivered, 2, Some(204)));
    assert_eq!((ended.answer.as_deref(), ended.error.as_deref()), (Some("thanks"), None));
    assert!(ended.last_at.is_some());
}

pub(super) async fn deliveries_claimed_at_once_go_to_one_each(harness: &dyn Harness) {
    let store = harness.store();
    let ann = person(&*store, "ann").await;
    let webhook = webhook_of(&*store, ann, &[]).await;
    let mut made = BTreeSet::new();
    for _ in 0..24 {
        made.insert(ping(&*store, ann, webhook).await);
    }
    let mut workers = JoinSet::new();
    for _ in 0..4 {
        let store = harness.store();
        workers.spawn(async move {
            let mut claimed = Vec::new();
            // Who finds nothing may have come while others held what is left.
            for _ in 0..200 {
                let some = store.claim_deliveries(3, LONG).await.expect("it answers");
                claimed.extend(some.into_iter().map(|claimed| claimed.id));
            }
            claimed
        });
    }
    let claimed: Vec<u64> = workers.join_all().await.concat();
    assert_eq!(claimed.len(), made.len(), "none goes to two");
    assert_eq!(claimed.into_iter().collect::<BTreeSet<_>>(), made);
}

pub(super) async fn a_failed_delivery_is_due_again_once_its_webhook_is_not_paused(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let (webhook, other) = (webhook_of(store, ann, &[]).await, webhook_of(store, ann, &[]).await);
    ping(store, ann, webhook).await;
    let first = claim(store, LONG).await.remove(0);
    assert!(store.finish_delivery(&first, &failed(Some(NOW), NOW, LONG)).await.expect("it answers"));
    let record = &deliveries(store, ann, webhook).await[0];
    assert_eq!((record.state, record.error.as_deref()), (DeliveryState::Pending, Some("no")));
    assert!(one(store, ann.workspace, webhook).await.failing_since.is_some());

    let again = claim(store, LONG).await.remove(0);
    assert_eq!((again.attempt, again.failures), (2, 1));
    store.finish_delivery(&again, &failed(Some(NOW), LONG, LONG)).await.expect("it answers");
    ping(store, ann, webhook).await;
    let elsewhere = ping(store, ann, other).await;
    let due: Vec<_> = claim(store, LONG).await.into_iter().map(|claimed| claimed.id).collect();
    assert_eq!(due, [elsewhere], "the other one is paused");

    change(store, ann, webhook, WebhookChange { enabled: Some(true), ..WebhookChange::default() }).await;
    let mut due = claim(store, LONG).await;
    assert_eq!(due.len(), 2, "it is tried again at once");
    store.finish_delivery(&due.remove(0), &delivered()).await.expect("it answers");
    assert_eq!(one(store, ann.workspace, webhook).await.failing_since, None);
    store.finish_delivery(&due.remove(0), &failed(None, NOW, LONG)).await.expect("it answers");
    let given_up = &deliveries(store, ann, webhook).await[0];
    assert_eq!((given_up.state, given_up.status), (DeliveryState::Failed, Some(500)));
    assert!(claim(store, LONG).await.is_empty());
}

pub(super) async fn a_webhook_that_fails_for_long_is_disabled_and_can_be_enabled(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let webhook = webhook_of(store, ann, WEBHOOK_EVENTS).await;
    ping(store, ann, webhook).await;
    for attempt in 1..=2 {
        let claimed = claim(store, LONG).await.remove(0);
        assert_eq!(claimed.attempt, attempt);
        assert_eq!(one(store, ann.workspace, webhook).await.disabled, None);
        store.finish_delivery(&claimed, &failed(Some(NOW), NOW, NOW)).await.expect("it answers");
    }
    let (_, reason) = one(store, ann.workspace, webhook).await.disabled.expect("it has failed for long");
    assert_eq!(reason, "no");
    assert!(claim(store, LONG).await.is_empty());
    flow_of(store, ann).await;
    assert_eq!(deliveries(store, ann, webhook).await.len(), 1, "nothing is told while it is off");

    change(store, ann, webhook, WebhookChange { enabled: Some(true), ..WebhookChange::default() }).await;
    let record = one(store, ann.workspace, webhook).await;
    assert_eq!((record.disabled, record.failing_since), (None, None));
    assert!(claim(store, LONG).await.is_empty(), "what was due when it was disabled was given up");
    change(store, ann, webhook, WebhookChange { enabled: Some(false), ..WebhookChange::default() }).await;
    let (_, reason) = one(store, ann.workspace, webhook).await.disabled.expect("somebody has said so");
    assert_eq!(reason, DISABLED_BY_HAND);
}

pub(super) async fn what_waits_for_a_webhook_ends_when_it_is_disabled(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let (webhook, other) = (webhook_of(store, ann, &[]).await, webhook_of(store, ann, &[]).await);
    let told = ping(store, ann, webhook).await;
    store.finish_delivery(&claim(store, LONG).await.remove(0), &delivered()).await.expect("it answers");
    let mut waiting = vec![ping(store, ann, webhook).await];
    let under_way = claim(store, LONG).await.remove(0);
    waiting.push(ping(store, ann, webhook).await);
    let elsewhere = ping(store, ann, other).await;
    change(store, ann, webhook, WebhookChange { enabled: Some(false), ..WebhookChange::default() }).await;
    // What is asked for while it is disabled is given up at once.
    waiting.push(ping(store, ann, webhook).await);
    let again = store.redeliver(ann.workspace, webhook, told).await.expect("it answers");
    waiting.push(again.expect("it is there"));
    let listed = deliveries(store, ann, webhook).await;
    for delivery in &listed {
        if delivery.id == told {
            assert_eq!((delivery.state, delivery.error.as_deref()), (DeliveryState::Delivered, None));
        } else {
            assert!(waiting.contains(&delivery.id));
            assert_eq!(delivery.state, DeliveryState::Failed);
            assert_eq!(delivery.error.as_deref(), Some(TOLD_WHILE_DISABLED));
            assert!(delivery.last_at.is_some(), "it can be forgotten");
        }
    }
    assert_eq!(listed.len(), 5);
    assert!(!store.finish_delivery(&under_way, &delivered()).await.expect("it answers"));
    change(store, ann, webhook, WebhookChange { enabled: Some(true), ..WebhookChange::default() }).await;
    let due: Vec<_> = claim(store, LONG).await.into_iter().map(|claimed| claimed.id).collect();
    assert_eq!(due, [elsewhere], "the other webhook's waits as before");
    let asked = store.redeliver(ann.workspace, webhook, waiting[0]).await.expect("it answers");
    assert_eq!(claim(store, LONG).await[0].id, asked.expect("it is there"), "by hand it is told");
}

pub(super) async fn failures_at_the_same_time_count_as_one(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let webhook = webhook_of(store, ann, &[]).await;
    for _ in 0..2 {
        ping(store, ann, webhook).await;
    }
    let at_once = claim(store, LONG).await;
    assert_eq!(at_once.len(), 2);
    for claimed in &at_once {
        // Where it counted, the second would disable it: any time is long.
        assert!(store.finish_delivery(claimed, &failed(Some(NOW), NOW, NOW)).await.expect("it answers"));
        assert_eq!(one(store, ann.workspace, webhook).await.disabled, None);
    }
    assert!(one(store, ann.workspace, webhook).await.failing_since.is_some());
    let next = claim(store, LONG).await;
    assert_eq!(next.iter().map(|claimed| claimed.failures).collect::<Vec<_>>(), [1, 1]);
    // One of them goes well while the other is under way, which is no failure of later.
    assert!(store.finish_delivery(&next[0], &delivered()).await.expect("it answers"));
    assert!(store.finish_delivery(&next[1], &failed(Some(NOW), NOW, LONG)).await.expect("it answers"));
    assert_eq!(one(store, ann.workspace, webhook).await.failing_since, None);
    let again = claim(store, LONG).await.remove(0);
    assert_eq!((again.attempt, again.failures), (3, 0));
    assert!(store.finish_delivery(&again, &failed(Some(NOW), NOW, LONG)).await.expect("it answers"));
    let last = claim(store, LONG).await.remove(0);
    assert_eq!(last.failures, 1);
    assert!(store.finish_delivery(&last, &failed(Some(NOW), NOW, NOW)).await.expect("it answers"));
    let (_, reason) = one(store, ann.workspace, webhook).await.disabled.expect("it failed once more");
    assert_eq!(reason, "no");
}

pub(super) async fn a_webhook_of_who_is_erased_is_disabled_for_the_heir(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let hers = webhook_of(store, ann, WEBHOOK_EVENTS).await;
    let bens_in_hers = NewWebhook { created_by: ben.id, ..new_webhook(ann, &[]) };
    store.create_webhook(&bens_in_hers, &by(1)).await.expect("it is stored");
    let hers_in_bens = NewWebhook { created_by: ann.id, ..new_webhook(ben, &[]) };
    store.create_webhook(&hers_in_bens, &by(1)).await.expect("it is stored");
    ping(store, ann, hers).await;
    assert!(store.erase_user(ann.id, Some(ben.id), &by(20)).await.expect("she is erased"));
    for (workspace, webhook) in [(ann.workspace, hers), (ben.workspace, hers_in_bens.id)] {
        let (_, reason) = one(store, workspace, webhook).await.disabled.expect("she had chosen its address");
        assert_eq!(reason, DISABLED_BY_ERASURE);
    }
    assert_eq!(one(store, ann.workspace, bens_in_hers.id).await.disabled, None);
    let told = deliveries(store, ann, hers).await;
    assert_eq!(told.len(), 1, "that it has another owner is not told there");
    assert_eq!(told[0].state, DeliveryState::Failed);
    assert!(claim(store, LONG).await.is_empty());
    // Who owns the workspace now sees where it leads, and decides.
    change(store, ann, hers, WebhookChange { enabled: Some(true), ..WebhookChange::default() }).await;
    assert_eq!(one(store, ann.workspace, hers).await.disabled, None);
}

pub(super) async fn what_was_told_is_told_again_as_a_new_delivery(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let (webhook, other) = (webhook_of(store, ann, &[]).await, webhook_of(store, ann, &[]).await);
    let first = ping(store, ann, webhook).await;
    let claimed = claim(store, LONG).await.remove(0);
    store.finish_delivery(&claimed, &delivered()).await.expect("it answers");
    let redeliver = async |webhook, delivery| {
        store.redeliver(ann.workspace, webhook, delivery).await.expect("it answers")
    };
    let again = redeliver(webhook, first).await.expect("it is there");
    assert!(again > first);
    let listed = deliveries(store, ann, webhook).await;
    assert_eq!((listed[0].id, listed[0].state, listed[0].attempts), (again, DeliveryState::Pending, 0));
    assert_eq!((listed[0].event_id, &listed[0].body), (listed[1].event_id, &listed[1].body));
    assert_eq!(claim(store, LONG).await[0].id, again);
    assert_eq!(redeliver(other, first).await, None, "it was not told to that one");
    assert_eq!(redeliver(webhook, u64::MAX).await, None);
    assert_eq!(redeliver(WebhookId::from_uuid(UserId::generate().as_uuid()), first).await, None);
}

pub(super) async fn deliveries_come_newest_first_and_old_ones_are_forgotten(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let webhook = webhook_of(store, ann, &[]).await;
    let mut made = Vec::new();
    for _ in 0..5 {
        made.insert(0, ping(store, ann, webhook).await);
    }
    let page = async |before, limit| {
        let page = store.deliveries(ann.workspace, webhook, before, limit).await.expect("it lists");
        page.into_iter().map(|delivery| delivery.id).collect::<Vec<_>>()
    };
    assert_eq!(page(None, 2).await, made[..2]);
    assert_eq!(page(Some(made[1]), 9).await, made[2..]);

    // Of one webhook there are never more at a time than two.
    for (limit, claimed) in [(3, 2), (1, 1)] {
        let some = store.claim_deliveries(limit, LONG).await.expect("it answers");
        assert_eq!(some.len(), claimed);
        for one in some {
            store.finish_delivery(&one, &delivered()).await.expect("it answers");
        }
    }
    let forget =
        async |older_than, limit| store.forget_deliveries(older_than, limit).await.expect("it answers");
    assert_eq!(forget(LONG, 9).await, 0, "they are young");
    assert_eq!(forget(NOW, 2).await, 2);
    assert_eq!(forget(NOW, 9).await, 1);
    assert_eq!(page(None, 9).await, made[..2], "what is still to be told stays");
}

pub(super) async fn webhooks_of_who_leaves_for_good_go_too_unless_there_is_an_heir(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let (hers, his) = (webhook_of(store, ann, WEBHOOK_EVENTS).await, webhook_of(store, ben, &[]).await);
    ping(store, ann, hers).await;
    assert!(store.erase_user(ann.id, None, &by(20)).await.expect("she is erased"));
    assert_eq!(store.webhooks(ann.workspace).await.expect("it lists"), []);
    assert!(claim(store, LONG).await.is_empty(), "nothing is told of it");
    let eve = person(store, "eve").await;
    assert!(store.erase_user(ben.id, Some(eve.id), &by(21)).await.expect("he is erased"));
    assert_eq!(one(store, ben.workspace, his).await.id, his);
}
