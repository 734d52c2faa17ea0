//! Flows that were deleted long ago leave the store and the archive.

use flow_store::PurgeStore;

use super::*;
use crate::{Ended, PurgeError, Purged, Purger};

const DAY_MS: i64 = 86_400_000;

impl Moving {
    /// Archived, deleted on day 45, and seen from a day on which that is long ago.
    async fn deleted() -> Self {
        let m = Self::new().await;
        m.archiver.archive_flow(m.flow).await.unwrap();
        assert_eq!(m.archive.keys().len(), 1);
        assert!(m.store.delete_flow(m.flow, &Origin::operator(m.clock.now())).await.unwrap());
        m.clock.advance_ms(30 * DAY_MS);
        m
    }

    fn purger(&self) -> Purger {
        Purger::new(self.store.clone(), Some(self.archive.clone()), self.clock.clone())
    }

    /// Goes on with purges; nothing goes wrong.
    async fn go_on(&self) -> u64 {
        let mut failed = |error| panic!("{error:?}");
        self.purger().go_on(&mut failed).await.unwrap().purges
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_deleted_long_ago_leaves_the_store_and_the_archive() {
    let m = Moving::deleted().await;
    let kept = long_flow(&m.store).await;
    m.clock.advance_ms(1);
    let none = m.purger().next(KEEP_FOR + Duration::from_secs(1)).await.unwrap();
    assert_eq!(none, None, "it is not old enough for that");
    assert_eq!(m.purger().next(KEEP_FOR).await.unwrap(), Some(Purged { flow: m.flow, objects: 1 }));
    assert_eq!(m.purger().next(KEEP_FOR).await.unwrap(), None);
    assert!(m.archive.keys().is_empty());
    assert_eq!(m.store.head(m.flow).await.unwrap(), None);
    assert_eq!(m.store.head(kept).await.unwrap().unwrap().seq, Seq(4_200));
}

/// Another node was archiving the flow when the purge began, and writes its object after.
#[tokio::test(start_paused = true)]
async fn a_purge_ends_when_nobody_writes_objects_any_more() {
    let m = Moving::deleted().await;
    m.purger().next(KEEP_FOR).await.unwrap().unwrap();
    let late = m.archive.put(m.flow, &m.before[..1_500], m.clock.now()).await.unwrap();
    let noted = m.store.archive(m.flow, &late, &m.before[..1_500]).await;
    assert!(noted.is_err(), "{noted:?}");
    m.clock.advance_ms(DAY_MS - 1);
    assert_eq!(m.go_on().await, 0, "it is known for a day");
    assert!(m.archive.keys().is_empty());
    m.archive.put(m.flow, &m.before[..1_500], m.clock.now()).await.unwrap();
    m.clock.advance_ms(1);
    assert_eq!(m.go_on().await, 1);
    assert!(m.archive.keys().is_empty());
    assert_eq!(m.store.purges(None, 9).await.unwrap(), []);
}

/// The process ends after a purge was begun, or after a part of it.
#[tokio::test(start_paused = true)]
async fn a_purge_that_was_cut_off_goes_on() {
    for parts in 0..3 {
        let m = Moving::deleted().await;
        let by = Origin::operator(m.clock.now());
        assert_eq!(m.store.begin_purge(m.clock.now() - KEEP_FOR, &by).await.unwrap(), Some(m.flow));
        for _ in 0..parts {
            m.store.purge_part(m.flow).await.unwrap();
        }
        assert_eq!(m.archive.keys().len(), 1, "objects go last");
        assert_eq!(m.purger().next(KEEP_FOR).await.unwrap(), None, "it was begun");
        assert_eq!(m.go_on().await, 0);
        assert!(m.archive.keys().is_empty());
        assert!(m.store.purges(None, 9).await.unwrap()[0].is_emptied);
        m.clock.advance_ms(DAY_MS);
        assert_eq!(m.go_on().await, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_archive_is_away_a_purge_does_not_end() {
    let m = Moving::deleted().await;
    m.archive.be_away(true);
    let failed = m.purger().next(KEEP_FOR).await;
    assert!(matches!(failed, Err(PurgeError::Archive { flow, .. }) if flow == m.flow), "{failed:?}");
    assert!(m.store.purges(None, 9).await.unwrap()[0].is_emptied, "the database did not wait for it");
    m.clock.advance_ms(2 * DAY_MS);
    let mut errors = 0;
    let ended = m.purger().go_on(&mut |_| errors += 1).await.unwrap();
    assert_eq!((ended, errors), (Ended::default(), 1));
    m.archive.be_away(false);
    assert_eq!(m.go_on().await, 1);
    assert!(m.archive.keys().is_empty());
}

#[tokio::test(start_paused = true)]
async fn without_an_archive_objects_are_not_forgotten() {
    let m = Moving::deleted().await;
    let short = long_flow(&m.store).await;
    m.store.delete_flow(short, &Origin::operator(at(0))).await.unwrap();
    let unconfigured = Purger::new(m.store.clone(), None, m.clock.clone());
    while unconfigured.next(KEEP_FOR).await.unwrap().is_some() {}
    m.clock.advance_ms(2 * DAY_MS);
    let ended = unconfigured.go_on(&mut |error| panic!("{error:?}")).await.unwrap();
    assert_eq!(ended, Ended { purges: 1, without_archive: 1 });
    assert_eq!(m.archive.keys().len(), 1);
    assert_eq!(m.go_on().await, 1, "once there is one again");
    assert!(m.archive.keys().is_empty());
}

#[tokio::test(start_paused = true)]
async fn purging_goes_on_in_the_background_until_it_is_stopped() {
    let m = Moving::deleted().await;
    let (young, stopping) = (long_flow(&m.store).await, CancellationToken::new());
    m.store.delete_flow(young, &Origin::operator(m.clock.now())).await.unwrap();
    let every = Duration::from_secs(3_600);
    let running = tokio::spawn(m.purger().run(KEEP_FOR, every, stopping.clone()));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(m.store.head(m.flow).await.unwrap(), None);
    assert!(m.store.head(young).await.unwrap().is_some());
    m.clock.advance_ms(30 * DAY_MS);
    tokio::time::sleep(every).await;
    assert_eq!(m.store.head(young).await.unwrap(), None);
    let left: Vec<_> = m.store.purges(None, 9).await.unwrap().into_iter().map(|purge| purge.flow).collect();
    assert_eq!(left, [young], "the first has ended");
    stopping.cancel();
    running.await.unwrap();
}
