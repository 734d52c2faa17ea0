-- What `interflow log repair` takes out of a log, with the reason. Nothing is deleted
-- there, so that somebody can look at it, and put back what deserves it.

set local lock_timeout = '2s';

create table flow_quarantine (
    id bigint not null generated always as identity primary key,
    flow_id uuid not null references flow_heads (flow_id),
    seq bigint not null check (seq >= 0),
    batch_id uuid,
    actor_id uuid,
    created_at timestamptz not null,
    bytes bytea not null,
    reason text not null,
    quarantined_at timestamptz not null
);

alter table flow_quarantine alter column bytes set storage external;

create index flow_quarantine_by_flow on flow_quarantine (flow_id, id);

comment on table flow_quarantine is 'What was taken out of the logs because it could not be read or applied.';
comment on column flow_quarantine.id is 'Grows with time.';
comment on column flow_quarantine.flow_id is 'The flow.';
comment on column flow_quarantine.seq is 'Of the update, or the one that the snapshot''s row named.';
comment on column flow_quarantine.batch_id is 'Of the update; null for a snapshot.';
comment on column flow_quarantine.actor_id is 'Who delivered the update; null is the server.';
comment on column flow_quarantine.created_at is 'When it was stored, by the clock of the node that did.';
comment on column flow_quarantine.bytes is 'The update, or the envelope of the snapshot.';
comment on column flow_quarantine.reason is 'Why it was taken out.';
comment on column flow_quarantine.quarantined_at is 'When it was taken out, by the clock of who did.';
