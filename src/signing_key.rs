//! The key that signs access tokens.

use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use flow_auth::TokenKeys;
use flow_base::Secret;

use crate::config::Config;

const SIGNING_KEY: &str = "signing.key";

/// The configured key, or the one in the data directory, created on first start.
pub(crate) fn signing_key(config: &Config) -> anyhow::Result<Secret<Vec<u8>>> {
    let configured = config.signing_key.expose();
    if !configured.is_empty() {
        return Ok(Secret::new(configured.as_bytes().to_vec()));
    }
    let path = config.data_dir.join(SIGNING_KEY);
    if let Some(key) = read_key(&path)? {
        return Ok(key);
    }
    // Complete before it has its name, and never over one that is there.
    let fresh = TokenKeys::generate_key();
    let draft = config.data_dir.join(format!("{SIGNING_KEY}.{}", std::process::id()));
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)
        .with_context(|| format!("could not create {}", draft.display()))?;
    file.write_all(fresh.expose())
        .and_then(|()| file.sync_all())
        .context("could not write the signing key")?;
    match std::fs::hard_link(&draft, &path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            return Err(error).with_context(|| format!("could not create {}", path.display()));
        }
        Ok(()) | Err(_) => {}
    }
    std::fs::remove_file(&draft).with_context(|| format!("could not remove {}", draft.display()))?;
    read_key(&path)?.context("the signing key vanished while it was created")
}

fn read_key(path: &Path) -> anyhow::Result<Option<Secret<Vec<u8>>>> {
    match std::fs::read(path) {
        Ok(key) => Ok(Some(Secret::new(key))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            Err(error).with_context(|| format!("could not read the signing key {}", path.display()))
        }
    }
}
