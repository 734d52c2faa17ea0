use flow_base::Scope;
use serde_json::json;

use crate::contract::sample::{Row, Sample, row};
use crate::contract::world::{BEN, PASSWORD, token};

pub(super) fn rows() -> Vec<Row> {
    vec![
        row!("register", 201, world => {
            let (_, user, _) = world.person().await;
            let email = format!("{user}@example.org");
            Sample::default().body(json!({ "email": email, "password": PASSWORD, "name": "New" }))
        }),
        row!("login", 200, _world => Sample::default().body(json!({ "email": BEN, "password": PASSWORD }))),
        row!("refresh", 200, world => {
            let (_, _, email) = world.person().await;
            let login = json!({ "email": email, "password": PASSWORD });
            let operations = world.document.operations();
            let operation = operations.iter().find(|one| one.id == "login").unwrap();
            let signed_in = world.send(operation, &Sample::default().body(login)).await.body;
            Sample::default().body(json!({ "refreshToken": signed_in["refreshToken"] }))
        }),
        row!("logout", 204, world => Sample::default().by(&token(&world.person().await.0))),
        row!("getMe", 200, world => world.ann()),
        row!("changeMe", 200, world => {
            let (api, _, email) = world.person().await;
            let body = json!({ "name": "Other", "email": format!("x{email}"), "currentPassword": PASSWORD });
            Sample::default().by(&token(&api)).body(body)
        }),
        row!("changePassword", 204, world => {
            let body = json!({ "currentPassword": PASSWORD, "newPassword": "another password" });
            Sample::default().by(&token(&world.person().await.0)).body(body)
        }),
        row!("exportMe", 200, world => Sample::default().by(&token(&world.person().await.0))),
        row!("eraseMe", 204, world => {
            let body = json!({ "currentPassword": PASSWORD, "flows": "delete" });
            Sample::default().by(&token(&world.person().await.0)).body(body)
        }),
        row!("listSessions", 200, world => world.ann()),
        row!("endSession", 204, world => {
            let (api, _, email) = world.person().await;
            let first = api.sessions().await.unwrap().remove(0).id;
            api.login(&email, PASSWORD).await.unwrap();
            Sample::default().by(&token(&api)).at("session_id", first)
        }),
        row!("listKeys", 200, world => {
            world.key_of(&world.ann, &[Scope::Read]).await;
            world.ann()
        }),
        row!("createKey", 201, world => {
            let body = json!({ "name": "Bot", "scopes": ["read"], "expiresAt": "2999-01-01T00:00:00Z" });
            Sample::default().by(&token(&world.person().await.0)).body(body)
        }),
        row!("revokeKey", 204, world => {
            let (api, _, _) = world.person().await;
            world.key_of(&api, &[Scope::Read]).await;
            let key = api.keys().await.unwrap().remove(0).id;
            Sample::default().by(&token(&api)).at("key_id", key)
        }),
    ]
}
