-- Which parts of logs lie in the archive and no longer in flow_updates. The previous release
-- opens archived flows by their snapshots; to it the beginning of their logs is damaged.

-- The last position that lies in the archive; everything before it does, too.
alter table flow_heads add column archived_seq integer not null default 0 check (archived_seq >= 0);

create table flow_segments (
    flow_id blob not null references flow_heads (flow_id),
    first_seq integer not null check (first_seq > 0),
    last_seq integer not null check (last_seq >= first_seq),
    -- The object's name in the archive, and SHA-256 and length of what it holds.
    "key" text not null,
    sha256 blob not null check (length(sha256) = 32),
    bytes integer not null check (bytes > 0),
    created_at integer not null,
    primary key (flow_id, last_seq)
) strict, without rowid;
