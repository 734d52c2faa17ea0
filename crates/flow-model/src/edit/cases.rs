//! Edits of test cases.

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
        let mut others = self.tests();
        let old = others.iter().position(|other| other.id == new.id).map(|at| others.remove(at));
        if old.is_none() && others.len() >= TESTS_MAX {
            return Err(Refusal::TooMany { what: "test cases", max: TESTS_MAX });
        }
        match (&old, before) {
            (Some(old), None) => new.order.clone_from(&old.order),
            // Before itself is where it is.
            (Some(old), Some(before)) if *before == *old.id => new.order.clone_from(&old.order),
            (_, before) => self.place(&others, &mut new, before)?,
        }
        let id = new.id.to_string();
        if old.is_none() {
            // Something that reads as no test case may lie under the id: it goes.
            self.changes.removed.tests.insert(Arc::clone(&new.id));
        }
        self.changes.tests.insert(Arc::clone(&new.id), Some(new));
        Ok(id)
    }

    pub(super) fn remove_test(&mut self, id: &str) -> Result<(), Refusal> {
        let tests = self.tests();
        let known = tests.iter().find(|test| *test.id == *id);
        let key = known
            .map(|test| Arc::clone(&test.id))
            .ok_or_else(|| Refusal::NotFound { what: "test case", id: id.to_owned() })?;
        self.changes.removed.tests.insert(Arc::clone(&key));
        self.changes.tests.insert(key, None);
        Ok(())
    }

    /// Gives it an order between its neighbours; where there is none between them, all get
    /// another.
    fn place(&mut self, others: &[Test], new: &mut Test, before: Option<&str>) -> Result<(), Refusal> {
        let at = match before {
            None => others.len(),
            Some(before) => others
                .iter()
                .position(|other| *other.id == *before)
                .ok_or_else(|| Refusal::NotFound { what: "test case", id: before.to_owned() })?,
        };
        let order = |at: Option<usize>| at.and_then(|at| others.get(at)).map(|other| other.order.as_str());
        if let Some(order) = order_between(order(at.checked_sub(1)), order(Some(at))) {
            new.order = order;
            return Ok(());
        }
        let mut orders = orders(others.len() + 1);
        new.order = orders.remove(at);
        for (other, order) in others.iter().zip(orders) {
            let moved = Test { order, ..other.clone() };
            self.changes.tests.insert(Arc::clone(&other.id), Some(moved));
        }
        Ok(())
    }

    /// The test cases as they will be, in order. A flow has few.
    fn tests(&self) -> Vec<Test> {
        let drafted = self.changes.tests.values().flatten().cloned();
        let untouched = self.base.graph().tests.values();
        let untouched = untouched.filter(|test| !self.changes.tests.contains_key(&test.id));
        let mut tests: Vec<Test> = drafted.chain(untouched.map(|test| (**test).clone())).collect();
        tests.sort_by(|a, b| (&a.order, &a.id).cmp(&(&b.order, &b.id)));
        tests
    }
}
