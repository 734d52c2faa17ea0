-- Derived from the migrations; a test compares. Do not edit.

CREATE TABLE api_keys (
    id blob not null primary key check (length(id) = 16),
    user_id blob not null references users (id),
    name text not null,
    -- SHA-256 of the key; the key itself is never stored.
    hash blob not null unique check (length(hash) = 32),
    scopes text not null check (json_valid(scopes)),
    created_at integer not null,
    -- Null: it does not.
    expires_at integer,
    -- To the minute; null before the first time.
    last_used_at integer
) strict, without rowid;

CREATE INDEX api_keys_by_user on api_keys (user_id);

CREATE TABLE audit_events (
    workspace_id blob not null references workspaces (id),
    -- 1, 2, … without holes in each workspace.
    seq integer not null check (seq > 0),
    at integer not null,
    -- Who did it; null is an operator. No reference: it outlives the account.
    user_id blob check (length(user_id) = 16),
    -- With what: a sign-in, a key or a link, and its id; empty for an operator.
    credential text not null,
    -- What, in JSON, exactly as it was hashed.
    event text not null,
    -- From where, in JSON, and what is hashed before it, so that the hash does not tell it.
    -- Both are null once the account was erased.
    personal text,
    personal_salt blob check (length(personal_salt) = 16),
    -- SHA-256 of both.
    personal_hash blob not null check (length(personal_hash) = 32),
    -- SHA-256 of the hash before and all of this but personal and personal_salt.
    hash blob not null check (length(hash) = 32),
    primary key (workspace_id, seq)
) strict, without rowid;

CREATE INDEX audit_events_by_user on audit_events (user_id);

CREATE TABLE audit_heads (
    workspace_id blob not null primary key references workspaces (id),
    seq integer not null check (seq > 0),
    hash blob not null check (length(hash) = 32)
) strict, without rowid;

CREATE TABLE flow_clients (
    flow_id blob not null references flow_heads (flow_id),
    client_id integer not null check (client_id between 0 and 9007199254740991),
    user_id blob not null check (length(user_id) = 16),
    primary key (flow_id, client_id)
) strict, without rowid;

CREATE TRIGGER flow_heads_purged before update of head_seq on flow_heads
when old.is_purged
begin
    select raise(abort, 'the flow is being removed for good');
end;

CREATE TABLE flow_heads (
    flow_id blob not null primary key references flows (id),
    head_seq integer not null check (head_seq >= 0),
    -- Raised with every change of who may do what, deletion included.
    access_rev integer not null check (access_rev > 0)
, log_bytes integer not null default 0 check (log_bytes >= 0), archived_seq integer not null default 0 check (archived_seq >= 0), is_purged integer not null default 0 check (is_purged in (0, 1))) strict, without rowid;

CREATE TABLE flow_links (
    id blob not null primary key check (length(id) = 16),
    flow_id blob not null references flows (id),
    -- SHA-256 of the token; the token itself is never stored.
    hash blob not null unique check (length(hash) = 32),
    role text not null check (role in ('viewer', 'editor', 'run')),
    -- No reference: it outlives the account.
    created_by blob not null check (length(created_by) = 16),
    created_at integer not null,
    -- Null: it does not.
    expires_at integer
) strict, without rowid;

CREATE INDEX flow_links_by_flow on flow_links (flow_id);

CREATE TABLE flow_members (
    flow_id blob not null references flows (id),
    user_id blob not null references users (id),
    role text not null check (role in ('owner', 'editor', 'commenter', 'viewer')), workspace_id blob check (length(workspace_id) = 16),
    primary key (flow_id, user_id)
) strict, without rowid;

CREATE INDEX flow_members_by_place on flow_members (user_id, workspace_id, flow_id);

CREATE INDEX flow_members_by_user on flow_members (user_id);

CREATE TABLE flow_purges (
    -- No reference: it outlives the flow.
    flow_id blob not null primary key check (length(flow_id) = 16),
    began_at integer not null,
    -- Whether parts of its log lay in the archive.
    has_archive integer not null check (has_archive in (0, 1)),
    -- Whether the database has nothing of it any more but this.
    is_emptied integer not null default 0 check (is_emptied in (0, 1))
) strict, without rowid;

CREATE TABLE flow_quarantine (
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

CREATE INDEX flow_quarantine_by_flow on flow_quarantine (flow_id, id);

CREATE VIRTUAL TABLE flow_search using fts5(
    words,
    prefix = '2 3',
    tokenize = "unicode61 remove_diacritics 0"
);

CREATE TABLE 'flow_search_config'(k PRIMARY KEY, v) WITHOUT ROWID;

CREATE TABLE 'flow_search_content'(id INTEGER PRIMARY KEY, c0);

CREATE TABLE 'flow_search_data'(id INTEGER PRIMARY KEY, block BLOB);

CREATE TABLE 'flow_search_docsize'(id INTEGER PRIMARY KEY, sz BLOB);

CREATE TABLE flow_search_ids (
    id integer not null primary key,
    flow_id blob not null unique references flows (id)
) strict;

CREATE TABLE 'flow_search_idx'(segid, term, pgno, PRIMARY KEY(segid, term)) WITHOUT ROWID;

CREATE TABLE flow_segments (
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

CREATE TABLE flow_snapshots (
    flow_id blob not null primary key references flow_heads (flow_id),
    seq integer not null check (seq >= 0),
    envelope blob not null,
    created_at integer not null
) strict;

CREATE TABLE flow_test_results (
    -- Drawn by the server; they sort as they were made.
    id blob not null primary key check (length(id) = 16),
    flow_id blob not null references flows (id),
    -- SHA-256 in hex: what was tested.
    content_hash text not null,
    -- The version that it was; null for the flow as it was.
    version integer check (version > 0),
    -- How many test cases passed, failed, and could not be played to their end.
    passed integer not null check (passed >= 0),
    failed integer not null check (failed >= 0),
    errors integer not null check (errors >= 0),
    -- All of it, in the envelope of contents.
    report blob not null,
    -- Null is the server. No reference: it outlives the account.
    author_id blob check (length(author_id) = 16),
    created_at integer not null
) strict;

CREATE INDEX flow_test_results_by_flow on flow_test_results (flow_id, id);

CREATE TABLE flow_updates (
    flow_id blob not null references flow_heads (flow_id),
    seq integer not null check (seq > 0),
    batch_id blob not null check (length(batch_id) = 16),
    -- Who delivered it; null is the server. No reference: history outlives accounts.
    actor_id blob check (length(actor_id) = 16),
    created_at integer not null,
    "update" blob not null,
    primary key (flow_id, seq)
) strict, without rowid;

CREATE TABLE flow_versions (
    flow_id blob not null references flows (id),
    number integer not null check (number > 0),
    name text not null,
    description text not null,
    cause text not null check (cause in ('named', 'activation')),
    -- A position of the log by which all of it was stored.
    seq integer not null check (seq >= 0),
    -- SHA-256 in hex: what runs are pinned to.
    content_hash text not null,
    -- The flow in its JSON form, in the envelope of contents.
    content blob not null,
    -- Null is the server. No reference: history outlives accounts.
    author_id blob check (length(author_id) = 16),
    created_at integer not null,
    primary key (flow_id, number)
) strict;

CREATE TRIGGER flow_search_add after insert on flows
begin
    insert into flow_search_ids (flow_id) values (new.id);
    insert into flow_search (rowid, words)
    select id, new.search from flow_search_ids where flow_id = new.id;
end;

CREATE TRIGGER flow_search_change after update of search on flows
when old.search is not new.search
begin
    update flow_search
    set words = new.search
    where rowid = (select id from flow_search_ids where flow_id = new.id);
end;

CREATE TABLE flows (
    id blob not null primary key check (length(id) = 16),
    workspace_id blob not null references workspaces (id),
    -- What the document says about itself, as of projected_seq of its log.
    name text not null,
    description text not null,
    tags text not null check (json_valid(tags)),
    created_at integer not null,
    updated_at integer not null,
    deleted_at integer,
    projected_seq integer not null check (projected_seq >= 0)
, active_version integer check (active_version > 0), last_version integer not null default 0 check (last_version >= 0), search text not null default '', slug text) strict, without rowid;

CREATE INDEX flows_by_creation on flows (workspace_id, created_at, id) where deleted_at is null;

CREATE INDEX flows_by_deletion on flows (deleted_at, id) where deleted_at is not null;

CREATE INDEX flows_by_name on flows (workspace_id, name, id) where deleted_at is null;

CREATE INDEX flows_by_update on flows (workspace_id, updated_at, id) where deleted_at is null;

CREATE INDEX flows_by_workspace on flows (workspace_id);

CREATE UNIQUE INDEX flows_slug_key on flows (slug);

CREATE VIEW log_appends (ids, flows, updates, actors, writers, bytes) as
select null, null, null, null, null, null where false;

CREATE TRIGGER append_to_log instead of insert on log_appends
begin
    select raise(abort, 'a log has moved on')
    from json_each(new.flows) as flow
    left join flow_heads on flow_heads.flow_id = substr(new.ids, flow.key / 3 * 32 + 1, 16)
    where flow.key % 3 = 0 and flow_heads.head_seq is not flow.value;

    insert into flow_updates (flow_id, seq, batch_id, actor_id, created_at, "update")
    select
        substr(new.ids, item.place * 32 + 1, 16),
        item.seq,
        substr(new.ids, item.place * 32 + 17, 16),
        case when item.actor >= 0 then substr(new.actors, item.actor * 16 + 1, 16) end,
        item.created_at,
        substr(new.bytes, item.start, item.length)
    from (
        select
            max(case key % 6 when 0 then value end) as place,
            max(case key % 6 when 1 then value end) as seq,
            max(case key % 6 when 2 then value end) as created_at,
            max(case key % 6 when 3 then value end) as start,
            max(case key % 6 when 4 then value end) as length,
            max(case key % 6 when 5 then value end) as actor
        from json_each(new.updates)
        group by key / 6
    ) as item;

    insert into flow_clients (flow_id, client_id, user_id)
    select
        unhex(item.value ->> 0),
        item.value ->> 1,
        unhex(item.value ->> 2)
    from json_each(new.writers) as item
    where true
    order by item.key
    on conflict (flow_id, client_id) do nothing;

    update flow_heads
    set
        head_seq = flow.head_seq,
        log_bytes = log_bytes + flow.bytes
    from (
        select
            substr(new.ids, key / 3 * 32 + 1, 16) as flow_id,
            max(case key % 3 when 1 then value end) as head_seq,
            max(case key % 3 when 2 then value end) as bytes
        from json_each(new.flows)
        group by key / 3
    ) as flow
    where flow_heads.flow_id = flow.flow_id;
end;

CREATE TABLE refresh_tokens (
    -- SHA-256 of the token; the token itself is never stored.
    hash blob not null primary key check (length(hash) = 32),
    session_id blob not null references sessions (id) on delete cascade,
    created_at integer not null,
    -- When it was first exchanged for a successor.
    replaced_at integer
) strict, without rowid;

CREATE INDEX refresh_tokens_by_session on refresh_tokens (session_id);

CREATE TABLE run_days (
    workspace_id blob not null references workspaces (id),
    -- Days since 1970, UTC's.
    day integer not null,
    began integer not null check (began >= 0),
    primary key (workspace_id, day)
) strict, without rowid;

CREATE TABLE run_events (
    run_id blob not null references runs (id) on delete cascade,
    -- By which it is known again.
    key text not null,
    -- What was answered.
    answer blob not null,
    primary key (run_id, key)
) strict, without rowid;

CREATE TABLE run_files (
    -- Drawn by the server; they sort as they were sent.
    id blob not null primary key check (length(id) = 16),
    run_id blob not null references runs (id) on delete cascade,
    -- That of the run, by which its workspace's storage is counted.
    flow_id blob not null check (length(flow_id) = 16),
    -- The question that was asked when it was sent, and how often it was asked by then.
    visit integer not null check (visit >= 0),
    attempt integer not null check (attempt >= 0),
    name text not null,
    -- Judged by the content.
    media_type text not null,
    -- How many the content has.
    bytes integer not null check (bytes >= 0),
    sha256 blob not null check (length(sha256) = 32),
    created_at integer not null,
    content blob not null
) strict;

CREATE INDEX run_files_by_flow on run_files (flow_id, id, bytes);

CREATE INDEX run_files_by_run on run_files (run_id, id);

CREATE TABLE run_graphs (
    -- SHA-256.
    hash blob not null primary key check (length(hash) = 32),
    content blob not null
) strict;

CREATE TABLE run_journal (
    run_id blob not null references runs (id) on delete cascade,
    version integer not null check (version > 0),
    at integer not null,
    entries blob not null,
    primary key (run_id, version)
) strict;

CREATE TABLE runs (
    id blob not null primary key check (length(id) = 16),
    flow_id blob not null references flows (id),
    kind text not null check (kind in ('published', 'preview', 'test')),
    -- Null for the flow as it was.
    flow_version integer,
    graph_hash blob not null references run_graphs (hash),
    -- No reference: guests have no account. The run goes with the account, where there is one.
    user_id blob check (length(user_id) = 16),
    status text not null check (status in ('busy', 'waiting', 'completed', 'failed', 'cancelled')),
    -- Who moves it on has read it at one and leaves it at the next.
    version integer not null check (version > 0),
    -- What led to this version.
    last_commit blob not null check (length(last_commit) = 16),
    -- Where it is and what its variables hold.
    state blob not null,
    -- How many its journal has.
    entries integer not null check (entries >= 0),
    wake_at integer,
    -- Who does something for it, and until when nobody else takes it over: 0 where nobody does.
    leased_by blob check (length(leased_by) = 16),
    lease_until integer not null,
    started_at integer not null,
    updated_at integer not null,
    ended_at integer,
    -- How it ended, as JSON.
    outcome text,
    -- From when on anybody may take it: what was being done for it has not come to an end,
    -- or it is to be woken.
    due_at integer generated always as (
        case
            when ended_at is not null then null
            when status = 'busy' then lease_until
            else max(wake_at, lease_until)
        end
    ) stored
) strict;

CREATE INDEX runs_by_flow on runs (flow_id, id);

CREATE INDEX runs_by_graph on runs (graph_hash);

CREATE INDEX runs_by_user on runs (user_id, id) where user_id is not null;

CREATE INDEX runs_due on runs (due_at) where due_at is not null;

CREATE INDEX runs_ended on runs (ended_at) where ended_at is not null;

CREATE INDEX runs_open on runs (started_at) where ended_at is null;

CREATE TABLE sessions (
    id blob not null primary key check (length(id) = 16),
    user_id blob not null references users (id),
    created_at integer not null,
    expires_at integer not null,
    revoked_at integer
, user_agent text, last_used_at integer) strict, without rowid;

CREATE INDEX sessions_by_user on sessions (user_id);

CREATE TABLE sqlite_sequence(name,seq);

CREATE TABLE users (
    id blob not null primary key check (length(id) = 16),
    -- Lower-cased before it gets here.
    email text not null unique,
    name text not null,
    password_hash text not null,
    -- The personal workspace.
    workspace_id blob not null references workspaces (id),
    created_at integer not null
, installation_owner integer not null default 0
    check (installation_owner in (0, 1)), erased_at integer) strict, without rowid;

CREATE INDEX users_by_workspace on users (workspace_id);

CREATE TABLE webhook_deliveries (
    id integer not null primary key autoincrement,
    webhook_id blob not null references webhooks (id) on delete cascade,
    event_id blob not null check (length(event_id) = 16),
    event text not null,
    -- What is sent, to the byte.
    body text not null,
    created_at integer not null,
    state text not null default 'pending' check (state in ('pending', 'delivered', 'failed')),
    attempts integer not null default 0 check (attempts >= 0),
    -- When it is tried next. Whoever tries puts it off by as long as they may take.
    next_at integer not null,
    last_at integer,
    last_status integer,
    last_error text,
    last_answer text
) strict;

CREATE INDEX webhook_deliveries_by_webhook on webhook_deliveries (webhook_id, id);

CREATE INDEX webhook_deliveries_done on webhook_deliveries (last_at) where state <> 'pending';

CREATE INDEX webhook_deliveries_pending on webhook_deliveries (webhook_id, next_at, id)
    where state = 'pending';

CREATE TABLE webhooks (
    id blob not null primary key check (length(id) = 16),
    workspace_id blob not null references workspaces (id),
    url text not null,
    description text not null,
    -- Names of events.
    events text not null check (json_valid(events)),
    -- What deliveries are signed with. As it is: nothing can be signed with a hash of it.
    secret blob not null check (length(secret) = 32),
    -- No reference: it outlives the account.
    created_by blob not null check (length(created_by) = 16),
    created_at integer not null,
    -- Failures since the last success, since when, and until when nothing is tried.
    failures integer not null default 0 check (failures >= 0),
    failing_since integer,
    paused_until integer,
    disabled_at integer,
    disabled_reason text
) strict, without rowid;

CREATE INDEX webhooks_by_workspace on webhooks (workspace_id);

CREATE TABLE workspace_invitations (
    id blob not null primary key check (length(id) = 16),
    workspace_id blob not null references workspaces (id),
    -- SHA-256 of the token; the token itself is never stored.
    hash blob not null unique check (length(hash) = 32),
    -- What who comes with it becomes.
    role text not null check (role in ('owner', 'editor', 'commenter', 'viewer')),
    -- No reference: it outlives the account.
    created_by blob not null check (length(created_by) = 16),
    created_at integer not null,
    expires_at integer not null,
    -- How many have joined with it, and how many may; null: any number.
    uses integer not null default 0 check (uses >= 0),
    uses_max integer check (uses_max > 0)
) strict, without rowid;

CREATE INDEX workspace_invitations_by_workspace on workspace_invitations (workspace_id);

CREATE TABLE workspace_members (
    workspace_id blob not null references workspaces (id),
    user_id blob not null references users (id),
    role text not null check (role in ('owner', 'editor', 'commenter', 'viewer')),
    primary key (workspace_id, user_id)
) strict, without rowid;

CREATE INDEX workspace_members_by_user on workspace_members (user_id);

CREATE TABLE workspace_secrets (
    workspace_id blob not null references workspaces (id),
    -- By which nodes name it.
    name text not null,
    -- Encrypted by the server, with a key that is not in the database, and bound to workspace
    -- and name.
    sealed blob not null,
    changed_at integer not null,
    -- Null is an operator. No reference: it outlives the account.
    changed_by blob check (length(changed_by) = 16),
    primary key (workspace_id, name)
) strict, without rowid;

CREATE TABLE workspaces (
    id blob not null primary key check (length(id) = 16),
    name text not null,
    created_at integer not null
, access_rev integer not null default 0, flows_max integer check (flows_max >= 0), members_max integer check (members_max >= 0), storage_bytes_max integer check (storage_bytes_max >= 0), runs_per_day_max integer check (runs_per_day_max >= 0)) strict, without rowid;
