use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use flow_store::GraphHash;

use crate::plan::Plan;

/// Compiled plans, the last used of them, by how much they weigh: a flow of a thousand nodes
/// takes as much room as a hundred of ten.
#[derive(Debug)]
pub(super) struct Kept {
    bytes_max: usize,
    bytes: usize,
    plans: HashMap<GraphHash, One>,
    /// By when they were used last.
    order: BTreeMap<u64, GraphHash>,
    uses: u64,
}

#[derive(Debug)]
struct One {
    plan: Arc<Plan>,
    bytes: usize,
    used: u64,
}

impl Kept {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self { bytes_max, bytes: 0, plans: HashMap::new(), order: BTreeMap::new(), uses: 0 }
    }

    pub(super) fn get(&mut self, hash: &GraphHash) -> Option<Arc<Plan>> {
        let one = self.plans.get_mut(hash)?;
        self.order.remove(&one.used);
        self.uses += 1;
        one.used = self.uses;
        self.order.insert(one.used, *hash);
        Some(Arc::clone(&one.plan))
    }

    /// Keeps it, in place of those that were not used for the longest time. One that alone is more
    /// than all may weigh is not kept.
    pub(super) fn put(&mut self, hash: GraphHash, plan: Arc<Plan>, bytes: usize) {
        if bytes > self.bytes_max {
            return;
        }
        if let Some(before) = self.plans.remove(&hash) {
            self.order.remove(&before.used);
            self.bytes -= before.bytes;
        }
        while self.bytes + bytes > self.bytes_max
            && let Some((_, oldest)) = self.order.pop_first()
        {
            let oldest = self.plans.remove(&oldest).expect("what is in order is kept");
            self.bytes -= oldest.bytes;
        }
        self.uses += 1;
        self.bytes += bytes;
        self.order.insert(self.uses, hash);
        self.plans.insert(hash, One { plan, bytes, used: self.uses });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use flow_model::FlowJson;

    use super::*;
    use crate::plan::Budgets;

    fn plan() -> Arc<Plan> {
        let empty = FlowJson::from_value(&serde_json::json!({ "interflow": 1 })).unwrap();
        Arc::new(Plan::compile(empty.graph(), Budgets::DEFAULT, &BTreeMap::new()))
    }

    fn has(kept: &Kept) -> Vec<u8> {
        let mut has: Vec<u8> = kept.plans.keys().map(|hash| hash[0]).collect();
        has.sort_unstable();
        assert_eq!(kept.order.len(), has.len());
        assert_eq!(kept.bytes, kept.plans.values().map(|one| one.bytes).sum::<usize>());
        assert!(kept.bytes <= kept.bytes_max);
        has
    }

    #[test]
    fn what_is_kept_weighs_no_more_than_it_may() {
        let mut kept = Kept::new(100);
        for at in 1..=10 {
            kept.put([at; 32], plan(), 10);
        }
        assert_eq!(has(&kept), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
        // A heavy one takes the place of several, and one that is used stays.
        assert!(kept.get(&[1; 32]).is_some());
        kept.put([11; 32], plan(), 55);
        assert_eq!(has(&kept), [1, 8, 9, 10, 11]);
        kept.put([12; 32], plan(), 101);
        assert_eq!(has(&kept), [1, 8, 9, 10, 11], "it would leave no room for any other");
        kept.put([13; 32], plan(), 100);
        assert_eq!(has(&kept), [13]);
        assert!(kept.get(&[1; 32]).is_none());
    }

    #[test]
    fn one_that_is_put_again_counts_once() {
        let mut kept = Kept::new(100);
        for _ in 0..10 {
            kept.put([1; 32], plan(), 60);
        }
        kept.put([2; 32], plan(), 40);
        assert_eq!(has(&kept), [1, 2]);
    }
}
