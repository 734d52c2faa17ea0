//! What [`RunFileStore`](crate::RunFileStore) promises.

use bytes::Bytes;
use flow_base::{FlowId, RunFileId, RunId, UserId};

use super::Harness;
use super::fixture::{at, by, bytes, flow_of, person, some_flow};
use super::runs::{begin, begun, commit, ended};
use crate::{
    NewRun, PURGED_BYTES, PurgePart, Quotas, RunCommit, RunCommitted, RunFile, RunFileBounds, RunFileKept,
    Store,
};

fn file(run: RunId, name: &str, content: &str) -> RunFile {
    RunFile {
        id: RunFileId::generate(),
        run,
        visit: 2,
        attempt: 1,
        name: name.to_owned(),
        media_type: "text/plain".to_owned(),
        bytes: content.len() as u64,
        // As good as a digest: it differs where the content does.
        sha256: std::array::from_fn(|at| content.as_bytes().get(at).copied().unwrap_or_default()),
        created_at: at(120),
    }
}

async fn put(store: &dyn Store, file: &RunFile, content: &str, bounds: RunFileBounds) -> RunFileKept {
    store.put_run_file(file, &bytes(content), bounds).await.expect("it answers")
}

async fn kept(store: &dyn Store, run: RunId, name: &str, content: &str) -> RunFile {
    let file = file(run, name, content);
    assert_eq!(put(store, &file, content, RunFileBounds::UNBOUNDED).await, RunFileKept::Kept(file.clone()));
    file
}

async fn listed(store: &dyn Store, run: RunId) -> Vec<RunFile> {
    store.run_files(run).await.expect("they are listed")
}

async fn usage(store: &dyn Store, flow: FlowId, owner: UserId) -> u64 {
    let workspace = store.flow(flow, owner).await.expect("it reads").expect("it is there").workspace;
    store.workspace_usage(workspace).await.expect("it reads").expect("it is there").0.storage_bytes
}

pub(super) async fn a_file_is_read_back_as_it_was_sent_and_only_of_its_run(harness: &dyn Harness) {
    let store = &*harness.store();
    let flow = some_flow(store).await;
    let (run, other) = (begun(store, flow).await, begun(store, flow).await);
    let first = kept(store, run, "größe.txt", "one").await;
    let second = RunFile { visit: 9, attempt: 4, ..file(run, "b.png", "\u{1}two") };
    assert_eq!(
        put(store, &second, "\u{1}two", RunFileBounds::UNBOUNDED).await,
        RunFileKept::Kept(second.clone())
    );
    let empty = kept(store, other, "empty", "").await;
    assert_eq!(listed(store, run).await, [first.clone(), second.clone()]);
    assert_eq!(listed(store, other).await.as_slice(), std::slice::from_ref(&empty));
    let read = async |run, id| store.run_file(run, id).await.expect("it reads");
    assert_eq!(read(run, first.id).await, Some((first.clone(), bytes("one"))));
    assert_eq!(read(run, second.id).await, Some((second, bytes("\u{1}two"))));
    assert_eq!(read(other, empty.id).await, Some((empty, Bytes::new())));
    assert_eq!(read(other, first.id).await, None, "it is another run's");
    assert_eq!(read(run, RunFileId::generate()).await, None);
    assert_eq!(listed(store, RunId::generate()).await, []);
}

pub(super) async fn a_file_that_is_sent_again_is_there_once(harness: &dyn Harness) {
    let store = &*harness.store();
    let run = begun(store, some_flow(store).await).await;
    let one = RunFileBounds { files: Some(1), bytes: Some(3) };
    let first = file(run, "a.txt", "one");
    assert_eq!(put(store, &first, "one", one).await, RunFileKept::Kept(first.clone()));
    let again = file(run, "a.txt", "one");
    assert_eq!(put(store, &again, "one", one).await, RunFileKept::Kept(first.clone()), "although it is full");
    let later = RunFile { attempt: 2, ..file(run, "a.txt", "one") };
    assert_eq!(put(store, &later, "one", one).await, RunFileKept::Kept(first.clone()));
    assert_eq!(listed(store, run).await, [first]);
    for other in [
        file(run, "b.txt", "one"),
        file(run, "a.txt", "two"),
        RunFile { visit: 3, ..file(run, "a.txt", "one") },
    ] {
        let content = if other.sha256[0] == b't' { "two" } else { "one" };
        assert_eq!(put(store, &other, content, one).await, RunFileKept::Full);
        let stored = put(store, &other, content, RunFileBounds::UNBOUNDED).await;
        assert_eq!(stored, RunFileKept::Kept(other), "it is another");
    }
}

pub(super) async fn a_run_has_so_many_files_and_bytes(harness: &dyn Harness) {
    let store = &*harness.store();
    let flow = some_flow(store).await;
    let (run, other) = (begun(store, flow).await, begun(store, flow).await);
    let two = RunFileBounds { files: Some(2), bytes: Some(5) };
    let is_kept = async |run, content: &str| {
        put(store, &file(run, content, content), content, two).await != RunFileKept::Full
    };
    assert!(!is_kept(run, "123456").await, "more than it may have in all");
    assert!(is_kept(run, "1234").await);
    assert!(!is_kept(run, "12").await);
    assert!(is_kept(run, "1").await, "it is exactly full");
    assert!(!is_kept(run, "").await, "there are two");
    assert!(is_kept(other, "12345").await, "others have their own");
    assert_eq!(listed(store, run).await.len(), 2);
}

pub(super) async fn what_was_sent_for_a_refused_answer_makes_room(harness: &dyn Harness) {
    let store = &*harness.store();
    let run = begun(store, some_flow(store).await).await;
    let two = RunFileBounds { files: Some(3), bytes: Some(6) };
    let other = RunFile { visit: 1, ..file(run, "other", "o") };
    let wrong = file(run, "wrong", "1234");
    for (file, content) in [(&other, "o"), (&wrong, "1234")] {
        assert_eq!(put(store, file, content, two).await, RunFileKept::Kept(file.clone()));
    }
    assert_eq!(put(store, &file(run, "too", "22"), "22", two).await, RunFileKept::Full, "it is not refused");
    let small = RunFile { attempt: 2, ..file(run, "small", "s") };
    assert_eq!(put(store, &small, "s", two).await, RunFileKept::Kept(small.clone()));
    assert_eq!(listed(store, run).await.len(), 3, "there is room for all");
    let huge = RunFile { attempt: 3, ..file(run, "huge", "123456") };
    assert_eq!(put(store, &huge, "123456", two).await, RunFileKept::Full);
    assert_eq!(listed(store, run).await.len(), 3, "nothing goes for what has no room in any case");
    let right = RunFile { attempt: 2, ..file(run, "right", "12345") };
    assert_eq!(put(store, &right, "12345", two).await, RunFileKept::Full, "the small one is not refused yet");
    let right = RunFile { attempt: 3, ..right };
    assert_eq!(put(store, &right, "12345", two).await, RunFileKept::Kept(right.clone()));
    assert_eq!(listed(store, run).await, [other, right]);
}

pub(super) async fn only_a_run_that_goes_on_takes_files(harness: &dyn Harness) {
    let store = &*harness.store();
    let ann = person(store, "ann").await;
    let flow = flow_of(store, ann).await;
    let (over, resting) = (begun(store, flow).await, begun(store, flow).await);
    let sent = kept(store, over, "a", "one").await;
    assert_eq!(commit(store, &ended(over, 1, 300)).await, RunCommitted::Stored);
    let late = async |run| put(store, &file(run, "late", "x"), "x", RunFileBounds::UNBOUNDED).await;
    assert_eq!(late(over).await, RunFileKept::NoRun);
    assert_eq!(listed(store, over).await, [sent], "what was sent stays to be read");
    assert_eq!(late(RunId::generate()).await, RunFileKept::NoRun);
    store.delete_flow(flow, &by(50)).await.expect("it is deleted");
    assert_eq!(late(resting).await, RunFileKept::NoRun);
    let restored = store.restore_flow(flow, ann.id, at(0), &Quotas::UNBOUNDED, &by(60)).await;
    assert!(restored.expect("it answers"), "there is time");
    assert_ne!(late(resting).await, RunFileKept::NoRun);
}

pub(super) async fn files_sent_at_once_do_not_pass_the_bounds(harness: &dyn Harness) {
    let store = harness.store();
    let run = begun(&*store, some_flow(&*store).await).await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..8 {
        let store = harness.store();
        let bounds = RunFileBounds { files: Some(3), bytes: None };
        let content = number.to_string();
        tasks.spawn(async move { put(&*store, &file(run, &content, &content), &content, bounds).await });
    }
    let done = tasks.join_all().await;
    assert_eq!(done.iter().filter(|done| **done != RunFileKept::Full).count(), 3, "{done:?}");
    assert_eq!(listed(&*store, run).await.len(), 3);
}

pub(super) async fn files_count_as_storage_of_their_flows_workspace(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let (hers, his) = (flow_of(store, ann).await, flow_of(store, ben).await);
    let before = (usage(store, hers, ann.id).await, usage(store, his, ben.id).await);
    let run = begun(store, hers).await;
    kept(store, run, "a", "12345").await;
    kept(store, run, "b", "12").await;
    let after = (usage(store, hers, ann.id).await, usage(store, his, ben.id).await);
    assert_eq!(after, (before.0 + 7, before.1));
}

pub(super) async fn files_go_with_their_runs(harness: &dyn Harness) {
    let store = &*harness.store();
    let (ann, ben) = (person(store, "ann").await, person(store, "ben").await);
    let flow = flow_of(store, ann).await;
    let before = usage(store, flow, ann.id).await;
    let of = |user| {
        let begin = begin(flow);
        let new = begin.new.map(|new| NewRun { user: Some(user), ..new });
        RunCommit { new, ..begin }
    };
    let (his, hers, old) = (of(ben.id), of(ann.id), of(ann.id));
    for begin in [&his, &hers, &old] {
        assert_eq!(commit(store, begin).await, RunCommitted::Stored);
        kept(store, begin.run, "a", "one").await;
    }
    store.erase_user(ben.id, None, &by(60)).await.expect("they are erased");
    assert_eq!(listed(store, his.run).await, []);
    // First what was sent, in parts; then the runs.
    assert_eq!(commit(store, &ended(old.run, 1, 300)).await, RunCommitted::Stored);
    let forget = async |second| store.forget_run_files(at(second)).await.expect("it answers");
    assert_eq!(forget(100).await, 0, "all of it is young");
    assert_eq!(forget(300).await, 1, "what nobody has answered since");
    assert_eq!(listed(store, old.run).await.len(), 1, "it has ended just then");
    assert_eq!((forget(301).await, forget(301).await), (1, 0));
    assert_eq!(usage(store, flow, ann.id).await, before);
    assert_eq!(store.forget_runs(at(301), 10).await.expect("it answers"), 2);
}

pub(super) async fn files_of_old_runs_go_in_parts(harness: &dyn Harness) {
    let store = &*harness.store();
    let flow = some_flow(store).await;
    let half = usize::try_from(PURGED_BYTES / 2 + 1).expect("some megabytes fit");
    let content = Bytes::from(vec![b'x'; half]);
    let mut runs = Vec::new();
    for name in ["a", "b", "c"] {
        let run = begun(store, flow).await;
        let file = RunFile { bytes: half as u64, ..file(run, name, name) };
        let put = store.put_run_file(&file, &content, RunFileBounds::UNBOUNDED).await.expect("it answers");
        assert_eq!(put, RunFileKept::Kept(file));
        assert_eq!(commit(store, &ended(run, 1, 300)).await, RunCommitted::Stored);
        runs.push(run);
    }
    assert_eq!(store.forget_run_files(at(400)).await.expect("it answers"), 2, "two pass what a part may be");
    assert_eq!(store.forget_run_files(at(400)).await.expect("it answers"), 1);
    for run in runs {
        assert_eq!(listed(store, run).await, []);
        assert!(store.run(run).await.expect("it reads").is_some(), "the run itself is not forgotten by this");
    }
}

pub(super) async fn files_of_a_purged_flow_go_with_it(harness: &dyn Harness) {
    let (store, purges) = (&*harness.store(), &*harness.purges());
    let ann = person(store, "ann").await;
    let (flow, other) = (flow_of(store, ann).await, flow_of(store, ann).await);
    let before = usage(store, other, ann.id).await;
    let half = usize::try_from(PURGED_BYTES / 2 + 1).expect("some megabytes fit");
    let content = Bytes::from(vec![b'x'; half]);
    let mut runs = Vec::new();
    for name in ["a", "b", "c"] {
        let run = begun(store, flow).await;
        let file = RunFile { bytes: half as u64, ..file(run, name, name) };
        store.put_run_file(&file, &content, RunFileBounds::UNBOUNDED).await.expect("it answers");
        runs.push((run, file.id));
    }
    store.delete_flow(flow, &by(50)).await.expect("it is deleted");
    assert_eq!(purges.begin_purge(at(60), &by(100)).await.expect("it answers"), Some(flow));
    loop {
        for (run, id) in &runs {
            assert_eq!(listed(store, *run).await, []);
            assert_eq!(store.run_file(*run, *id).await.expect("it reads"), None);
        }
        if purges.purge_part(flow).await.expect("it is removed") == PurgePart::Emptied {
            break;
        }
    }
    assert_eq!(usage(store, other, ann.id).await, before);
}
