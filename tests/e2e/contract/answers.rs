//! What succeeds.

use super::world::World;

#[tokio::test]
async fn every_operation_answers_as_documented() {
    let world = World::new().await;
    for (operation, row) in world.table() {
        let sample = (row.sample)(&world).await;
        let answer = world.send(&operation, &sample).await;
        assert_eq!(answer.status, row.status, "{}: {}", operation.id, answer.body);
    }
}

/// Bodies that may be left out.
#[tokio::test]
async fn what_is_optional_may_be_left_out() {
    let world = World::new().await;
    for (operation, row) in world.table() {
        let mut sample = (row.sample)(&world).await;
        let Some(schema) = world.document.body(&operation) else { continue };
        let required = schema["required"].as_array().map_or(&[][..], Vec::as_slice);
        let Some(body) = sample.body.as_mut().and_then(|body| body.as_object_mut()) else { continue };
        // What is needed for an address is needed only with one, and a session has to come from somewhere.
        if ["changeMe", "refresh"].contains(&operation.id.as_str()) {
            continue;
        }
        body.retain(|name, _| required.contains(&name.as_str().into()));
        let answer = world.send(&operation, &sample).await;
        assert_eq!(answer.status, row.status, "{}: {}", operation.id, answer.body);
    }
}
