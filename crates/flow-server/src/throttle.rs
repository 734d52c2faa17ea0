//! How often somebody may be wrong about a password.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use flow_base::Timestamp;
use flow_cluster::{ClusterError, Rates};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::app::ServerLimits;

/// In which so many wrong tries are let through at once; each is forgotten after its
/// share of it.
const WINDOW: Duration = Duration::from_secs(15 * 60);
const WINDOW_MICROS: i64 = 15 * 60 * 1_000_000;

/// Accounts, and addresses, that are remembered on this node: some 2 MiB each. Past it
/// those that owe the least are forgotten, which lets an attacker with so many addresses
/// try again, and nobody suffer for another.
const REMEMBERED_MAX: usize = 1 << 16;

/// Wrong passwords by account and by the address they come from: on this node, for its
/// life, and with all others where something counts for all. Otherwise many nodes would be
/// as many times the tries.
///
/// Accounts that do not exist are counted like those that do.
#[derive(Debug)]
pub(crate) struct Throttle {
    accounts: Tally,
    addresses: Tally,
    /// Keyed, so that nobody can choose an address that is counted as another.
    hasher: RandomState,
    shared: Option<Arc<dyn Rates>>,
}

/// Whose password is tried, and from where.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attempt {
    account: Counted,
    address: Counted,
}

/// Under what something is counted: on this node, and by all.
#[derive(Debug, Clone, Copy)]
struct Counted {
    own: u64,
    /// From a digest: what is shared names nobody.
    shared: Uuid,
}

impl Throttle {
    pub(crate) fn new(limits: &ServerLimits, shared: Option<Arc<dyn Rates>>) -> Self {
        Self {
            accounts: Tally::new(limits.failed_sign_ins_per_account),
            addresses: Tally::new(limits.failed_sign_ins_per_address),
            hasher: RandomState::new(),
            shared,
        }
    }

    pub(crate) fn attempt(&self, email: &str, from: IpAddr) -> Attempt {
        let counted = |text: String| Counted { own: self.hasher.hash_one(&text), shared: digest(&text) };
        let account = counted(email.trim().to_ascii_lowercase());
        Attempt { account, address: counted(neighbourhood(from).to_string()) }
    }

    /// Whether it may be tried for all that this node knows, without counting it.
    ///
    /// # Errors
    /// How long it is until it may be.
    pub(crate) fn look(&self, attempt: Attempt, now: Timestamp) -> Result<(), Duration> {
        self.accounts.look(attempt.account.own, now)?;
        self.addresses.look(attempt.address.own, now)
    }

    /// Counts it as wrong until [`Throttle::forgive`] says otherwise, so that tries at the
    /// same time do not all pass before the first has failed.
    ///
    /// # Errors
    /// How long it is until it may be tried.
    pub(crate) async fn count(&self, attempt: Attempt, now: Timestamp) -> Result<(), Duration> {
        self.count_here(attempt, now)?;
        match self.count_with_others(attempt).await {
            Ok(None) => Ok(()),
            Ok(Some(wait)) => {
                self.forgive_here(attempt);
                Err(wait)
            }
            Err(error) => {
                // The own count has let it through, and Redis is said to be away elsewhere.
                tracing::debug!(
                    error = &error as &dyn std::error::Error,
                    "wrong passwords are counted by this node"
                );
                Ok(())
            }
        }
    }

    /// It was right after all.
    pub(crate) async fn forgive(&self, attempt: Attempt) {
        self.forgive_here(attempt);
        for (tally, name) in self.names(attempt) {
            self.give_back(tally, &name).await;
        }
    }

    fn count_here(&self, attempt: Attempt, now: Timestamp) -> Result<(), Duration> {
        let Attempt { account, address } = attempt;
        self.accounts.count(account.own, now)?;
        self.addresses.count(address.own, now).inspect_err(|_| self.accounts.forgive(account.own))
    }

    fn forgive_here(&self, attempt: Attempt) {
        self.accounts.forgive(attempt.account.own);
        self.addresses.forgive(attempt.address.own);
    }

    /// Answers how long it is until it may be tried, if it may not.
    async fn count_with_others(&self, attempt: Attempt) -> Result<Option<Duration>, ClusterError> {
        let Some(shared) = &self.shared else { return Ok(None) };
        let [(accounts, account), (addresses, address)] = self.names(attempt);
        if let Some(most) = accounts.most
            && let Some(wait) = shared.take(&account, most, WINDOW).await?
        {
            return Ok(Some(wait));
        }
        let Some(most) = addresses.most else { return Ok(None) };
        let wait = shared.take(&address, most, WINDOW).await?;
        if wait.is_some() {
            self.give_back(accounts, &account).await;
        }
        Ok(wait)
    }

    async fn give_back(&self, tally: &Tally, name: &str) {
        let (Some(shared), Some(most)) = (&self.shared, tally.most) else { return };
        if let Err(error) = shared.give_back(name, most, WINDOW).await {
            // It is forgotten after its share of the time, as a wrong one is.
            tracing::debug!(error = &error as &dyn std::error::Error, "a right password counts as wrong");
        }
    }

    /// As the shared count calls them.
    fn names(&self, Attempt { account, address }: Attempt) -> [(&Tally, String); 2] {
        [
            (&self.accounts, format!("wrong-password-account:{}", account.shared)),
            (&self.addresses, format!("wrong-password-address:{}", address.shared)),
        ]
    }
}

/// The same on all nodes, and long enough that nobody finds another text that gives it.
pub(crate) fn digest(text: &str) -> Uuid {
    let digest: [u8; 32] = Sha256::digest(text).into();
    let bytes = digest.first_chunk().expect("a digest is longer than an id");
    uuid::Builder::from_custom_bytes(*bytes).into_uuid()
}

/// Of IPv6 a customer has a whole network, and could come from another address each time.
pub(crate) fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) >> 64 << 64).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// A leaky bucket for each key: what is kept is the moment at which it is empty again.
#[derive(Debug)]
struct Tally {
    most: Option<NonZeroU32>,
    /// What one weighs, in microseconds; `None` lifts the limit.
    share: Option<i64>,
    empty_at: Mutex<HashMap<u64, i64>>,
}

impl Tally {
    fn new(most: Option<NonZeroU32>) -> Self {
        let share = most.map(|most| WINDOW_MICROS / i64::from(most.get()));
        Self { most, share, empty_at: Mutex::default() }
    }

    fn look(&self, key: u64, now: Timestamp) -> Result<(), Duration> {
        let Some(share) = self.share else { return Ok(()) };
        let now = now.as_microsecond();
        let empty_at = self.empty_at().get(&key).copied().unwrap_or(now).max(now);
        let over = empty_at + share - now - WINDOW_MICROS;
        if over <= 0 { Ok(()) } else { Err(Duration::from_micros(over.unsigned_abs())) }
    }

    fn count(&self, key: u64, now: Timestamp) -> Result<(), Duration> {
        let Some(share) = self.share else { return Ok(()) };
        let micros = now.as_microsecond();
        let mut all = self.empty_at();
        let empty_at = all.get(&key).copied().unwrap_or(micros).max(micros) + share;
        let over = empty_at - micros - WINDOW_MICROS;
        if over > 0 {
            return Err(Duration::from_micros(over.unsigned_abs()));
        }
        if all.len() >= REMEMBERED_MAX && !all.contains_key(&key) {
            forget(&mut all, micros);
        }
        all.insert(key, empty_at);
        Ok(())
    }

    fn forgive(&self, key: u64) {
        if let (Some(share), Some(empty_at)) = (self.share, self.empty_at().get_mut(&key)) {
            *empty_at -= share;
        }
    }

    fn empty_at(&self) -> MutexGuard<'_, HashMap<u64, i64>> {
        // Numbers are whole whoever panicked beside them.
        self.empty_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes room: those that owe nothing, or if that is not enough the half that owes least.
/// It takes a millisecond or two, once for tens of thousands of wrong passwords, each of
/// which took longer.
fn forget(all: &mut HashMap<u64, i64>, now: i64) {
    all.retain(|_, empty_at| *empty_at > now);
    if all.len() * 2 > REMEMBERED_MAX {
        let mut moments: Vec<_> = all.values().copied().collect();
        let middle = moments.len() / 2;
        let median = *moments.select_nth_unstable(middle).1;
        all.retain(|_, empty_at| *empty_at > median);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(most: u32) -> Tally {
        Tally::new(NonZeroU32::new(most))
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_767_225_600 + seconds).unwrap()
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn so_many_wrong_tries_pass_at_once_and_then_one_for_each_share_of_the_time() {
        let tally = tally(10);
        for _ in 0..10 {
            assert_eq!(tally.look(1, at(0)), Ok(()));
            assert_eq!(tally.count(1, at(0)), Ok(()));
        }
        assert_eq!(tally.count(1, at(0)), Err(Duration::from_secs(90)));
        assert_eq!(tally.look(1, at(30)), Err(Duration::from_secs(60)));
        assert_eq!(tally.count(2, at(0)), Ok(()), "another key is not concerned");
        assert_eq!(tally.count(1, at(90)), Ok(()));
        assert_eq!(tally.count(1, at(90)), Err(Duration::from_secs(90)), "what is refused counts no further");
        assert!((0..10).all(|_| tally.count(1, at(90 + 15 * 60)).is_ok()));
    }

    #[test]
    fn right_ones_do_not_count() {
        let tally = tally(2);
        for _ in 0..1_000 {
            assert_eq!(tally.count(1, at(0)), Ok(()));
            tally.forgive(1);
        }
        assert!(tally.count(1, at(0)).is_ok() && tally.count(1, at(0)).is_ok());
        assert!(tally.count(1, at(0)).is_err());
    }

    #[test]
    fn tries_under_way_count_until_they_turn_out_right() {
        let tally = tally(2);
        assert!(tally.count(1, at(0)).is_ok() && tally.count(1, at(0)).is_ok());
        assert!(tally.look(1, at(0)).is_err() && tally.count(1, at(0)).is_err());
        tally.forgive(1);
        assert!(tally.count(1, at(0)).is_ok());
    }

    #[test]
    fn zero_lifts_it() {
        let tally = tally(0);
        assert!((0..1_000).all(|_| tally.look(1, at(0)).is_ok() && tally.count(1, at(0)).is_ok()));
        assert!(tally.empty_at().is_empty());
    }

    #[test]
    fn it_remembers_so_many_and_keeps_those_that_owe_most() {
        let tally = tally(10);
        for _ in 0..10 {
            tally.count(0, at(0)).unwrap();
        }
        for key in 1..3 * REMEMBERED_MAX as u64 {
            tally.count(key, at(0)).unwrap();
        }
        assert!(tally.empty_at().len() <= REMEMBERED_MAX);
        assert!(tally.count(0, at(0)).is_err(), "who was wrong most often is not forgotten");
    }

    #[test]
    fn those_that_owe_nothing_go_first() {
        let tally = tally(10);
        for key in 0..REMEMBERED_MAX as u64 - 1 {
            tally.count(key, at(0)).unwrap();
        }
        tally.count(u64::MAX, at(89)).unwrap();
        tally.count(u64::MAX - 1, at(100)).unwrap();
        let mut kept: Vec<_> = tally.empty_at().keys().copied().collect();
        kept.sort_unstable();
        assert_eq!(kept, [u64::MAX - 1, u64::MAX]);
    }

    #[test]
    fn an_account_and_an_address_are_counted_each_for_itself() {
        let limits = ServerLimits {
            failed_sign_ins_per_account: NonZeroU32::new(2),
            failed_sign_ins_per_address: NonZeroU32::new(3),
            ..crate::app::tests::LIMITS
        };
        let throttle = Throttle::new(&limits, None);
        let (here, there) = (address("192.0.2.1"), address("192.0.2.2"));
        let count = |email, from| throttle.count_here(throttle.attempt(email, from), at(0)).is_ok();
        assert!(count("ann@example.org", here) && count(" Ann@Example.org", there));
        assert!(!count("ann@example.org", here), "two of the account, in whatever spelling");
        assert!(count("ben@example.org", here) && count("cid@example.org", here));
        assert!(!count("dee@example.org", here), "three of the address");
        assert!(
            count("dee@example.org", there) && count("dee@example.org", there),
            "and it cost the account nothing"
        );
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        assert_eq!(neighbourhood(address("2001:db8:1:2:3:4:5:6")), address("2001:db8:1:2::"));
        assert_ne!(neighbourhood(address("2001:db8:1:3::1")), address("2001:db8:1:2::"));
        assert_eq!(neighbourhood(address("::ffff:192.0.2.1")), address("192.0.2.1"));
    }
}
