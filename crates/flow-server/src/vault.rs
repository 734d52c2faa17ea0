//! Secrets, for the calls of flows: those that workspaces keep, and those that the operator
//! names in the configuration.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use flow_auth::{Sealing, UnsealError};
use flow_base::{Secret, WorkspaceId};
use flow_egress::AllowedHosts;
use flow_executor::{NoSecret, Secrets};
use flow_store::{Origin, SealedSecret, SecretRecord, Store, StoreError};

/// Secrets in memory at a time, while all are sealed anew.
const PAGE: u32 = 200;

/// The only place where secrets of workspaces are sealed and opened.
#[derive(Debug)]
pub struct Vault {
    store: Arc<dyn Store>,
    sealing: Sealing,
    operators: BTreeMap<String, OperatorSecret>,
}

/// A secret of the configuration. Whoever makes a flow decides where its calls go, so that it
/// says for itself where it may.
#[derive(Debug, Clone)]
pub struct OperatorSecret {
    pub value: Secret<String>,
    pub hosts: AllowedHosts,
    /// Whose flows may use it; empty: all.
    pub workspaces: BTreeSet<WorkspaceId>,
}

/// What came of sealing all secrets anew.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Resealed {
    pub resealed: u64,
    /// Sealed with the present key already.
    pub current: u64,
    /// Whose key is not here, or which were changed: they stay as they are.
    pub unreadable: u64,
}

impl Vault {
    #[must_use]
    pub fn new(store: Arc<dyn Store>, sealing: Sealing, operators: BTreeMap<String, OperatorSecret>) -> Self {
        Self { store, sealing, operators }
    }

    /// Keeps a secret of a workspace, in place of the one of its name.
    ///
    /// # Errors
    /// As of the store.
    pub(crate) async fn put(
        &self,
        workspace: WorkspaceId,
        name: String,
        value: &Secret<String>,
        by: &Origin,
    ) -> Result<SecretRecord, StoreError> {
        let sealed = self.sealing.seal(&place(workspace, &name), value).into();
        self.store.put_secret(&SealedSecret { workspace, name, sealed }, by).await
    }

    /// Seals with the present key what an earlier one has sealed.
    ///
    /// # Errors
    /// As of the store; what was sealed anew until then stays so.
    pub async fn reseal(&self) -> Result<Resealed, StoreError> {
        let (mut done, mut last) = (Resealed::default(), None);
        loop {
            let page = self.store.all_secrets(last.as_ref(), PAGE).await?;
            let Some(end) = page.last() else { return Ok(done) };
            last = Some(end.clone());
            for secret in page {
                if self.sealing.is_current(&secret.sealed) {
                    done.current += 1;
                    continue;
                }
                let place = place(secret.workspace, &secret.name);
                match self.sealing.open(&place, &secret.sealed) {
                    Ok(value) => {
                        let sealed = Bytes::from(self.sealing.seal(&place, &value));
                        // One that was changed meanwhile was sealed by a server, with its key.
                        done.resealed += u64::from(self.store.reseal_secret(&secret, &sealed).await?);
                    }
                    Err(problem) => {
                        unreadable(&secret, &problem);
                        done.unreadable += 1;
                    }
                }
            }
        }
    }

    async fn of_workspace(
        &self,
        workspace: WorkspaceId,
        name: &str,
    ) -> Result<Option<Secret<String>>, NoSecret> {
        let kept =
            self.store.secret(workspace, name).await.map_err(|error| NoSecret::Away(Box::new(error)))?;
        let Some(kept) = kept else { return Ok(None) };
        match self.sealing.open(&place(workspace, name), &kept.sealed) {
            Ok(value) => Ok(Some(value)),
            Err(problem) => {
                unreadable(&kept, &problem);
                Err(NoSecret::Unreadable)
            }
        }
    }
}

#[async_trait]
impl Secrets for Vault {
    /// A workspace's own comes before the operator's of the same name.
    async fn secret(
        &self,
        workspace: WorkspaceId,
        name: &str,
        url: &str,
    ) -> Result<Secret<String>, NoSecret> {
        if let Some(own) = self.of_workspace(workspace, name).await? {
            return Ok(own);
        }
        let given = self.operators.get(name);
        let given =
            given.filter(|given| given.workspaces.is_empty() || given.workspaces.contains(&workspace));
        match given {
            Some(given) if given.hosts.are_meant_by(url) => Ok(given.value.clone()),
            Some(_) => Err(NoSecret::OtherHost),
            None => Err(NoSecret::Unknown),
        }
    }
}

/// What a sealed secret is bound to: nothing opens as another workspace's, or by another name.
fn place(workspace: WorkspaceId, name: &str) -> Vec<u8> {
    // The id has a fixed length, so that no two pairs are one.
    [&b"secret of a workspace\0"[..], workspace.as_uuid().as_bytes(), name.as_bytes()].concat()
}

fn unreadable(secret: &SealedSecret, problem: &UnsealError) {
    let error = problem as &dyn std::error::Error;
    tracing::error!(workspace = %secret.workspace, name = secret.name, error, "a secret cannot be read");
}

#[cfg(test)]
mod tests {
    use flow_base::{Clock as _, SystemClock, UserId};
    use flow_store::memory::MemoryStore;
    use flow_store::{AccountStore as _, NewUser, SecretStore as _};

    use super::*;

    const SERVICE: &str = "https://crm.example/contacts";

    fn sealing(current: u8, earlier: &[u8]) -> Sealing {
        let key = |byte: &u8| Secret::new(vec![*byte; 32]);
        Sealing::new(&key(&current), &earlier.iter().map(key).collect::<Vec<_>>()).unwrap()
    }

    fn value(text: &str) -> Secret<String> {
        Secret::new(text.to_owned())
    }

    fn operators(workspaces: &[WorkspaceId]) -> BTreeMap<String, OperatorSecret> {
        let hosts = ["crm.example", "erp.internal:8080"].iter().map(|host| host.parse().unwrap()).collect();
        let workspaces = workspaces.iter().copied().collect();
        [("crm".to_owned(), OperatorSecret { value: value("operator's"), hosts, workspaces })].into()
    }

    async fn workspace(store: &MemoryStore) -> WorkspaceId {
        let user = NewUser {
            id: UserId::generate(),
            email: format!("{}@example.org", UserId::generate()),
            name: "Ann".into(),
            password_hash: value("hash"),
            workspace: WorkspaceId::generate(),
            created_at: SystemClock.now(),
        };
        store.create_user(&user).await.unwrap();
        user.workspace
    }

    fn by() -> Origin {
        Origin::operator(SystemClock.now())
    }

    async fn told(vault: &Vault, workspace: WorkspaceId, name: &str, url: &str) -> Result<String, NoSecret> {
        vault.secret(workspace, name, url).await.map(Secret::into_inner)
    }

    #[tokio::test]
    async fn a_secret_is_its_workspaces_alone_and_sealed_where_it_is_stored() {
        let store = Arc::new(MemoryStore::new());
        let (hers, his) = (workspace(&store).await, workspace(&store).await);
        let vault = Vault::new(Arc::clone(&store) as Arc<dyn Store>, sealing(1, &[]), BTreeMap::new());
        vault.put(hers, "crm".into(), &value("s3cret"), &by()).await.unwrap();
        assert_eq!(told(&vault, hers, "crm", "https://anywhere.example").await.unwrap(), "s3cret");
        for (workspace, name) in [(his, "crm"), (hers, "CRM"), (hers, "erp")] {
            assert!(matches!(told(&vault, workspace, name, SERVICE).await, Err(NoSecret::Unknown)));
        }
        let kept = store.secret(hers, "crm").await.unwrap().unwrap();
        assert!(!String::from_utf8_lossy(&kept.sealed).contains("s3cret"));
        // Whoever can write to the database still moves nothing to where they may use it.
        let moved = SealedSecret { workspace: his, ..kept.clone() };
        store.put_secret(&moved, &by()).await.unwrap();
        store.put_secret(&SealedSecret { name: "erp".into(), ..kept }, &by()).await.unwrap();
        for (workspace, name) in [(his, "crm"), (hers, "erp")] {
            assert!(matches!(told(&vault, workspace, name, SERVICE).await, Err(NoSecret::Unreadable)));
        }
    }

    /// Whoever makes a flow chooses where it calls.
    #[tokio::test]
    async fn an_operators_secret_goes_to_its_hosts_alone() {
        let store = Arc::new(MemoryStore::new());
        let (hers, his) = (workspace(&store).await, workspace(&store).await);
        let vault = Vault::new(Arc::clone(&store) as Arc<dyn Store>, sealing(1, &[]), operators(&[]));
        for url in [SERVICE, "https://crm.example:8443/x", "http://erp.internal:8080/y"] {
            assert_eq!(told(&vault, hers, "crm", url).await.unwrap(), "operator's", "{url}");
        }
        for url in [
            "https://evil.example/?crm.example",
            "https://crm.example.evil.example/",
            "https://crm.example@evil.example/",
            "https://a.crm.example/",
            // Whoever is on the way would read it.
            "http://crm.example/",
            "http://erp.internal/",
            "no address",
        ] {
            assert!(matches!(told(&vault, hers, "crm", url).await, Err(NoSecret::OtherHost)), "{url}");
        }
        let vault = Vault::new(Arc::clone(&store) as Arc<dyn Store>, sealing(1, &[]), operators(&[hers]));
        assert!(told(&vault, hers, "crm", SERVICE).await.is_ok());
        assert!(matches!(told(&vault, his, "crm", SERVICE).await, Err(NoSecret::Unknown)));
        // Her own comes first, and is hers to send anywhere.
        vault.put(hers, "crm".into(), &value("hers"), &by()).await.unwrap();
        assert_eq!(told(&vault, hers, "crm", "https://anywhere.example").await.unwrap(), "hers");
    }

    #[tokio::test]
    async fn secrets_are_sealed_anew_with_the_present_key() {
        let store = Arc::new(MemoryStore::new());
        let place = workspace(&store).await;
        let vault = |sealing| Vault::new(Arc::clone(&store) as Arc<dyn Store>, sealing, BTreeMap::new());
        for at in 0..100 {
            vault(sealing(1, &[])).put(place, format!("s{at}"), &value("old"), &by()).await.unwrap();
        }
        let other = workspace(&store).await;
        vault(sealing(2, &[])).put(other, "new".into(), &value("new"), &by()).await.unwrap();
        vault(sealing(3, &[])).put(other, "lost".into(), &value("lost"), &by()).await.unwrap();
        let done = vault(sealing(2, &[1])).reseal().await.unwrap();
        assert_eq!(done, Resealed { resealed: 100, current: 1, unreadable: 1 });
        let present = vault(sealing(2, &[]));
        assert_eq!(told(&present, place, "s99", SERVICE).await.unwrap(), "old");
        assert!(matches!(told(&present, other, "lost", SERVICE).await, Err(NoSecret::Unreadable)));
    }
}
