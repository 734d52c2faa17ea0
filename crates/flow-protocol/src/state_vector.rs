use std::collections::HashMap;

use bytes::{Bytes, BytesMut};

use crate::frame::put_var_uint;
use crate::reader::{ReadError, Reader};

/// How far a peer's document goes: for each client id, the clock after the last
/// struct it holds without a gap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateVector {
    clocks: HashMap<u64, u32>,
}

/// Bytes that are no state vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StateVectorError {
    #[error("the state vector cannot be read")]
    Read(#[from] ReadError),
    #[error("the state vector names client {0} twice")]
    Twice(u64),
    #[error("{0} bytes follow the state vector")]
    Trailing(usize),
}

impl StateVector {
    /// Reads `count, (client, clock)*`. Nothing is reserved before the declared
    /// count is held against the bytes there are: four bytes may declare 2^28.
    ///
    /// # Errors
    /// [`StateVectorError`] for anything that is not exactly one state vector.
    pub fn decode(bytes: &[u8]) -> Result<Self, StateVectorError> {
        let mut reader = Reader::new(bytes);
        let count = reader.count(2)?;
        let mut clocks = HashMap::new();
        for _ in 0..count {
            let client = reader.client()?;
            let clock = reader.clock()?;
            if clocks.insert(client, clock).is_some() {
                return Err(StateVectorError::Twice(client));
            }
        }
        match reader.remaining() {
            0 => Ok(Self { clocks }),
            rest => Err(StateVectorError::Trailing(rest)),
        }
    }

    /// The clock after the last struct of `client`; 0 when nothing is known of it.
    #[must_use]
    pub fn get(&self, client: u64) -> u32 {
        self.clocks.get(&client).copied().unwrap_or(0)
    }

    /// Whether everything that `other` names is here too.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        other.clocks.iter().all(|(&client, &clock)| self.get(client) >= clock)
    }

    /// Whether a document that has so much of each client has all of this.
    #[must_use]
    pub fn is_within(&self, known: impl Fn(u64) -> u32) -> bool {
        self.clocks.iter().all(|(&client, &clock)| known(client) >= clock)
    }

    /// The entries as far as a document at `known` has them, encoded in the order of the
    /// ids: two peers that lack the same say the same, whatever each has besides, and
    /// nobody says more than there is.
    #[must_use]
    pub fn encode_up_to(&self, known: impl Fn(u64) -> u32) -> Bytes {
        let mut known: Vec<(u64, u32)> = self
            .clocks
            .iter()
            .map(|(&client, &clock)| (client, clock.min(known(client))))
            .filter(|&(_, clock)| clock > 0)
            .collect();
        known.sort_unstable();
        let mut out = BytesMut::new();
        put_var_uint(&mut out, known.len() as u64);
        for (client, clock) in known {
            put_var_uint(&mut out, client);
            put_var_uint(&mut out, u64::from(clock));
        }
        out.freeze()
    }

    /// Whether it names nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.clocks.values().all(|&clock| clock == 0)
    }
}

impl FromIterator<(u64, u32)> for StateVector {
    fn from_iter<T: IntoIterator<Item = (u64, u32)>>(entries: T) -> Self {
        Self { clocks: entries.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// yrs before 0.28 reserved 514 MB for these four bytes.
    #[test]
    fn four_bytes_that_declare_250_million_entries_are_refused() {
        assert!(matches!(
            StateVector::decode(&[255, 255, 255, 122]),
            Err(StateVectorError::Read(ReadError::Count { .. }))
        ));
    }

    #[test]
    fn a_state_vector_is_read_whole_and_once() {
        let vector = StateVector::decode(&[2, 1, 5, 2, 7]).unwrap();
        assert_eq!((vector.get(1), vector.get(2), vector.get(3)), (5, 7, 0));
        assert_eq!(StateVector::decode(&[2, 1, 5, 1, 7]), Err(StateVectorError::Twice(1)));
        assert_eq!(StateVector::decode(&[0, 9]), Err(StateVectorError::Trailing(1)));
        assert!(StateVector::decode(&[1, 1]).is_err());
    }

    #[test]
    fn covering_compares_every_client() {
        let whole: StateVector = [(1, 5), (2, 7)].into_iter().collect();
        let part: StateVector = [(1, 5)].into_iter().collect();
        assert!(whole.covers(&part) && !part.covers(&whole));
    }

    #[test]
    fn what_is_kept_names_known_clients_in_order_and_as_far_as_they_are_known() {
        let vector: StateVector = [(9, 2), (300, 1), (4, 7)].into_iter().collect();
        let known = |client| if client < 100 { 5 } else { 0 };
        assert_eq!(vector.encode_up_to(known)[..], [2, 4, 5, 9, 2]);
        assert_eq!(StateVector::decode(&vector.encode_up_to(|_| 9)), Ok(vector));
    }
}
