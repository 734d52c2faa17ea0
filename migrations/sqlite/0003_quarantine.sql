-- What `interflow log repair` takes out of a log, with the reason. Nothing is deleted
-- there, so that somebody can look at it, and put back what deserves it.

create table flow_quarantine (
    id integer not null primary key,
    flow_id blob not null references flow_heads (flow_id),
    -- Of the update, or the one that the snapshot's row named.
    seq integer not null check (seq >= 0),
    -- Null for a snapshot.
    batch_id blob check (length(batch_id) = 16),
    -- Who delivered the update; null is the server. No reference: history outlives accounts.
    actor_id blob check (length(actor_id) = 16),
    created_at integer not null,
    -- The update, or the envelope of the snapshot.
    bytes blob not null,
    reason text not null,
    quarantined_at integer not null
) strict;

create index flow_quarantine_by_flow on flow_quarantine (flow_id, id);
