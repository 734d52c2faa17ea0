use std::path::Path;

use anyhow::Context;
use flow_client::Api;
use uuid::Uuid;

use crate::{Balancer, FaultProxy, TestPostgres, TestRedis, TestServer};

/// Several servers as processes of their own, on one Postgres and perhaps one Redis,
/// which nobody else uses, behind a load balancer. Each keeps its port when it is started
/// again.
#[derive(Debug)]
pub struct TestCluster {
    // Dropped in this order: who uses something ends before it.
    nodes: Vec<TestServer>,
    balancer: Balancer,
    to_postgres: Option<FaultProxy>,
    redis: Option<TestRedis>,
    postgres: TestPostgres,
    database: String,
}

const PASSWORD: &str = "correct horse battery staple";

impl TestCluster {
    /// Starts `program serve` so many times.
    ///
    /// # Errors
    /// When a part of it cannot be started.
    pub async fn start(
        program: impl AsRef<Path>,
        nodes: usize,
        redis: Option<TestRedis>,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        let postgres = TestPostgres::start().await?;
        let database = postgres.new_database().await?;
        Self::launch(program.as_ref(), (nodes, settings), redis, postgres, database, None).await
    }

    /// The same with a proxy before Postgres that can fail: see
    /// [`TestCluster::to_postgres`]. It runs in the test's own process, so that a test with
    /// much to do slows the database down.
    ///
    /// # Errors
    /// As [`TestCluster::start`].
    pub async fn start_behind_proxy(
        program: impl AsRef<Path>,
        nodes: usize,
        redis: Option<TestRedis>,
    ) -> anyhow::Result<Self> {
        let postgres = TestPostgres::start().await?;
        let database = postgres.new_database().await?;
        let proxy = FaultProxy::start(host_and_port(&database)?).await?;
        Self::launch(program.as_ref(), (nodes, &[]), redis, postgres, database, Some(proxy)).await
    }

    async fn launch(
        program: &Path,
        (nodes, further): (usize, &[(&str, &str)]),
        redis: Option<TestRedis>,
        postgres: TestPostgres,
        database: String,
        to_postgres: Option<FaultProxy>,
    ) -> anyhow::Result<Self> {
        let address = to_postgres.as_ref().map(|proxy| proxy.address().to_string());
        let used = match &address {
            Some(proxy) => database.replace(host_and_port(&database)?, proxy),
            None => database.clone(),
        };
        // Tokens of one node are good at all of them.
        let signing_key = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let redis_url = redis.as_ref().map(TestRedis::url);
        let mut settings = vec![("INTERFLOW_DATABASE_URL", &*used), ("INTERFLOW_SIGNING_KEY", &*signing_key)];
        settings.extend(further);
        settings.extend(redis_url.as_deref().map(|url| ("INTERFLOW_REDIS_URL", url)));
        let mut servers = Vec::new();
        for number in 0..nodes {
            let server = TestServer::start_with(program, &settings).await;
            servers.push(server.with_context(|| format!("node {number} does not start"))?);
        }
        let addresses = servers.iter().map(|server| Ok(host_and_port(&server.url())?.parse()?));
        let balancer = Balancer::start(addresses.collect::<anyhow::Result<_>>()?).await?;
        Ok(Self { nodes: servers, balancer, to_postgres, redis, postgres, database })
    }

    /// How many servers there are, running or not.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// # Panics
    /// When there are fewer.
    #[must_use]
    pub fn node(&self, number: usize) -> &TestServer {
        &self.nodes[number]
    }

    /// To kill, stop and restart it.
    ///
    /// # Panics
    /// When there are fewer.
    pub fn node_mut(&mut self, number: usize) -> &mut TestServer {
        &mut self.nodes[number]
    }

    /// What clients connect to; the next server takes them.
    #[must_use]
    pub const fn balancer(&self) -> &Balancer {
        &self.balancer
    }

    /// To kill, pause and restart it.
    pub const fn postgres(&mut self) -> &mut TestPostgres {
        &mut self.postgres
    }

    /// Between the servers and Postgres.
    ///
    /// # Errors
    /// When it was started without one.
    pub fn to_postgres(&self) -> anyhow::Result<&FaultProxy> {
        self.to_postgres.as_ref().context("this cluster has no proxy")
    }

    /// The database, past the proxy.
    #[must_use]
    pub fn database_url(&self) -> &str {
        &self.database
    }

    /// To kill, pause, empty and restart it.
    ///
    /// # Errors
    /// When it was started without one.
    pub fn redis(&mut self) -> anyhow::Result<&mut TestRedis> {
        self.redis.as_mut().context("this cluster has no Redis")
    }

    /// A person with an account, signed in through the balancer.
    ///
    /// # Errors
    /// When the servers refuse.
    pub async fn person(&self, name: &str) -> anyhow::Result<Api> {
        let api = Api::new(&self.balancer.url())?;
        api.register(&format!("{name}@example.org"), PASSWORD, name).await?;
        Ok(api)
    }

    /// The same person with the same sign-in, at one server.
    ///
    /// # Errors
    /// When nobody is signed in.
    ///
    /// # Panics
    /// When there are fewer servers.
    pub fn at(&self, number: usize, person: &Api) -> anyhow::Result<Api> {
        let api = Api::new(&self.nodes[number].url())?;
        api.use_token(person.token().context("nobody is signed in")?);
        Ok(api)
    }
}

/// Of an address such as `postgres://user@host:port/name`.
fn host_and_port(url: &str) -> anyhow::Result<&str> {
    let (_, rest) = url.split_once("://").context("the address has no scheme")?;
    let authority = rest.split('/').next().unwrap_or(rest);
    Ok(authority.rsplit('@').next().unwrap_or(authority))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_found_in_an_address() {
        for url in
            ["postgres://user:p@ss@127.0.0.1:5432/name", "postgres://127.0.0.1:5432", "x://127.0.0.1:5432/"]
        {
            assert_eq!(host_and_port(url).unwrap(), "127.0.0.1:5432");
        }
        assert!(host_and_port("127.0.0.1").is_err());
    }
}
