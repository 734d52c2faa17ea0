//! The one statement that writes to the log: `migrations/sqlite/0004_append_at_once.sql`
//! says what it takes.

use std::collections::HashMap;

use flow_base::UserId;
use serde_json::json;
use sqlx::SqliteConnection;

use super::Placed;
use crate::error::micros;
use crate::log::{hex, position};

/// Writes batches that are new behind the ends of their flows' logs. Fails, and writes
/// nothing, when one of the logs does not end there.
pub(crate) async fn write(
    connection: &mut SqliteConnection,
    placed: &[Placed<'_>],
) -> Result<(), sqlx::Error> {
    if placed.is_empty() {
        return Ok(());
    }
    let Columns { ids, flows, updates, actors, writers, bytes } = Columns::of(placed);
    sqlx::query!(
        r#"
        insert into log_appends (ids, flows, updates, actors, writers, bytes)
        values (?1, ?2, ?3, ?4, ?5, ?6)
        "#,
        ids,
        flows,
        updates,
        actors,
        writers,
        bytes,
    )
    .execute(connection)
    .await?;
    Ok(())
}

struct Columns {
    ids: Vec<u8>,
    flows: String,
    updates: String,
    actors: Vec<u8>,
    writers: String,
    bytes: Vec<u8>,
}

/// Who delivered something, when it was the server.
const SERVER: i64 = -1;

impl Columns {
    fn of(placed: &[Placed<'_>]) -> Self {
        let (mut ids, mut actors, mut bytes) = (Vec::new(), Actors::default(), Vec::new());
        let (mut flows, mut updates, mut writers) = (Vec::new(), Vec::new(), Vec::new());
        for (place, Placed { batch, range }) in (0_i64..).zip(placed) {
            ids.extend_from_slice(batch.flow.as_uuid().as_bytes());
            ids.extend_from_slice(batch.batch.as_uuid().as_bytes());
            let began = bytes.len();
            for (seq, update) in (position(range.first)..).zip(&batch.updates) {
                let actor = update.actor.user().map_or(SERVER, |user| actors.place(user));
                // SQLite counts from 1.
                let (start, length) = (size(bytes.len() + 1), size(update.bytes.len()));
                updates.extend([place, seq, micros(batch.at), start, length, actor]);
                bytes.extend_from_slice(&update.bytes);
            }
            let before = position(range.first) - 1;
            flows.extend([before, position(range.last), size(bytes.len() - began)]);
            let flow = hex(batch.flow.as_uuid());
            let of_flow =
                |writer: &flow_store::Writer| (flow.clone(), writer.client_id, hex(writer.user.as_uuid()));
            writers.extend(batch.writers.iter().map(of_flow));
        }
        let (flows, updates, writers) = (json!(flows), json!(updates), json!(writers));
        Self {
            ids,
            flows: flows.to_string(),
            updates: updates.to_string(),
            actors: actors.ids,
            writers: writers.to_string(),
            bytes,
        }
    }
}

/// Users, each once.
#[derive(Default)]
struct Actors {
    ids: Vec<u8>,
    places: HashMap<UserId, i64>,
}

impl Actors {
    fn place(&mut self, user: UserId) -> i64 {
        let next = size(self.places.len());
        *self.places.entry(user).or_insert_with(|| {
            self.ids.extend_from_slice(user.as_uuid().as_bytes());
            next
        })
    }
}

/// For a column: nothing has 2^63 bytes.
fn size(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
