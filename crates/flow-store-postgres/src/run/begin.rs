//! Runs that begin. Their flows are held, so that a purge comes before or afterwards, and so
//! are the days they are counted in, so that no two nodes both take what is the last.

mod statements;

use std::collections::{BTreeMap, HashMap};

use flow_store::{NewRun, RunCommit, RunCommitted};
use uuid::Uuid;

use super::commit::Committed;
use super::graph;
use crate::connections::Tx;
use crate::error::Failure;
use statements::{Day, Places, count, hold_places, insert, stands, uncount};

type Begin<'a> = (&'a RunCommit, &'a NewRun);

pub(super) async fn begin(tx: &mut Tx, commits: &[&RunCommit]) -> Result<Committed, Failure> {
    let new: Vec<Begin<'_>> =
        commits.iter().filter_map(|commit| Some((*commit, commit.new.as_ref()?))).collect();
    let flows: Vec<Uuid> = new.iter().map(|(_, new)| new.flow.as_uuid()).collect();
    let places = hold_places(tx, &flows).await?;
    let mut counted = count(tx, &wanted(&new, &places)).await?;
    let (admitted, mut committed) = admit(&new, &places, &mut counted);
    let graphs = admitted.iter().map(|(_, new)| (&new.graph_hash, &new.graph[..])).collect();
    graph::hold(tx, &graphs).await?;
    let inserted = insert(tx, &admitted).await?;
    for (commit, new) in &admitted {
        let came = if inserted.contains(&commit.run) {
            RunCommitted::Stored
        } else {
            counted.entry(day(commit, places[&new.flow.as_uuid()].workspace)).or_default().refused += 1;
            // Whoever was before us has removed it again, unless it is found below.
            RunCommitted::Stale
        };
        committed.insert(commit.run, came);
    }
    uncount(tx, &counted).await?;
    let refused = committed.iter().filter(|(_, came)| **came != RunCommitted::Stored);
    let refused: Vec<_> = refused.map(|(run, _)| run.as_uuid()).collect();
    let stands = stands(tx, &refused).await?;
    for (commit, _) in &new {
        if let Some(last_commit) = stands.get(&commit.run) {
            let is_repeated = *last_commit == commit.id;
            let came = if is_repeated { RunCommitted::Stored } else { RunCommitted::Stale };
            committed.insert(commit.run, came);
        }
    }
    Ok(committed)
}

fn day(commit: &RunCommit, workspace: Uuid) -> Day {
    (workspace, commit.at.as_second().div_euclid(24 * 60 * 60))
}

/// How many want to begin.
fn wanted(new: &[Begin<'_>], places: &Places) -> BTreeMap<Day, i64> {
    let mut wanted = BTreeMap::new();
    for (commit, new) in new {
        if let Some(place) = places.get(&new.flow.as_uuid()) {
            *wanted.entry(day(commit, place.workspace)).or_default() += 1;
        }
    }
    wanted
}

/// A day in which all that want to begin were counted.
#[derive(Default)]
struct Counted {
    /// Before this one.
    began: i64,
    /// Of those that want to begin.
    refused: i64,
}

/// Answers those that may begin, and what becomes of the others.
fn admit<'a>(
    new: &[Begin<'a>],
    places: &Places,
    counted: &mut HashMap<Day, Counted>,
) -> (Vec<Begin<'a>>, Committed) {
    let (mut admitted, mut refused) = (Vec::new(), Committed::new());
    for &(commit, new) in new {
        let Some(place) = places.get(&new.flow.as_uuid()) else {
            refused.insert(commit.run, RunCommitted::NoFlow);
            continue;
        };
        let counted = counted.entry(day(commit, place.workspace)).or_default();
        let most = place.runs_per_day.or(new.runs_per_day);
        if most.is_some_and(|most| counted.began.cast_unsigned() >= most) {
            counted.refused += 1;
            refused.insert(commit.run, RunCommitted::TooMany);
        } else {
            counted.began += 1;
            admitted.push((commit, new));
        }
    }
    (admitted, refused)
}
