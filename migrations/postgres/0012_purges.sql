-- Flows that were deleted long ago are removed for good, part by part. To the release before
-- one that is being removed was deleted in 1970, so that it does not restore it either.

set local lock_timeout = '2s';

alter table flow_heads add column is_purged boolean not null default false;
comment on column flow_heads.is_purged is
    'The flow is being removed for good: nothing is read from its log or added to it.';

create table flow_purges (
    flow_id uuid primary key,
    began_at timestamptz not null,
    has_archive boolean not null,
    is_emptied boolean not null default false
);
comment on table flow_purges is
    'Flows that are being removed for good. What is gone everywhere, the archive included, has no row.';
comment on column flow_purges.flow_id is 'The flow. No reference: it outlives the flow.';
comment on column flow_purges.began_at is 'By the clock of who began.';
comment on column flow_purges.has_archive is 'Whether parts of its log lay in the archive.';
comment on column flow_purges.is_emptied is 'Whether the database has nothing of it any more but this.';

comment on column flows.deleted_at is
    'When it was deleted; null while it is there. The log stays. In 1970: it is being removed for good.';

create index flows_by_deletion on flows (deleted_at, id) where deleted_at is not null;
