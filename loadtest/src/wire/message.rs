//! y-websocket messages, read just far enough.

use anyhow::{Context, bail};
use flow_protocol::{UpdateLimits, walk};

use super::{buffer, var_uint};

/// A message of the server.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard<'a> {
    Step1,
    Step2(&'a [u8]),
    Update(&'a [u8]),
    Awareness(&'a [u8]),
    /// The answer to a barrier: what was sent before it is stored.
    Barrier(&'a [u8]),
    Denied(String),
    Other,
}

/// Reads the message at the start of `bytes`, and says what follows it.
///
/// # Errors
/// When the bytes are no message.
pub fn heard(bytes: &[u8]) -> anyhow::Result<(Heard<'_>, &[u8])> {
    read(bytes).with_context(|| format!("the server sent no message: {:?}", &bytes[..bytes.len().min(16)]))
}

fn read(bytes: &[u8]) -> Option<(Heard<'_>, &[u8])> {
    let (&kind, rest) = bytes.split_first()?;
    match kind {
        0 => {
            let (&kind, rest) = rest.split_first()?;
            let (body, rest) = buffer(rest)?;
            let heard = match kind {
                0 => Heard::Step1,
                1 => Heard::Step2(body),
                2 => Heard::Update(body),
                _ => return None,
            };
            Some((heard, rest))
        }
        1 => buffer(rest).map(|(body, rest)| (Heard::Awareness(body), rest)),
        2 => {
            let (body, rest) = buffer(rest.get(1..)?)?;
            Some((Heard::Denied(String::from_utf8_lossy(body).into_owned()), rest))
        }
        102 => buffer(rest).map(|(body, rest)| (Heard::Barrier(body), rest)),
        // What follows an unknown type cannot be read.
        _ => Some((Heard::Other, &[])),
    }
}

/// Clocks of one writer that an update brings, `clock..end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Covered {
    pub client: u64,
    pub clock: u32,
    pub end: u32,
    /// It came as the writer sent it, not merged with others.
    pub is_single: bool,
}

/// The kind of content of an edit: a list of plain values.
const CONTENT_ANY: u8 = 8;

/// Tells what an update brings.
///
/// # Errors
/// When the update is malformed.
pub fn covered(update: &[u8], mut each: impl FnMut(Covered) -> anyhow::Result<()>) -> anyhow::Result<()> {
    if let Some(covered) = single(update) {
        return each(covered);
    }
    let walked = walk(update, &UpdateLimits::unlimited()).context("the server sent a malformed update")?;
    for section in walked.sections() {
        if section.has_skip {
            bail!("an update of client {} has a hole", section.client);
        }
        each(Covered { client: section.client, clock: section.clock, end: section.end, is_single: false })?;
    }
    Ok(())
}

/// An update of one writer with one struct that is an edit of ours, by its look.
/// A struct of plain values in a map has the length 1: neighbours in a map are
/// deleted by their successors, and what is deleted is of another kind.
fn single(update: &[u8]) -> Option<Covered> {
    let [1, 1, rest @ ..] = update else { return None };
    let (client, rest) = var_uint(rest)?;
    let (clock, rest) = var_uint(rest)?;
    let clock = u32::try_from(clock).ok()?;
    (rest.first()? & 0x1f == CONTENT_ANY).then_some(())?;
    Some(Covered { client, clock, end: clock + 1, is_single: true })
}

/// Tells whose presence an awareness update brings: client id and clock.
///
/// # Errors
/// When the update is malformed.
pub fn entries(update: &[u8], mut each: impl FnMut(u64, u64)) -> anyhow::Result<()> {
    let mut read = || -> Option<()> {
        let (count, mut rest) = var_uint(update)?;
        for _ in 0..count {
            let (client, after) = var_uint(rest)?;
            let (clock, after) = var_uint(after)?;
            let (_, after) = buffer(after)?;
            each(client, clock);
            rest = after;
        }
        Some(())
    };
    read().context("the server sent a malformed awareness update")
}

#[cfg(test)]
mod tests {
    use flow_protocol::frame;

    use super::super::{Cursor, Writer};
    use super::*;

    fn all(update: &[u8]) -> Vec<(u64, u32, u32, bool)> {
        let mut all = Vec::new();
        covered(update, |covered| {
            all.push((covered.client, covered.clock, covered.end, covered.is_single));
            Ok(())
        })
        .unwrap();
        all
    }

    #[test]
    fn messages_of_every_kind_are_told_apart() {
        for (bytes, expected) in [
            (frame::step_1(&[0]), Heard::Step1),
            (frame::step_2(&[0, 0]), Heard::Step2(&[0, 0])),
            (frame::update(&[0, 0]), Heard::Update(&[0, 0])),
            (frame::keep_alive(), Heard::Awareness(&[0])),
            (frame::barrier(&[7]), Heard::Barrier(&[7])),
            (frame::permission_denied("no"), Heard::Denied("no".into())),
            (frame::growth(1, 2), Heard::Other),
        ] {
            assert_eq!(heard(&bytes).unwrap(), (expected, &[][..]));
        }
        let two = [frame::step_1(&[0]), frame::step_2(&[0, 0])].concat();
        assert_eq!(heard(&two).unwrap().1, &frame::step_2(&[0, 0])[..]);
        for broken in [&[][..], &[0], &[0, 9, 0], &[0, 2, 5, 1], &[1, 2, 0], &[2]] {
            assert!(heard(broken).is_err(), "{broken:?}");
        }
    }

    #[test]
    fn an_edit_is_known_at_once_and_merged_ones_by_walking() {
        let mut writer = Writer::new(1 << 30, "n");
        let edits: Vec<Vec<u8>> = (0..5).map(|_| writer.edit()).collect();
        assert_eq!(all(&edits[0]), [(1 << 30, 0, 1, true)]);
        assert_eq!(all(&edits[3]), [(1 << 30, 3, 4, true)]);
        let merged = yrs::merge_updates_v1(&edits).unwrap();
        assert_eq!(all(&merged), [(1 << 30, 0, 5, false)]);
        let mut other = Writer::new(77, "m");
        let both = yrs::merge_updates_v1([&other.edit(), &edits[1]]).unwrap();
        assert_eq!(all(&both).len(), 2);
        assert!(all(&[0, 0]).is_empty());
        assert!(covered(&[1, 1], |_| Ok(())).is_err());
    }

    #[test]
    fn the_states_of_several_people_in_one_update_are_all_seen() {
        let update = [&[2][..], &Cursor::new(300).state()[1..], &Cursor::new(5).state()[1..]].concat();
        let mut seen = Vec::new();
        entries(&update, |client, clock| seen.push((client, clock))).unwrap();
        assert_eq!(seen, [(300, 1), (5, 1)]);
        assert!(entries(&update[..update.len() - 1], |_, _| {}).is_err());
    }
}
