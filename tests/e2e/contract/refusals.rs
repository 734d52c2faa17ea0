//! Who may not, and what is not there.

use flow_base::Scope;
use serde_json::Value;
use uuid::Uuid;

use super::document::Operation;
use super::sample::Sample;
use super::world::{Answer, World, token};

/// What an error says, without the request's name.
fn said(answer: &Answer) -> Value {
    let mut error = answer.body["error"].clone();
    error.as_object_mut().unwrap().remove("requestId");
    error
}

/// Names like those of the operation's parameters, of what does not exist.
fn nothing(operation: &Operation, sample: &Sample, which: &[String]) -> Sample {
    let mut sample = sample.clone();
    for parameter in operation.parameters("path") {
        let name = parameter["name"].as_str().unwrap().to_owned();
        if !which.contains(&name) {
            continue;
        }
        let none = match (parameter["schema"]["format"].as_str(), parameter["schema"]["type"].as_str()) {
            (Some("uuid"), _) => Uuid::now_v7().to_string(),
            (_, Some("integer")) => "999999999".to_owned(),
            _ => "nothing".to_owned(),
        };
        sample = sample.at(&name, none);
    }
    sample
}

#[tokio::test]
async fn who_has_not_signed_in_is_told_so() {
    let world = World::new().await;
    for (operation, row) in world.table() {
        if !operation.is_for_signed_in() {
            continue;
        }
        let sample = (row.sample)(&world).await;
        let unknown = format!("ifk_{}", "x".repeat(43));
        for token in [None, Some(""), Some("no token"), Some(&*unknown)] {
            let sample = Sample { token: token.map(str::to_owned), ..sample.clone() };
            let answer = world.send(&operation, &sample).await;
            assert_eq!(
                (answer.status, &said(&answer)["code"]),
                (401, &"signed_out".into()),
                "{}",
                operation.id
            );
        }
    }
}

#[tokio::test]
async fn a_key_does_only_what_it_is_for() {
    let world = World::new().await;
    for (operation, row) in world.table() {
        if !operation.is_for_signed_in() {
            continue;
        }
        let sample = (row.sample)(&world).await;
        let wanting = match operation.scopes() {
            // No key will do.
            None => vec![Scope::ALL.to_vec()],
            Some(needed) => {
                let without =
                    |needed: &Scope| Scope::ALL.into_iter().filter(|scope| scope != needed).collect();
                needed.iter().map(without).collect()
            }
        };
        for scopes in wanting {
            let key = world.anns_key(&scopes).await;
            let answer = world.send(&operation, &sample.clone().by(&key)).await;
            let at = format!("{} with {scopes:?}: {}", operation.id, answer.body);
            assert_eq!((answer.status, &said(&answer)["code"]), (403, &"forbidden".into()), "{at}");
        }
        if let Some(scopes) = operation.scopes().filter(|scopes| !scopes.is_empty()) {
            let key = world.anns_key(&scopes).await;
            let answer = world.send(&operation, &sample.by(&key)).await;
            assert_eq!(answer.status, row.status, "{} with {scopes:?}: {}", operation.id, answer.body);
        }
    }
}

#[tokio::test]
async fn a_smaller_role_does_not_suffice() {
    let world = World::new().await;
    for (operation, row) in world.table() {
        for role in operation.roles_below() {
            let sample = (row.sample)(&world).await;
            let token = world.with_role(&sample, role).await;
            let answer = world.send(&operation, &sample.by(&token)).await;
            let at = format!("{} as {role}: {}", operation.id, answer.body);
            assert_eq!((answer.status, &said(&answer)["code"]), (403, &"forbidden".into()), "{at}");
        }
    }
}

/// Ben learns of what is Ann's no more than of what is nobody's.
#[tokio::test]
async fn what_is_anothers_is_answered_as_what_does_not_exist() {
    let world = World::new().await;
    let ben = token(&world.ben);
    for (operation, row) in world.table() {
        if operation.path_names().is_empty() || !operation.is_for_signed_in() {
            continue;
        }
        let anns = (row.sample)(&world).await.by(&ben);
        let nobodys = nothing(&operation, &anns, &operation.path_names());
        let (anns, nobodys) = (world.send(&operation, &anns).await, world.send(&operation, &nobodys).await);
        assert_eq!(anns.status, 404, "{}: {}", operation.id, anns.body);
        assert_eq!((said(&anns), nobodys.status), (said(&nobodys), 404), "{}", operation.id);
    }
}

#[tokio::test]
async fn each_name_in_a_path_has_to_be_that_of_something() {
    let world = World::new().await;
    for (operation, row) in world.table() {
        // What a socket is refused for is told by a close code.
        if ["joinFlow", "chat"].contains(&&*operation.id) || operation.path_names().is_empty() {
            continue;
        }
        let sample = (row.sample)(&world).await;
        for name in operation.path_names() {
            // It is put by that name; tests/e2e/secrets.rs has those that are none.
            if operation.id == "putSecret" && name == "secret_name" {
                continue;
            }
            let none = nothing(&operation, &sample, std::slice::from_ref(&name));
            let unreadable = ["%ff", "%00", "x", "-1", "1e3", "99999999999999999999"];
            let others = unreadable.map(|text| sample.clone().at(&name, text));
            for wrong in std::iter::once(none).chain(others) {
                let answer = world.send(&operation, &wrong).await;
                let at = format!("{} at {}: {}", operation.id, wrong.path[&name], answer.body);
                assert_eq!((answer.status, &said(&answer)["code"]), (404, &"not_found".into()), "{at}");
            }
        }
    }
}
