use std::collections::BTreeSet;
use std::time::Duration;

use flow_base::{FlowId, NodeId, RunId, UserId};
use tokio::task::JoinSet;
use uuid::Uuid;

use super::Harness;
use super::fixture::{at, by, bytes, flow_of, person};
use crate::{
    ClaimedRun, NewRun, OwnQuotas, PurgePart, Quotas, RunCommit, RunCommitted, RunEvent, RunKind, RunLease,
    RunPart, RunQuery, RunStatus, Store,
};

const LONG: Duration = Duration::from_secs(3_600);
const GONE: Duration = Duration::ZERO;

pub(super) fn begin(flow: FlowId) -> RunCommit {
    let new = NewRun {
        flow,
        kind: RunKind::Published,
        flow_version: Some(3),
        graph_hash: [7; 32],
        graph: bytes("the graph"),
        user: None,
        runs_per_day: None,
    };
    RunCommit {
        run: RunId::generate(),
        id: Uuid::now_v7(),
        expected: 0,
        new: Some(new),
        at: at(100),
        status: RunStatus::Waiting,
        state: bytes("state 1"),
        entries: bytes("started, asked"),
        entry_count: 2,
        wake_at: None,
        lease: None,
        outcome: None,
        event: None,
    }
}

fn next(run: RunId, expected: u64, entries: &str) -> RunCommit {
    RunCommit {
        run,
        id: Uuid::now_v7(),
        expected,
        new: None,
        at: at(200),
        status: RunStatus::Waiting,
        state: bytes(&format!("state {}", expected + 1)),
        entries: bytes(entries),
        entry_count: 1,
        wake_at: None,
        lease: None,
        outcome: None,
        event: None,
    }
}

pub(super) fn ended(run: RunId, expected: u64, second: i64) -> RunCommit {
    let outcome = Some(r#"{"status":"completed"}"#.to_owned());
    RunCommit { at: at(second), status: RunStatus::Completed, outcome, ..next(run, expected, "ended") }
}

pub(super) async fn commit(store: &dyn Store, commit: &RunCommit) -> RunCommitted {
    store.commit_runs(std::slice::from_ref(commit)).await.expect("it answers")[0]
}

pub(super) async fn begun(store: &dyn Store, flow: FlowId) -> RunId {
    let begin = begin(flow);
    assert_eq!(commit(store, &begin).await, RunCommitted::Stored);
    begin.run
}

async fn some_flow(store: &dyn Store) -> FlowId {
    let owner = person(store, &format!("owner-{}", UserId::generate())).await;
    flow_of(store, owner).await
}

pub(super) async fn a_run_is_stored_and_moved_on_with_its_journal(harness: &dyn Harness) {
    let store = &*harness.store();
    let flow = some_flow(store).await;
    let run = begun(store, flow).await;
    let stored = store.run(run).await.expect("it reads").expect("it is there");
    assert_eq!(
        (stored.version, &stored.state, stored.wake_at, stored.leased_by),
        (1, &bytes("state 1"), None, None)
    );
    let summary = &stored.summary;
    assert_eq!((summary.flow, summary.kind, summary.flow_version), (flow, RunKind::Published, Some(3)));
    assert_eq!((summary.started_at, summary.entries, summary.ended_at), (at(100), 2, None));
    assert_eq!(store.run_graph(&[7; 32]).await.expect("it reads"), Some(bytes("the graph")));
    let waits = RunCommit { wake_at: Some(at(900)), ..next(run, 1, "answered") };
    assert_eq!(commit(store, &waits).await, RunCommitted::Stored);
    assert_eq!(commit(store, &ended(run, 2, 300)).await, RunCommitted::Stored);
    let stored = store.run(run).await.expect("it reads").expect("it is there");
    assert_eq!((stored.version, stored.wake_at, stored.summary.entries), (3, None, 4));
    assert_eq!((stored.summary.status, stored.summary.ended_at), (RunStatus::Completed, Some(at(300))));
    assert_eq!(stored.summary.outcome.as_deref(), Some(r#"{"status":"completed"}"#));
    let journal = store.run_journal(run, 1, 10).await.expect("it reads");
    let part = |version, second, entries| RunPart { version, at: at(second), entries: bytes(entries) };
    assert_eq!(journal, [part(2, 200, "answered"), part(3, 300, "ended")]);
    assert_eq!(store.run_journal(run, 0, 1).await.expect("it reads"), [part(1, 100, "started, asked")]);
    assert_eq!(store.run(RunId::generate()).await.expect("it reads"), None);
}

pub(super) async fn who_has_read_an_older_version_writes_nothing(harness: &dyn Harness) {
    let store = &*harness.store();
    let run = begun(store, some_flow(store).await).await;
    assert_eq!(commit(store, &next(run, 1, "first")).await, RunCommitted::Stored);
    assert_eq!(commit(store, &next(run, 1, "second")).await, RunCommitted::Stale);
    assert_eq!(commit(store, &next(run, 3, "early")).await, RunCommitted::Stale);
    assert_eq!(commit(store, &next(RunId::generate(), 1, "nowhere")).await, RunCommitted::Stale);
    assert_eq!(store.run_journal(run, 1, 10).await.expect("it reads").len(), 1);
}

pub(super) async fn of_many_who_move_a_run_on_at_once_one_does(harness: &dyn Harness) {
    let store = harness.store();
    let run = begun(&*store, some_flow(&*store).await).await;
    let mut tasks = JoinSet::new();
    for at in 0..8 {
        let store = harness.store();
        tasks.spawn(async move { commit(&*store, &next(run, 1, &format!("{at}"))).await });
    }
    let done = tasks.join_all().await;
    assert_eq!(done.iter().filter(|done| **done == RunCommitted::Stored).count(), 1, "{done:?}");
    assert_eq!(store.run(run).await.expect("it reads").expect("it is there").version, 2);
}

pub(super) async fn a_repeated_commit_is_stored_once(harness: &dyn Harness) {
    let store = &*harness.store();
    let flow = some_flow(store).await;
    let first = begin(flow);
    assert_eq!(commit(store, &first).await, RunCommitted::Stored);
    assert_eq!(commit(store, &first).await, RunCommitted::Stored);
    let second = next(first.run, 1, "again");
    assert_eq!(commit(store, &second).await, RunCommitted::Stored);
    assert_eq!(commit(store, &second).await, RunCommitted::Stored);
    assert_eq!(commit(store, &first).await, RunCommitted::Stale);
    assert_eq!(store.run(first.run).await.expect("it reads").expect("it is there").version, 2);
    assert_eq!(store.run_journal(first.run, 0, 10).await.expect("it reads").len(), 2);
}

pub(super) async fn one_call_stores_many_and_tells_of_each(harness: &dyn Harness) {
    let store = &*harness.store();
    let flow = some_flow(store).await;
    let run = begun(store, flow).await;
    let fresh = begin(flow);
    let commits = [
        next(run, 9, "stale"),
        fresh.clone(),
        begin(FlowId::generate()),
        next(begun(store, flow).await, 1, "on"),
    ];
    let done = store.commit_runs(&commits).await.expect("it answers");
    assert_eq!(done, [RunCommitted::Stale, RunCommitted::Stored, RunCommitted::NoFlow, RunCommitted::Stored]);
    assert!(store.run(fresh.run).await.expect("it reads").is_some());
    assert_eq!(store.commit_runs(&[]).await.expect("it answers"), []);
}

pub(super) async fn an_event_is_taken_once_and_its_answer_kept(harness: &dyn Harness) {
    let store = &*harness.store();
    let run = begun(store, some_flow(store).await).await;
    let event = |key: &str, answer: &str| Some(RunEvent { key: key.to_owned(), answer: bytes(answer) });
    let taken = RunCommit { event: event("größe", "taken"), ..next(run, 1, "a") };
    assert_eq!(commit(store, &taken).await, RunCommitted::Stored);
    let again = RunCommit { event: event("größe", "again"), ..next(run, 2, "b") };
    assert_eq!(commit(store, &again).await, RunCommitted::Stale);
    assert_eq!(store.run_event(run, "größe").await.expect("it reads"), Some(bytes("taken")));
    assert_eq!(store.run_event(run, "other").await.expect("it reads"), None);
    assert_eq!(store.run_event(RunId::generate(), "größe").await.expect("it reads"), None);
    assert_eq!(store.run_journal(run, 0, 10).await.expect("it reads").len(), 2, "the second wrote nothing");
}

pub(super) async fn runs_that_are_due_are_claimed_once(harness: &dyn Harness) {
    let store = harness.store();
    let flow = some_flow(&*store).await;
    let mut due = BTreeSet::new();
    for _ in 0..12 {
        // The suite's time is long past.
        let begin = RunCommit { wake_at: Some(at(110)), ..begin(flow) };
        commit(&*store, &begin).await;
        due.insert(begin.run);
    }
    let later = RunCommit { wake_at: Some(at(6_000_000_000)), ..begin(flow) };
    commit(&*store, &later).await;
    begun(&*store, flow).await;
    let mut tasks = JoinSet::new();
    for _ in 0..4 {
        let store = harness.store();
        tasks.spawn(async move {
            let mut claimed = Vec::new();
            loop {
                let more = store.claim_runs(NodeId::generate(), LONG, 3).await.expect("it answers");
                assert!(more.len() <= 3 && more.iter().all(|claimed| !claimed.was_busy));
                if more.is_empty() {
                    return claimed;
                }
                claimed.extend(more.iter().map(|claimed| claimed.run));
            }
        });
    }
    let claimed: Vec<RunId> = tasks.join_all().await.concat();
    assert_eq!(claimed.len(), 12, "none twice");
    assert_eq!(claimed.into_iter().collect::<BTreeSet<_>>(), due);
}

pub(super) async fn what_was_claimed_and_not_moved_on_is_claimed_again(harness: &dyn Harness) {
    let store = &*harness.store();
    let flow = some_flow(store).await;
    let begin = RunCommit { wake_at: Some(at(110)), ..begin(flow) };
    commit(store, &begin).await;
    let claim = async |lasts| store.claim_runs(NodeId::generate(), lasts, 10).await.expect("it answers");
    assert_eq!(claim(GONE).await, [ClaimedRun { run: begin.run, was_busy: false }]);
    assert_eq!(claim(LONG).await.len(), 1);
    assert_eq!(claim(LONG).await, []);
    // Moved on without a lease and without a moment: nothing is due.
    assert_eq!(commit(store, &next(begin.run, 1, "on")).await, RunCommitted::Stored);
    assert_eq!(claim(LONG).await, []);
}

pub(super) async fn a_run_whose_node_is_gone_is_taken_over(harness: &dyn Harness) {
    let store = &*harness.store();
    let flow = some_flow(store).await;
    let node = NodeId::generate();
    let busy =
        |lasts| RunCommit { status: RunStatus::Busy, lease: Some(RunLease { node, lasts }), ..begin(flow) };
    let (alive, gone) = (busy(LONG), busy(GONE));
    commit(store, &alive).await;
    commit(store, &gone).await;
    assert_eq!(store.run(alive.run).await.expect("it reads").expect("it is there").leased_by, Some(node));
    let claimed = store.claim_runs(NodeId::generate(), LONG, 10).await.expect("it answers");
    assert_eq!(claimed, [ClaimedRun { run: gone.run, was_busy: true }]);
    // A lease that is renewed goes on; one that another has taken does not come back.
    store.renew_runs(node, &[alive.run, gone.run], GONE).await.expect("it answers");
    let claimed = store.claim_runs(NodeId::generate(), LONG, 10).await.expect("it answers");
    assert_eq!(claimed, [ClaimedRun { run: alive.run, was_busy: true }]);
    // Whoever had it may still be the first to say what came of it.
    assert_eq!(commit(store, &next(gone.run, 1, "late")).await, RunCommitted::Stored);
    assert_eq!(commit(store, &next(gone.run, 1, "taken over")).await, RunCommitted::Stale);
}

pub(super) async fn runs_are_listed_newest_first(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let (flow, other) = (flow_of(store, ann).await, some_flow(store).await);
    let mut runs = Vec::new();
    for at in 0..5 {
        let mut begin = begin(flow);
        let new = begin.new.as_mut().expect("it begins");
        new.user = (at % 2 == 0).then_some(ann.id);
        new.kind = if at == 4 { RunKind::Preview } else { RunKind::Published };
        commit(store, &begin).await;
        runs.push(begin.run);
    }
    commit(store, &ended(runs[1], 1, 300)).await;
    begun(store, other).await;
    let list = async |query: RunQuery| {
        let listed = store.runs(&query).await.expect("it lists");
        listed.into_iter().map(|run| runs.iter().position(|known| *known == run.id)).collect::<Vec<_>>()
    };
    let all = RunQuery { flow: Some(flow), limit: 10, ..RunQuery::default() };
    assert_eq!(list(all.clone()).await, [4, 3, 2, 1, 0].map(Some));
    assert_eq!(list(RunQuery { limit: 2, ..all.clone() }).await, [4, 3].map(Some));
    assert_eq!(list(RunQuery { before: Some(runs[2]), ..all.clone() }).await, [1, 0].map(Some));
    assert_eq!(list(RunQuery { kind: Some(RunKind::Preview), ..all.clone() }).await, [Some(4)]);
    assert_eq!(list(RunQuery { status: Some(RunStatus::Completed), ..all }).await, [Some(1)]);
    assert_eq!(
        list(RunQuery { user: Some(ann.id), limit: 10, ..RunQuery::default() }).await,
        [4, 2, 0].map(Some)
    );
    let versions = store.run_versions(&[runs[1], RunId::generate(), runs[0]]).await.expect("it reads");
    assert_eq!(versions.into_iter().collect::<BTreeSet<_>>(), BTreeSet::from([(runs[1], 2), (runs[0], 1)]));
}

pub(super) async fn runs_of_a_day_are_bounded(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let flow = flow_of(store, ann).await;
    let begin = |second, most| {
        let mut begin = RunCommit { at: at(second), ..begin(flow) };
        begin.new.as_mut().expect("it begins").runs_per_day = most;
        begin
    };
    for _ in 0..2 {
        assert_eq!(commit(store, &begin(100, Some(2))).await, RunCommitted::Stored);
    }
    assert_eq!(commit(store, &begin(100, Some(2))).await, RunCommitted::TooMany);
    // The suite's time begins with a day.
    assert_eq!(commit(store, &begin(24 * 60 * 60, Some(2))).await, RunCommitted::Stored);
    let own = OwnQuotas { runs_per_day: Some(3), ..OwnQuotas::default() };
    store.set_quotas(ann.workspace, &own, &by(1)).await.expect("it is stored");
    assert_eq!(commit(store, &begin(100, Some(2))).await, RunCommitted::Stored);
    assert_eq!(commit(store, &begin(100, None)).await, RunCommitted::TooMany);
    let two = [begin(48 * 60 * 60, None), begin(48 * 60 * 60, None)];
    assert_eq!(store.commit_runs(&two).await.expect("it answers"), [RunCommitted::Stored; 2]);
}

pub(super) async fn a_deleted_flow_has_no_new_runs_and_its_old_ones_rest(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let flow = flow_of(store, ann).await;
    let due = RunCommit { wake_at: Some(at(110)), ..begin(flow) };
    let lease = Some(RunLease { node: NodeId::generate(), lasts: GONE });
    let busy = RunCommit { status: RunStatus::Busy, lease, ..begin(flow) };
    commit(store, &due).await;
    commit(store, &busy).await;
    let (run, other) = (begun(store, flow).await, begun(store, flow).await);
    let moved = next(other, 1, "before");
    commit(store, &moved).await;
    store.delete_flow(flow, &by(50)).await.expect("it is deleted");
    assert_eq!(commit(store, &begin(flow)).await, RunCommitted::NoFlow);
    let event = Some(RunEvent { key: "k".to_owned(), answer: bytes("a") });
    let answered = RunCommit { event, ..next(run, 1, "on") };
    assert_eq!(commit(store, &answered).await, RunCommitted::NoFlow);
    assert_eq!(commit(store, &next(run, 2, "early")).await, RunCommitted::Stale);
    assert_eq!(commit(store, &moved).await, RunCommitted::Stored, "it was before");
    assert_eq!(store.claim_runs(NodeId::generate(), LONG, 10).await.expect("it answers"), []);
    assert_eq!(commit(store, &ended(other, 2, 300)).await, RunCommitted::Stored, "they may end");
    let restored = store.restore_flow(flow, ann.id, at(0), &Quotas::UNBOUNDED, &by(60)).await;
    restored.expect("it is restored");
    let claimed = store.claim_runs(NodeId::generate(), LONG, 10).await.expect("it answers");
    let claimed: BTreeSet<_> = claimed.iter().map(|claimed| (claimed.run, claimed.was_busy)).collect();
    assert_eq!(claimed, BTreeSet::from([(due.run, false), (busy.run, true)]));
    assert_eq!(store.run_event(run, "k").await.expect("it reads"), None, "nothing was written");
    assert_eq!(commit(store, &answered).await, RunCommitted::Stored);
}

pub(super) async fn runs_that_ended_long_ago_are_forgotten(harness: &dyn Harness) {
    let store = &*harness.store();
    let flow = some_flow(store).await;
    let mut runs = Vec::new();
    for second in [300, 400, 500] {
        let run = begun(store, flow).await;
        let event = Some(RunEvent { key: "k".to_owned(), answer: bytes("a") });
        commit(store, &RunCommit { event, ..ended(run, 1, second) }).await;
        runs.push(run);
    }
    let lives = begin(flow);
    let lives = RunCommit { wake_at: Some(at(6_000_000_000)), ..lives };
    commit(store, &lives).await;
    let lives = lives.run;
    assert_eq!(store.forget_runs(at(500), 1).await.expect("it answers"), 1);
    assert_eq!(store.forget_runs(at(500), 10).await.expect("it answers"), 1);
    assert_eq!(store.forget_runs(at(500), 10).await.expect("it answers"), 0);
    for run in &runs[..2] {
        assert_eq!(store.run(*run).await.expect("it reads"), None);
        assert_eq!(store.run_journal(*run, 0, 10).await.expect("it reads"), []);
        assert_eq!(store.run_event(*run, "k").await.expect("it reads"), None);
    }
    assert!(store.run(runs[2]).await.expect("it reads").is_some());
    assert!(store.run_graph(&[7; 32]).await.expect("it reads").is_some(), "others have it, too");
    commit(store, &ended(lives, 1, 300)).await;
    assert_eq!(store.forget_runs(at(900), 10).await.expect("it answers"), 2);
    assert_eq!(store.run_graph(&[7; 32]).await.expect("it reads"), None);
}

pub(super) async fn runs_that_nobody_has_answered_since_are_forgotten(harness: &dyn Harness) {
    let store = &*harness.store();
    let flow = some_flow(store).await;
    let lease = Some(RunLease { node: NodeId::generate(), lasts: LONG });
    let busy = RunCommit { status: RunStatus::Busy, lease, ..begin(flow) };
    let later = RunCommit { wake_at: Some(at(6_000_000_000)), ..begin(flow) };
    commit(store, &busy).await;
    commit(store, &later).await;
    let mut abandoned = Vec::new();
    for _ in 0..3 {
        abandoned.push(begun(store, flow).await);
    }
    let answered = begun(store, flow).await;
    commit(store, &next(answered, 1, "answered")).await;
    let over = begun(store, flow).await;
    commit(store, &ended(over, 1, 120)).await;
    assert_eq!(store.forget_runs(at(100), 10).await.expect("it answers"), 0);
    // Those that have ended count, too.
    assert_eq!(store.forget_runs(at(200), 2).await.expect("it answers"), 2);
    assert_eq!(store.forget_runs(at(200), 10).await.expect("it answers"), 2);
    for run in abandoned.iter().chain([&over]) {
        assert_eq!(store.run(*run).await.expect("it reads"), None);
        assert_eq!(store.run_journal(*run, 0, 10).await.expect("it reads"), []);
    }
    for run in [busy.run, later.run, answered] {
        assert!(store.run(run).await.expect("it reads").is_some());
    }
    assert_eq!(store.forget_runs(at(201), 10).await.expect("it answers"), 1, "the one that was answered");
}

pub(super) async fn runs_with_somebody_go_with_their_account(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let flow = flow_of(store, ann).await;
    let with = |user, hash| {
        let event = Some(RunEvent { key: "k".to_owned(), answer: bytes("a") });
        let mut begin = RunCommit { event, ..begin(flow) };
        let new = begin.new.as_mut().expect("it begins");
        (new.user, new.graph_hash) = (Some(user), hash);
        begin
    };
    let (hers, his, his_own) = (with(ann.id, [7; 32]), with(ben.id, [7; 32]), with(ben.id, [8; 32]));
    for begin in [&hers, &his, &his_own] {
        assert_eq!(commit(store, begin).await, RunCommitted::Stored);
    }
    store.erase_user(ben.id, None, &by(60)).await.expect("they are erased");
    for run in [his.run, his_own.run] {
        assert_eq!(store.run(run).await.expect("it reads"), None);
        assert_eq!(store.run_journal(run, 0, 10).await.expect("it reads"), []);
        assert_eq!(store.run_event(run, "k").await.expect("it reads"), None);
    }
    assert_eq!(store.run(hers.run).await.expect("it reads").expect("it is there").summary.user, Some(ann.id));
    assert!(store.run_graph(&[7; 32]).await.expect("it reads").is_some(), "others have it, too");
    assert_eq!(store.run_graph(&[8; 32]).await.expect("it reads"), None);
}

pub(super) async fn runs_of_a_purged_flow_go_with_it(harness: &dyn Harness) {
    let store = &*harness.store();
    let purges = &*harness.purges();
    let ann = person(store, "ann").await;
    let flow = flow_of(store, ann).await;
    let event = Some(RunEvent { key: "k".to_owned(), answer: bytes("a") });
    // More than one part of a purge removes.
    let begins: Vec<_> =
        (0..550).map(|_| RunCommit { wake_at: Some(at(110)), event: event.clone(), ..begin(flow) }).collect();
    let nexts: Vec<_> =
        begins.iter().map(|begin| RunCommit { wake_at: Some(at(110)), ..next(begin.run, 1, "on") }).collect();
    for commits in [&begins, &nexts] {
        let committed = store.commit_runs(commits).await.expect("it answers");
        assert!(committed.iter().all(|came| *came == RunCommitted::Stored));
    }
    let run = begins[0].run;
    store.delete_flow(flow, &by(50)).await.expect("it is deleted");
    assert_eq!(purges.begin_purge(at(60), &by(100)).await.expect("it answers"), Some(flow));
    loop {
        assert_eq!(store.run(run).await.expect("it reads"), None);
        assert_eq!(store.run_event(run, "k").await.expect("it reads"), None);
        assert_eq!(store.run_journal(run, 0, 10).await.expect("it reads"), []);
        assert_eq!(store.run_versions(&[run]).await.expect("it reads"), []);
        for flow in [Some(flow), None] {
            let query = RunQuery { flow, limit: 10, ..RunQuery::default() };
            assert_eq!(store.runs(&query).await.expect("it lists"), []);
        }
        assert_eq!(store.claim_runs(NodeId::generate(), LONG, 10).await.expect("it answers"), []);
        assert_eq!(commit(store, &next(run, 2, "on")).await, RunCommitted::Stale);
        assert_eq!(commit(store, &begins[0]).await, RunCommitted::NoFlow);
        if purges.purge_part(flow).await.expect("it is removed") == PurgePart::Emptied {
            break;
        }
    }
    assert_eq!(store.run(run).await.expect("it reads"), None);
    // What only they had goes with them, or with the next that are forgotten.
    store.forget_runs(at(900), 10).await.expect("it answers");
    assert_eq!(store.run_graph(&[7; 32]).await.expect("it reads"), None);
}
