-- Derived from the migrations; a test compares. Do not edit.

CREATE TABLE public.api_keys (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    name text NOT NULL,
    hash bytea NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    last_used_at timestamp with time zone,
    CONSTRAINT api_keys_hash_check CHECK ((octet_length(hash) = 32))
);

COMMENT ON TABLE public.api_keys IS 'With one a program acts for its owner. A revoked one has no row.';

COMMENT ON COLUMN public.api_keys.id IS 'Drawn by the server.';

COMMENT ON COLUMN public.api_keys.user_id IS 'Its owner.';

COMMENT ON COLUMN public.api_keys.name IS 'As its owner calls it.';

COMMENT ON COLUMN public.api_keys.hash IS 'SHA-256 of the key; the key itself is never stored.';

COMMENT ON COLUMN public.api_keys.scopes IS 'What it is for. It may do what its owner''s role and one of these allow.';

COMMENT ON COLUMN public.api_keys.created_at IS 'By the server''s clock.';

COMMENT ON COLUMN public.api_keys.expires_at IS 'When it ends by itself; null if it does not.';

COMMENT ON COLUMN public.api_keys.last_used_at IS 'To the minute; null before the first time.';

CREATE TABLE public.audit_events (
    workspace_id uuid NOT NULL,
    seq bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    user_id uuid,
    credential text NOT NULL,
    event text NOT NULL,
    personal text,
    personal_salt bytea,
    personal_hash bytea NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT audit_events_hash_check CHECK ((octet_length(hash) = 32)),
    CONSTRAINT audit_events_personal_hash_check CHECK ((octet_length(personal_hash) = 32)),
    CONSTRAINT audit_events_personal_salt_check CHECK ((octet_length(personal_salt) = 16)),
    CONSTRAINT audit_events_seq_check CHECK ((seq > 0))
);

COMMENT ON TABLE public.audit_events IS 'What was done to a workspace and its flows, in order. Append only, but for what is personal.';

COMMENT ON COLUMN public.audit_events.workspace_id IS 'The workspace.';

COMMENT ON COLUMN public.audit_events.seq IS '1, 2, … without holes in each workspace.';

COMMENT ON COLUMN public.audit_events.at IS 'By the server''s clock.';

COMMENT ON COLUMN public.audit_events.user_id IS 'Who did it; null is an operator. No reference: it outlives the account.';

COMMENT ON COLUMN public.audit_events.credential IS 'With what: a sign-in, a key or a link, and its id; empty for an operator.';

COMMENT ON COLUMN public.audit_events.event IS 'What, in JSON, exactly as it was hashed.';

COMMENT ON COLUMN public.audit_events.personal IS 'From where, in JSON. Null once the account was erased.';

COMMENT ON COLUMN public.audit_events.personal_salt IS 'What is hashed before it, so that the hash does not tell it. Null with it.';

COMMENT ON COLUMN public.audit_events.personal_hash IS 'SHA-256 of both.';

COMMENT ON COLUMN public.audit_events.hash IS 'SHA-256 of the hash before and all of this but personal and personal_salt.';

CREATE TABLE public.audit_heads (
    workspace_id uuid NOT NULL,
    seq bigint NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT audit_heads_hash_check CHECK ((octet_length(hash) = 32)),
    CONSTRAINT audit_heads_seq_check CHECK ((seq > 0))
);

COMMENT ON TABLE public.audit_heads IS 'Where the chain of each workspace ends. Whoever adds to it holds its row.';

COMMENT ON COLUMN public.audit_heads.workspace_id IS 'The workspace.';

COMMENT ON COLUMN public.audit_heads.seq IS 'The number of the last event.';

COMMENT ON COLUMN public.audit_heads.hash IS 'Its hash.';

CREATE TABLE public.flow_clients (
    flow_id uuid NOT NULL,
    client_id bigint NOT NULL,
    user_id uuid NOT NULL,
    CONSTRAINT flow_clients_client_id_check CHECK (((client_id >= 0) AND (client_id <= '9007199254740991'::bigint)))
);

COMMENT ON TABLE public.flow_clients IS 'Who wrote first under a Yjs client id.';

COMMENT ON COLUMN public.flow_clients.flow_id IS 'The flow.';

COMMENT ON COLUMN public.flow_clients.client_id IS 'At most 2^53 - 1, as in JavaScript.';

COMMENT ON COLUMN public.flow_clients.user_id IS 'The account. No reference: history outlives accounts.';

CREATE TABLE public.flow_heads (
    flow_id uuid NOT NULL,
    head_seq bigint NOT NULL,
    access_rev bigint NOT NULL,
    log_bytes bigint NOT NULL,
    archived_seq bigint DEFAULT 0 NOT NULL,
    is_purged boolean DEFAULT false NOT NULL,
    CONSTRAINT flow_heads_access_rev_check CHECK ((access_rev > 0)),
    CONSTRAINT flow_heads_archived_seq_check CHECK ((archived_seq >= 0)),
    CONSTRAINT flow_heads_head_seq_check CHECK ((head_seq >= 0)),
    CONSTRAINT flow_heads_log_bytes_check CHECK ((log_bytes >= 0))
)
WITH (fillfactor='50');

COMMENT ON TABLE public.flow_heads IS 'Where each flow stands. Who appends to its log holds the lock on its row.';

COMMENT ON COLUMN public.flow_heads.flow_id IS 'The flow.';

COMMENT ON COLUMN public.flow_heads.head_seq IS 'The position of the newest update; 0 before the first.';

COMMENT ON COLUMN public.flow_heads.access_rev IS 'Raised with every change of who may do what, deletion included.';

COMMENT ON COLUMN public.flow_heads.log_bytes IS 'The bytes of all updates, because counting them when asked would read the log.';

COMMENT ON COLUMN public.flow_heads.archived_seq IS 'The last position that lies in the archive; everything before it does, too.';

COMMENT ON COLUMN public.flow_heads.is_purged IS 'The flow is being removed for good: nothing is read from its log or added to it.';

CREATE TABLE public.flow_links (
    id uuid NOT NULL,
    flow_id uuid NOT NULL,
    hash bytea NOT NULL,
    role text NOT NULL,
    created_by uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone,
    CONSTRAINT flow_links_hash_check CHECK ((octet_length(hash) = 32)),
    CONSTRAINT flow_links_role_check CHECK ((role = ANY (ARRAY['viewer'::text, 'editor'::text, 'run'::text])))
);

COMMENT ON TABLE public.flow_links IS 'Whoever has one may see, edit or run the flow, without an account. A revoked one has no row.';

COMMENT ON COLUMN public.flow_links.id IS 'Drawn by the server.';

COMMENT ON COLUMN public.flow_links.flow_id IS 'The flow it shares.';

COMMENT ON COLUMN public.flow_links.hash IS 'SHA-256 of the token; the token itself is never stored.';

COMMENT ON COLUMN public.flow_links.role IS 'What who comes with it is to the flow.';

COMMENT ON COLUMN public.flow_links.created_by IS 'Who shares. No reference: it outlives the account.';

COMMENT ON COLUMN public.flow_links.created_at IS 'By the server''s clock.';

COMMENT ON COLUMN public.flow_links.expires_at IS 'When it ends by itself; null if it does not.';

CREATE TABLE public.flow_members (
    flow_id uuid NOT NULL,
    user_id uuid NOT NULL,
    role text NOT NULL,
    workspace_id uuid,
    CONSTRAINT flow_members_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'editor'::text, 'commenter'::text, 'viewer'::text])))
);

COMMENT ON TABLE public.flow_members IS 'Who may do what on a flow.';

COMMENT ON COLUMN public.flow_members.flow_id IS 'The flow.';

COMMENT ON COLUMN public.flow_members.user_id IS 'The account.';

COMMENT ON COLUMN public.flow_members.role IS 'The greater of this and the role on the workspace counts.';

COMMENT ON COLUMN public.flow_members.workspace_id IS 'Where the flow is; null where the release before this column has written the row.';

CREATE TABLE public.flow_purges (
    flow_id uuid NOT NULL,
    began_at timestamp with time zone NOT NULL,
    has_archive boolean NOT NULL,
    is_emptied boolean DEFAULT false NOT NULL
);

COMMENT ON TABLE public.flow_purges IS 'Flows that are being removed for good. What is gone everywhere, the archive included, has no row.';

COMMENT ON COLUMN public.flow_purges.flow_id IS 'The flow. No reference: it outlives the flow.';

COMMENT ON COLUMN public.flow_purges.began_at IS 'By the clock of who began.';

COMMENT ON COLUMN public.flow_purges.has_archive IS 'Whether parts of its log lay in the archive.';

COMMENT ON COLUMN public.flow_purges.is_emptied IS 'Whether the database has nothing of it any more but this.';

CREATE TABLE public.flow_quarantine (
    id bigint NOT NULL,
    flow_id uuid NOT NULL,
    seq bigint NOT NULL,
    batch_id uuid,
    actor_id uuid,
    created_at timestamp with time zone NOT NULL,
    bytes bytea NOT NULL,
    reason text NOT NULL,
    quarantined_at timestamp with time zone NOT NULL,
    CONSTRAINT flow_quarantine_seq_check CHECK ((seq >= 0))
);
ALTER TABLE ONLY public.flow_quarantine ALTER COLUMN bytes SET STORAGE EXTERNAL;

COMMENT ON TABLE public.flow_quarantine IS 'What was taken out of the logs because it could not be read or applied.';

COMMENT ON COLUMN public.flow_quarantine.id IS 'Grows with time.';

COMMENT ON COLUMN public.flow_quarantine.flow_id IS 'The flow.';

COMMENT ON COLUMN public.flow_quarantine.seq IS 'Of the update, or the one that the snapshot''s row named.';

COMMENT ON COLUMN public.flow_quarantine.batch_id IS 'Of the update; null for a snapshot.';

COMMENT ON COLUMN public.flow_quarantine.actor_id IS 'Who delivered the update; null is the server.';

COMMENT ON COLUMN public.flow_quarantine.created_at IS 'When it was stored, by the clock of the node that did.';

COMMENT ON COLUMN public.flow_quarantine.bytes IS 'The update, or the envelope of the snapshot.';

COMMENT ON COLUMN public.flow_quarantine.reason IS 'Why it was taken out.';

COMMENT ON COLUMN public.flow_quarantine.quarantined_at IS 'When it was taken out, by the clock of who did.';

ALTER TABLE public.flow_quarantine ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.flow_quarantine_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.flow_segments (
    flow_id uuid NOT NULL,
    first_seq bigint NOT NULL,
    last_seq bigint NOT NULL,
    key text NOT NULL,
    sha256 bytea NOT NULL,
    bytes bigint NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT flow_segments_bytes_check CHECK ((bytes > 0)),
    CONSTRAINT flow_segments_check CHECK ((last_seq >= first_seq)),
    CONSTRAINT flow_segments_first_seq_check CHECK ((first_seq > 0)),
    CONSTRAINT flow_segments_sha256_check CHECK ((octet_length(sha256) = 32))
);

COMMENT ON TABLE public.flow_segments IS 'Parts of logs that lie in the archive. Those of a flow follow on each other from 1.';

COMMENT ON COLUMN public.flow_segments.flow_id IS 'The flow.';

COMMENT ON COLUMN public.flow_segments.first_seq IS 'The position of its first update.';

COMMENT ON COLUMN public.flow_segments.last_seq IS 'The position of its last update.';

COMMENT ON COLUMN public.flow_segments.key IS 'The object''s name in the archive.';

COMMENT ON COLUMN public.flow_segments.sha256 IS 'Of the object.';

COMMENT ON COLUMN public.flow_segments.bytes IS 'Of the object.';

COMMENT ON COLUMN public.flow_segments.created_at IS 'When it was archived, by the clock of the node that did.';

CREATE TABLE public.flow_snapshots (
    flow_id uuid NOT NULL,
    seq bigint NOT NULL,
    envelope bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT flow_snapshots_seq_check CHECK ((seq >= 0))
);
ALTER TABLE ONLY public.flow_snapshots ALTER COLUMN envelope SET STORAGE EXTERNAL;

COMMENT ON TABLE public.flow_snapshots IS 'The newest snapshot of each flow.';

COMMENT ON COLUMN public.flow_snapshots.flow_id IS 'The flow.';

COMMENT ON COLUMN public.flow_snapshots.seq IS 'Every update up to this position is in it.';

COMMENT ON COLUMN public.flow_snapshots.envelope IS 'The document with its position, behind a version byte.';

COMMENT ON COLUMN public.flow_snapshots.created_at IS 'By the clock of the node that made it.';

CREATE TABLE public.flow_test_results (
    id uuid NOT NULL,
    flow_id uuid NOT NULL,
    content_hash text NOT NULL,
    version bigint,
    passed bigint NOT NULL,
    failed bigint NOT NULL,
    errors bigint NOT NULL,
    report bytea NOT NULL,
    author_id uuid,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT flow_test_results_errors_check CHECK ((errors >= 0)),
    CONSTRAINT flow_test_results_failed_check CHECK ((failed >= 0)),
    CONSTRAINT flow_test_results_passed_check CHECK ((passed >= 0)),
    CONSTRAINT flow_test_results_version_check CHECK ((version > 0))
);
ALTER TABLE ONLY public.flow_test_results ALTER COLUMN report SET STORAGE EXTERNAL;

COMMENT ON TABLE public.flow_test_results IS 'What running the test cases of flows came to.';

COMMENT ON COLUMN public.flow_test_results.id IS 'Drawn by the server; they sort as they were made.';

COMMENT ON COLUMN public.flow_test_results.flow_id IS 'The flow.';

COMMENT ON COLUMN public.flow_test_results.content_hash IS 'SHA-256 in hex: what was tested.';

COMMENT ON COLUMN public.flow_test_results.version IS 'The version that it was; null for the flow as it was.';

COMMENT ON COLUMN public.flow_test_results.passed IS 'How many test cases passed.';

COMMENT ON COLUMN public.flow_test_results.failed IS 'How many failed.';

COMMENT ON COLUMN public.flow_test_results.errors IS 'How many could not be played to their end.';

COMMENT ON COLUMN public.flow_test_results.report IS 'All of it, in the envelope of contents.';

COMMENT ON COLUMN public.flow_test_results.author_id IS 'Who ran them; null is the server. No reference: it outlives the account.';

COMMENT ON COLUMN public.flow_test_results.created_at IS 'When they were run.';

CREATE TABLE public.flow_updates (
    flow_id uuid NOT NULL,
    seq bigint NOT NULL,
    batch_id uuid NOT NULL,
    batch_updates bigint,
    actor_id uuid,
    created_at timestamp with time zone NOT NULL,
    update bytea NOT NULL,
    CONSTRAINT flow_updates_batch_updates_check CHECK ((batch_updates > 0)),
    CONSTRAINT flow_updates_seq_check CHECK ((seq > 0))
)
PARTITION BY HASH (flow_id);
ALTER TABLE ONLY public.flow_updates ALTER COLUMN update SET STORAGE EXTERNAL;

COMMENT ON TABLE public.flow_updates IS 'The log: append only, and dense in seq for each flow.';

COMMENT ON COLUMN public.flow_updates.flow_id IS 'The flow. No reference: an append joins the flow''s locked head.';

COMMENT ON COLUMN public.flow_updates.seq IS 'The position: 1, 2, … without holes.';

COMMENT ON COLUMN public.flow_updates.batch_id IS 'Updates that were appended together have it in common.';

COMMENT ON COLUMN public.flow_updates.batch_updates IS 'How many updates the batch has, on its first; null on the others.';

COMMENT ON COLUMN public.flow_updates.actor_id IS 'Who delivered it; null is the server. No reference: history outlives accounts.';

COMMENT ON COLUMN public.flow_updates.created_at IS 'By the clock of the node that appended it.';

COMMENT ON COLUMN public.flow_updates.update IS 'Yjs update, v1 encoding.';

CREATE TABLE public.flow_versions (
    flow_id uuid NOT NULL,
    number bigint NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    cause text NOT NULL,
    seq bigint NOT NULL,
    content_hash text NOT NULL,
    content bytea NOT NULL,
    author_id uuid,
    created_at timestamp with time zone NOT NULL,
    CONSTRAINT flow_versions_cause_check CHECK ((cause = ANY (ARRAY['named'::text, 'activation'::text]))),
    CONSTRAINT flow_versions_number_check CHECK ((number > 0)),
    CONSTRAINT flow_versions_seq_check CHECK ((seq >= 0))
);
ALTER TABLE ONLY public.flow_versions ALTER COLUMN content SET STORAGE EXTERNAL;

COMMENT ON TABLE public.flow_versions IS 'What flows said at moments somebody wanted to keep.';

COMMENT ON COLUMN public.flow_versions.flow_id IS 'The flow.';

COMMENT ON COLUMN public.flow_versions.number IS 'Counts from 1 in each flow.';

COMMENT ON COLUMN public.flow_versions.name IS 'As its author calls it.';

COMMENT ON COLUMN public.flow_versions.description IS 'As its author describes it.';

COMMENT ON COLUMN public.flow_versions.cause IS 'Why it was made: named by somebody, or by an activation.';

COMMENT ON COLUMN public.flow_versions.seq IS 'A position of the log by which all of it was stored.';

COMMENT ON COLUMN public.flow_versions.content_hash IS 'SHA-256 in hex: what runs are pinned to.';

COMMENT ON COLUMN public.flow_versions.content IS 'The flow in its JSON form, in the envelope of contents.';

COMMENT ON COLUMN public.flow_versions.author_id IS 'Who made it; null is the server. No reference: history outlives accounts.';

COMMENT ON COLUMN public.flow_versions.created_at IS 'When it was made.';

CREATE TABLE public.flows (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    name text NOT NULL,
    description text NOT NULL,
    tags text[] NOT NULL,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    deleted_at timestamp with time zone,
    projected_seq bigint NOT NULL,
    active_version bigint,
    last_version bigint DEFAULT 0 NOT NULL,
    search tsvector DEFAULT ''::tsvector NOT NULL,
    slug text,
    CONSTRAINT flows_active_version_check CHECK ((active_version > 0)),
    CONSTRAINT flows_last_version_check CHECK ((last_version >= 0)),
    CONSTRAINT flows_projected_seq_check CHECK ((projected_seq >= 0))
);

COMMENT ON TABLE public.flows IS 'What lists show of each flow.';

COMMENT ON COLUMN public.flows.id IS 'Drawn by the server.';

COMMENT ON COLUMN public.flows.workspace_id IS 'Where the flow belongs.';

COMMENT ON COLUMN public.flows.name IS 'What the document says about itself, as of projected_seq of its log.';

COMMENT ON COLUMN public.flows.description IS 'As name.';

COMMENT ON COLUMN public.flows.tags IS 'As name.';

COMMENT ON COLUMN public.flows.created_at IS 'By the server''s clock.';

COMMENT ON COLUMN public.flows.updated_at IS 'When name, description and tags were last written.';

COMMENT ON COLUMN public.flows.deleted_at IS 'When it was deleted; null while it is there. The log stays. In 1970: it is being removed for good.';

COMMENT ON COLUMN public.flows.projected_seq IS 'The position of the log that name, description and tags reflect.';

COMMENT ON COLUMN public.flows.active_version IS 'The version that runs; none while the flow is a draft.';

COMMENT ON COLUMN public.flows.last_version IS 'How many versions there are: the next one''s number is one more.';

COMMENT ON COLUMN public.flows.search IS 'The words of name, description and tags, in lower case; cut by the server to what a search needs.';

COMMENT ON COLUMN public.flows.slug IS 'What it is called in addresses: unique, in small letters. It stays while the flow is deleted and goes when that is removed for good.';

CREATE TABLE public.installation (
    is_this boolean DEFAULT true NOT NULL,
    first_user_id uuid,
    CONSTRAINT installation_is_this_check CHECK (is_this)
);

COMMENT ON TABLE public.installation IS 'What there is once. It has one row.';

COMMENT ON COLUMN public.installation.is_this IS 'Always true.';

COMMENT ON COLUMN public.installation.first_user_id IS 'The first account; null while there is none.';

CREATE TABLE public.refresh_tokens (
    hash bytea NOT NULL,
    session_id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    replaced_at timestamp with time zone,
    CONSTRAINT refresh_tokens_hash_check CHECK ((octet_length(hash) = 32))
);

COMMENT ON TABLE public.refresh_tokens IS 'What a sign-in is prolonged with, each good for one exchange.';

COMMENT ON COLUMN public.refresh_tokens.hash IS 'SHA-256 of the token; the token itself is never stored.';

COMMENT ON COLUMN public.refresh_tokens.session_id IS 'The sign-in.';

COMMENT ON COLUMN public.refresh_tokens.created_at IS 'When it was given out.';

COMMENT ON COLUMN public.refresh_tokens.replaced_at IS 'When it was first exchanged for a successor; null before.';

CREATE TABLE public.run_days (
    workspace_id uuid NOT NULL,
    day bigint NOT NULL,
    began bigint NOT NULL,
    CONSTRAINT run_days_began_check CHECK ((began >= 0))
);

COMMENT ON TABLE public.run_days IS 'How many runs began, and so how many still may.';

COMMENT ON COLUMN public.run_days.workspace_id IS 'Whose flow was run.';

COMMENT ON COLUMN public.run_days.day IS 'Days since 1970, UTC''s.';

COMMENT ON COLUMN public.run_days.began IS 'Runs that began.';

CREATE TABLE public.run_events (
    run_id uuid NOT NULL,
    key text NOT NULL,
    answer bytea NOT NULL
);

COMMENT ON TABLE public.run_events IS 'What has happened to a run and may be sent again.';

COMMENT ON COLUMN public.run_events.run_id IS 'The run.';

COMMENT ON COLUMN public.run_events.key IS 'By which it is known again.';

COMMENT ON COLUMN public.run_events.answer IS 'What was answered.';

CREATE TABLE public.run_files (
    id uuid NOT NULL,
    run_id uuid NOT NULL,
    flow_id uuid NOT NULL,
    visit bigint NOT NULL,
    attempt bigint NOT NULL,
    name text NOT NULL,
    media_type text NOT NULL,
    bytes bigint NOT NULL,
    sha256 bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    content bytea NOT NULL,
    CONSTRAINT run_files_attempt_check CHECK ((attempt >= 0)),
    CONSTRAINT run_files_bytes_check CHECK ((bytes >= 0)),
    CONSTRAINT run_files_sha256_check CHECK ((octet_length(sha256) = 32)),
    CONSTRAINT run_files_visit_check CHECK ((visit >= 0))
);
ALTER TABLE ONLY public.run_files ALTER COLUMN content SET STORAGE EXTERNAL;

COMMENT ON TABLE public.run_files IS 'What somebody has sent to runs. It goes with them.';

COMMENT ON COLUMN public.run_files.id IS 'Drawn by the server; they sort as they were sent.';

COMMENT ON COLUMN public.run_files.run_id IS 'The run.';

COMMENT ON COLUMN public.run_files.flow_id IS 'That of the run, by which its workspace''s storage is counted. No reference: the run has one.';

COMMENT ON COLUMN public.run_files.visit IS 'The question that was asked when it was sent.';

COMMENT ON COLUMN public.run_files.attempt IS 'How often that was asked by then.';

COMMENT ON COLUMN public.run_files.name IS 'As whoever sent it calls it.';

COMMENT ON COLUMN public.run_files.media_type IS 'Judged by the content.';

COMMENT ON COLUMN public.run_files.bytes IS 'How many the content has.';

COMMENT ON COLUMN public.run_files.sha256 IS 'Of the content.';

COMMENT ON COLUMN public.run_files.created_at IS 'By the server''s clock.';

COMMENT ON COLUMN public.run_files.content IS 'What was sent, as it was sent.';

CREATE TABLE public.run_graphs (
    hash bytea NOT NULL,
    content bytea NOT NULL,
    CONSTRAINT run_graphs_hash_check CHECK ((octet_length(hash) = 32))
);

COMMENT ON TABLE public.run_graphs IS 'What runs are pinned to, once for all runs that have it.';

COMMENT ON COLUMN public.run_graphs.hash IS 'SHA-256.';

COMMENT ON COLUMN public.run_graphs.content IS 'What has that hash.';

CREATE TABLE public.run_journal (
    run_id uuid NOT NULL,
    version bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    entries bytea NOT NULL,
    CONSTRAINT run_journal_version_check CHECK ((version > 0))
);

COMMENT ON TABLE public.run_journal IS 'What runs did, in parts: one for each version.';

COMMENT ON COLUMN public.run_journal.run_id IS 'The run.';

COMMENT ON COLUMN public.run_journal.version IS 'The version that it led to.';

COMMENT ON COLUMN public.run_journal.at IS 'By the server''s clock.';

COMMENT ON COLUMN public.run_journal.entries IS 'What it did, as one or more entries.';

CREATE TABLE public.runs (
    id uuid NOT NULL,
    flow_id uuid NOT NULL,
    kind text NOT NULL,
    flow_version bigint,
    graph_hash bytea NOT NULL,
    user_id uuid,
    status text NOT NULL,
    version bigint NOT NULL,
    last_commit uuid NOT NULL,
    state bytea NOT NULL,
    entries bigint NOT NULL,
    wake_at timestamp with time zone,
    leased_by uuid,
    lease_until timestamp with time zone NOT NULL,
    started_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone,
    outcome text,
    due_at timestamp with time zone GENERATED ALWAYS AS (
CASE
    WHEN (ended_at IS NOT NULL) THEN NULL::timestamp with time zone
    WHEN (status = 'busy'::text) THEN lease_until
    WHEN (wake_at IS NOT NULL) THEN GREATEST(wake_at, lease_until)
    ELSE NULL::timestamp with time zone
END) STORED,
    CONSTRAINT runs_entries_check CHECK ((entries >= 0)),
    CONSTRAINT runs_kind_check CHECK ((kind = ANY (ARRAY['published'::text, 'preview'::text, 'test'::text]))),
    CONSTRAINT runs_status_check CHECK ((status = ANY (ARRAY['busy'::text, 'waiting'::text, 'completed'::text, 'failed'::text, 'cancelled'::text]))),
    CONSTRAINT runs_version_check CHECK ((version > 0))
)
WITH (fillfactor='70');

COMMENT ON TABLE public.runs IS 'Where each run is.';

COMMENT ON COLUMN public.runs.id IS 'Drawn by the server.';

COMMENT ON COLUMN public.runs.flow_id IS 'What it runs.';

COMMENT ON COLUMN public.runs.kind IS 'What it is for.';

COMMENT ON COLUMN public.runs.flow_version IS 'The version that it runs; null for the flow as it was.';

COMMENT ON COLUMN public.runs.graph_hash IS 'What it is pinned to.';

COMMENT ON COLUMN public.runs.user_id IS 'Who it is with; null for nobody in particular. It goes with their account. No reference.';

COMMENT ON COLUMN public.runs.status IS 'Whether something is being done for it, it waits, or how it ended.';

COMMENT ON COLUMN public.runs.version IS 'Who moves it on has read it at one and leaves it at the next.';

COMMENT ON COLUMN public.runs.last_commit IS 'What led to this version.';

COMMENT ON COLUMN public.runs.state IS 'Where it is and what its variables hold.';

COMMENT ON COLUMN public.runs.entries IS 'How many its journal has.';

COMMENT ON COLUMN public.runs.wake_at IS 'When it is to be woken.';

COMMENT ON COLUMN public.runs.leased_by IS 'Who does something for it.';

COMMENT ON COLUMN public.runs.lease_until IS 'By the database''s clock: until when nobody else takes it over. In 1970 where nobody does anything for it.';

COMMENT ON COLUMN public.runs.started_at IS 'By the server''s clock.';

COMMENT ON COLUMN public.runs.updated_at IS 'When it was last moved on, by the server''s clock.';

COMMENT ON COLUMN public.runs.ended_at IS 'Null while it is not over.';

COMMENT ON COLUMN public.runs.outcome IS 'How it ended, as JSON.';

COMMENT ON COLUMN public.runs.due_at IS 'From when on anybody may take it: what was being done for it has not come to an end, or it is to be woken.';

CREATE TABLE public.sessions (
    id uuid NOT NULL,
    user_id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    user_agent text,
    last_used_at timestamp with time zone
);

COMMENT ON TABLE public.sessions IS 'Sign-ins: each is the family of refresh tokens that descend from one login.';

COMMENT ON COLUMN public.sessions.id IS 'Drawn by the server.';

COMMENT ON COLUMN public.sessions.user_id IS 'Whose sign-in it is.';

COMMENT ON COLUMN public.sessions.created_at IS 'When the password was given.';

COMMENT ON COLUMN public.sessions.expires_at IS 'Moved on by every exchange of a refresh token.';

COMMENT ON COLUMN public.sessions.revoked_at IS 'When it was ended before its time; null while it was not.';

COMMENT ON COLUMN public.sessions.user_agent IS 'What the client called itself when it signed in, cut to a bound.';

COMMENT ON COLUMN public.sessions.last_used_at IS 'When it was last prolonged; null before.';

CREATE TABLE public.users (
    id uuid NOT NULL,
    email text NOT NULL,
    name text NOT NULL,
    password_hash text NOT NULL,
    workspace_id uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    installation_owner boolean DEFAULT false NOT NULL,
    erased_at timestamp with time zone
);

COMMENT ON TABLE public.users IS 'Accounts.';

COMMENT ON COLUMN public.users.id IS 'Drawn by the server.';

COMMENT ON COLUMN public.users.email IS 'Lower-cased before it gets here.';

COMMENT ON COLUMN public.users.name IS 'As other people see it.';

COMMENT ON COLUMN public.users.password_hash IS 'A PHC string.';

COMMENT ON COLUMN public.users.workspace_id IS 'The personal workspace.';

COMMENT ON COLUMN public.users.created_at IS 'By the server''s clock.';

COMMENT ON COLUMN public.users.installation_owner IS 'The first account is one, and whom an operator makes one.';

COMMENT ON COLUMN public.users.erased_at IS 'When name, address and password were taken away for good; null while they are there.';

CREATE TABLE public.webhook_deliveries (
    id bigint NOT NULL,
    webhook_id uuid NOT NULL,
    event_id uuid NOT NULL,
    event text NOT NULL,
    body text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    state text DEFAULT 'pending'::text NOT NULL,
    attempts bigint DEFAULT 0 NOT NULL,
    next_at timestamp with time zone NOT NULL,
    last_at timestamp with time zone,
    last_status bigint,
    last_error text,
    last_answer text,
    CONSTRAINT webhook_deliveries_attempts_check CHECK ((attempts >= 0)),
    CONSTRAINT webhook_deliveries_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'delivered'::text, 'failed'::text])))
);

COMMENT ON TABLE public.webhook_deliveries IS 'What is to be told, and what became of it. Written by the transactions that it tells of.';

COMMENT ON COLUMN public.webhook_deliveries.id IS 'Grows with time.';

COMMENT ON COLUMN public.webhook_deliveries.webhook_id IS 'To whom.';

COMMENT ON COLUMN public.webhook_deliveries.event_id IS 'The same for everybody who is told, and for what is told again.';

COMMENT ON COLUMN public.webhook_deliveries.event IS 'The event''s name.';

COMMENT ON COLUMN public.webhook_deliveries.body IS 'What is sent, to the byte.';

COMMENT ON COLUMN public.webhook_deliveries.created_at IS 'When it happened.';

COMMENT ON COLUMN public.webhook_deliveries.state IS 'Whether it was told, is to be told, or was given up.';

COMMENT ON COLUMN public.webhook_deliveries.attempts IS 'Those that were begun.';

COMMENT ON COLUMN public.webhook_deliveries.next_at IS 'When it is tried next. Whoever tries puts it off by as long as they may take.';

COMMENT ON COLUMN public.webhook_deliveries.last_at IS 'When the last attempt ended, or when it was given up with its webhook; null before.';

COMMENT ON COLUMN public.webhook_deliveries.last_status IS 'The status of the last answer; null when there was none.';

COMMENT ON COLUMN public.webhook_deliveries.last_error IS 'Why the last attempt failed, or why it was given up; null when neither.';

COMMENT ON COLUMN public.webhook_deliveries.last_answer IS 'The beginning of the last answer.';

ALTER TABLE public.webhook_deliveries ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.webhook_deliveries_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.webhooks (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    url text NOT NULL,
    description text NOT NULL,
    events text[] NOT NULL,
    secret bytea NOT NULL,
    created_by uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    failures bigint DEFAULT 0 NOT NULL,
    failing_since timestamp with time zone,
    paused_until timestamp with time zone,
    disabled_at timestamp with time zone,
    disabled_reason text,
    CONSTRAINT webhooks_failures_check CHECK ((failures >= 0)),
    CONSTRAINT webhooks_secret_check CHECK ((octet_length(secret) = 32))
);

COMMENT ON TABLE public.webhooks IS 'Whom a workspace tells what happens in it.';

COMMENT ON COLUMN public.webhooks.id IS 'Drawn by the server.';

COMMENT ON COLUMN public.webhooks.workspace_id IS 'Whose events are told.';

COMMENT ON COLUMN public.webhooks.url IS 'Where to.';

COMMENT ON COLUMN public.webhooks.description IS 'As its maker describes it.';

COMMENT ON COLUMN public.webhooks.events IS 'Names of the events that are told.';

COMMENT ON COLUMN public.webhooks.secret IS 'What deliveries are signed with. As it is: nothing can be signed with a hash of it.';

COMMENT ON COLUMN public.webhooks.created_by IS 'Who made it. No reference: it outlives the account.';

COMMENT ON COLUMN public.webhooks.created_at IS 'By the server''s clock.';

COMMENT ON COLUMN public.webhooks.failures IS 'Since the last success.';

COMMENT ON COLUMN public.webhooks.failing_since IS 'The first of these; null when there are none.';

COMMENT ON COLUMN public.webhooks.paused_until IS 'Nothing is tried before; null when it does not fail.';

COMMENT ON COLUMN public.webhooks.disabled_at IS 'Since when nothing is told; null while something is.';

COMMENT ON COLUMN public.webhooks.disabled_reason IS 'Why; null while it is not disabled.';

CREATE TABLE public.workspace_invitations (
    id uuid NOT NULL,
    workspace_id uuid NOT NULL,
    hash bytea NOT NULL,
    role text NOT NULL,
    created_by uuid NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    uses bigint DEFAULT 0 NOT NULL,
    uses_max bigint,
    CONSTRAINT workspace_invitations_hash_check CHECK ((octet_length(hash) = 32)),
    CONSTRAINT workspace_invitations_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'editor'::text, 'commenter'::text, 'viewer'::text]))),
    CONSTRAINT workspace_invitations_uses_check CHECK ((uses >= 0)),
    CONSTRAINT workspace_invitations_uses_max_check CHECK ((uses_max > 0))
);

COMMENT ON TABLE public.workspace_invitations IS 'Whoever has one may join the workspace. A revoked one has no row.';

COMMENT ON COLUMN public.workspace_invitations.id IS 'Drawn by the server.';

COMMENT ON COLUMN public.workspace_invitations.workspace_id IS 'Where it leads.';

COMMENT ON COLUMN public.workspace_invitations.hash IS 'SHA-256 of the token; the token itself is never stored.';

COMMENT ON COLUMN public.workspace_invitations.role IS 'What who comes with it becomes.';

COMMENT ON COLUMN public.workspace_invitations.created_by IS 'Who invites. No reference: it outlives the account.';

COMMENT ON COLUMN public.workspace_invitations.created_at IS 'By the server''s clock.';

COMMENT ON COLUMN public.workspace_invitations.expires_at IS 'When it ends by itself.';

COMMENT ON COLUMN public.workspace_invitations.uses IS 'How many have joined with it.';

COMMENT ON COLUMN public.workspace_invitations.uses_max IS 'How many may; null: any number.';

CREATE TABLE public.workspace_members (
    workspace_id uuid NOT NULL,
    user_id uuid NOT NULL,
    role text NOT NULL,
    CONSTRAINT workspace_members_role_check CHECK ((role = ANY (ARRAY['owner'::text, 'editor'::text, 'commenter'::text, 'viewer'::text])))
);

COMMENT ON TABLE public.workspace_members IS 'Who may do what on all flows of a workspace.';

COMMENT ON COLUMN public.workspace_members.workspace_id IS 'The workspace.';

COMMENT ON COLUMN public.workspace_members.user_id IS 'The account.';

COMMENT ON COLUMN public.workspace_members.role IS 'The greater of this and the role on the flow counts.';

CREATE TABLE public.workspace_secrets (
    workspace_id uuid NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    sealed bytea NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    changed_by uuid
);

COMMENT ON TABLE public.workspace_secrets IS 'What flows of workspaces sign in elsewhere with, sealed.';

COMMENT ON COLUMN public.workspace_secrets.workspace_id IS 'Whose flows may use it.';

COMMENT ON COLUMN public.workspace_secrets.name IS 'By which nodes name it.';

COMMENT ON COLUMN public.workspace_secrets.sealed IS 'Encrypted by the server, with a key that is not in the database, and bound to workspace and name.';

COMMENT ON COLUMN public.workspace_secrets.changed_at IS 'By the server''s clock.';

COMMENT ON COLUMN public.workspace_secrets.changed_by IS 'Null is an operator. No reference: it outlives the account.';

CREATE TABLE public.workspaces (
    id uuid NOT NULL,
    name text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    access_rev bigint DEFAULT 0 NOT NULL,
    flows_max bigint,
    members_max bigint,
    storage_bytes_max bigint,
    runs_per_day_max bigint,
    CONSTRAINT workspaces_flows_max_check CHECK ((flows_max >= 0)),
    CONSTRAINT workspaces_members_max_check CHECK ((members_max >= 0)),
    CONSTRAINT workspaces_runs_per_day_max_check CHECK ((runs_per_day_max >= 0)),
    CONSTRAINT workspaces_storage_bytes_max_check CHECK ((storage_bytes_max >= 0))
);

COMMENT ON TABLE public.workspaces IS 'Where flows belong; its members have their role on all of them.';

COMMENT ON COLUMN public.workspaces.id IS 'Drawn by the server.';

COMMENT ON COLUMN public.workspaces.name IS 'As people see it.';

COMMENT ON COLUMN public.workspaces.created_at IS 'By the server''s clock.';

COMMENT ON COLUMN public.workspaces.access_rev IS 'Raised with every change of its members; counts for all of its flows.';

COMMENT ON COLUMN public.workspaces.flows_max IS 'Flows it may have; null: as many as the configuration says. 0: as many as it likes.';

COMMENT ON COLUMN public.workspaces.members_max IS 'As flows_max, of members.';

COMMENT ON COLUMN public.workspaces.storage_bytes_max IS 'As flows_max, of the bytes of its flows'' logs and versions.';

COMMENT ON COLUMN public.workspaces.runs_per_day_max IS 'As flows_max, of runs that are started in a day.';

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_hash_key UNIQUE (hash);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.audit_events
    ADD CONSTRAINT audit_events_pkey PRIMARY KEY (workspace_id, seq);

ALTER TABLE ONLY public.audit_heads
    ADD CONSTRAINT audit_heads_pkey PRIMARY KEY (workspace_id);

ALTER TABLE ONLY public.flow_clients
    ADD CONSTRAINT flow_clients_pkey PRIMARY KEY (flow_id, client_id);

ALTER TABLE ONLY public.flow_heads
    ADD CONSTRAINT flow_heads_pkey PRIMARY KEY (flow_id);

ALTER TABLE ONLY public.flow_links
    ADD CONSTRAINT flow_links_hash_key UNIQUE (hash);

ALTER TABLE ONLY public.flow_links
    ADD CONSTRAINT flow_links_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.flow_members
    ADD CONSTRAINT flow_members_pkey PRIMARY KEY (flow_id, user_id);

ALTER TABLE ONLY public.flow_purges
    ADD CONSTRAINT flow_purges_pkey PRIMARY KEY (flow_id);

ALTER TABLE ONLY public.flow_quarantine
    ADD CONSTRAINT flow_quarantine_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.flow_segments
    ADD CONSTRAINT flow_segments_pkey PRIMARY KEY (flow_id, last_seq);

ALTER TABLE ONLY public.flow_snapshots
    ADD CONSTRAINT flow_snapshots_pkey PRIMARY KEY (flow_id);

ALTER TABLE ONLY public.flow_test_results
    ADD CONSTRAINT flow_test_results_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.flow_updates
    ADD CONSTRAINT flow_updates_pkey PRIMARY KEY (flow_id, seq);

ALTER TABLE ONLY public.flow_versions
    ADD CONSTRAINT flow_versions_pkey PRIMARY KEY (flow_id, number);

ALTER TABLE ONLY public.flows
    ADD CONSTRAINT flows_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.installation
    ADD CONSTRAINT installation_pkey PRIMARY KEY (is_this);

ALTER TABLE ONLY public.refresh_tokens
    ADD CONSTRAINT refresh_tokens_pkey PRIMARY KEY (hash);

ALTER TABLE ONLY public.run_days
    ADD CONSTRAINT run_days_pkey PRIMARY KEY (workspace_id, day);

ALTER TABLE ONLY public.run_events
    ADD CONSTRAINT run_events_pkey PRIMARY KEY (run_id, key);

ALTER TABLE ONLY public.run_files
    ADD CONSTRAINT run_files_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.run_graphs
    ADD CONSTRAINT run_graphs_pkey PRIMARY KEY (hash);

ALTER TABLE ONLY public.run_journal
    ADD CONSTRAINT run_journal_pkey PRIMARY KEY (run_id, version);

ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_email_key UNIQUE (email);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.webhook_deliveries
    ADD CONSTRAINT webhook_deliveries_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.webhooks
    ADD CONSTRAINT webhooks_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.workspace_invitations
    ADD CONSTRAINT workspace_invitations_hash_key UNIQUE (hash);

ALTER TABLE ONLY public.workspace_invitations
    ADD CONSTRAINT workspace_invitations_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.workspace_members
    ADD CONSTRAINT workspace_members_pkey PRIMARY KEY (workspace_id, user_id);

ALTER TABLE ONLY public.workspace_secrets
    ADD CONSTRAINT workspace_secrets_pkey PRIMARY KEY (workspace_id, name);

ALTER TABLE ONLY public.workspaces
    ADD CONSTRAINT workspaces_pkey PRIMARY KEY (id);

CREATE INDEX api_keys_by_user ON public.api_keys USING btree (user_id);

CREATE INDEX audit_events_by_user ON public.audit_events USING btree (user_id);

CREATE INDEX flow_links_by_flow ON public.flow_links USING btree (flow_id);

CREATE INDEX flow_members_by_place ON public.flow_members USING btree (user_id, workspace_id, flow_id);

CREATE INDEX flow_members_by_user ON public.flow_members USING btree (user_id);

CREATE INDEX flow_quarantine_by_flow ON public.flow_quarantine USING btree (flow_id, id);

CREATE INDEX flow_test_results_by_flow ON public.flow_test_results USING btree (flow_id, id);

CREATE UNIQUE INDEX flow_updates_by_batch ON ONLY public.flow_updates USING btree (flow_id, batch_id) WHERE (batch_updates IS NOT NULL);

CREATE INDEX flows_by_creation ON public.flows USING btree (workspace_id, created_at, id) WHERE (deleted_at IS NULL);

CREATE INDEX flows_by_deletion ON public.flows USING btree (deleted_at, id) WHERE (deleted_at IS NOT NULL);

CREATE INDEX flows_by_name ON public.flows USING btree (workspace_id, name COLLATE "C", id) WHERE (deleted_at IS NULL);

CREATE INDEX flows_by_search ON public.flows USING gin (search);

CREATE INDEX flows_by_update ON public.flows USING btree (workspace_id, updated_at, id) WHERE (deleted_at IS NULL);

CREATE INDEX flows_by_workspace ON public.flows USING btree (workspace_id);

CREATE UNIQUE INDEX flows_slug_key ON public.flows USING btree (slug);

CREATE INDEX refresh_tokens_by_session ON public.refresh_tokens USING btree (session_id);

CREATE INDEX run_files_by_flow ON public.run_files USING btree (flow_id, id) INCLUDE (bytes);

CREATE INDEX run_files_by_run ON public.run_files USING btree (run_id, id);

CREATE INDEX runs_by_flow ON public.runs USING btree (flow_id, id);

CREATE INDEX runs_by_graph ON public.runs USING btree (graph_hash);

CREATE INDEX runs_by_user ON public.runs USING btree (user_id, id) WHERE (user_id IS NOT NULL);

CREATE INDEX runs_due ON public.runs USING btree (due_at) WHERE (due_at IS NOT NULL);

CREATE INDEX runs_ended ON public.runs USING btree (ended_at) WHERE (ended_at IS NOT NULL);

CREATE INDEX runs_open ON public.runs USING btree (started_at) WHERE (ended_at IS NULL);

CREATE INDEX sessions_by_user ON public.sessions USING btree (user_id);

CREATE INDEX users_by_workspace ON public.users USING btree (workspace_id);

CREATE INDEX webhook_deliveries_by_webhook ON public.webhook_deliveries USING btree (webhook_id, id);

CREATE INDEX webhook_deliveries_done ON public.webhook_deliveries USING btree (last_at) WHERE (state <> 'pending'::text);

CREATE INDEX webhook_deliveries_pending ON public.webhook_deliveries USING btree (webhook_id, next_at, id) WHERE (state = 'pending'::text);

CREATE INDEX webhooks_by_workspace ON public.webhooks USING btree (workspace_id);

CREATE INDEX workspace_invitations_by_workspace ON public.workspace_invitations USING btree (workspace_id);

CREATE INDEX workspace_members_by_user ON public.workspace_members USING btree (user_id);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);

ALTER TABLE ONLY public.audit_events
    ADD CONSTRAINT audit_events_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id);

ALTER TABLE ONLY public.audit_heads
    ADD CONSTRAINT audit_heads_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id);

ALTER TABLE ONLY public.flow_clients
    ADD CONSTRAINT flow_clients_flow_id_fkey FOREIGN KEY (flow_id) REFERENCES public.flow_heads(flow_id);

ALTER TABLE ONLY public.flow_heads
    ADD CONSTRAINT flow_heads_flow_id_fkey FOREIGN KEY (flow_id) REFERENCES public.flows(id);

ALTER TABLE ONLY public.flow_links
    ADD CONSTRAINT flow_links_flow_id_fkey FOREIGN KEY (flow_id) REFERENCES public.flows(id);

ALTER TABLE ONLY public.flow_members
    ADD CONSTRAINT flow_members_flow_id_fkey FOREIGN KEY (flow_id) REFERENCES public.flows(id);

ALTER TABLE ONLY public.flow_members
    ADD CONSTRAINT flow_members_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);

ALTER TABLE ONLY public.flow_quarantine
    ADD CONSTRAINT flow_quarantine_flow_id_fkey FOREIGN KEY (flow_id) REFERENCES public.flow_heads(flow_id);

ALTER TABLE ONLY public.flow_segments
    ADD CONSTRAINT flow_segments_flow_id_fkey FOREIGN KEY (flow_id) REFERENCES public.flow_heads(flow_id);

ALTER TABLE ONLY public.flow_snapshots
    ADD CONSTRAINT flow_snapshots_flow_id_fkey FOREIGN KEY (flow_id) REFERENCES public.flow_heads(flow_id);

ALTER TABLE ONLY public.flow_test_results
    ADD CONSTRAINT flow_test_results_flow_id_fkey FOREIGN KEY (flow_id) REFERENCES public.flows(id);

ALTER TABLE ONLY public.flow_versions
    ADD CONSTRAINT flow_versions_flow_id_fkey FOREIGN KEY (flow_id) REFERENCES public.flows(id);

ALTER TABLE ONLY public.flows
    ADD CONSTRAINT flows_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id);

ALTER TABLE ONLY public.refresh_tokens
    ADD CONSTRAINT refresh_tokens_session_id_fkey FOREIGN KEY (session_id) REFERENCES public.sessions(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.run_days
    ADD CONSTRAINT run_days_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id);

ALTER TABLE ONLY public.run_events
    ADD CONSTRAINT run_events_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.runs(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.run_files
    ADD CONSTRAINT run_files_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.runs(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.run_journal
    ADD CONSTRAINT run_journal_run_id_fkey FOREIGN KEY (run_id) REFERENCES public.runs(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_flow_id_fkey FOREIGN KEY (flow_id) REFERENCES public.flows(id);

ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_graph_hash_fkey FOREIGN KEY (graph_hash) REFERENCES public.run_graphs(hash);

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);

ALTER TABLE ONLY public.users
    ADD CONSTRAINT users_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id);

ALTER TABLE ONLY public.webhook_deliveries
    ADD CONSTRAINT webhook_deliveries_webhook_id_fkey FOREIGN KEY (webhook_id) REFERENCES public.webhooks(id) ON DELETE CASCADE;

ALTER TABLE ONLY public.webhooks
    ADD CONSTRAINT webhooks_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id);

ALTER TABLE ONLY public.workspace_invitations
    ADD CONSTRAINT workspace_invitations_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id);

ALTER TABLE ONLY public.workspace_members
    ADD CONSTRAINT workspace_members_user_id_fkey FOREIGN KEY (user_id) REFERENCES public.users(id);

ALTER TABLE ONLY public.workspace_members
    ADD CONSTRAINT workspace_members_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id);

ALTER TABLE ONLY public.workspace_secrets
    ADD CONSTRAINT workspace_secrets_workspace_id_fkey FOREIGN KEY (workspace_id) REFERENCES public.workspaces(id);
