//! Where a page of a list of flows begins, and in which order.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use flow_base::Timestamp;
use flow_store::{FlowOrder, FlowSort, PageCursor, PageStart, SortKey};

use crate::error::ApiError;

/// Skipped flows are read nevertheless; whoever goes further takes cursors.
const SKIPPED_MAX: u32 = 10_000;

pub(super) fn order(text: &str) -> Result<FlowOrder, ApiError> {
    let (turned, name) = text.strip_prefix('-').map_or((false, text), |name| (true, name));
    let sort = match name {
        "updatedAt" => FlowSort::Updated,
        "createdAt" => FlowSort::Created,
        "name" => FlowSort::Name,
        _ => return Err(ApiError::invalid("sort", "is updatedAt, createdAt or name, with or without a -")),
    };
    // `-updatedAt` is the last changed first, as lists of that kind usually are.
    Ok(FlowOrder { sort, descending: turned })
}

pub(super) fn start(
    cursor: Option<&str>,
    page: Option<u32>,
    order: FlowOrder,
    limit: u32,
) -> Result<PageStart, ApiError> {
    match (cursor, page) {
        (Some(_), Some(_)) => Err(ApiError::invalid("page", "cannot be given together with cursor")),
        (Some(cursor), None) => decode(cursor, order).map(PageStart::After),
        (None, Some(0)) => Err(ApiError::invalid("page", "counts from 1")),
        (None, Some(page)) => {
            let skipped = (page - 1).saturating_mul(limit);
            if skipped > SKIPPED_MAX {
                let message = format!("goes past the first {SKIPPED_MAX} flows; take cursors there");
                return Err(ApiError::invalid("page", message));
            }
            Ok(PageStart::Skip(skipped))
        }
        (None, None) => Ok(PageStart::default()),
    }
}

/// Opaque to clients.
pub(super) fn encode(cursor: &PageCursor) -> String {
    let text = match &cursor.key {
        SortKey::At(at) => format!("{}.{}", cursor.id, at.as_microsecond()),
        SortKey::Name(name) => format!("{}.{name}", cursor.id),
    };
    BASE64_URL_SAFE_NO_PAD.encode(text)
}

fn decode(text: &str, order: FlowOrder) -> Result<PageCursor, ApiError> {
    let parse = || {
        let text = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (id, key) = text.split_once('.')?;
        let key = match order.sort {
            FlowSort::Name => SortKey::Name(key.to_owned()),
            FlowSort::Updated | FlowSort::Created => {
                SortKey::At(Timestamp::from_microsecond(key.parse().ok()?).ok()?)
            }
        };
        Some(PageCursor { key, id: id.parse().ok()? })
    };
    parse().ok_or_else(|| ApiError::invalid("cursor", "is not one that a list in this order has given"))
}

#[cfg(test)]
mod tests {
    use flow_base::FlowId;

    use super::*;

    #[test]
    fn a_cursor_reads_back_in_its_order_and_in_no_other() {
        let (at, name) = (SortKey::At(Timestamp::UNIX_EPOCH), SortKey::Name("a.b.ä\0".to_owned()));
        for (key, right, wrong) in [(at, "updatedAt", None), (name, "name", Some("createdAt"))] {
            let cursor = PageCursor { key, id: FlowId::generate() };
            let text = encode(&cursor);
            assert_eq!(decode(&text, order(right).unwrap()).unwrap(), cursor);
            assert!(wrong.is_none_or(|wrong| decode(&text, order(wrong).unwrap()).is_err()));
        }
        for text in ["", "x", "!", &BASE64_URL_SAFE_NO_PAD.encode("no id.5")] {
            assert!(decode(text, FlowOrder::default()).is_err(), "{text}");
        }
    }

    #[test]
    fn pages_are_counted_from_one_and_not_without_end() {
        let start = |page| start(None, Some(page), FlowOrder::default(), 50);
        assert_eq!(start(1).unwrap(), PageStart::Skip(0));
        assert_eq!(start(3).unwrap(), PageStart::Skip(100));
        assert_eq!(start(201).unwrap(), PageStart::Skip(10_000));
        assert!(start(202).is_err() && start(u32::MAX).is_err() && start(0).is_err());
    }

    #[test]
    fn an_order_is_turned_round_by_a_minus() {
        let by = |sort, descending| FlowOrder { sort, descending };
        assert_eq!(order("name").unwrap(), by(FlowSort::Name, false));
        assert_eq!(order("-updatedAt").unwrap(), FlowOrder::default());
        assert!(order("--name").is_err() && order("size").is_err() && order("").is_err());
    }
}
