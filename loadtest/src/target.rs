//! What is measured: any y-websocket server, or ours with its users and flows.

use anyhow::{Context, ensure};
use flow_base::{FlowId, Role};
use flow_client::{Api, NewFlow, User};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use url::Url;
use uuid::Uuid;

use crate::wire::Address;

#[derive(Debug, Clone, clap::Args)]
#[group(required = true, multiple = false)]
pub struct TargetOptions {
    /// Any y-websocket server, ws://host:port/path: a room is {url}/{name}.
    #[arg(long)]
    pub url: Option<String>,
    /// An Interflow server, http://host:port: users and flows are made for the run.
    #[arg(long)]
    pub interflow: Option<String>,
}

impl TargetOptions {
    /// By its address: Interflow's begins with `http`.
    #[must_use]
    pub fn at(address: &str) -> Self {
        let address = Some(address.to_owned());
        if address.as_deref().is_some_and(|address| address.starts_with("http")) {
            Self { url: None, interflow: address }
        } else {
            Self { url: address, interflow: None }
        }
    }
}

#[derive(Debug, Clone)]
pub struct Target {
    kind: Kind,
    /// Of Interflow: how many connections a user opens at most. 0: one user has all.
    connections_per_user: usize,
}

#[derive(Debug, Clone)]
enum Kind {
    Generic { base: Url },
    Interflow { base: String },
}

/// The rooms a scenario needs.
#[derive(Debug, Clone)]
pub(crate) struct Rooms {
    pub(crate) rooms: usize,
    pub(crate) people: usize,
    /// In all rooms: each is a user of its own where that is not too many.
    pub(crate) writers: usize,
    /// Ids of nodes each flow is to have.
    pub(crate) nodes: Vec<String>,
}

/// Somebody with an account.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) api: Api,
    pub(crate) user: User,
}

/// Each account costs the server a password hash.
const WRITING_USERS_MAX: usize = 200;
/// Registrations at once.
const AT_ONCE: usize = 4;

impl Target {
    /// # Errors
    /// When the address is none.
    pub fn new(options: &TargetOptions, connections_per_user: usize) -> anyhow::Result<Self> {
        let kind = match (&options.url, &options.interflow) {
            (Some(url), _) => {
                let base: Url = url.parse().with_context(|| format!("{url:?} is no address"))?;
                ensure!(base.scheme() == "ws", "{url}: only ws:// is spoken");
                Kind::Generic { base }
            }
            (None, Some(base)) => Kind::Interflow { base: base.clone() },
            (None, None) => anyhow::bail!("give --url or --interflow"),
        };
        Ok(Self { kind, connections_per_user })
    }

    /// Whether accounts and flows have to be made first.
    #[must_use]
    pub const fn is_interflow(&self) -> bool {
        matches!(self.kind, Kind::Interflow { .. })
    }

    /// As reports name it.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.kind {
            Kind::Generic { base } => base.to_string(),
            Kind::Interflow { base } => base.clone(),
        }
    }

    /// Makes fresh rooms; answers, for each, where its people join.
    pub(crate) async fn rooms(&self, rooms: &Rooms) -> anyhow::Result<Vec<Vec<Address>>> {
        match &self.kind {
            Kind::Generic { base } => {
                let run = Uuid::new_v4().simple().to_string();
                let address = |room| generic(base, &format!("loadtest-{run}-{room}"));
                (0..rooms.rooms).map(|room| Ok(vec![address(room)?; rooms.people])).collect()
            }
            Kind::Interflow { .. } => self.flows(rooms).await,
        }
    }

    /// Of Interflow: how many connections a user opens at most. `None`: any number.
    pub(crate) const fn connections_per_user(&self) -> Option<usize> {
        match self.connections_per_user {
            0 => None,
            most => Some(most),
        }
    }

    /// The host and port that the server listens on.
    ///
    /// # Errors
    /// When the address has none.
    pub fn host(&self) -> anyhow::Result<String> {
        let url = match &self.kind {
            Kind::Generic { base } => base.clone(),
            Kind::Interflow { base } => base.parse().with_context(|| format!("{base:?} is no address"))?,
        };
        let host = url.host_str().zip(url.port_or_known_default());
        host.map(|(host, port)| format!("{host}:{port}")).context("the address has no host")
    }

    /// The address of a room of a generic server. Interflow's have ids of their own.
    pub(crate) fn named(&self, name: &str) -> anyhow::Result<Option<Address>> {
        match &self.kind {
            Kind::Generic { base } => generic(base, name).map(Some),
            Kind::Interflow { .. } => Ok(None),
        }
    }

    async fn flows(&self, rooms: &Rooms) -> anyhow::Result<Vec<Vec<Address>>> {
        let connections = rooms.rooms * rooms.people;
        let users = match self.connections_per_user {
            0 => 1,
            most => connections.div_ceil(most).max(rooms.writers.min(WRITING_USERS_MAX)),
        };
        let accounts = self.accounts(users).await?;
        let nodes: Vec<Value> = rooms.nodes.iter().map(|id| note(id)).collect();
        let content = json!({ "interflow": 1, "name": "Load test", "nodes": nodes });
        let mut all = Vec::with_capacity(rooms.rooms);
        for room in 0..rooms.rooms {
            // Neighbours share an account.
            let account_of = |person| (room * rooms.people + person) * users / connections;
            let (first, last) = (account_of(0), account_of(rooms.people - 1));
            let flow = create(&accounts[first], content.clone()).await?;
            invite(&accounts[first], flow, &accounts[first + 1..=last]).await?;
            let people = 0..rooms.people;
            all.push(
                people
                    .map(|person| join_address(&accounts[account_of(person)], flow))
                    .collect::<Result<_, _>>()?,
            );
        }
        Ok(all)
    }

    /// Registers so many people. Only Interflow has any.
    pub(crate) async fn accounts(&self, users: usize) -> anyhow::Result<Vec<Account>> {
        let Kind::Interflow { base } = &self.kind else { return Ok(Vec::new()) };
        let mut accounts = Vec::with_capacity(users);
        while accounts.len() < users {
            let mut registering = JoinSet::new();
            for _ in 0..AT_ONCE.min(users - accounts.len()) {
                let api = Api::new(base)?;
                registering.spawn(async move {
                    let email = format!("load-{}@example.org", Uuid::new_v4().simple());
                    let user = api.register(&email, "correct horse battery staple", "Load test").await;
                    user.map(|user| Account { api, user }).context("could not register a user")
                });
            }
            while let Some(account) = registering.join_next().await {
                accounts.push(account??);
            }
        }
        Ok(accounts)
    }
}

/// Creates a flow.
pub(crate) async fn create(owner: &Account, content: Value) -> anyhow::Result<FlowId> {
    let flow = NewFlow { flow: Some(content), ..NewFlow::default() };
    Ok(owner.api.create_flow(&flow).await.context("could not create a flow")?.id)
}

/// Lets others edit a flow.
pub(crate) async fn invite(owner: &Account, flow: FlowId, others: &[Account]) -> anyhow::Result<()> {
    for other in others {
        let added = owner.api.put_member(flow, &other.user.email, Role::Editor).await;
        added.context("could not add a member")?;
    }
    Ok(())
}

/// Where this user joins the flow.
pub(crate) fn join_address(account: &Account, flow: FlowId) -> anyhow::Result<Address> {
    let mut url = account.api.sync_url(flow);
    let token = account.api.token().context("a user is not signed in")?;
    url.query_pairs_mut().append_pair("token", token.expose());
    Address::new(url)
}

fn generic(base: &Url, room: &str) -> anyhow::Result<Address> {
    let mut url = base.clone();
    let path = format!("{}/{room}", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Address::new(url)
}

fn note(id: &str) -> Value {
    json!({ "id": id, "type": "note", "typeVersion": 1, "label": id, "data": { "text": "", "colour": "blue" } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_are_below_the_address_and_keep_its_query() {
        for (base, expected) in [
            ("ws://h:1", "ws://h:1/room"),
            ("ws://h:1/", "ws://h:1/room"),
            ("ws://h:1/a/?x=1", "ws://h:1/a/room?x=1"),
        ] {
            let address = generic(&base.parse().unwrap(), "room").unwrap();
            assert_eq!(address, Address::new(expected.parse().unwrap()).unwrap());
        }
    }
}
