-- What running the test cases of flows came to.

set local lock_timeout = '2s';

create table flow_test_results (
    id uuid not null primary key,
    flow_id uuid not null references flows (id),
    content_hash text not null,
    version bigint check (version > 0),
    passed bigint not null check (passed >= 0),
    failed bigint not null check (failed >= 0),
    errors bigint not null check (errors >= 0),
    report bytea not null,
    author_id uuid,
    created_at timestamptz not null
);

-- The report is compressed before it gets here.
alter table flow_test_results alter column report set storage external;

create index flow_test_results_by_flow on flow_test_results (flow_id, id);

comment on table flow_test_results is 'What running the test cases of flows came to.';
comment on column flow_test_results.id is 'Drawn by the server; they sort as they were made.';
comment on column flow_test_results.flow_id is 'The flow.';
comment on column flow_test_results.content_hash is 'SHA-256 in hex: what was tested.';
comment on column flow_test_results.version is 'The version that it was; null for the flow as it was.';
comment on column flow_test_results.passed is 'How many test cases passed.';
comment on column flow_test_results.failed is 'How many failed.';
comment on column flow_test_results.errors is 'How many could not be played to their end.';
comment on column flow_test_results.report is 'All of it, in the envelope of contents.';
comment on column flow_test_results.author_id is 'Who ran them; null is the server. No reference: it outlives the account.';
comment on column flow_test_results.created_at is 'When they were run.';
