-- Flows are found by the words of their name, description and tags.

-- The words, in lower case, with a space between; cut by the server to what a search needs.
alter table flows add column search text not null default '';

-- Flows have no rowid, and the index needs one.
create table flow_search_ids (
    id integer not null primary key,
    flow_id blob not null unique references flows (id)
) strict;

-- Words are compared as they are: only their beginnings may be looked for.
create virtual table flow_search using fts5(
    words,
    prefix = '2 3',
    tokenize = "unicode61 remove_diacritics 0"
);

create trigger flow_search_add after insert on flows
begin
    insert into flow_search_ids (flow_id) values (new.id);
    insert into flow_search (rowid, words)
    select id, new.search from flow_search_ids where flow_id = new.id;
end;

create trigger flow_search_change after update of search on flows
when old.search is not new.search
begin
    update flow_search
    set words = new.search
    where rowid = (select id from flow_search_ids where flow_id = new.id);
end;

insert into flow_search_ids (flow_id)
select id from flows;

insert into flow_search (rowid, words)
select id, '' from flow_search_ids;

update flows
set search = lower(name || ' ' || description || ' ' || tags);
