//! A run as the tables of both databases keep it: the same columns, read in one place.

use flow_base::{FlowId, NodeId, RunId, Timestamp, UserId};
use uuid::Uuid;

use crate::{RunKind, RunRecord, RunStatus, RunSummary};

/// A stored value that no release has written.
#[derive(Debug, thiserror::Error)]
#[error("a stored {0} cannot be read")]
pub struct Unreadable(pub &'static str);

/// A moment as a database gives it.
pub trait StoredMoment {
    /// # Errors
    /// [`Unreadable`] when it is none.
    fn read(self) -> Result<Timestamp, Unreadable>;
}

/// In microseconds since 1970.
impl StoredMoment for i64 {
    fn read(self) -> Result<Timestamp, Unreadable> {
        Timestamp::from_microsecond(self).map_err(|_| Unreadable("moment"))
    }
}

/// What lists read of a run. The fields are the columns of the table `runs`.
#[derive(Debug)]
pub struct RunSummaryRow<M> {
    pub id: Uuid,
    pub flow_id: Uuid,
    pub kind: String,
    pub flow_version: Option<i64>,
    pub graph_hash: Vec<u8>,
    pub user_id: Option<Uuid>,
    pub status: String,
    pub entries: i64,
    pub started_at: M,
    pub updated_at: M,
    pub ended_at: Option<M>,
    pub outcome: Option<String>,
}

/// All that is read of one.
#[derive(Debug)]
pub struct RunRecordRow<M> {
    pub id: Uuid,
    pub flow_id: Uuid,
    pub kind: String,
    pub flow_version: Option<i64>,
    pub graph_hash: Vec<u8>,
    pub user_id: Option<Uuid>,
    pub status: String,
    pub version: i64,
    pub state: Vec<u8>,
    pub entries: i64,
    pub wake_at: Option<M>,
    pub leased_by: Option<Uuid>,
    pub started_at: M,
    pub updated_at: M,
    pub ended_at: Option<M>,
    pub outcome: Option<String>,
}

impl<M: StoredMoment> TryFrom<RunSummaryRow<M>> for RunSummary {
    type Error = Unreadable;

    fn try_from(row: RunSummaryRow<M>) -> Result<Self, Unreadable> {
        let version = row.flow_version.map(u32::try_from).transpose();
        Ok(Self {
            id: RunId::from_uuid(row.id),
            flow: FlowId::from_uuid(row.flow_id),
            kind: RunKind::from_text(&row.kind).ok_or(Unreadable("kind of a run"))?,
            flow_version: version.map_err(|_| Unreadable("version of a flow"))?,
            graph_hash: row.graph_hash.try_into().map_err(|_| Unreadable("hash of a graph"))?,
            user: row.user_id.map(UserId::from_uuid),
            status: RunStatus::from_text(&row.status).ok_or(Unreadable("status of a run"))?,
            started_at: row.started_at.read()?,
            updated_at: row.updated_at.read()?,
            ended_at: row.ended_at.map(StoredMoment::read).transpose()?,
            entries: row.entries.cast_unsigned(),
            outcome: row.outcome,
        })
    }
}

impl<M: StoredMoment> TryFrom<RunRecordRow<M>> for RunRecord {
    type Error = Unreadable;

    fn try_from(row: RunRecordRow<M>) -> Result<Self, Unreadable> {
        let summary = RunSummaryRow {
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
            wake_at: row.wake_at.map(StoredMoment::read).transpose()?,
            leased_by: row.leased_by.map(NodeId::from_uuid),
        })
    }
}
