use serde_json::json;

use crate::contract::sample::{Row, Sample, row};
use crate::contract::world::token;

pub(super) fn rows() -> Vec<Row> {
    vec![
        row!("listWorkspaces", 200, world => world.ann()),
        row!("createWorkspace", 201, world => {
            Sample::default().by(&token(&world.person().await.0)).body(json!({ "name": "Support" }))
        }),
        row!("getWorkspace", 200, world => world.workspace().await),
        row!("renameWorkspace", 200, world => world.workspace().await.body(json!({ "name": "Other" }))),
        row!("listWorkspaceMembers", 200, world => world.workspace().await),
        row!("putWorkspaceMember", 200, world => {
            let (_, _, email) = world.person().await;
            world.workspace().await.body(json!({ "email": email, "role": "editor" }))
        }),
        row!("removeWorkspaceMember", 204, world => {
            let (workspace, user) = world.workspace_with_member().await;
            workspace.at("user_id", user)
        }),
        row!("transferWorkspace", 200, world => {
            let (workspace, user) = world.workspace_with_member().await;
            workspace.body(json!({ "userId": user }))
        }),
        row!("listInvitations", 200, world => world.invitation().await.0),
        row!("createInvitation", 201, world => {
            world.workspace().await.body(json!({ "role": "viewer", "usesMax": 2 }))
        }),
        row!("revokeInvitation", 204, world => world.invitation().await.0),
        row!("lookAtInvitation", 200, world => {
            Sample::default().body(json!({ "token": world.invitation().await.1 }))
        }),
        row!("acceptInvitation", 200, world => {
            let (_, invitation) = world.invitation().await;
            Sample::default().by(&token(&world.person().await.0)).body(json!({ "token": invitation }))
        }),
        row!("listAudit", 200, world => world.workspace().await.query("limit", 1)),
        row!("exportAudit", 200, world => world.workspace().await),
        row!("listWebhooks", 200, world => world.webhook().await),
        row!("createWebhook", 201, world => {
            let body = json!({ "url": "https://hooks.example.org/flows", "events": ["flow.created"], "description": "Ours" });
            world.workspace().await.body(body)
        }),
        row!("getWebhook", 200, world => world.webhook().await),
        row!("changeWebhook", 200, world => world.webhook().await.body(json!({ "enabled": false }))),
        row!("renewWebhookSecret", 200, world => world.webhook().await),
        row!("deleteWebhook", 204, world => world.webhook().await),
        row!("pingWebhook", 202, world => world.webhook().await),
        row!("listDeliveries", 200, world => world.delivery().await.query("limit", 1)),
        row!("redeliver", 202, world => world.delivery().await),
        row!("listSecrets", 200, world => world.secret().await),
        row!("putSecret", 200, world => world.secret().await.body(json!({ "value": "s3cret" }))),
        row!("deleteSecret", 204, world => world.secret().await),
        row!("moveFlow", 200, world => {
            let to = world.workspace().await.path["workspace_id"].clone();
            world.flow().await.body(json!({ "workspaceId": to }))
        }),
        row!("listLinks", 200, world => world.link().await.0),
        row!("createLink", 201, world => {
            world.flow().await.body(json!({ "role": "viewer", "expiresAt": "2999-01-01T00:00:00Z" }))
        }),
        row!("revokeLink", 204, world => world.link().await.0),
        row!("lookAtLink", 200, world => Sample::default().body(json!({ "token": world.link().await.1 }))),
    ]
}
