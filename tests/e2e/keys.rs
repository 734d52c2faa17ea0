//! Programs that act for people, with API keys.

use std::process::Stdio;

use flow_base::{KeyId, Role, Scope, Timestamp};
use flow_client::{AccountChange, Api, CreatedKey, NewFlow, NewKey, PeerState};
use flow_protocol::CloseCode;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::PROGRAM;
use crate::accounts::{PASSWORD, closed_with, code, refused, scene_on_postgres};
use crate::people::{Scene, add, live, make, peer, scene, until, until_graph};
use crate::raw::Raw;

fn for_scopes(scopes: &[Scope]) -> NewKey {
    NewKey { name: "Bot".into(), scopes: scopes.to_vec(), expires_at: None }
}

/// A program with a new key of Ann's.
async fn bot(scene: &Scene, scopes: &[Scope]) -> (Api, CreatedKey) {
    let created = scene.ann.create_key(&for_scopes(scopes)).await.unwrap();
    (with(scene, &created), created)
}

fn with(scene: &Scene, key: &CreatedKey) -> Api {
    let api = Api::new(&scene.server.url()).unwrap();
    api.use_token(key.secret.clone());
    api
}

#[tokio::test]
async fn a_key_does_what_its_scopes_and_its_owners_role_allow() {
    let scene = scene().await;
    let (reader, _) = bot(&scene, &[Scope::Read]).await;
    let (editor, _) = bot(&scene, &[Scope::Read, Scope::Edit]).await;
    let (runner, _) = bot(&scene, &[Scope::Run]).await;
    let (manager, _) = bot(&scene, &[Scope::Manage]).await;
    let forbidden = refused(403, "forbidden");
    assert_eq!(reader.me().await.unwrap().email, "ann@example.org");

    assert_eq!(reader.flows(10, None).await.unwrap().items.len(), 1);
    assert_eq!(code(manager.flows(10, None).await), forbidden);
    assert_eq!(code(reader.rename_flow(scene.flow, "Mine").await), forbidden);
    assert_eq!(editor.rename_flow(scene.flow, "Ours").await.unwrap().name, "Ours");
    assert_eq!(code(reader.create_flow(&NewFlow::default()).await), forbidden);
    let made = editor.create_flow(&NewFlow::default()).await.unwrap().id;
    assert_eq!(code(editor.delete_flow(made).await), forbidden);
    manager.delete_flow(made).await.unwrap();
    // Of what a key is not for it learns nothing, not even whether it exists.
    assert_eq!(code(runner.flow(scene.flow).await), forbidden);
    assert_eq!(code(runner.flow(made).await), forbidden);
    assert_eq!(code(editor.flow(made).await), refused(404, "not_found"));

    // Ben's key has all scopes, and Ben may only look.
    let (ben, user) = scene.server.person("ben").await.unwrap();
    scene.ann.put_member(scene.flow, "ben@example.org", Role::Viewer).await.unwrap();
    let all = ben.create_key(&for_scopes(&Scope::ALL)).await.unwrap();
    let bens = with(&scene, &all);
    assert_eq!(bens.flow(scene.flow).await.unwrap().role, Role::Viewer);
    assert_eq!(code(bens.rename_flow(scene.flow, "Ben's").await), forbidden);
    let only_read = with(&scene, &ben.create_key(&for_scopes(&[Scope::Read])).await.unwrap());
    assert_eq!(code(only_read.remove_member(scene.flow, user.id).await), forbidden, "it takes nobody out");
    bens.remove_member(scene.flow, user.id).await.unwrap();
}

#[tokio::test]
async fn a_key_opens_sockets_that_may_do_what_it_may() {
    let scene = scene().await;
    let ann = live(&scene.ann, scene.flow).await;
    let (editor, _) = bot(&scene, &[Scope::Read, Scope::Edit]).await;
    let editing = live(&editor, scene.flow).await;
    make(&editing, add("by-a-bot")).await;
    assert!(editing.saved().await.unwrap().is_saved());
    until_graph(&ann, "others see it", |graph| graph.nodes.contains_key("by-a-bot")).await;

    let (reader, _) = bot(&scene, &[Scope::Read]).await;
    let reading = live(&reader, scene.flow).await;
    until_graph(&reading, "it sees the flow", |graph| graph.nodes.contains_key("by-a-bot")).await;
    make(&reading, add("forbidden")).await;
    until(&reading, "refused", |state| matches!(state, PeerState::Refused { .. })).await;
    // Its owner's role is looked at anew, and gives it no more than before.
    let (_, ben) = scene.server.person("ben").await.unwrap();
    scene.ann.put_member(scene.flow, "ben@example.org", Role::Editor).await.unwrap();
    scene.ann.remove_member(scene.flow, ben.id).await.unwrap();
    make(&ann, add("after")).await;
    until_graph(&reading, "it goes on reading", |graph| graph.nodes.contains_key("after")).await;
    make(&reading, add("forbidden-too")).await;
    let state = reading.saved().await.unwrap();
    assert!(matches!(state, PeerState::Refused { .. }), "{state:?}");

    let (runner, _) = bot(&scene, &[Scope::Run]).await;
    until(&peer(&runner, scene.flow), "not allowed", closed_with(CloseCode::NotAllowed)).await;
}

async fn sockets_end_with_their_key(scene: Scene) {
    let ann = live(&scene.ann, scene.flow).await;
    let (revoked, key) = bot(&scene, &[Scope::Read]).await;
    let (other, _) = bot(&scene, &[Scope::Read]).await;
    let soon = Timestamp::from_second(now() + 4).unwrap();
    let expiring = NewKey { expires_at: Some(soon), ..for_scopes(&[Scope::Read]) };
    let expiring = with(&scene, &scene.ann.create_key(&expiring).await.unwrap());
    let (gone, stays) = (live(&revoked, scene.flow).await, live(&other, scene.flow).await);
    let expires = live(&expiring, scene.flow).await;

    scene.ann.revoke_key(key.key.id).await.unwrap();
    until(&gone, "revoked", closed_with(CloseCode::SignedOut)).await;
    until(&peer(&revoked, scene.flow), "it opens none", closed_with(CloseCode::SignedOut)).await;
    assert_eq!(code(revoked.me().await), refused(401, "signed_out"));
    until(&expires, "expired", closed_with(CloseCode::SignedOut)).await;
    assert!(now() >= soon.as_second(), "not before its time");
    assert_eq!(code(expiring.me().await), refused(401, "signed_out"));
    assert!(ann.state().borrow().is_live() && stays.state().borrow().is_live());
    // Who has expired is shown until somebody takes it away.
    let listed = scene.ann.keys().await.unwrap();
    assert_eq!(listed.len(), 2);
    assert_eq!(listed[0].expires_at, Some(soon));
}

#[tokio::test]
async fn sockets_end_at_once_when_their_key_is_revoked_or_expires() {
    sockets_end_with_their_key(scene().await).await;
}

#[tokio::test]
async fn sockets_end_at_once_when_their_key_is_revoked_or_expires_on_postgres() {
    let (scene, _database) = scene_on_postgres().await;
    sockets_end_with_their_key(scene).await;
}

#[tokio::test]
async fn a_key_manages_no_account() {
    let scene = scene().await;
    let (bot, key) = bot(&scene, &Scope::ALL).await;
    let session = scene.ann.sessions().await.unwrap().remove(0).id;
    let change = AccountChange { name: Some("Bot".into()), ..AccountChange::default() };
    let forbidden = refused(403, "forbidden");
    assert_eq!(code(bot.change_me(&change).await), forbidden);
    assert_eq!(code(bot.change_password(PASSWORD, "another password").await), forbidden);
    assert_eq!(code(bot.sessions().await), forbidden);
    assert_eq!(code(bot.end_session(session).await), forbidden);
    assert_eq!(code(bot.keys().await), forbidden);
    assert_eq!(code(bot.create_key(&for_scopes(&Scope::ALL)).await), forbidden);
    assert_eq!(code(bot.revoke_key(key.key.id).await), forbidden);
    assert_eq!(code(bot.logout().await), forbidden);
    assert_eq!(scene.ann.me().await.unwrap().name, "ann");
    assert_eq!(scene.ann.keys().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_is_shown_once_and_its_owner_sees_when_it_was_used() {
    let scene = scene().await;
    let (bot, created) = bot(&scene, &[Scope::Run, Scope::Read]).await;
    let secret = created.secret.expose();
    assert!(secret.starts_with("ifk_"), "{secret}");
    let listed = async || {
        let request = reqwest::Client::new()
            .get(format!("{}/api/keys", scene.server.url()))
            .bearer_auth(scene.ann.token().unwrap().expose());
        let keys: Value = request.send().await.unwrap().json().await.unwrap();
        assert!(!keys.to_string().contains(secret));
        keys[0].clone()
    };
    let key = listed().await;
    assert_eq!((&key["name"], &key["scopes"]), (&json!("Bot"), &json!(["read", "run"])));
    assert_eq!((&key["lastUsedAt"], &key["expiresAt"]), (&Value::Null, &Value::Null));
    bot.me().await.unwrap();
    let used = listed().await["lastUsedAt"].clone();
    assert!(used.is_string(), "{used}");
    bot.flows(10, None).await.unwrap();
    assert_eq!(listed().await["lastUsedAt"], used, "it is written once a minute at most");
    let stored = std::fs::read(scene.server.database()).unwrap();
    let logged = std::fs::read(format!("{}-wal", scene.server.database().display())).unwrap();
    for bytes in [stored, logged] {
        assert!(!bytes.windows(secret.len()).any(|part| part == secret.as_bytes()), "it is stored as a hash");
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_new_key_is_named_and_anothers_key_is_not_found() {
    let scene = scene().await;
    let past = Timestamp::from_second(now() - 1).unwrap();
    for (field, wrong) in [
        ("name", NewKey { name: " ".into(), ..for_scopes(&[Scope::Read]) }),
        ("scopes", for_scopes(&[])),
        ("expiresAt", NewKey { expires_at: Some(past), ..for_scopes(&[Scope::Read]) }),
    ] {
        let error = scene.ann.create_key(&wrong).await;
        if field != "name" {
            let said = error.as_ref().unwrap_err().to_string();
            assert!(said.starts_with(&format!("{field}: ")), "{said}");
        }
        assert_eq!(code(error), refused(422, "invalid"), "{field}");
    }
    let (_, key) = bot(&scene, &[Scope::Read]).await;
    let (ben, _) = scene.server.person("ben").await.unwrap();
    for unknown in [key.key.id, KeyId::generate()] {
        assert_eq!(code(ben.revoke_key(unknown).await), refused(404, "not_found"));
    }
    assert_eq!(ben.keys().await.unwrap(), []);
    for _ in 1..100 {
        bot(&scene, &[Scope::Read]).await;
    }
    assert_eq!(code(scene.ann.create_key(&for_scopes(&[Scope::Read])).await), refused(409, "too_many_keys"));
}

#[expect(clippy::disallowed_methods, reason = "the server's clock is the machine's")]
fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}

/// Whoever reads the logs of a server is not thereby everybody who uses it.
#[tokio::test]
async fn neither_keys_nor_tokens_nor_passwords_reach_a_log() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("log");
    let mut server = Command::new(PROGRAM)
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(folder.path())
        .env("INTERFLOW_LOG", "debug")
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(&log).unwrap())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let line = BufReader::new(server.stdout.take().unwrap()).lines().next_line().await.unwrap().unwrap();
    let url = format!("http://{}", line.rsplit("http://").next().unwrap());
    let ann = Api::new(&url).unwrap();
    ann.register("ann@example.org", PASSWORD, "Ann").await.unwrap();
    let flow = ann.create_flow(&NewFlow::default()).await.unwrap().id;
    let key = ann.create_key(&for_scopes(&[Scope::Read])).await.unwrap();
    let bot = Api::new(&url).unwrap();
    bot.use_token(key.secret.clone());
    Raw::join(&bot, flow).await.sync().await;
    ann.revoke_key(key.key.id).await.unwrap();
    assert_eq!(code(bot.me().await).0, 401);
    assert_eq!(code(ann.login("ann@example.org", "hunter2hunter2").await).0, 401);
    server.kill().await.unwrap();
    let log = std::fs::read_to_string(log).unwrap();
    assert!(log.contains("/api/auth/login") && log.contains("/sync/"), "it logs what was asked: {log}");
    let token = ann.token().unwrap();
    for secret in [key.secret.expose(), token.expose(), PASSWORD, "hunter2"] {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
}
