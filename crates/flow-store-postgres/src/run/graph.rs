//! What runs are pinned to: there as long as a run has it. Who begins one holds its graph as
//! somebody who refers to it, and who removes one waits for them and then looks again.

use std::collections::BTreeMap;

use flow_store::GraphHash;
use sqlx::PgConnection;

/// Sees to it that these are there until the transaction ends.
pub(super) async fn hold(
    tx: &mut PgConnection,
    graphs: &BTreeMap<&GraphHash, &[u8]>,
) -> Result<(), sqlx::Error> {
    let mut missing = graphs.clone();
    loop {
        for hash in held(tx, &missing).await? {
            missing.retain(|missing, _| missing[..] != hash[..]);
        }
        if missing.is_empty() {
            return Ok(());
        }
        // One that somebody else inserts at this moment is waited for, and held in the next
        // turn: by then it may be gone again.
        for hash in inserted(tx, &missing).await? {
            missing.retain(|missing, _| missing[..] != hash[..]);
        }
        if missing.is_empty() {
            return Ok(());
        }
    }
}

async fn held(
    tx: &mut PgConnection,
    graphs: &BTreeMap<&GraphHash, &[u8]>,
) -> Result<Vec<Vec<u8>>, sqlx::Error> {
    let hashes: Vec<_> = graphs.keys().map(|hash| &hash[..]).collect();
    sqlx::query_scalar!(
        r#"
        select hash
        from run_graphs
        where hash = any($1)
        order by hash
        for key share
        "#,
        &hashes as &[&[u8]],
    )
    .fetch_all(tx)
    .await
}

async fn inserted(
    tx: &mut PgConnection,
    graphs: &BTreeMap<&GraphHash, &[u8]>,
) -> Result<Vec<Vec<u8>>, sqlx::Error> {
    let (hashes, contents): (Vec<_>, Vec<_>) =
        graphs.iter().map(|(hash, content)| (&hash[..], *content)).unzip();
    sqlx::query_scalar!(
        r#"
        insert into run_graphs (hash, content)
        select
            hash,
            content
        from unnest($1::bytea[], $2::bytea[]) as given (hash, content)
        order by hash
        on conflict (hash) do nothing
        returning hash
        "#,
        &hashes as &[&[u8]],
        &contents as &[&[u8]],
    )
    .fetch_all(tx)
    .await
}

/// Removes those of these that no run has any more.
pub(super) async fn forget(tx: &mut PgConnection, mut hashes: Vec<Vec<u8>>) -> Result<(), sqlx::Error> {
    hashes.sort_unstable();
    hashes.dedup();
    let unused = sqlx::query_scalar!(
        r#"
        select hash
        from run_graphs
        where hash = any($1)
            and (select runs.id from runs where runs.graph_hash = run_graphs.hash limit 1) is null
        order by hash
        for update
        "#,
        &hashes,
    )
    .fetch_all(&mut *tx)
    .await?;
    if unused.is_empty() {
        return Ok(());
    }
    // Whoever has begun a run with one of them before we had its lock has finished by now,
    // which only another statement sees.
    sqlx::query!(
        r#"
        delete from run_graphs
        where hash = any($1)
            and (select runs.id from runs where runs.graph_hash = run_graphs.hash limit 1) is null
        "#,
        &unused,
    )
    .execute(tx)
    .await?;
    Ok(())
}
