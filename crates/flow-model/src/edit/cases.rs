//! Edits of test cases.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::fields::{Strictness, normal_item, test};
use super::{Draft, Refusal};
use crate::TESTS_MAX;
use crate::fields::TEST;
use crate::graph::Test;
use crate::order::{order_between, orders};
use crate::validate::not_keyed;

impl Draft<'_> {
    pub(super) fn set_test(
        &mut self,
        id: Option<&str>,
        fields: &Map<String, Value>,
        before: Option<&str>,
    ) -> Result<String, Refusal> {
        let mut members = fields.clone();
        if let Some(key) = ["id", "order"].into_iter().find(|key| members.contains_key(*key)) {
            // Said by the edit itself.
            return Err(Refusal::BadKey { what: "a field", key: key.into() });
        }
        if let Some(id) = id {
            members.insert("id".into(), id.into());
        }
        let item = normal_item(&TEST, members, Strictness::Typed, "tests", 0)?;
        let mut new = test(item);
        if let Some(finding) = not_keyed(&new.data, &format!("tests/{}", new.id)) {
            return Err(finding.into());
        }
        let old = self.test(&new.id).cloned();
        if old.is_none() && self.places().len() >= TESTS_MAX {
            return Err(Refusal::TooMany { what: "test cases", max: TESTS_MAX });
        }
        match (old.as_deref(), before) {
            (Some(old), None) => new.order.clone_from(&old.order),
            // Before itself is where it is.
            (Some(old), Some(before)) if *before == *old.id => new.order.clone_from(&old.order),
            (old, before) => self.place(old, &mut new, before)?,
        }
        let id = new.id.to_string();
        if old.is_none() {
            // Something that reads as no test case may lie under the id: it goes.
            self.changes.removed.tests.insert(Arc::clone(&new.id));
        }
        self.put_test(new);
        Ok(id)
    }

    pub(super) fn remove_test(&mut self, id: &str) -> Result<(), Refusal> {
        let known = self.existing_test(id)?;
        let (place, key) = (place_of(known), Arc::clone(&known.id));
        self.places().remove(&place);
        self.changes.removed.tests.insert(Arc::clone(&key));
        self.changes.tests.insert(key, None);
        Ok(())
    }

    /// Gives it an order between its neighbours; where there is none between them, all get
    /// another.
    fn place(&mut self, old: Option<&Test>, new: &mut Test, before: Option<&str>) -> Result<(), Refusal> {
        let right = before.map(|before| self.existing_test(before).map(place_of)).transpose()?;
        let places = self.places();
        if let Some(old) = old {
            places.remove(&place_of(old));
        }
        let left = match &right {
            None => places.last(),
            Some(right) => places.range::<Place, _>(..right).next_back(),
        };
        if let Some(order) = order_between(left.map(order_of), right.as_ref().map(order_of)) {
            new.order = order;
            return Ok(());
        }
        let others = std::mem::take(places);
        let at = right.map_or(others.len(), |right| others.range::<Place, _>(..&right).count());
        let mut orders = orders(others.len() + 1);
        new.order = orders.remove(at);
        for ((_, id), order) in others.into_iter().zip(orders) {
            if let Some(other) = self.test(&id) {
                let moved = Test { order, ..(**other).clone() };
                self.put_test(moved);
            }
        }
        Ok(())
    }

    fn put_test(&mut self, test: Test) {
        self.places().insert(place_of(&test));
        self.changes.tests.insert(Arc::clone(&test.id), Some(Arc::new(test)));
    }

    fn test(&self, id: &str) -> Option<&Arc<Test>> {
        match self.changes.tests.get(id) {
            Some(test) => test.as_ref(),
            None => self.base.graph().tests.get(id),
        }
    }

    fn existing_test(&self, id: &str) -> Result<&Test, Refusal> {
        let test = self.test(id).map(Arc::as_ref);
        test.ok_or_else(|| Refusal::NotFound { what: "test case", id: id.to_owned() })
    }

    /// Where each test case will stand; what they say is not looked at. Made by the first
    /// edit that asks, when all are as the document has them, and kept up from then on.
    fn places(&mut self) -> &mut BTreeSet<Place> {
        let base = self.base;
        self.test_places
            .get_or_insert_with(|| base.graph().tests.values().map(|test| place_of(test)).collect())
    }
}

/// The order and the id of a test case, by which they are sorted.
pub(super) type Place = (String, Arc<str>);

fn place_of(test: &Test) -> Place {
    (test.order.clone(), Arc::clone(&test.id))
}

fn order_of((order, _): &Place) -> &str {
    order
}
