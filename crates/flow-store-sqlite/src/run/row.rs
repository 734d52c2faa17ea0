use std::time::Duration;

use flow_base::{FlowId, NodeId, RunId, UserId};
use flow_store::{RunKind, RunRecord, RunStatus, RunSummary};
use uuid::Uuid;

use crate::error::{Unreadable, moment};

pub(super) struct RecordRow {
    pub(super) id: Uuid,
    pub(super) flow_id: Uuid,
    pub(super) kind: String,
    pub(super) flow_version: Option<i64>,
    pub(super) graph_hash: Vec<u8>,
    pub(super) user_id: Option<Uuid>,
    pub(super) status: String,
    pub(super) version: i64,
    pub(super) state: Vec<u8>,
    pub(super) entries: i64,
    pub(super) wake_at: Option<i64>,
    pub(super) leased_by: Option<Uuid>,
    pub(super) started_at: i64,
    pub(super) updated_at: i64,
    pub(super) ended_at: Option<i64>,
    pub(super) outcome: Option<String>,
}

impl TryFrom<RecordRow> for RunRecord {
    type Error = Unreadable;

    fn try_from(row: RecordRow) -> Result<Self, Unreadable> {
        let summary = SummaryRow {
            id: row.id,
            flow_id: row.flow_id,
            kind: row.kind,
            flow_version: row.flow_version,
            graph_hash: row.graph_hash,
            user_id: row.user_id,
            status: row.status,
            entries: row.entries,
            started_at: row.started_at,
            updated_at: row.updated_at,
            ended_at: row.ended_at,
            outcome: row.outcome,
        };
        Ok(Self {
            summary: summary.try_into()?,
            version: row.version.cast_unsigned(),
            state: row.state.into(),
            wake_at: row.wake_at.map(moment).transpose()?,
            leased_by: row.leased_by.map(NodeId::from_uuid),
        })
    }
}

pub(super) struct SummaryRow {
    pub(super) id: Uuid,
    pub(super) flow_id: Uuid,
    pub(super) kind: String,
    pub(super) flow_version: Option<i64>,
    pub(super) graph_hash: Vec<u8>,
    pub(super) user_id: Option<Uuid>,
    pub(super) status: String,
    pub(super) entries: i64,
    pub(super) started_at: i64,
    pub(super) updated_at: i64,
    pub(super) ended_at: Option<i64>,
    pub(super) outcome: Option<String>,
}

impl TryFrom<SummaryRow> for RunSummary {
    type Error = Unreadable;

    fn try_from(row: SummaryRow) -> Result<Self, Unreadable> {
        let version = row.flow_version.map(u32::try_from).transpose();
        Ok(Self {
            id: RunId::from_uuid(row.id),
            flow: FlowId::from_uuid(row.flow_id),
            kind: RunKind::from_text(&row.kind).ok_or(Unreadable("kind of a run"))?,
            flow_version: version.map_err(|_| Unreadable("version of a flow"))?,
            graph_hash: row.graph_hash.try_into().map_err(|_| Unreadable("hash of a graph"))?,
            user: row.user_id.map(UserId::from_uuid),
            status: RunStatus::from_text(&row.status).ok_or(Unreadable("status of a run"))?,
            started_at: moment(row.started_at)?,
            updated_at: moment(row.updated_at)?,
            ended_at: row.ended_at.map(moment).transpose()?,
            entries: row.entries.cast_unsigned(),
            outcome: row.outcome,
        })
    }
}

/// A version or a quota for a column. None that a run has is cut.
pub(super) fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// In microseconds; a lease that lasts longer lasts a thousand years.
pub(super) fn length(time: Duration) -> i64 {
    const LONGEST: i64 = 1_000 * 366 * 24 * 60 * 60 * 1_000_000;
    i64::try_from(time.as_micros()).unwrap_or(LONGEST).min(LONGEST)
}
