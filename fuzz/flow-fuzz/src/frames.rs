//! Target `frames`: bytes as a frame of a WebSocket, every body looked into as the
//! server does.

use bytes::Bytes;
use flow_protocol::frame::{self, BARRIER_BYTES_MAX, Message, messages};
use flow_protocol::{StateVector, UpdateLimits, check_update};

use crate::memory::peak_of;
use crate::{awareness, updates};

/// A message in memory, per byte of the frame: the shortest has one byte.
const MESSAGE_BYTES: usize = 160;

/// Reading never panics, takes memory in proportion to the frame, and what was read
/// reads alike after it was written.
///
/// # Panics
/// Where that is not so.
pub fn check(bytes: &[u8]) {
    let whole = Bytes::copy_from_slice(bytes);
    let (read, peak) = peak_of(|| messages(whole).collect::<Vec<_>>());
    assert!(peak <= MESSAGE_BYTES * (bytes.len() + 4), "{peak} bytes for {}", bytes.len());
    for message in read.into_iter().flatten() {
        if let Some(written) = write(&message) {
            let again: Vec<_> = messages(written).collect();
            assert_eq!(again, [Ok(message.clone())], "reads differently after it was written");
        }
        look_into(&message);
    }
}

/// The type and the length of a growth message, a byte each.
const GROWTH_HEAD: usize = 2;

/// The frame that says this; nothing where only a peer would say it.
fn write(message: &Message) -> Option<Bytes> {
    Some(match message {
        Message::Step1 { state_vector } => frame::step_1(state_vector),
        Message::Step2 { update } => frame::step_2(update),
        Message::Update { update } => frame::update(update),
        Message::Awareness { update } => frame::awareness(update),
        Message::QueryAwareness => frame::query_awareness(),
        Message::Barrier { token } => frame::barrier(token),
        Message::PermissionDenied { reason } => frame::permission_denied(reason),
        Message::Growth { size } => {
            let (bytes, bytes_max) = frame::read_growth(size)?;
            let written = frame::growth(bytes, bytes_max);
            // More may follow the two numbers, which the writer does not know.
            return (written.get(GROWTH_HEAD..) == Some(size)).then_some(written);
        }
        Message::Unknown { .. } => return None,
    })
}

fn look_into(message: &Message) {
    match message {
        Message::Step1 { state_vector } => {
            let (read, peak) = peak_of(|| StateVector::decode(state_vector));
            assert!(peak <= updates::bound(state_vector.len()), "{peak} bytes for {}", state_vector.len());
            if let Ok(read) = read {
                assert!(read.covers(&read));
            }
        }
        Message::Step2 { update } | Message::Update { update } => {
            let (checked, peak) = peak_of(|| check_update(update.clone(), &UpdateLimits::default()));
            assert!(peak <= updates::bound(update.len()), "{peak} bytes for {}", update.len());
            if let Ok(checked) = checked {
                drop(checked.walked().split(|_| 0));
            }
        }
        Message::Awareness { update } => awareness::check(update),
        Message::Barrier { token } => assert!(token.len() <= BARRIER_BYTES_MAX),
        Message::QueryAwareness
        | Message::Growth { .. }
        | Message::PermissionDenied { .. }
        | Message::Unknown { .. } => {}
    }
}
