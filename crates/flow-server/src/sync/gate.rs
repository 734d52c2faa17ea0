use std::num::NonZeroU32;
use std::sync::Arc;

use flow_base::{FlowId, UserId};
use flow_cluster::Leases;
use tokio::sync::Mutex;
use tokio::time::sleep;

use super::intake::IntakeBudget;
use super::leased::{Lease, Leased};
use super::seats::{Seat, Seats};
use crate::app::ServerLimits;
use crate::caller::Caller;
use crate::error::ApiError;
use crate::rate::Rate;

/// How many sockets this node takes, and how quickly. Connections of a user are counted with
/// all nodes where something counts for all; peers of a room and messages are of this node,
/// whose memory and time they take.
#[derive(Debug)]
pub(crate) struct Gate {
    rooms: Seats<FlowId>,
    /// Those seats of a room that guests have, who may not have all.
    guests: Seats<FlowId>,
    users: Seats<UserId, Turn>,
    leased: Option<Leased>,
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
    _lease: Option<Lease>,
    id: UserId,
}

/// One of its user's connections that is in no room. Dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Connection {
    _user: Seat<UserId, Turn>,
    _lease: Option<Lease>,
}

impl Gate {
    pub(crate) fn new(limits: &ServerLimits, shared: Option<Arc<dyn Leases>>) -> Self {
        let burst = NonZeroU32::new(limits.document_messages_burst).unwrap_or(NonZeroU32::MIN);
        Self {
            rooms: Seats::new(limits.peers_per_room),
            guests: Seats::new(limits.guests_per_room()),
            users: Seats::new(limits.connections_per_user),
            leased: match limits.connections_per_user {
                usize::MAX => None,
                most => shared.map(|leases| Leased::start(leases, most)),
            },
            messages: Rate::per_second(limits.document_messages_per_user, burst),
            intake: IntakeBudget::new(limits.received_node_bytes, limits.received_message_bytes()),
        }
    }

    /// A place for one socket of this caller in the room of this flow. Whoever has a link can
    /// give it to any number of people: guests find a room full while members still have places.
    ///
    /// # Errors
    /// [`ApiError::RoomFull`], [`ApiError::TooManyConnections`].
    pub(crate) async fn admit(&self, flow: FlowId, caller: Caller) -> Result<Admission, ApiError> {
        self.seat(flow, caller.user, caller.is_guest()).await
    }

    /// A place for one of this caller's connections that is in no room.
    ///
    /// # Errors
    /// [`ApiError::TooManyConnections`].
    pub(crate) async fn connect(&self, caller: Caller) -> Result<Connection, ApiError> {
        self.connection(caller.user).await
    }

    async fn connection(&self, user: UserId) -> Result<Connection, ApiError> {
        let seat = self.users.take(user).ok_or(ApiError::TooManyConnections)?;
        Ok(Connection { _user: seat, _lease: self.lease(user).await? })
    }

    /// After the node's own count: who has too many here is not asked about.
    async fn lease(&self, user: UserId) -> Result<Option<Lease>, ApiError> {
        match &self.leased {
            Some(leased) => leased.take(user).await.map(Some).ok_or(ApiError::TooManyConnections),
            None => Ok(None),
        }
    }

    async fn seat(&self, flow: FlowId, user: UserId, is_guest: bool) -> Result<Admission, ApiError> {
        let seat = self.users.take(user).ok_or(ApiError::TooManyConnections)?;
        let guest = is_guest.then(|| self.guests.take(flow).ok_or(ApiError::RoomFull)).transpose()?;
        let room = self.rooms.take(flow).ok_or(ApiError::RoomFull)?;
        let lease = self.lease(user).await?;
        Ok(Admission { _room: room, _guest: guest, user: seat, _lease: lease, id: user })
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
        Gate::new(&limits, None)
    }

    #[tokio::test]
    async fn a_full_room_costs_its_visitor_no_connection() {
        let gate = gate(|limits| (limits.peers_per_room, limits.connections_per_user) = (1, 2));
        let (flow, other, user) = (FlowId::generate(), FlowId::generate(), UserId::generate());
        let first = gate.seat(flow, user, false).await.expect("there is a place");
        for _ in 0..10 {
            assert!(matches!(gate.seat(flow, user, false).await, Err(ApiError::RoomFull)));
        }
        let second = gate.seat(other, user, false).await.expect("one connection was left");
        assert!(matches!(
            gate.seat(FlowId::generate(), user, false).await,
            Err(ApiError::TooManyConnections)
        ));
        drop((first, second));
        assert!(gate.seat(flow, user, false).await.is_ok());
    }

    #[tokio::test]
    async fn connections_of_a_user_count_in_rooms_and_outside_of_them() {
        let gate = gate(|limits| limits.connections_per_user = 2);
        let (flow, user) = (FlowId::generate(), UserId::generate());
        let outside = gate.connection(user).await.expect("there is a place");
        let inside = gate.seat(flow, user, false).await.expect("and another");
        assert!(matches!(gate.connection(user).await, Err(ApiError::TooManyConnections)));
        assert!(matches!(gate.seat(flow, user, false).await, Err(ApiError::TooManyConnections)));
        assert!(gate.connection(UserId::generate()).await.is_ok(), "somebody else");
        drop(outside);
        assert!(gate.connection(user).await.is_ok());
        drop(inside);
    }

    #[tokio::test]
    async fn guests_find_a_room_full_in_which_members_have_places() {
        let gate = gate(|limits| (limits.peers_per_room, limits.guest_share_percent) = (5, 50));
        let flow = FlowId::generate();
        let join = async |is_guest| gate.seat(flow, UserId::generate(), is_guest).await;
        let guests = [join(true).await.expect("there is a place"), join(true).await.expect("and another")];
        assert!(matches!(join(true).await, Err(ApiError::RoomFull)));
        let mut members = Vec::new();
        for _ in 0..3 {
            members.push(join(false).await.expect("it is kept for members"));
        }
        assert!(matches!(join(false).await, Err(ApiError::RoomFull)));
        assert!(gate.seat(FlowId::generate(), UserId::generate(), true).await.is_ok(), "another room");
        // A guest who leaves makes room for either, a member for members alone.
        drop(members);
        assert!(matches!(join(true).await, Err(ApiError::RoomFull)));
        drop(guests);
        assert!(join(true).await.is_ok());
    }

    #[tokio::test]
    async fn a_guest_who_finds_no_place_takes_none() {
        let gate = gate(|limits| (limits.peers_per_room, limits.guest_share_percent) = (2, 50));
        let flow = FlowId::generate();
        let join = async |is_guest| gate.seat(flow, UserId::generate(), is_guest).await;
        let members = [join(false).await.unwrap(), join(false).await.unwrap()];
        for _ in 0..10 {
            assert!(matches!(join(true).await, Err(ApiError::RoomFull)));
        }
        drop(members);
        assert!(join(true).await.is_ok());
    }

    /// One socket always has a next message; another must get every second turn.
    #[tokio::test]
    async fn a_socket_that_floods_takes_turns_with_its_users_others() {
        let gate = gate(|limits| limits.document_messages_per_user = NonZeroU32::new(200));
        let (flow, user) = (FlowId::generate(), UserId::generate());
        let (flooding, other) =
            (gate.seat(flow, user, false).await.unwrap(), gate.seat(flow, user, false).await.unwrap());
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
        let (one, two) =
            (gate.seat(flow, user, false).await.unwrap(), gate.seat(flow, user, false).await.unwrap());
        gate.pace(&one, 1).await;
        assert!(gate.pace(&two, 1).now_or_never().is_none(), "it waits, and is dropped");
        timeout(Duration::from_secs(20), gate.pace(&one, 1)).await.expect("nobody holds the turn");
    }
}
