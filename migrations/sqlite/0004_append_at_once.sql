-- Appending in one statement: an insert into this view writes what is new of any number
-- of flows. Each statement costs a round trip between threads, and a commit is begun some
-- sixty times a second; where it is known at which position each log ends, this is all of
-- it.
--
-- ids: for each flow its id and the id of its batch, 16 bytes each, one after the other.
-- flows: a JSON array of whole numbers, three for each flow: where its log ends before and
-- after, and the bytes that are added. updates: likewise, six for each update: the flow's
-- place in ids (from 0), seq, created_at, its first byte (from 1), its length, and the
-- place of who delivered it in actors (from 0; -1 is the server). bytes: of all updates,
-- one after the other. writers: a JSON array of [flow id, client id, user id], ids in hex.
-- The numbers lie flat, because reading nested arrays took most of an append's time.
--
-- It aborts, and nothing is written, when a log does not end where it was thought to.

create view log_appends (ids, flows, updates, actors, writers, bytes) as
select null, null, null, null, null, null where false;

create trigger append_to_log instead of insert on log_appends
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

-- A batch that may be there already is looked for among the last updates of its flow,
-- by their positions. The index was one more page to write for each flow in a commit.
drop index flow_updates_by_batch;
