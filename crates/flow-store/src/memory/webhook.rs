use std::collections::BTreeSet;
use std::time::Duration;

use async_trait::async_trait;
use flow_base::{Clock, Secret, SystemClock, Timestamp, UserId, WebhookId, WorkspaceId};

use super::{MemoryStore, State, to_micros};
use crate::{
    AttemptOutcome, Attempted, AuditEvent, CLAIMED_OF_ONE, ClaimedDelivery, Conflict, DELIVERIES_WAITING,
    DISABLED_BY_ERASURE, DISABLED_BY_HAND, DeliveryRecord, DeliveryState, NewWebhook, Origin, StoreError,
    TOLD_WHILE_DISABLED, WEBHOOKS_PER_WORKSPACE, WebhookChange, WebhookEvent, WebhookRecord, WebhookStore,
};

#[derive(Debug)]
pub(super) struct Webhook {
    record: WebhookRecord,
    secret: Secret<[u8; 32]>,
    failures: u32,
    paused_until: Option<Timestamp>,
    /// In the order of their ids.
    deliveries: Vec<DeliveryRecord>,
}

impl Webhook {
    fn waiting(&self) -> usize {
        let waiting = |delivery: &&DeliveryRecord| delivery.state == DeliveryState::Pending;
        self.deliveries.iter().filter(waiting).count()
    }

    /// What waits is given up.
    fn disable(&mut self, reason: &str) {
        let now = now();
        self.record.disabled = Some((now, reason.to_owned()));
        for delivery in &mut self.deliveries {
            give_up(delivery, now);
        }
    }

    fn tell(&mut self, delivery: DeliveryRecord) {
        self.deliveries.push(delivery);
        if let Some(told) = self.deliveries.last_mut().filter(|_| self.record.disabled.is_some()) {
            give_up(told, now());
        }
    }
}

/// The store's own.
fn now() -> Timestamp {
    to_micros(SystemClock.now())
}

#[async_trait]
impl WebhookStore for MemoryStore {
    async fn create_webhook(&self, webhook: &NewWebhook, by: &Origin) -> Result<(), StoreError> {
        let mut state = self.state();
        if !state.workspaces.contains_key(&webhook.workspace) {
            return Err(StoreError::Conflict(Conflict::UnknownWorkspace));
        }
        let count = state.webhooks.iter().filter(|there| there.record.workspace == webhook.workspace).count();
        if count >= WEBHOOKS_PER_WORKSPACE as usize {
            return Err(StoreError::Conflict(Conflict::TooManyWebhooks));
        }
        let NewWebhook { id, workspace, url, description, events, secret, created_by } = webhook.clone();
        let record = WebhookRecord {
            id,
            workspace,
            url,
            description,
            events,
            created_by,
            created_at: to_micros(by.at),
            failing_since: None,
            disabled: None,
        };
        state.webhooks.push(Webhook {
            record,
            secret,
            failures: 0,
            paused_until: None,
            deliveries: Vec::new(),
        });
        state.record(workspace, &AuditEvent::WebhookCreated { webhook: id }, by);
        Ok(())
    }

    async fn webhooks(&self, workspace: WorkspaceId) -> Result<Vec<WebhookRecord>, StoreError> {
        let state = self.state();
        let records = state.webhooks.iter().map(|webhook| &webhook.record);
        Ok(records.filter(|record| record.workspace == workspace).cloned().collect())
    }

    async fn change_webhook(
        &self,
        workspace: WorkspaceId,
        webhook: WebhookId,
        change: &WebhookChange,
        by: &Origin,
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        let Some(stored) = state.webhook(workspace, webhook) else { return Ok(false) };
        let WebhookChange { url, description, events, enabled, secret } = change.clone();
        let record = &mut stored.record;
        record.url = url.unwrap_or_else(|| record.url.clone());
        record.description = description.unwrap_or_else(|| record.description.clone());
        record.events = events.unwrap_or_else(|| record.events.clone());
        match enabled {
            Some(true) => {
                (record.disabled, record.failing_since) = (None, None);
                (stored.failures, stored.paused_until) = (0, None);
            }
            Some(false) if record.disabled.is_none() => stored.disable(DISABLED_BY_HAND),
            Some(false) | None => {}
        }
        stored.secret = secret.unwrap_or_else(|| stored.secret.clone());
        state.record(workspace, &AuditEvent::WebhookChanged { webhook }, by);
        Ok(true)
    }

    async fn delete_webhook(
        &self,
        workspace: WorkspaceId,
        webhook: WebhookId,
        by: &Origin,
    ) -> Result<bool, StoreError> {
        let mut state = self.state();
        if state.webhook(workspace, webhook).is_none() {
            return Ok(false);
        }
        state.webhooks.retain(|stored| stored.record.id != webhook);
        state.record(workspace, &AuditEvent::WebhookDeleted { webhook }, by);
        Ok(true)
    }

    async fn deliveries(
        &self,
        workspace: WorkspaceId,
        webhook: WebhookId,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<DeliveryRecord>, StoreError> {
        let mut state = self.state();
        let Some(stored) = state.webhook(workspace, webhook) else { return Ok(Vec::new()) };
        let newest = stored.deliveries.iter().rev();
        let page = newest.filter(|delivery| before.is_none_or(|before| delivery.id < before));
        Ok(page.take(limit as usize).cloned().collect())
    }

    async fn tell(
        &self,
        workspace: WorkspaceId,
        webhook: WebhookId,
        event: &WebhookEvent,
    ) -> Result<Option<u64>, StoreError> {
        let mut state = self.state();
        let id = state.deliveries + 1;
        let Some(stored) = state.webhook(workspace, webhook) else { return Ok(None) };
        stored.tell(delivery(id, event));
        state.deliveries = id;
        Ok(Some(id))
    }

    async fn redeliver(
        &self,
        workspace: WorkspaceId,
        webhook: WebhookId,
        delivery: u64,
    ) -> Result<Option<u64>, StoreError> {
        let mut state = self.state();
        let id = state.deliveries + 1;
        let Some(stored) = state.webhook(workspace, webhook) else { return Ok(None) };
        let Some(told) = stored.deliveries.iter().find(|told| told.id == delivery) else { return Ok(None) };
        let DeliveryRecord { event_id, event: name, body, created_at, .. } = told.clone();
        let event = WebhookEvent { id: event_id, name, body, at: created_at };
        stored.tell(self::delivery(id, &event));
        state.deliveries = id;
        Ok(Some(id))
    }

    async fn claim_deliveries(
        &self,
        limit: u32,
        lease: Duration,
    ) -> Result<Vec<ClaimedDelivery>, StoreError> {
        let (mut state, now) = (self.state(), now());
        let is_told = |webhook: &&mut Webhook| {
            webhook.record.disabled.is_none() && webhook.paused_until.is_none_or(|until| until <= now)
        };
        let mut due = Vec::new();
        for webhook in state.webhooks.iter_mut().filter(is_told) {
            let Webhook { record, secret, failures, deliveries, .. } = webhook;
            let of_webhook = deliveries
                .iter_mut()
                .filter(|delivery| delivery.state == DeliveryState::Pending && delivery.next_at <= now);
            let mut of_webhook: Vec<_> = of_webhook.collect();
            of_webhook.sort_by_key(|delivery| (delivery.next_at, delivery.id));
            of_webhook.truncate(CLAIMED_OF_ONE);
            due.extend(of_webhook.into_iter().map(|delivery| (&*record, &*secret, *failures, delivery)));
        }
        due.sort_by_key(|(.., delivery)| (delivery.next_at, delivery.id));
        due.truncate(limit as usize);
        let claim =
            |(record, secret, failures, delivery): (&WebhookRecord, &Secret<_>, u32, &mut DeliveryRecord)| {
                delivery.attempts += 1;
                delivery.next_at = now + lease;
                ClaimedDelivery {
                    id: delivery.id,
                    webhook: record.id,
                    url: record.url.clone(),
                    secret: secret.clone(),
                    event_id: delivery.event_id,
                    event: delivery.event.clone(),
                    body: delivery.body.clone(),
                    attempt: delivery.attempts,
                    failures,
                }
            };
        Ok(due.into_iter().map(claim).collect())
    }

    async fn finish_delivery(&self, claimed: &ClaimedDelivery, came: &Attempted) -> Result<bool, StoreError> {
        let (mut state, now) = (self.state(), now());
        let stored = state.webhooks.iter_mut().find(|webhook| webhook.record.id == claimed.webhook);
        let Some(stored) = stored else { return Ok(false) };
        let Webhook { record, failures, paused_until, deliveries, .. } = &mut *stored;
        let is_ours = |delivery: &&mut DeliveryRecord| {
            delivery.id == claimed.id
                && delivery.attempts == claimed.attempt
                && delivery.state == DeliveryState::Pending
        };
        let Some(delivery) = deliveries.iter_mut().find(is_ours) else { return Ok(false) };
        (delivery.last_at, delivery.status) = (Some(now), came.status);
        delivery.answer.clone_from(&came.answer);
        match &came.outcome {
            AttemptOutcome::Delivered => {
                (delivery.state, delivery.error) = (DeliveryState::Delivered, None);
                (*failures, *paused_until, record.failing_since) = (0, None, None);
            }
            AttemptOutcome::Failed { error, retry_in, pause, disable_after } => {
                delivery.error = Some(error.clone());
                match retry_in {
                    Some(retry_in) => delivery.next_at = now + *retry_in,
                    None => delivery.state = DeliveryState::Failed,
                }
                if *failures != claimed.failures {
                    return Ok(true);
                }
                let fails_for_long = record.failing_since.is_some_and(|since| since + *disable_after <= now);
                (*failures, *paused_until) = (*failures + 1, Some(now + *pause));
                record.failing_since.get_or_insert(now);
                if fails_for_long && record.disabled.is_none() {
                    stored.disable(error);
                }
            }
        }
        Ok(true)
    }

    async fn forget_deliveries(&self, older_than: Duration, limit: u32) -> Result<u64, StoreError> {
        let (mut state, now) = (self.state(), now());
        let mut forgotten = 0;
        for webhook in &mut state.webhooks {
            webhook.deliveries.retain(|delivery| {
                let is_old = delivery.last_at.is_some_and(|at| at + older_than <= now);
                let goes = is_old && delivery.state != DeliveryState::Pending && forgotten < u64::from(limit);
                forgotten += u64::from(goes);
                !goes
            });
        }
        Ok(forgotten)
    }
}

fn give_up(delivery: &mut DeliveryRecord, at: Timestamp) {
    if delivery.state == DeliveryState::Pending {
        delivery.state = DeliveryState::Failed;
        (delivery.last_at, delivery.error) = (Some(at), Some(TOLD_WHILE_DISABLED.to_owned()));
    }
}

fn delivery(id: u64, event: &WebhookEvent) -> DeliveryRecord {
    DeliveryRecord {
        id,
        event_id: event.id,
        event: event.name.clone(),
        body: event.body.clone(),
        created_at: to_micros(event.at),
        state: DeliveryState::Pending,
        attempts: 0,
        next_at: now(),
        last_at: None,
        status: None,
        error: None,
        answer: None,
    }
}

impl State {
    fn webhook(&mut self, workspace: WorkspaceId, webhook: WebhookId) -> Option<&mut Webhook> {
        let is_it =
            |stored: &&mut Webhook| stored.record.id == webhook && stored.record.workspace == workspace;
        self.webhooks.iter_mut().find(is_it)
    }

    pub(super) fn forget_webhooks(&mut self, of: &BTreeSet<WorkspaceId>) {
        self.webhooks.retain(|webhook| !of.contains(&webhook.record.workspace));
    }

    /// Those that somebody has made who is erased.
    pub(super) fn disable_webhooks_of(&mut self, user: UserId) {
        let theirs = self.webhooks.iter_mut().filter(|webhook| webhook.record.created_by == user);
        for webhook in theirs.filter(|webhook| webhook.record.disabled.is_none()) {
            webhook.disable(DISABLED_BY_ERASURE);
        }
    }

    /// Has this told to all webhooks of the workspace that want to know.
    pub(super) fn tell_all(&mut self, workspace: WorkspaceId, event: &WebhookEvent) {
        for webhook in &mut self.webhooks {
            let record = &webhook.record;
            if record.workspace == workspace
                && record.disabled.is_none()
                && record.events.contains(&event.name)
                && webhook.waiting() < DELIVERIES_WAITING as usize
            {
                self.deliveries += 1;
                webhook.deliveries.push(delivery(self.deliveries, event));
            }
        }
    }
}
