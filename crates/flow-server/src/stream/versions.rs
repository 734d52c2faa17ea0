use flow_base::FlowId;
use flow_store::{StoreError, VersionRecord, VersionStore};

use super::feed::Feed;
use super::ring::EVENTS_MAX;
use crate::routes::VersionView;

/// Versions that are read at first: seldom has there been another since the last look.
const FEW: u32 = 5;
/// And at once, where those were not enough.
const MANY: u32 = 100;

impl Feed {
    /// Tells of all versions that were made since the last look, in the order they were made,
    /// whichever room was open meanwhile. The first look only says where that begins, and has
    /// to come before anybody is told of the flow.
    ///
    /// # Errors
    /// [`StoreError::Backend`]; nothing is told then, and the next look finds them.
    pub(super) async fn look_for_versions(&self, store: &dyn VersionStore) -> Result<(), StoreError> {
        let last = self.state().last_version;
        let Some(last) = last else {
            let newest = store.versions(self.flow, None, 1).await?;
            self.state().last_version = Some(newest.first().map_or(0, |version| version.number));
            return Ok(());
        };
        let made = made_since(store, self.flow, last).await?;
        let Some(newest) = made.first().map(|version| version.number) else { return Ok(()) };
        self.tell(|state| {
            state.last_version = Some(newest);
            if made.len() > EVENTS_MAX {
                return state.ring.skip();
            }
            for version in made.into_iter().rev() {
                state.ring.push("version", state.seq, &VersionView::from(version));
            }
        });
        Ok(())
    }
}

/// Newest first. Of more than a ring keeps, not all are read.
async fn made_since(
    store: &dyn VersionStore,
    flow: FlowId,
    last: u32,
) -> Result<Vec<VersionRecord>, StoreError> {
    let (mut made, mut before, mut limit) = (Vec::new(), None, FEW);
    loop {
        let page = store.versions(flow, before, limit).await?;
        let is_new = |version: &VersionRecord| version.number > last;
        let reaches_back = page.len() < limit as usize || !page.iter().all(is_new);
        made.extend(page.into_iter().filter(is_new));
        if reaches_back || made.len() > EVENTS_MAX {
            return Ok(made);
        }
        (before, limit) = (made.last().map(|version| version.number), MANY);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use flow_base::{ActorId, Secret, Seq, Timestamp, UserId, WorkspaceId};
    use flow_store::memory::MemoryStore;
    use flow_store::{AccountStore, FlowStore, NewFlow, NewUser, NewVersion, Origin, Quotas, VersionCause};
    use serde_json::Value;

    use super::*;

    struct Scene {
        store: MemoryStore,
        feed: Feed,
    }

    async fn scene() -> Scene {
        let (store, flow) = (MemoryStore::new(), FlowId::generate());
        let (id, workspace, created_at) =
            (UserId::generate(), WorkspaceId::generate(), Timestamp::UNIX_EPOCH);
        let (email, password_hash) = ("ann@example.org".into(), Secret::new(String::new()));
        let ann = NewUser { id, email, name: "Ann".into(), password_hash, workspace, created_at };
        store.create_user(&ann).await.unwrap();
        let new = NewFlow {
            id: flow,
            workspace,
            owner: id,
            name: "Flow".into(),
            description: String::new(),
            tags: Vec::new(),
            created_at,
            updates: Vec::new(),
        };
        store.create_flow(&new, &Quotas::UNBOUNDED, &Origin::operator(created_at)).await.unwrap();
        Scene { store, feed: Feed::new(flow) }
    }

    impl Scene {
        async fn make(&self, count: u32) {
            let version = NewVersion {
                flow: self.feed.flow,
                name: "Kept".into(),
                description: String::new(),
                cause: VersionCause::Named,
                seq: Seq(1),
                content_hash: String::new(),
                content: Bytes::new(),
                author: ActorId::Server,
                created_at: Timestamp::UNIX_EPOCH,
            };
            for _ in 0..count {
                let by = Origin::operator(version.created_at);
                self.store.create_version(&version, &by).await.unwrap();
            }
        }

        /// The numbers of the versions that were told from this place on.
        fn told_from(&self, place: u64) -> Vec<u32> {
            let state = self.feed.state();
            let frames = (place..state.ring.end()).map(|place| state.ring.get(place).unwrap().unwrap());
            frames
                .map(|frame| {
                    let text = std::str::from_utf8(&frame).unwrap();
                    assert!(text.contains("event: version\n"), "{text}");
                    let data = text.lines().find_map(|line| line.strip_prefix("data: ")).unwrap();
                    let data: Value = serde_json::from_str(data).unwrap();
                    u32::try_from(data["version"].as_u64().unwrap()).unwrap()
                })
                .collect()
        }
    }

    #[tokio::test]
    async fn all_versions_that_were_made_since_are_told_in_their_order() {
        let scene = scene().await;
        scene.make(3).await;
        scene.feed.look_for_versions(&scene.store).await.unwrap();
        assert!(scene.told_from(0).is_empty(), "they were there before anybody listened");
        let (mut made, mut told) = (3, 0);
        for count in [0, 1, FEW - 1, FEW, FEW + 1, MANY + FEW, MANY * 3] {
            scene.make(count).await;
            scene.feed.look_for_versions(&scene.store).await.unwrap();
            assert_eq!(scene.told_from(told), (made + 1..=made + count).collect::<Vec<_>>(), "{count}");
            (made, told) = (made + count, told + u64::from(count));
        }
    }

    #[tokio::test]
    async fn the_first_version_of_a_flow_is_told() {
        let scene = scene().await;
        scene.feed.look_for_versions(&scene.store).await.unwrap();
        scene.make(1).await;
        scene.feed.look_for_versions(&scene.store).await.unwrap();
        assert_eq!(scene.told_from(0), [1]);
    }

    /// Nobody is left with a gap of which nothing says that it is there.
    #[tokio::test]
    async fn more_versions_than_are_kept_put_everybody_behind() {
        let scene = scene().await;
        scene.feed.look_for_versions(&scene.store).await.unwrap();
        let end = scene.feed.state().ring.end();
        scene.make(u32::try_from(EVENTS_MAX).unwrap() + 1).await;
        scene.feed.look_for_versions(&scene.store).await.unwrap();
        assert!(scene.feed.state().ring.get(end).is_err(), "whoever had everything begins anew");
        let end = scene.feed.state().ring.end();
        scene.make(1).await;
        scene.feed.look_for_versions(&scene.store).await.unwrap();
        assert_eq!(scene.told_from(end).len(), 1);
    }
}
