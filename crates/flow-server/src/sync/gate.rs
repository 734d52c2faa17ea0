use std::num::NonZeroU32;

use flow_base::{FlowId, UserId};
use tokio::sync::Mutex;
use tokio::time::sleep;

use super::intake::IntakeBudget;
use super::seats::{Seat, Seats};
use crate::app::ServerLimits;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::rate::Rate;

/// How many sockets this node takes, and how quickly. What it holds is of this
/// node: several nodes allow a user as many times as much.
#[derive(Debug)]
pub(crate) struct Gate {
    rooms: Seats<FlowId>,
    /// Those seats of a room that guests have, who may not have all.
    guests: Seats<FlowId>,
    users: Seats<UserId, Turn>,
    messages: Rate,
    intake: IntakeBudget,
}

/// A document message counts once for each of these it has begun: reading a large one
/// costs as much as reading many.
const MESSAGE_BYTES: usize = 64 << 10;

/// Held by the one socket of a user whose document message is next; the others
/// wait in line, so that a socket that floods takes turns with those that do not.
type Turn = Mutex<()>;

/// A place in a room and one of its user's connections. Dropping it gives back both.
#[derive(Debug)]
pub(crate) struct Admission {
    _room: Seat<FlowId>,
    _guest: Option<Seat<FlowId>>,
    user: Seat<UserId, Turn>,
    id: UserId,
}

/// One of its user's connections that is in no room. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Connection {
    _user: Seat<UserId, Turn>,
}

impl Gate {
    pub(crate) fn new(limits: &ServerLimits) -> Self {
        let burst = NonZeroU32::new(limits.document_messages_burst).unwrap_or(NonZeroU32::MIN);
        Self {
            rooms: Seats::new(limits.peers_per_room),
            guests: Seats::new(limits.guests_per_room()),
            users: Seats::new(limits.connections_per_user),
            messages: Rate::per_second(limits.document_messages_per_user, burst),
            intake: IntakeBudget::new(limits.received_node_bytes, limits.received_message_bytes()),
        }
    }

    /// A place for one socket of this caller in the room of this flow. Whoever has a link can
    /// give it to any number of people: guests find a room full while members still have places.
    ///
    /// # Errors
    /// [`ApiError::RoomFull`], [`ApiError::TooManyConnections`].
    pub(crate) fn admit(&self, flow: FlowId, caller: Caller) -> Result<Admission, ApiError> {
        self.seat(flow, caller.user, caller.is_guest())
    }

    /// A place for one of this caller's connections that is in no room.
    ///
    /// # Errors
    /// [`ApiError::TooManyConnections`].
    pub(crate) fn connect(&self, caller: Caller) -> Result<Connection, ApiError> {
        self.connection(caller.user)
    }

    fn connection(&self, user: UserId) -> Result<Connection, ApiError> {
        let seat = self.users.take(user).ok_or(ApiError::TooManyConnections)?;
        Ok(Connection { _user: seat })
    }

    fn seat(&self, flow: FlowId, user: UserId, is_guest: bool) -> Result<Admission, ApiError> {
        let seat = self.users.take(user).ok_or(ApiError::TooManyConnections)?;
        let guest = is_guest.then(|| self.guests.take(flow).ok_or(ApiError::RoomFull)).transpose()?;
        let room = self.rooms.take(flow).ok_or(ApiError::RoomFull)?;
        Ok(Admission { _room: room, _guest: guest, user: seat, id: user })
    }

    /// What large messages are received into.
    pub(crate) fn intake(&self) -> IntakeBudget {
        self.intake.clone()
    }

    /// Waits until this user may send another document message, of so many bytes.
    /// Cancel safe.
    pub(crate) async fn pace(&self, admission: &Admission, bytes: usize) {
        let counts = u32::try_from(bytes / MESSAGE_BYTES).unwrap_or(u32::MAX);
        let counts = NonZeroU32::MIN.saturating_add(counts);
        let _turn = admission.user.shared().lock().await;
        while let Err(wait) = self.messages.take(admission.id.as_uuid(), counts) {
            sleep(wait).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures_util::FutureExt;
    use tokio::time::timeout;

    use super::*;

    fn gate(change: impl FnOnce(&mut ServerLimits)) -> Gate {
        let mut limits = crate::app::tests::LIMITS;
        change(&mut limits);
        Gate::new(&limits)
    }

    #[test]
    fn a_full_room_costs_its_visitor_no_connection() {
        let gate = gate(|limits| (limits.peers_per_room, limits.connections_per_user) = (1, 2));
        let (flow, other, user) = (FlowId::generate(), FlowId::generate(), UserId::generate());
        let first = gate.seat(flow, user, false).expect("there is a place");
        for _ in 0..10 {
            assert!(matches!(gate.seat(flow, user, false), Err(ApiError::RoomFull)));
        }
        let second = gate.seat(other, user, false).expect("one connection was left");
        assert!(matches!(gate.seat(FlowId::generate(), user, false), Err(ApiError::TooManyConnections)));
        drop((first, second));
        assert!(gate.seat(flow, user, false).is_ok());
    }

    #[test]
    fn connections_of_a_user_count_in_rooms_and_outside_of_them() {
        let gate = gate(|limits| limits.connections_per_user = 2);
        let (flow, user) = (FlowId::generate(), UserId::generate());
        let outside = gate.connection(user).expect("there is a place");
        let inside = gate.seat(flow, user, false).expect("and another");
        assert!(matches!(gate.connection(user), Err(ApiError::TooManyConnections)));
        assert!(matches!(gate.seat(flow, user, false), Err(ApiError::TooManyConnections)));
        assert!(gate.connection(UserId::generate()).is_ok(), "somebody else");
        drop(outside);
        assert!(gate.connection(user).is_ok());
        drop(inside);
    }

    #[test]
    fn guests_find_a_room_full_in_which_members_have_places() {
        let gate = gate(|limits| (limits.peers_per_room, limits.guest_share_percent) = (5, 50));
        let flow = FlowId::generate();
        let join = |is_guest| gate.seat(flow, UserId::generate(), is_guest);
        let guests = [join(true).expect("there is a place"), join(true).expect("and another")];
        assert!(matches!(join(true), Err(ApiError::RoomFull)));
        let members: Vec<_> = (0..3).map(|_| join(false).expect("it is kept for members")).collect();
        assert!(matches!(join(false), Err(ApiError::RoomFull)));
        assert!(gate.seat(FlowId::generate(), UserId::generate(), true).is_ok(), "another room");
        // A guest who leaves makes room for either, a member for members alone.
        drop(members);
        assert!(matches!(join(true), Err(ApiError::RoomFull)));
        drop(guests);
        assert!(join(true).is_ok());
    }

    #[test]
    fn a_guest_who_finds_no_place_takes_none() {
        let gate = gate(|limits| (limits.peers_per_room, limits.guest_share_percent) = (2, 50));
        let flow = FlowId::generate();
        let join = |is_guest| gate.seat(flow, UserId::generate(), is_guest);
        let members = [join(false).unwrap(), join(false).unwrap()];
        for _ in 0..10 {
            assert!(matches!(join(true), Err(ApiError::RoomFull)));
        }
        drop(members);
        assert!(join(true).is_ok());
    }

    /// One socket always has a next message; another must get every second turn.
    #[tokio::test]
    async fn a_socket_that_floods_takes_turns_with_its_users_others() {
        let gate = gate(|limits| limits.document_messages_per_user = NonZeroU32::new(200));
        let (flow, user) = (FlowId::generate(), UserId::generate());
        let (flooding, other) =
            (gate.seat(flow, user, false).unwrap(), gate.seat(flow, user, false).unwrap());
        let mut flooded = 0;
        let flood = async {
            loop {
                gate.pace(&flooding, 1).await;
                flooded += 1;
            }
        };
        let few = async {
            for _ in 0..10 {
                gate.pace(&other, 1).await;
            }
        };
        tokio::select! {
            () = flood => unreachable!("it has no end"),
            done = timeout(Duration::from_secs(20), few) => done.expect("the other socket gets its turns"),
        }
        assert!((5..=20).contains(&flooded), "{flooded} messages of the one beside 10 of the other");
    }

    #[tokio::test]
    async fn a_socket_that_goes_while_it_waits_leaves_the_line() {
        let gate = gate(|limits| limits.document_messages_per_user = NonZeroU32::new(1_000));
        let (flow, user) = (FlowId::generate(), UserId::generate());
        let (one, two) = (gate.seat(flow, user, false).unwrap(), gate.seat(flow, user, false).unwrap());
        gate.pace(&one, 1).await;
        assert!(gate.pace(&two, 1).now_or_never().is_none(), "it waits, and is dropped");
        timeout(Duration::from_secs(20), gate.pace(&one, 1)).await.expect("nobody holds the turn");
    }
}
