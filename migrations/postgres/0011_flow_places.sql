-- Apart from the column itself: all that reads who may do what would wait for this.
--
-- The index by user alone stays for the release before, which asks for it.

set local lock_timeout = '2s';

update flow_members
set workspace_id = flows.workspace_id
from flows
where flows.id = flow_members.flow_id and flow_members.workspace_id is null;

create index flow_members_by_place on flow_members (user_id, workspace_id, flow_id);
