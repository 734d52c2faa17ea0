//! Databases of our own for as long as something needs them.

use std::process::Command;

use anyhow::Context;
use flow_testing::{POSTGRES_URL, REDIS_URL, TestPostgres, TestRedis};

/// One Postgres and one Redis for all tests of a run. Dropping it ends them.
pub(crate) struct Databases {
    postgres: TestPostgres,
    redis: TestRedis,
}

impl Databases {
    pub(crate) fn start() -> anyhow::Result<Self> {
        println!("\nstarting Postgres and Redis for the tests");
        wait_for(async {
            Ok(Self { postgres: TestPostgres::start().await?, redis: TestRedis::start().await? })
        })
    }

    /// Has a server keep what it keeps here, in a new database.
    pub(crate) fn serve_with(&self, command: &mut Command) -> anyhow::Result<()> {
        let database = wait_for(self.postgres.new_database())?;
        command
            .env("INTERFLOW_DATABASE_URL", database)
            .env("INTERFLOW_REDIS_URL", self.redis.url())
            // Which servers on one Redis have in common.
            .env("INTERFLOW_SIGNING_KEY", "of a server that nobody signs in to");
        Ok(())
    }

    /// Tells a command that runs tests where they are.
    pub(crate) fn name_to(&self, command: &mut Command) {
        command.env(POSTGRES_URL, self.postgres.url()).env(REDIS_URL, self.redis.url());
    }
}

/// A Postgres with one empty database, and the database's address.
pub(crate) fn empty_postgres() -> anyhow::Result<(TestPostgres, String)> {
    wait_for(async {
        let postgres = TestPostgres::start().await?;
        let database = postgres.new_database().await?;
        Ok((postgres, database))
    })
}

fn wait_for<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.context("could not start a runtime")?.block_on(work)
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn databases_are_there_while_they_are_held_and_gone_afterwards() {
        let databases = Databases::start().unwrap();
        let mut command = Command::new("true");
        databases.name_to(&mut command);
        let addresses: Vec<String> = command
            .get_envs()
            .map(|(_, url)| {
                let url = url.unwrap().to_str().unwrap();
                let (_, host) = url.rsplit_once("127.0.0.1:").unwrap();
                format!("127.0.0.1:{}", host.split('/').next().unwrap())
            })
            .collect();
        assert_eq!(addresses.len(), 2);
        for address in &addresses {
            TcpStream::connect(address).unwrap();
        }
        drop(databases);
        for address in &addresses {
            assert!(TcpStream::connect(address).is_err(), "{address}");
        }
    }
}
