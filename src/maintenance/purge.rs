use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use clap::Args;
use flow_archive::{PurgeError, Purged, Purger};
use flow_base::SystemClock;
use serde_json::json;

use super::output;
use crate::cli::{Failure, Storage};
use crate::wiring::{self, Database};

/// Removes for good what was deleted long ago, as servers do by themselves while they run:
/// history, versions, members, links, and what of it lies in the archive. Prints the flows.
/// What was recorded of who did what stays. Goes on after a flow that cannot be removed, which
/// the next purge goes on with; exit code 1 then.
#[derive(Debug, Args)]
pub(crate) struct Purge {
    /// What was deleted longer ago than this: 30d, 12h, 15m or 0s. By default what is
    /// configured under [deleted]. What was deleted later can still be restored.
    #[arg(long, value_parser = duration)]
    older_than: Option<Duration>,
    /// Print lines of JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    storage: Storage,
}

impl Purge {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let config = self.storage.start()?;
        let archive = wiring::archive(&config)?;
        let database = Database::open_existing(&config).await?;
        let purger = Purger::new(database.purges(), archive, Arc::new(SystemClock));
        let keep_for = self.older_than.unwrap_or_else(|| config.deleted.keep_for());
        let (mut purged, mut failed) = (0_u64, 0_u64);
        loop {
            match purger.next(keep_for).await {
                Ok(Some(one)) => {
                    purged += 1;
                    tell(one, self.json)?;
                }
                Ok(None) => break,
                Err(error @ PurgeError::Look(_)) => return Err(anyhow::Error::from(error).into()),
                Err(error) => {
                    failed += 1;
                    output::progress(&format!("{:#}", anyhow::Error::from(error)))?;
                }
            }
        }
        let mut errors = Vec::new();
        let ended = purger.go_on(&mut |error| errors.push(error)).await.map_err(anyhow::Error::from)?;
        for error in errors {
            failed += 1;
            output::progress(&format!("{:#}", anyhow::Error::from(error)))?;
        }
        if ended.without_archive > 0 {
            let flows = output::count(ended.without_archive, "purged flow");
            output::progress(&format!("no archive is configured, and {flows} had objects in one"))?;
        }
        if !self.json {
            output::line(&format!("{} purged", output::count(purged, "flow")))?;
        }
        database.close().await;
        match failed {
            0 => Ok(()),
            failed => Err(anyhow!("{} did not go on", output::count(failed, "purge")).into()),
        }
    }
}

fn tell(purged: Purged, as_json: bool) -> anyhow::Result<()> {
    let Purged { flow, objects } = purged;
    if as_json {
        return output::json(&json!({ "flow": flow, "objects": objects }));
    }
    output::line(&match objects {
        0 => format!("{flow} purged"),
        objects => format!("{flow} purged, with {} of the archive", output::count(objects, "object")),
    })
}

/// A whole number and a unit.
fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = text.split_at(text.len() - text.chars().last().map_or(0, char::len_utf8));
    let seconds = match unit {
        "d" => 86_400,
        "h" => 3_600,
        "m" => 60,
        "s" => 1,
        _ => return Err("is a number with d, h, m or s behind it, such as 30d".to_owned()),
    };
    let number: u32 = number.parse().map_err(|_| format!("{number:?} is no whole number"))?;
    Ok(Duration::from_secs(u64::from(number) * seconds))
}
