//! Bodies and queries that do not fit: each answer names the field.

use serde_json::{Value, json};

use super::document::Operation;
use super::sample::Sample;
use super::world::World;

/// Something of each type.
fn values() -> [Value; 6] {
    [json!(7), json!("text"), json!({}), json!([]), json!(true), json!(-1.5)]
}

/// Sends the body in place of the right one, which has to be refused because of the field.
async fn refused(world: &World, operation: &Operation, sample: &Sample, body: Value, field: &str) {
    let answer = world.send(operation, &sample.clone().body(body.clone())).await;
    let at = format!("{} with {body}: {}", operation.id, answer.body);
    assert!([400, 422].contains(&answer.status), "{at}");
    let said = answer.body["error"]["details"]["field"].as_str().unwrap_or_else(|| panic!("{at}"));
    assert!(said.split('/').next() == Some(field), "{field} is not named by {at}");
}

/// The same object with another value for a member.
fn with(body: &Value, name: &str, value: Value) -> Value {
    let mut body = body.clone();
    body[name] = value;
    body
}

#[tokio::test]
async fn a_body_that_is_no_json_or_not_said_to_be_is_refused() {
    let world = World::new().await;
    for (operation, row) in world.table() {
        let sample = (row.sample)(&world).await;
        let Some(body) = &sample.body else { continue };
        assert!(world.document.body(&operation).is_some(), "{} takes no body", operation.id);
        let send = async |content_type: &'static str, body: &str| {
            let request = world.request(&operation, &sample).header("content-type", content_type);
            let answer = world.check(&operation, request.body(body.to_owned()).send().await.unwrap()).await;
            assert_eq!(answer.body["error"]["code"], "malformed_body", "{}", operation.id);
            answer.status
        };
        let whole = body.to_string();
        for broken in ["", "{", "nonsense", "\u{feff}{}", &whole[..whole.len() - 1], &format!("{whole} 1")] {
            assert_eq!(send("application/json", broken).await, 400, "{} {broken}", operation.id);
        }
        for other in ["[]", "null", "7", "\"text\""] {
            assert_eq!(send("application/json", other).await, 422, "{} {other}", operation.id);
        }
        assert_eq!(send("text/plain", &whole).await, 415, "{}", operation.id);
    }
}

#[tokio::test]
async fn a_field_that_is_unknown_or_of_the_wrong_kind_is_named() {
    let world = World::new().await;
    for (operation, row) in world.table() {
        let Some(schema) = world.document.body(&operation).cloned() else { continue };
        let sample = (row.sample)(&world).await;
        let body = sample.body.clone().unwrap_or_else(|| panic!("the row of {} has no body", operation.id));
        assert_eq!(world.document.misfit(&schema, &body), None, "the row of {}", operation.id);
        if schema["additionalProperties"] == false {
            refused(&world, &operation, &sample, with(&body, "unheardOf", json!(1)), "unheardOf").await;
        }
        for (name, property) in schema["properties"].as_object().unwrap() {
            for wrong in values() {
                if world.document.misfit(property, &wrong).is_some() {
                    refused(&world, &operation, &sample, with(&body, name, wrong), name).await;
                }
            }
        }
        for name in schema["required"].as_array().into_iter().flatten() {
            let name = name.as_str().unwrap();
            let mut lacking = body.clone();
            lacking.as_object_mut().unwrap().remove(name);
            refused(&world, &operation, &sample, lacking, name).await;
        }
    }
}

#[tokio::test]
async fn a_field_that_is_too_long_or_too_short_is_named() {
    let world = World::new().await;
    for (operation, row) in world.table() {
        let Some(schema) = world.document.body(&operation).cloned() else { continue };
        let sample = (row.sample)(&world).await;
        let body = sample.body.clone().unwrap();
        for (name, property) in schema["properties"].as_object().unwrap() {
            let property = world.document.resolve(property);
            let length = |limit: &str| property[limit].as_u64().map(|limit| usize::try_from(limit).unwrap());
            let mut wrong = Vec::new();
            wrong.extend(length("maxLength").map(|most| json!("x".repeat(most + 1))));
            wrong.extend(
                length("minLength").filter(|least| *least > 0).map(|least| json!("x".repeat(least - 1))),
            );
            wrong.extend(length("minItems").filter(|least| *least > 0).map(|_| json!([])));
            for wrong in wrong {
                refused(&world, &operation, &sample, with(&body, name, wrong), name).await;
            }
        }
    }
}

#[tokio::test]
async fn a_parameter_that_does_not_fit_is_named() {
    let world = World::new().await;
    for (operation, row) in world.table() {
        let sample = (row.sample)(&world).await;
        for parameter in operation.parameters("query") {
            let (name, schema) =
                (parameter["name"].as_str().unwrap(), world.document.resolve(&parameter["schema"]));
            let mut wrong = Vec::new();
            if schema["type"] == "integer" {
                wrong.extend(["", "many", "1.5", "99999999999999999999"].map(str::to_owned));
                wrong.extend(schema["minimum"].as_i64().map(|least| (least - 1).to_string()));
                wrong.extend(schema["maximum"].as_i64().map(|most| (most + 1).to_string()));
            } else if schema.get("enum").is_some() {
                wrong.extend(["", "unheard-of"].map(str::to_owned));
            }
            if parameter["required"] == true {
                let mut lacking = sample.clone();
                lacking.query.retain(|(other, _)| other != name);
                let answer = world.send(&operation, &lacking).await;
                let said = (answer.status, &answer.body["error"]["details"]["field"]);
                assert_eq!(said, (400, &json!(name)), "{} without {name}: {}", operation.id, answer.body);
            }
            for wrong in wrong {
                let mut sample = sample.clone().query(name, &wrong);
                sample.query.retain(|(other, value)| other != name || *value == wrong);
                let answer = world.send(&operation, &sample).await;
                let at = format!("{}?{name}={wrong}: {}", operation.id, answer.body);
                assert!([400, 422].contains(&answer.status), "{at}");
                assert_eq!(answer.body["error"]["details"]["field"], name, "{at}");
            }
        }
    }
}
