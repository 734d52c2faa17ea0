use std::path::Path;

use anyhow::Context;
use flow_client::{Api, User};
use uuid::Uuid;

use crate::{FaultProxy, TestPostgres, TestRedis, TestServer};

/// Several servers as processes of their own, on one Postgres and one Redis, which
/// nobody else uses. Each keeps its port when it is started again.
#[derive(Debug)]
pub struct TestCluster {
    // Dropped in this order: who uses something ends before it.
    nodes: Vec<TestServer>,
    links: Option<Links>,
    redis: TestRedis,
    postgres: TestPostgres,
}

/// What is between the servers and what they use.
#[derive(Debug)]
pub struct Links {
    pub postgres: FaultProxy,
    pub redis: FaultProxy,
}

impl TestCluster {
    /// Starts `program serve` so many times, with further settings in the environment.
    ///
    /// # Errors
    /// When a part of it cannot be started.
    pub async fn start(
        program: impl AsRef<Path>,
        nodes: usize,
        environment: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        Self::launch(program.as_ref(), nodes, environment, false).await
    }

    /// The same with something in between that can fail: see [`TestCluster::links`].
    ///
    /// # Errors
    /// As [`TestCluster::start`].
    pub async fn start_behind_proxies(
        program: impl AsRef<Path>,
        nodes: usize,
        environment: &[(&str, &str)],
    ) -> anyhow::Result<Self> {
        Self::launch(program.as_ref(), nodes, environment, true).await
    }

    async fn launch(
        program: &Path,
        nodes: usize,
        environment: &[(&str, &str)],
        with_links: bool,
    ) -> anyhow::Result<Self> {
        let (postgres, redis) = (TestPostgres::start().await?, TestRedis::start().await?);
        let mut database = postgres.new_database().await?;
        let mut redis_address = redis.address();
        let mut links = None;
        if with_links {
            let address = host_and_port(&database)?.to_owned();
            let to_postgres = FaultProxy::start(address.clone()).await?;
            let to_redis = FaultProxy::start(redis_address).await?;
            database = database.replace(&address, &to_postgres.address().to_string());
            redis_address = to_redis.address().to_string();
            links = Some(Links { postgres: to_postgres, redis: to_redis });
        }
        let redis_url = format!("redis://{redis_address}/");
        // Tokens of one node are good at all of them.
        let signing_key = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let mut settings = vec![
            ("INTERFLOW_DATABASE_URL", &*database),
            ("INTERFLOW_REDIS_URL", &*redis_url),
            ("INTERFLOW_SIGNING_KEY", &*signing_key),
        ];
        settings.extend_from_slice(environment);
        let mut cluster = Self { nodes: Vec::new(), links, redis, postgres };
        for number in 0..nodes {
            let node = TestServer::start_with(program, &settings).await;
            cluster.nodes.push(node.with_context(|| format!("node {number} does not start"))?);
        }
        Ok(cluster)
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

    /// Where a server listens: `http://…`.
    ///
    /// # Panics
    /// When there are fewer.
    #[must_use]
    pub fn url(&self, number: usize) -> String {
        self.nodes[number].url()
    }

    /// To kill, pause and restart it.
    pub const fn postgres(&mut self) -> &mut TestPostgres {
        &mut self.postgres
    }

    /// To kill, pause, empty and restart it.
    pub const fn redis(&mut self) -> &mut TestRedis {
        &mut self.redis
    }

    /// What is in between, if it was started so.
    #[must_use]
    pub const fn links(&self) -> Option<&Links> {
        self.links.as_ref()
    }

    /// A person with an account, signed in at the first server.
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn person(&self, name: &str) -> anyhow::Result<(Api, User)> {
        self.nodes.first().context("there is no server")?.person(name).await
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
