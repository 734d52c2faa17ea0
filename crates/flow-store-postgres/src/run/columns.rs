use std::borrow::Cow;

use flow_store::RunCommit;
use uuid::Uuid;

use super::row::{length, number};
use crate::values::{Moment, text};

/// What commits say of their runs, as arrays that stand for a table.
#[derive(Default)]
pub(super) struct Columns<'a> {
    pub(super) runs: Vec<Uuid>,
    pub(super) ids: Vec<Uuid>,
    pub(super) expected: Vec<i64>,
    pub(super) moments: Vec<Moment>,
    pub(super) statuses: Vec<&'a str>,
    pub(super) states: Vec<&'a [u8]>,
    pub(super) entries: Vec<&'a [u8]>,
    pub(super) counts: Vec<i64>,
    pub(super) wakes: Vec<Option<Moment>>,
    pub(super) nodes: Vec<Option<Uuid>>,
    /// Of leases, in seconds.
    pub(super) lasts: Vec<f64>,
    pub(super) ends: Vec<Option<Moment>>,
    pub(super) outcomes: Vec<Option<Cow<'a, str>>>,
    pub(super) keys: Vec<Option<Cow<'a, str>>>,
    pub(super) answers: Vec<Option<&'a [u8]>>,
}

impl<'a> Columns<'a> {
    pub(super) fn of(commits: &[&'a RunCommit]) -> Self {
        let mut columns = Self::default();
        for commit in commits {
            columns.add(commit);
        }
        columns
    }

    fn add(&mut self, commit: &'a RunCommit) {
        let at = Moment(commit.at);
        self.runs.push(commit.run.as_uuid());
        self.ids.push(commit.id);
        self.expected.push(number(commit.expected));
        self.moments.push(at);
        self.statuses.push(commit.status.as_str());
        self.states.push(&commit.state);
        self.entries.push(&commit.entries);
        self.counts.push(i64::from(commit.entry_count));
        self.wakes.push(commit.wake_at.map(Moment));
        self.nodes.push(commit.lease.map(|lease| lease.node.as_uuid()));
        self.lasts.push(commit.lease.map_or(0.0, |lease| length(lease.lasts)));
        self.ends.push(commit.status.is_over().then_some(at));
        self.outcomes.push(commit.outcome.as_deref().map(text));
        self.keys.push(commit.event.as_ref().map(|event| text(&event.key)));
        self.answers.push(commit.event.as_ref().map(|event| &event.answer[..]));
    }
}
