//! `interflow user`: accounts, for whoever operates the server. Beside servers that run.

use std::io::{IsTerminal, Read};

use anyhow::{Context, anyhow, bail};
use clap::{Args, Subcommand};
use flow_auth::{CredentialError, RefreshToken, display_name, normalise_email, password};
use flow_base::{Clock, Secret, SystemClock, UserId, WorkspaceId};
use flow_store::{Conflict, Entry, NewUser, Origin, PasswordChange, Store, StoreError, User};
use serde_json::json;

use crate::cli::{Failure, Storage};
use crate::config::Config;
use crate::maintenance::output;
use crate::wiring::Database;

/// Accounts in memory at a time.
const PAGE: u32 = 500;

/// Longer input is no password, and is not read to its end.
const PASSWORD_BYTES_MAX: u64 = 4 << 10;

#[derive(Debug, Subcommand)]
pub(crate) enum UserCommand {
    /// Make an account. The first one owns the installation.
    Add(Add),
    /// Give an account a new password, and end all its sign-ins.
    ResetPassword(ResetPassword),
    /// List the accounts, the oldest first.
    List(List),
}

#[derive(Debug, Args)]
pub(crate) struct Add {
    /// The address to sign in with.
    #[arg(long, value_parser = email)]
    email: String,
    /// As other people see it.
    #[arg(long, value_parser = name)]
    name: String,
    /// Let it see how the installation is doing.
    #[arg(long)]
    owner: bool,
    #[command(flatten)]
    password: NewPassword,
    #[command(flatten)]
    storage: Storage,
}

#[derive(Debug, Args)]
pub(crate) struct ResetPassword {
    /// Of the account.
    #[arg(value_parser = email)]
    email: String,
    #[command(flatten)]
    password: NewPassword,
    #[command(flatten)]
    storage: Storage,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    storage: Storage,
}

/// Never an argument: those are seen by everybody on the machine.
#[derive(Debug, Args)]
struct NewPassword {
    /// Read the password from standard input. Otherwise one is made up and printed.
    #[arg(long)]
    password_stdin: bool,
}

impl UserCommand {
    pub(crate) async fn run(self) -> Result<(), Failure> {
        match self {
            Self::Add(add) => add.run().await,
            Self::ResetPassword(reset) => reset.run().await,
            Self::List(list) => list.run().await,
        }
    }
}

impl Add {
    async fn run(self) -> Result<(), Failure> {
        let Self { email, name, owner, password, storage } = self;
        let chosen = password.choose()?;
        let config = storage.start()?;
        let database = Database::open_or_create(&config).await?;
        let user = NewUser {
            id: UserId::generate(),
            email,
            name,
            password_hash: chosen.hash().await?,
            workspace: WorkspaceId::generate(),
            created_at: SystemClock.now(),
        };
        let entry = if owner { Entry::AsOwner } else { Entry::Open };
        let admitted = database.store().admit_user(&user, entry, &Origin::operator(user.created_at)).await;
        database.close().await;
        let is_owner = match admitted {
            Err(StoreError::Conflict(Conflict::EmailTaken)) => {
                return Err(anyhow!("an account with the address {} exists", user.email).into());
            }
            admitted => admitted.map_err(anyhow::Error::from)?,
        };
        let what = if is_owner { "created, owns the installation" } else { "created" };
        output::line(&format!("{} {} {what}", user.id, user.email))?;
        Ok(chosen.tell()?)
    }
}

impl ResetPassword {
    async fn run(self) -> Result<(), Failure> {
        let Self { email, password, storage } = self;
        let chosen = password.choose()?;
        let config = storage.start()?;
        let database = Database::open_existing(&config).await?;
        let reset = reset(&*database.store(), &email, &chosen).await;
        database.close().await;
        let user = reset?;
        output::line(&format!("{} {} has a new password; all sign-ins are ended", user.id, user.email))?;
        Ok(chosen.tell()?)
    }
}

async fn reset(store: &dyn Store, email: &str, chosen: &Chosen) -> anyhow::Result<User> {
    let nobody = || anyhow!("there is no account with the address {email}");
    let user = store.user_by_email(email).await?.ok_or_else(nobody)?;
    let change = PasswordChange {
        user: user.id,
        password_hash: chosen.hash().await?,
        keep: None,
        now: SystemClock.now(),
    };
    if !store.change_password(&change, &Origin::operator(change.now)).await? {
        return Err(nobody());
    }
    Ok(user)
}

impl List {
    async fn run(self) -> Result<(), Failure> {
        let config: Config = self.storage.start()?;
        let database = Database::open_existing(&config).await?;
        let listed = list(&*database.store(), self.json).await;
        database.close().await;
        Ok(listed?)
    }
}

async fn list(store: &dyn Store, json: bool) -> anyhow::Result<()> {
    let mut after = None;
    loop {
        let users = store.users(after, PAGE).await.context("could not read the accounts")?;
        for user in &users {
            print(user, json)?;
        }
        match users.last() {
            Some(last) => after = Some(last.id),
            None => return Ok(()),
        }
    }
}

fn print(user: &User, json: bool) -> anyhow::Result<()> {
    let User { id, email, name, created_at, is_installation_owner, .. } = user;
    if json {
        return output::json(&json!({
            "id": id,
            "email": email,
            "name": name,
            "createdAt": created_at,
            "installationOwner": is_installation_owner,
        }));
    }
    let owner = if *is_installation_owner { " (owner)" } else { "" };
    output::line(&format!("{id} {email} {name}{owner}"))
}

/// A password for an account, and where it comes from.
enum Chosen {
    Given(Secret<String>),
    MadeUp(Secret<String>),
}

impl NewPassword {
    /// Before anything else is done: what is wrong with it is wrong with the input.
    fn choose(&self) -> Result<Chosen, Failure> {
        if !self.password_stdin {
            return Ok(Chosen::MadeUp(made_up()));
        }
        let given = read().map_err(wrong_input)?;
        password::check(given.expose()).map_err(|error| wrong_input(error.into()))?;
        Ok(Chosen::Given(given))
    }
}

impl Chosen {
    const fn text(&self) -> &Secret<String> {
        match self {
            Self::Given(text) | Self::MadeUp(text) => text,
        }
    }

    async fn hash(&self) -> anyhow::Result<Secret<String>> {
        let text = self.text().clone();
        let hashed = tokio::task::spawn_blocking(move || password::hash(text.expose())).await;
        let hashed: Result<_, CredentialError> = hashed.context("hashing the password was given up")?;
        hashed.context("could not hash the password")
    }

    /// Once, on the only way on which it is ever seen.
    fn tell(&self) -> anyhow::Result<()> {
        match self {
            Self::Given(_) => Ok(()),
            Self::MadeUp(text) => output::line(&format!("password: {}", text.expose())),
        }
    }
}

/// 256 random bits, as they are drawn for refresh tokens, too.
fn made_up() -> Secret<String> {
    RefreshToken::generate().to_text()
}

/// The first line of standard input.
fn read() -> anyhow::Result<Secret<String>> {
    let input = std::io::stdin();
    if input.is_terminal() {
        output::progress("The new password, in one line:")?;
    }
    let mut bytes = Vec::new();
    let mut input = input.lock().take(PASSWORD_BYTES_MAX);
    std::io::BufRead::read_until(&mut input, b'\n', &mut bytes).context("could not read the password")?;
    let text = String::from_utf8(bytes).map_err(|_| anyhow!("the password is no text"))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() {
        bail!("there is no password on standard input");
    }
    Ok(Secret::new(text.to_owned()))
}

fn wrong_input(error: anyhow::Error) -> Failure {
    Failure { error, code: 2 }
}

fn email(text: &str) -> Result<String, CredentialError> {
    normalise_email(text)
}

fn name(text: &str) -> Result<String, CredentialError> {
    display_name(text)
}
