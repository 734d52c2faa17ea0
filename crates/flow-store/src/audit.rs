//! What was done, by whom, in an order that nobody can change afterwards unseen.
//!
//! Each workspace has a chain: the hash of an event covers the hash of the one before, so
//! whoever changes, removes or inserts one has to write all later ones anew, and the head.
//! What an account does to itself is in the chain of its personal workspace.

use std::fmt::Debug;
use std::net::IpAddr;

use async_trait::async_trait;
use flow_base::{
    Credential, FlowId, InvitationId, KeyId, LinkId, LinkRole, Role, Scopes, SessionId, Timestamp, UserId,
    WebhookId, WorkspaceId,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{OwnQuotas, StoreError};

/// Who does something, with what, from where and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// `None`: an operator of the installation, on its command line, or the server by itself.
    pub user: Option<UserId>,
    pub credential: Option<Credential>,
    pub address: Option<IpAddr>,
    pub at: Timestamp,
}

impl Origin {
    /// An operator of the installation, or the server by itself.
    #[must_use]
    pub const fn operator(at: Timestamp) -> Self {
        Self { user: None, credential: None, address: None, at }
    }

    /// A user, without saying with what or from where.
    #[must_use]
    pub const fn user(user: UserId, at: Timestamp) -> Self {
        Self { user: Some(user), credential: None, address: None, at }
    }
}

/// What can be done that somebody may have to answer for. Ids, roles and numbers only, and the
/// names of secrets, which are their ids: what is hashed stays for ever, and names of people are
/// taken away with their accounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum AuditEvent {
    #[serde(rename = "account.created")]
    AccountCreated { user: UserId },
    #[serde(rename = "account.changed")]
    AccountChanged { email: bool, name: bool },
    #[serde(rename = "account.erased")]
    AccountErased { user: UserId },
    #[serde(rename = "account.exported")]
    AccountExported { user: UserId },
    #[serde(rename = "password.changed")]
    PasswordChanged { user: UserId },
    #[serde(rename = "session.opened")]
    SessionOpened { session: SessionId },
    #[serde(rename = "session.ended")]
    SessionEnded { session: SessionId },
    /// A refresh token was used again long after it was replaced: the sign-in was ended.
    #[serde(rename = "session.reused")]
    SessionReused { session: SessionId },
    #[serde(rename = "key.created")]
    KeyCreated { key: KeyId, scopes: Scopes },
    #[serde(rename = "key.revoked")]
    KeyRevoked { key: KeyId },
    #[serde(rename = "workspace.created")]
    WorkspaceCreated,
    #[serde(rename = "workspace.renamed")]
    WorkspaceRenamed,
    /// Without a role the user is no member any more.
    #[serde(rename = "workspace.memberChanged")]
    WorkspaceMemberChanged { user: UserId, role: Option<Role> },
    #[serde(rename = "workspace.transferred")]
    WorkspaceTransferred { from: UserId, to: UserId },
    #[serde(rename = "workspace.quotasChanged")]
    QuotasChanged {
        flows: Option<u64>,
        members: Option<u64>,
        storage_bytes: Option<u64>,
        runs_per_day: Option<u64>,
    },
    #[serde(rename = "invitation.created")]
    InvitationCreated { invitation: InvitationId, role: Role },
    #[serde(rename = "invitation.revoked")]
    InvitationRevoked { invitation: InvitationId },
    #[serde(rename = "invitation.accepted")]
    InvitationAccepted { invitation: InvitationId, role: Role },
    #[serde(rename = "flow.created")]
    FlowCreated { flow: FlowId },
    #[serde(rename = "flow.deleted")]
    FlowDeleted { flow: FlowId },
    #[serde(rename = "flow.restored")]
    FlowRestored { flow: FlowId },
    /// It was deleted long ago; now nothing of it is left but what was recorded.
    #[serde(rename = "flow.purged")]
    FlowPurged { flow: FlowId },
    /// In the chain that it leaves and in the one that it comes to.
    #[serde(rename = "flow.moved")]
    FlowMoved { flow: FlowId, from: WorkspaceId, to: WorkspaceId },
    #[serde(rename = "flow.memberChanged")]
    FlowMemberChanged { flow: FlowId, user: UserId, role: Option<Role> },
    #[serde(rename = "flow.activated")]
    FlowActivated { flow: FlowId, version: u32 },
    #[serde(rename = "flow.deactivated")]
    FlowDeactivated { flow: FlowId },
    /// Its name in addresses: given, changed, or taken away.
    #[serde(rename = "flow.slugChanged")]
    FlowSlugChanged { flow: FlowId, has_slug: bool },
    #[serde(rename = "link.created")]
    LinkCreated { flow: FlowId, link: LinkId, role: LinkRole },
    #[serde(rename = "link.revoked")]
    LinkRevoked { flow: FlowId, link: LinkId },
    #[serde(rename = "webhook.created")]
    WebhookCreated { webhook: WebhookId },
    #[serde(rename = "webhook.changed")]
    WebhookChanged { webhook: WebhookId },
    #[serde(rename = "webhook.deleted")]
    WebhookDeleted { webhook: WebhookId },
    /// It was given, or replaced. Its name is all that it is known by.
    #[serde(rename = "secret.changed")]
    SecretChanged { name: String },
    #[serde(rename = "secret.removed")]
    SecretRemoved { name: String },
    #[serde(rename = "audit.exported")]
    AuditExported,
}

impl AuditEvent {
    #[must_use]
    pub const fn quotas_changed(quotas: &OwnQuotas) -> Self {
        let OwnQuotas { flows, members, storage_bytes, runs_per_day } = *quotas;
        Self::QuotasChanged { flows, members, storage_bytes, runs_per_day }
    }
}

/// Where a chain ends; the default is where it begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AuditHead {
    /// Of the last event.
    pub seq: u64,
    pub hash: [u8; 32],
}

/// From where something was done, as long as the account is there that did it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Personal {
    /// In JSON: see [`Personal::address`].
    pub text: String,
    /// Keeps the hash from telling the text: there are not many addresses.
    pub salt: [u8; 16],
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct PersonalFields {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<IpAddr>,
}

impl Personal {
    fn of(origin: &Origin) -> Self {
        let fields = PersonalFields { address: origin.address };
        let text = serde_json::to_string(&fields).expect("an address can be written in JSON");
        Self { text, salt: rand::random() }
    }

    /// The address, if it was known; none of what no release has written.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        serde_json::from_str::<PersonalFields>(&self.text).ok()?.address
    }

    fn hash(&self) -> [u8; 32] {
        Sha256::new().chain_update(self.salt).chain_update(&self.text).finalize().into()
    }
}

/// An event as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    pub workspace: WorkspaceId,
    /// 1, 2, … in each workspace.
    pub seq: u64,
    /// To the microsecond.
    pub at: Timestamp,
    pub user: Option<UserId>,
    /// A [`Credential`]'s text; empty for an operator.
    pub credential: String,
    /// An [`AuditEvent`] in JSON, exactly as it was hashed.
    pub event: String,
    /// `None` once it was erased.
    pub personal: Option<Personal>,
    pub personal_hash: [u8; 32],
    pub hash: [u8; 32],
}

impl AuditRecord {
    /// The event that comes after `head`.
    #[must_use]
    pub fn after(head: &AuditHead, workspace: WorkspaceId, by: &Origin, event: &AuditEvent) -> Self {
        let personal = Personal::of(by);
        let at = by.at.as_microsecond();
        let mut record = Self {
            workspace,
            seq: head.seq + 1,
            at: Timestamp::from_microsecond(at).expect("a moment cut to microseconds is still one"),
            user: by.user,
            credential: by.credential.map(|credential| credential.to_string()).unwrap_or_default(),
            event: serde_json::to_string(event).expect("an event can be written in JSON"),
            personal_hash: personal.hash(),
            personal: Some(personal),
            hash: [0; 32],
        };
        record.hash = record.hash_after(&head.hash);
        record
    }

    #[must_use]
    pub const fn head(&self) -> AuditHead {
        AuditHead { seq: self.seq, hash: self.hash }
    }

    /// SHA-256 of the hash before and the fields in their order. Numbers are big-endian,
    /// texts have their length in bytes before them as a number of 64 bits, and a user that
    /// is none is the id of zeros.
    fn hash_after(&self, before: &[u8; 32]) -> [u8; 32] {
        let length = |text: &str| u64::try_from(text.len()).expect("a length fits 64 bits").to_be_bytes();
        let user = self.user.map_or(uuid::Uuid::nil(), UserId::as_uuid);
        Sha256::new()
            .chain_update(before)
            .chain_update(self.workspace.as_uuid())
            .chain_update(self.seq.to_be_bytes())
            .chain_update(self.at.as_microsecond().to_be_bytes())
            .chain_update(user)
            .chain_update(length(&self.credential))
            .chain_update(&self.credential)
            .chain_update(length(&self.event))
            .chain_update(&self.event)
            .chain_update(self.personal_hash)
            .finalize()
            .into()
    }

    /// Whether it is what came after `head`, unchanged.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn verify_after(&self, head: &AuditHead) -> Result<AuditHead, AuditFault> {
        if self.seq != head.seq + 1 {
            return Err(AuditFault::Missing { seq: head.seq + 1 });
        }
        if self.hash != self.hash_after(&head.hash) {
            return Err(AuditFault::Changed { seq: self.seq });
        }
        if self.personal.as_ref().is_some_and(|personal| personal.hash() != self.personal_hash) {
            return Err(AuditFault::Changed { seq: self.seq });
        }
        Ok(self.head())
    }
}

/// What is wrong with a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuditFault {
    #[error("event {seq} is missing")]
    Missing { seq: u64 },
    /// It, or one before it.
    #[error("event {seq} is not what was recorded")]
    Changed { seq: u64 },
    #[error("the chain ends with event {found}, and its head says {said}")]
    Head { found: u64, said: u64 },
}

/// Which events are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditPage {
    /// Those after this one, in order.
    After(u64),
    /// Those before this one, newest first.
    Before(u64),
}

/// The chains of events. What is recorded is so by the methods that do it, in their
/// transactions.
#[async_trait]
pub trait AuditStore: Debug + Send + Sync + 'static {
    /// At most `limit` events; none when there is no such workspace. Whether the caller may
    /// know them is for the caller to ask.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn audit(
        &self,
        workspace: WorkspaceId,
        page: AuditPage,
        limit: u32,
    ) -> Result<Vec<AuditRecord>, StoreError>;

    /// Where the workspace's chain ends; where it begins when nothing was recorded.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    async fn audit_head(&self, workspace: WorkspaceId) -> Result<AuditHead, StoreError>;

    /// Records what nothing else in the store does.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when there is no such workspace; [`StoreError::Backend`].
    async fn record(&self, workspace: WorkspaceId, event: &AuditEvent, by: &Origin)
    -> Result<(), StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: i64 = 1_767_225_600;

    fn chain() -> Vec<AuditRecord> {
        let (workspace, user) = (WorkspaceId::generate(), UserId::generate());
        let at = Timestamp::from_second(AT).expect("a moment");
        let by = Origin { address: Some([192, 0, 2, 1].into()), ..Origin::user(user, at) };
        let events = [
            AuditEvent::WorkspaceCreated,
            AuditEvent::WorkspaceMemberChanged { user, role: Some(Role::Viewer) },
            AuditEvent::WorkspaceMemberChanged { user, role: None },
        ];
        let mut head = AuditHead::default();
        let records = events.iter().map(|event| {
            let record = AuditRecord::after(&head, workspace, &by, event);
            head = record.head();
            record
        });
        records.collect()
    }

    fn verified(chain: &[AuditRecord]) -> Result<AuditHead, AuditFault> {
        chain.iter().try_fold(AuditHead::default(), |head, record| record.verify_after(&head))
    }

    #[test]
    fn a_chain_verifies_and_any_change_of_it_shows() {
        let chain = chain();
        assert_eq!(verified(&chain), Ok(chain[2].head()));
        let at = Timestamp::from_second(AT + 1).expect("a moment");
        let changes: [fn(&mut AuditRecord, Timestamp); 6] = [
            |record, at| record.at = at,
            |record, _| record.user = None,
            |record, _| record.credential.push('x'),
            |record, _| record.event = record.event.replace("viewer", "editor"),
            |record, _| record.workspace = WorkspaceId::generate(),
            |record, _| record.personal.as_mut().expect("it is there").text = "{}".to_owned(),
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut changed = chain.clone();
            change(&mut changed[1], at);
            assert_eq!(verified(&changed), Err(AuditFault::Changed { seq: 2 }), "{number}");
        }
        let mut removed = chain.clone();
        removed.remove(1);
        assert_eq!(verified(&removed), Err(AuditFault::Missing { seq: 2 }));
        // Even one whose own hash was made to fit.
        let mut forged = chain;
        forged[0].event = forged[0].event.replace("created", "renamed");
        forged[0].hash = forged[0].hash_after(&[0; 32]);
        assert_eq!(verified(&forged), Err(AuditFault::Changed { seq: 2 }));
    }

    #[test]
    fn a_chain_verifies_without_what_is_personal() {
        let mut chain = chain();
        assert_eq!(chain[1].personal.as_ref().and_then(Personal::address), Some([192, 0, 2, 1].into()));
        chain[1].personal = None;
        assert!(verified(&chain).is_ok());
    }

    #[test]
    fn events_are_told_in_one_form() {
        let [first, second, third] = chain().try_into().expect("there are three");
        assert_eq!(first.event, r#"{"type":"workspace.created"}"#);
        assert!(
            second.event.starts_with(r#"{"type":"workspace.memberChanged","user":""#),
            "{}",
            second.event
        );
        assert!(third.event.ends_with(r#""role":null}"#), "{}", third.event);
    }
}
