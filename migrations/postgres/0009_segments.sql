-- Which parts of logs lie in the archive and no longer in flow_updates. The previous release
-- opens archived flows by their snapshots; to it the beginning of their logs is damaged.

set local lock_timeout = '2s';

alter table flow_heads add column archived_seq bigint not null default 0 check (archived_seq >= 0);
comment on column flow_heads.archived_seq is 'The last position that lies in the archive; everything before it does, too.';

create table flow_segments (
    flow_id uuid not null references flow_heads (flow_id),
    first_seq bigint not null check (first_seq > 0),
    last_seq bigint not null check (last_seq >= first_seq),
    key text not null,
    sha256 bytea not null check (octet_length(sha256) = 32),
    bytes bigint not null check (bytes > 0),
    created_at timestamptz not null,
    primary key (flow_id, last_seq)
);

comment on table flow_segments is 'Parts of logs that lie in the archive. Those of a flow follow on each other from 1.';
comment on column flow_segments.flow_id is 'The flow.';
comment on column flow_segments.first_seq is 'The position of its first update.';
comment on column flow_segments.last_seq is 'The position of its last update.';
comment on column flow_segments.key is 'The object''s name in the archive.';
comment on column flow_segments.sha256 is 'Of the object.';
comment on column flow_segments.bytes is 'Of the object.';
comment on column flow_segments.created_at is 'When it was archived, by the clock of the node that did.';
