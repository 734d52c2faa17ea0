-- What somebody has sent to runs.

set local lock_timeout = '2s';

create table run_files (
    id uuid not null primary key,
    run_id uuid not null references runs (id) on delete cascade,
    flow_id uuid not null,
    visit bigint not null check (visit >= 0),
    attempt bigint not null check (attempt >= 0),
    name text not null,
    media_type text not null,
    bytes bigint not null check (bytes >= 0),
    sha256 bytea not null check (octet_length(sha256) = 32),
    created_at timestamptz not null,
    content bytea not null
);

-- Pictures and archives are compressed already.
alter table run_files alter column content set storage external;

create index run_files_by_run on run_files (run_id, id);
create index run_files_by_flow on run_files (flow_id, id) include (bytes);

comment on table run_files is 'What somebody has sent to runs. It goes with them.';
comment on column run_files.id is 'Drawn by the server; they sort as they were sent.';
comment on column run_files.run_id is 'The run.';
comment on column run_files.flow_id is
    'That of the run, by which its workspace''s storage is counted. No reference: the run has one.';
comment on column run_files.visit is 'The question that was asked when it was sent.';
comment on column run_files.attempt is 'How often that was asked by then.';
comment on column run_files.name is 'As whoever sent it calls it.';
comment on column run_files.media_type is 'Judged by the content.';
comment on column run_files.bytes is 'How many the content has.';
comment on column run_files.sha256 is 'Of the content.';
comment on column run_files.created_at is 'By the server''s clock.';
comment on column run_files.content is 'What was sent, as it was sent.';
