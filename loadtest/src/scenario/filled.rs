//! A room with much in it, for those who come to see it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context;
use flow_base::FlowId;

use crate::clock::Clock;
use crate::content::{Size, flow, update};
use crate::crowd::Crowd;
use crate::editing::{client_base, node};
use crate::target::{Account, Target, create, invite, join_address};
use crate::wire::{Address, Heard, Link, Receiver, Writer, put_frame, put_var_uint};

#[derive(Debug)]
pub(super) enum Filled {
    Room(Address),
    Flow { id: FlowId, accounts: Vec<Account>, connections_per_user: usize },
}

/// Whoever prepares: hears that it is joined, and that all it has sent is there.
struct Preparer {
    joined: Arc<AtomicU64>,
    stored: Arc<AtomicU64>,
}

impl Filled {
    /// A room of a generic server that somebody else has filled.
    pub(super) fn existing(target: &Target, room: &str) -> anyhow::Result<Self> {
        target
            .named(room)?
            .map(Self::Room)
            .context("--room is for generic servers: Interflow's flows are made")
    }

    /// Makes a room of this size, then moves a node so many times in it.
    pub(super) async fn prepare(
        target: &Target,
        size: Size,
        edits: u32,
        people: usize,
    ) -> anyhow::Result<Self> {
        let filled = if target.is_interflow() {
            let connections_per_user = target.connections_per_user().unwrap_or(people);
            let accounts = target.accounts(people.div_ceil(connections_per_user)).await?;
            let owner = accounts.first().context("nobody can own the flow")?;
            let id = create(owner, flow(size)).await?;
            invite(owner, id, &accounts[1..]).await?;
            Self::Flow { id, accounts, connections_per_user }
        } else {
            let name = format!("loadtest-{}", uuid::Uuid::new_v4().simple());
            target.named(&name)?.map(Self::Room).context("a generic server has rooms by name")?
        };
        filled.edit(size, edits).await?;
        Ok(filled)
    }

    /// Where people join, one address for each account.
    pub(super) async fn addresses(&self) -> anyhow::Result<Vec<Address>> {
        match self {
            Self::Room(address) => Ok(vec![address.clone()]),
            Self::Flow { id, accounts, connections_per_user } => {
                let mut all = Vec::new();
                for account in accounts {
                    // An access token lives for minutes; preparing may take longer.
                    account.api.refresh().await.context("could not stay signed in")?;
                    let address = join_address(account, *id)?;
                    all.extend(std::iter::repeat_n(address, *connections_per_user));
                }
                Ok(all)
            }
        }
    }

    async fn edit(&self, size: Size, edits: u32) -> anyhow::Result<()> {
        let address = self.addresses().await?.into_iter().next().context("there is no address")?;
        let mut crowd = Crowd::new(Clock::start());
        let (joined, stored) = (Arc::default(), Arc::default());
        let preparer = Preparer { joined: Arc::clone(&joined), stored: Arc::clone(&stored) };
        crowd.join(&address, preparer).await?;
        let is = |count: &AtomicU64| count.load(Ordering::Relaxed) > 0;
        crowd.until("the room answers", || is(&joined)).await?;
        let mut frames = Vec::new();
        if let Self::Room(_) = self {
            let update = update(size)?;
            let mut message = vec![0, 2];
            put_var_uint(&mut message, update.len() as u64);
            message.extend_from_slice(&update);
            put_frame(&mut frames, &message);
        }
        // Of a node that is not there: where it lies is a detail that is ignored.
        let mut writer = Writer::new(client_base(), &node(0));
        for _ in 0..edits {
            writer.put_edit_frame(&mut frames);
        }
        // A server without barriers ignores this one; that it has read everything is
        // seen from the answer to one more step 1.
        if let Self::Flow { .. } = self {
            writer.put_barrier_frame(&mut frames);
        } else {
            put_frame(&mut frames, crate::crowd::STEP_1);
        }
        let link = Arc::clone(&crowd.links[0]);
        link.send(&frames)?;
        crowd.during(async { Ok(link.flush().await?) }).await.context("could not fill the room")?;
        let is_room = matches!(self, Self::Room(_));
        let done = || is(&stored) || (is_room && joined.load(Ordering::Relaxed) > 1);
        crowd.until("the room takes everything", done).await
    }
}

impl Receiver for Preparer {
    fn hear(&mut self, heard: Heard<'_>, _now: u64, _link: &Link) -> anyhow::Result<()> {
        match heard {
            Heard::Step2(_) => drop(self.joined.fetch_add(1, Ordering::Relaxed)),
            Heard::Barrier(_) => drop(self.stored.fetch_add(1, Ordering::Relaxed)),
            _ => {}
        }
        Ok(())
    }
}
