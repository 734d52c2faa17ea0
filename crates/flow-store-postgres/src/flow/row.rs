use flow_base::{FlowId, Role, WorkspaceId};
use flow_store::{FlowAccess, FlowRecord};
use uuid::Uuid;

use crate::error::Unreadable;
use crate::values::{Moment, seq};
use crate::version::number_of;

/// A flow with what one user is to it and to its workspace.
pub(super) struct FlowRow {
    pub(super) id: Uuid,
    pub(super) workspace_id: Uuid,
    pub(super) name: String,
    pub(super) description: String,
    pub(super) tags: Vec<String>,
    pub(super) created_at: Moment,
    pub(super) updated_at: Moment,
    pub(super) projected_seq: i64,
    pub(super) active_version: Option<i64>,
    pub(super) slug: Option<String>,
    pub(super) flow_role: Option<String>,
    pub(super) workspace_role: Option<String>,
}

impl FlowRow {
    /// The record, unless the user is nothing to the flow.
    pub(super) fn into_record(self) -> Result<Option<FlowRecord>, Unreadable> {
        let Some(role) = greater(self.flow_role.as_deref(), self.workspace_role.as_deref())? else {
            return Ok(None);
        };
        Ok(Some(FlowRecord {
            id: FlowId::from_uuid(self.id),
            workspace: WorkspaceId::from_uuid(self.workspace_id),
            name: self.name,
            description: self.description,
            tags: self.tags,
            role,
            created_at: self.created_at.0,
            updated_at: self.updated_at.0,
            projected_seq: seq(self.projected_seq),
            active_version: self.active_version.map(number_of).transpose()?,
            slug: self.slug.map(|slug| slug.parse()).transpose().map_err(|_| Unreadable("slug"))?,
        }))
    }
}

pub(super) struct AccessRow {
    pub(super) access_rev: i64,
    pub(super) flow_role: Option<String>,
    pub(super) workspace_role: Option<String>,
}

impl AccessRow {
    pub(super) fn into_access(self) -> Result<Option<FlowAccess>, Unreadable> {
        let role = greater(self.flow_role.as_deref(), self.workspace_role.as_deref())?;
        Ok(role.map(|role| FlowAccess { role, access_rev: self.access_rev.cast_unsigned() }))
    }
}

pub(crate) fn role(text: &str) -> Result<Role, Unreadable> {
    text.parse().map_err(|_| Unreadable("role"))
}

fn greater(on_flow: Option<&str>, on_workspace: Option<&str>) -> Result<Option<Role>, Unreadable> {
    Ok(on_flow.map(role).transpose()?.max(on_workspace.map(role).transpose()?))
}
