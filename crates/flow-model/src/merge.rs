//! Merging updates without a document, for compaction.

use yrs::Update;
use yrs::updates::decoder::Decode as _;
use yrs::updates::encoder::Encode as _;

use crate::ModelError;

/// How many updates are merged at once. Merging is quadratic in their number, so
/// many are merged as a tree: 20,000 take 36 ms in groups of 64 and 2.3 s flat.
const GROUP: usize = 64;

/// One v1 update that says what all of these say, in their order.
///
/// # Errors
/// [`ModelError::Malformed`] if one of them is no update.
pub fn merge_updates(updates: &[impl AsRef<[u8]>]) -> Result<Vec<u8>, ModelError> {
    let mut level = Vec::with_capacity(updates.len().div_ceil(GROUP));
    for group in updates.chunks(GROUP) {
        level.push(merge_group(group)?);
    }
    while level.len() > 1 {
        level = level.chunks(GROUP).map(merge_group).collect::<Result<_, _>>()?;
    }
    Ok(level.pop().unwrap_or_else(|| Update::EMPTY_V1.to_vec()))
}

fn merge_group(group: &[impl AsRef<[u8]>]) -> Result<Vec<u8>, ModelError> {
    let updates: Result<Vec<_>, _> = group.iter().map(|update| Update::decode_v1(update.as_ref())).collect();
    let updates =
        updates.map_err(|source| ModelError::Malformed { what: "update", source: source.into() })?;
    Ok(Update::merge_updates(updates).encode_v1())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::FlowDoc;

    /// So many updates of two people who take turns.
    fn history(count: usize) -> (Vec<Vec<u8>>, FlowDoc) {
        let mut docs = [FlowDoc::new(Some(1)), FlowDoc::new(Some(2))];
        let mut updates = Vec::new();
        for at in 0..count {
            let edit = match at % 4 {
                0 => {
                    json!([{ "op": "addNode", "id": format!("n{at}"), "type": "note", "data": { "text": "a🙂" } }])
                }
                1 => json!([{ "op": "moveNode", "id": format!("n{}", at - 1), "x": at, "y": 0 }]),
                2 => {
                    json!([{ "op": "editText", "node": format!("n{}", at - 2), "field": "text", "index": 1, "insert": "x" }])
                }
                _ => json!([{ "op": "removeNode", "id": format!("n{}", at - 3) }]),
            };
            let edits: Vec<crate::Edit> = serde_json::from_value(edit).unwrap();
            let update = docs[at % 2].edit(&edits).unwrap().update.unwrap();
            docs[1 - at % 2].apply_update_v1(&update).unwrap();
            updates.push(update);
        }
        let [doc, _] = docs;
        (updates, doc)
    }

    fn loaded(update: &[u8]) -> FlowDoc {
        let mut doc = FlowDoc::new(None);
        doc.apply_update_v1(update).unwrap();
        doc
    }

    #[test]
    fn merging_nothing_gives_the_empty_update() {
        assert_eq!(merge_updates(&[[0_u8; 0]; 0]).unwrap(), [0, 0]);
    }

    #[test]
    fn a_malformed_update_is_an_error_wherever_it_is() {
        let (mut updates, _) = history(200);
        updates[150] = vec![1];
        assert!(matches!(merge_updates(&updates), Err(ModelError::Malformed { .. })));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn merging_in_a_tree_says_what_merging_flat_says(count in 1..400_usize) {
            let (updates, doc) = history(count);
            // Not byte for byte: yrs writes the members of plain objects in any order.
            let flat_bytes = yrs::merge_updates_v1(&updates).unwrap();
            let flat = loaded(&flat_bytes);
            let bytes = merge_updates(&updates).unwrap();
            let merged = loaded(&bytes);
            prop_assert_eq!(merged.state_vector_v1().len(), flat.state_vector_v1().len());
            prop_assert_eq!(bytes.len(), flat_bytes.len());
            prop_assert_eq!(merged.graph(), flat.graph());
            prop_assert!(!merged.has_pending());
            prop_assert_eq!(merged.graph(), doc.graph());
            prop_assert_eq!(merged.encode_state_v1().len(), doc.encode_state_v1().len());
        }
    }
}
