-- How large each flow's log is, kept with every append: counting it when asked would
-- read the whole log. What the previous release appends beside this one is not
-- counted; nothing but the metering reads it.

alter table flow_heads add column log_bytes integer not null default 0 check (log_bytes >= 0);

update flow_heads
set
    log_bytes = (
        select coalesce(sum(length("update")), 0)
        from flow_updates
        where flow_updates.flow_id = flow_heads.flow_id
    );
