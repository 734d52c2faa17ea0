//! A server that a command talks to, as any other client.

use anyhow::{Context, bail};
use clap::Args;
use flow_base::Secret;
use flow_client::{Api, ClientError};

use crate::cli::Failure;

#[derive(Debug, Args)]
pub(crate) struct Server {
    /// Address of the server.
    #[arg(long, env = "INTERFLOW_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// An API key; or an access token, which lives 15 minutes.
    #[arg(long, env = "INTERFLOW_TOKEN", hide_env_values = true, conflicts_with = "email")]
    token: Option<String>,
    /// Sign in with this address.
    #[arg(long, env = "INTERFLOW_EMAIL", requires = "password")]
    email: Option<String>,
    /// And this password; better given in the environment than as an argument.
    #[arg(long, env = "INTERFLOW_PASSWORD", hide_env_values = true)]
    password: Option<String>,
}

impl Server {
    pub(crate) async fn sign_in(self) -> anyhow::Result<Api> {
        let Self { url, token, email, password } = self;
        let api = Api::new(&url)?;
        match (token, email, password) {
            (Some(token), ..) => api.use_token(Secret::new(token)),
            (None, Some(email), Some(password)) => {
                api.login(&email, &password).await.context("could not sign in")?;
            }
            _ => bail!("give --token, or --email and --password"),
        }
        Ok(api)
    }
}

/// What the server did not do. That a flow has errors is no failure of the command: exit
/// code 3, as for a flow in a file.
pub(crate) fn refused(error: ClientError, what: String) -> Failure {
    let has_errors = matches!(&error, ClientError::Refused { code, .. } if code == "has_errors");
    Failure { error: anyhow::Error::new(error).context(what), code: if has_errors { 3 } else { 1 } }
}
