use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, anyhow, bail, ensure};
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use flow_base::{Secret, WorkspaceId};
use flow_egress::{AllowedHost, AllowedHosts};
use flow_room::RoomLimits;
use flow_server::{Network, OperatorSecret, Registration, ServerLimits};
use flow_store::{Quotas, RunFileBounds};
use serde::de::{Error as _, IgnoredAny};
use serde::{Deserialize, Deserializer};

/// Each setting is described, with its default, in `config.default.toml`.
const DEFAULTS: &str = include_str!("../config.default.toml");

/// In the working directory.
const FILE: &str = "interflow.toml";

/// Are taken from the environment as they are: elsewhere `0123` would be read as a number,
/// and an error would print it.
const SECRETS: &[&str] =
    &["database_url", "redis_url", "signing_key", "secrets_key", "secrets_key_before", "metrics_token"];

/// Belong to `interflow bot`, and may be set where a server is started, too. Any
/// other unknown name stops the start: a setting with a typo must not be ignored.
const BOT_VARIABLES: &[&str] = &["url", "token", "email", "password"];

/// A hundred years: what is taken from a moment has to leave one.
const KEEP_DAYS_MAX: u32 = 36_500;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) listen: SocketAddr,
    pub(crate) data_dir: PathBuf,
    #[serde(deserialize_with = "secret")]
    pub(crate) database_url: Secret<String>,
    pub(crate) database_connections: NonZeroU32,
    #[serde(deserialize_with = "secret")]
    pub(crate) redis_url: Secret<String>,
    #[serde(deserialize_with = "secret")]
    pub(crate) signing_key: Secret<String>,
    #[serde(deserialize_with = "secret")]
    pub(crate) secrets_key: Secret<String>,
    #[serde(deserialize_with = "secret")]
    pub(crate) secrets_key_before: Secret<String>,
    pub(crate) allowed_origins: Vec<String>,
    pub(crate) trusted_proxies: Vec<Network>,
    pub(crate) tls: bool,
    #[serde(deserialize_with = "secret")]
    pub(crate) metrics_token: Secret<String>,
    pub(crate) drain_seconds: u64,
    pub(crate) log_format: LogFormat,
    pub(crate) log: String,
    pub(crate) accounts: Accounts,
    pub(crate) archive: Archive,
    pub(crate) deleted: Deleted,
    pub(crate) webhooks: Webhooks,
    pub(crate) executor: ExecutorSettings,
    pub(crate) quotas: QuotaSettings,
    pub(crate) limits: Limits,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct QuotaSettings {
    flows: u64,
    members: u64,
    storage_bytes: u64,
    runs_per_day: u64,
}

impl From<&QuotaSettings> for Quotas {
    fn from(settings: &QuotaSettings) -> Self {
        let most = |number| (number > 0).then_some(number);
        Self {
            flows: most(settings.flows),
            members: most(settings.members),
            storage_bytes: most(settings.storage_bytes),
            runs_per_day: most(settings.runs_per_day),
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Accounts {
    registration: RegistrationSetting,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Webhooks {
    pub(crate) allow_private: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExecutorSettings {
    pub(crate) allowed_hosts: Vec<String>,
    keep_days: u32,
    pub(crate) calls_at_once: NonZeroUsize,
    pub(crate) calls_per_workspace: NonZeroUsize,
    secrets: BTreeMap<String, ConfiguredSecret>,
}

impl ExecutorSettings {
    /// How long runs are kept that have ended; `None`: for ever.
    pub(crate) fn keep_for(&self) -> Option<Duration> {
        (self.keep_days > 0).then(|| Duration::from_secs(u64::from(self.keep_days) * 86_400))
    }

    /// Hosts that are near and may be called all the same.
    pub(crate) fn allowed(&self) -> anyhow::Result<AllowedHosts> {
        hosts("executor.allowed_hosts", &self.allowed_hosts)
    }

    /// What flows may sign in with, by name, and where.
    pub(crate) fn secrets(&self) -> anyhow::Result<BTreeMap<String, OperatorSecret>> {
        let read = |(name, configured): (&String, &ConfiguredSecret)| {
            let ConfiguredSecret { value, hosts: names, workspaces } = configured.clone();
            let place = format!("executor.secrets.{name}.hosts");
            ensure!(!names.is_empty(), "{place} has to name the hosts that the secret may be sent to");
            let hosts = hosts(&place, &names)?;
            let workspaces = workspaces.into_iter().collect();
            Ok((name.clone(), OperatorSecret { value, hosts, workspaces }))
        };
        self.secrets.iter().map(read).collect()
    }
}

fn hosts(place: &str, names: &[String]) -> anyhow::Result<AllowedHosts> {
    let read = |host: &String| host.parse::<AllowedHost>().with_context(|| format!("{place}: {host:?}"));
    names.iter().map(read).collect()
}

/// A secret that flows may use.
#[derive(Debug, Clone)]
struct ConfiguredSecret {
    value: Secret<String>,
    hosts: Vec<String>,
    workspaces: Vec<WorkspaceId>,
}

impl<'de> Deserialize<'de> for ConfiguredSecret {
    /// Errors that name what they found instead would print it.
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Fields {
            #[serde(deserialize_with = "secret")]
            value: Secret<String>,
            hosts: Vec<String>,
            #[serde(default)]
            workspaces: Vec<WorkspaceId>,
        }
        let found = serde_json::Value::deserialize(from)?;
        if !found.is_object() {
            return Err(D::Error::custom("it has to be a table of value, hosts and, perhaps, workspaces"));
        }
        let Fields { value, hosts, workspaces } = serde_json::from_value(found).map_err(D::Error::custom)?;
        Ok(Self { value, hosts, workspaces })
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Archive {
    pub(crate) location: String,
    after_days: u32,
}

impl Archive {
    /// What is younger stays in the database.
    pub(crate) fn keep_for(&self) -> Duration {
        Duration::from_secs(u64::from(self.after_days) * 86_400)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Deleted {
    keep_days: u32,
    purge_minutes: u32,
}

impl Deleted {
    /// What was deleted longer ago cannot be restored, and is removed for good.
    pub(crate) fn keep_for(&self) -> Duration {
        Duration::from_secs(u64::from(self.keep_days) * 86_400)
    }

    /// `None`: this server does not.
    pub(crate) fn purge_every(&self) -> Option<Duration> {
        (self.purge_minutes > 0).then(|| Duration::from_secs(u64::from(self.purge_minutes) * 60))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RegistrationSetting {
    Open,
    Closed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Limits {
    frame_bytes: usize,
    received_node_bytes: usize,
    document_bytes: usize,
    presence_bytes: usize,
    peers_per_room: usize,
    guest_share_percent: u8,
    connections_per_user: usize,
    opens_per_user: u32,
    document_messages_per_user: u32,
    document_messages_burst: u32,
    requests_per_user: u32,
    requests_per_key: u32,
    failed_sign_ins_per_account: u32,
    failed_sign_ins_per_address: u32,
    outbox_soft_bytes: usize,
    outbox_hard_bytes: usize,
    pending_room_bytes: usize,
    pending_node_bytes: usize,
    apply_memory_bytes: usize,
    body_bytes: usize,
    file_bytes: u64,
    run_files: u32,
    run_files_bytes: u64,
    idle_seconds: u64,
    silent_seconds: u64,
}

impl Config {
    /// Defaults, then `./interflow.toml`, then the environment.
    pub(crate) fn load() -> anyhow::Result<Self> {
        check_syntax(Path::new(FILE))?;
        let environment = Env::prefixed("INTERFLOW_").ignore(BOT_VARIABLES).ignore(SECRETS);
        Figment::from(Toml::string(DEFAULTS))
            .merge(Toml::file(FILE))
            .merge(environment.split("__"))
            .merge(Serialized::defaults(secrets_of_the_environment()?))
            .extract()
            .context("could not be read")
    }

    /// Who tries a server out on its own machine is the first to register. A database that
    /// was set up for it has an operator, who makes the first account by `interflow user`.
    pub(crate) fn registration(&self) -> Registration {
        match self.accounts.registration {
            RegistrationSetting::Open => Registration::Open,
            RegistrationSetting::Closed if self.database_url.expose().is_empty() => Registration::FirstOnly,
            RegistrationSetting::Closed => Registration::Closed,
        }
    }

    /// What no single setting can say of itself.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let begins = |url: &Secret<String>, schemes: [&str; 2]| {
            url.expose().is_empty() || schemes.iter().any(|scheme| url.expose().starts_with(scheme))
        };
        ensure!(
            begins(&self.database_url, ["postgres://", "postgresql://"]),
            "database_url has to begin with postgres://"
        );
        ensure!(
            begins(&self.redis_url, ["redis://", "rediss://"]),
            "redis_url has to begin with redis:// or rediss://"
        );
        for origin in &self.allowed_origins {
            let host = origin.split_once("://").map(|(_, host)| host);
            let is_origin = host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '*', ' ']));
            ensure!(is_origin, "allowed_origins: {origin:?} is no origin, such as https://app.example.org");
        }
        ensure!(
            self.limits.guest_share_percent <= 100,
            "limits.guest_share_percent is a part of a hundred: at most 100"
        );
        self.executor.allowed()?;
        self.executor.secrets()?;
        ensure!(self.deleted.keep_days <= KEEP_DAYS_MAX, "deleted.keep_days is at most {KEEP_DAYS_MAX}");
        let alone = self.redis_url.expose().is_empty();
        ensure!(
            alone || !self.database_url.expose().is_empty(),
            "redis_url is for several servers on one Postgres database: set database_url, too"
        );
        ensure!(
            alone || !self.signing_key.expose().is_empty(),
            "redis_url is for several servers, which need one signing_key: set it"
        );
        Ok(())
    }
}

/// A syntax error is told without the line it is on, which may hold a secret.
fn check_syntax(file: &Path) -> anyhow::Result<()> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).with_context(|| format!("{} cannot be read", file.display())),
    };
    text.parse::<toml::Table>().map(drop).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        anyhow!("{} is no TOML, line {line}: {}", file.display(), error.message())
    })
}

fn secrets_of_the_environment() -> anyhow::Result<BTreeMap<&'static str, String>> {
    let mut secrets = BTreeMap::new();
    for name in SECRETS {
        let variable = format!("INTERFLOW_{}", name.to_uppercase());
        match std::env::var(&variable) {
            Ok(value) => drop(secrets.insert(*name, value)),
            Err(std::env::VarError::NotPresent) => {}
            Err(std::env::VarError::NotUnicode(_)) => bail!("{variable} is no text"),
        }
    }
    Ok(secrets)
}

/// Only text: an error that names what it found instead would print it.
fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Secret<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Found {
        Text(String),
        Other(IgnoredAny),
    }
    match Found::deserialize(from)? {
        Found::Text(text) => Ok(Secret::new(text)),
        Found::Other(_) => Err(D::Error::custom("it has to be text, in quotes")),
    }
}

impl Limits {
    pub(crate) fn room(&self) -> RoomLimits {
        RoomLimits {
            document_bytes: self.document_bytes,
            presence_bytes: self.presence_bytes,
            outbox_soft_bytes: self.outbox_soft_bytes,
            outbox_hard_bytes: self.outbox_hard_bytes,
            pending_room_bytes: self.pending_room_bytes,
            pending_node_bytes: self.pending_node_bytes,
            apply_memory_bytes: self.apply_memory_bytes,
            idle_after: Duration::from_secs(self.idle_seconds),
            ..RoomLimits::default()
        }
    }

    pub(crate) fn server(&self) -> ServerLimits {
        ServerLimits {
            frame_bytes: self.frame_bytes,
            received_node_bytes: self.received_node_bytes,
            body_bytes: self.body_bytes,
            file_bytes: self.file_bytes,
            run_files: RunFileBounds {
                files: (self.run_files > 0).then_some(self.run_files),
                bytes: (self.run_files_bytes > 0).then_some(self.run_files_bytes),
            },
            peers_per_room: count(self.peers_per_room),
            guest_share_percent: self.guest_share_percent,
            connections_per_user: count(self.connections_per_user),
            opens_per_user: NonZeroU32::new(self.opens_per_user),
            document_messages_per_user: NonZeroU32::new(self.document_messages_per_user),
            document_messages_burst: self.document_messages_burst,
            requests_per_user: NonZeroU32::new(self.requests_per_user),
            requests_per_key: NonZeroU32::new(self.requests_per_key),
            failed_sign_ins_per_account: NonZeroU32::new(self.failed_sign_ins_per_account),
            failed_sign_ins_per_address: NonZeroU32::new(self.failed_sign_ins_per_address),
            // Nobody can be heard in no time.
            silent_for: Duration::from_secs(self.silent_seconds.max(1)),
        }
    }
}

/// 0 lifts a count.
const fn count(most: usize) -> usize {
    if most == 0 { usize::MAX } else { most }
}
