-- Flows that were deleted long ago are removed for good, part by part. To the release before
-- one that is being removed was deleted in 1970, so that it does not restore it either.

-- Nothing is read from its log or added to it.
alter table flow_heads add column is_purged integer not null default 0 check (is_purged in (0, 1));

-- An append that does not look first is refused here.
create trigger flow_heads_purged before update of head_seq on flow_heads
when old.is_purged
begin
    select raise(abort, 'the flow is being removed for good');
end;

-- What is gone everywhere, the archive included, has no row.
create table flow_purges (
    -- No reference: it outlives the flow.
    flow_id blob not null primary key check (length(flow_id) = 16),
    began_at integer not null,
    -- Whether parts of its log lay in the archive.
    has_archive integer not null check (has_archive in (0, 1)),
    -- Whether the database has nothing of it any more but this.
    is_emptied integer not null default 0 check (is_emptied in (0, 1))
) strict, without rowid;

create index flows_by_deletion on flows (deleted_at, id) where deleted_at is not null;
