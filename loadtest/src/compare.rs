//! Two servers side by side: medians of alternating runs, and their ratio.

use serde::Serialize;
use serde_json::Value;

use crate::report::{Outcome, number, table};
use crate::scenario::cold_open::median;

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    pub scenario: &'static str,
    pub settings: Value,
    /// The one that is measured.
    pub server: String,
    /// What it is compared with.
    pub floor: String,
    pub runs: usize,
    pub rows: Vec<Row>,
}

/// Medians of one figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    pub name: String,
    pub unit: &'static str,
    pub server: f64,
    pub floor: f64,
    /// The server's by the floor's; none where the floor's is 0.
    pub ratio: Option<f64>,
}

impl Comparison {
    /// Of outcomes of one scenario; `None` when a side has none.
    #[must_use]
    pub fn new(server: &[Outcome], floor: &[Outcome]) -> Option<Self> {
        let (one, other) = (server.first()?, floor.first()?);
        let middle = |all: &[Outcome], name: &str| {
            median(all.iter().filter_map(|outcome| outcome.figure(name)).collect())
        };
        let row = |name: &str, unit| {
            let (server, floor) = (middle(server, name)?, middle(floor, name)?);
            let ratio = (floor != 0.0).then(|| server / floor);
            Some(Row { name: name.to_owned(), unit, server, floor, ratio })
        };
        let figures = one.all_figures();
        Some(Self {
            scenario: one.scenario,
            settings: one.settings.clone(),
            server: one.target.clone(),
            floor: other.target.clone(),
            runs: server.len(),
            rows: figures.iter().filter_map(|figure| row(&figure.name, figure.unit)).collect(),
        })
    }

    /// A table for a terminal, and for Markdown.
    #[must_use]
    pub fn summary(&self) -> String {
        let head = ["median", "unit", &self.server, &self.floor, "ratio"];
        let rows = self.rows.iter().map(|row| {
            let ratio = row.ratio.map_or_else(String::new, number);
            vec![row.name.clone(), row.unit.to_owned(), number(row.server), number(row.floor), ratio]
        });
        format!("{}, {} runs each\n{}\n\n{}", self.scenario, self.runs, self.settings, table(&head, rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Figure;

    fn outcomes(target: &str, values: [f64; 3]) -> Vec<Outcome> {
        let outcome = |value| {
            let mut outcome = Outcome::new("fan-out", target, &());
            outcome.figures.push(Figure::new("cost", value, "µs"));
            outcome.figures.push(Figure::count("lost", 0));
            outcome
        };
        values.map(outcome).to_vec()
    }

    #[test]
    fn medians_are_compared_figure_by_figure() {
        let comparison =
            Comparison::new(&outcomes("a", [6.0, 90.0, 5.0]), &outcomes("b", [1.0, 3.0, 2.0])).unwrap();
        let cost = &comparison.rows[0];
        assert_eq!((cost.server, cost.floor, cost.ratio), (6.0, 2.0, Some(3.0)));
        assert_eq!(comparison.rows[1].ratio, None);
        assert!(comparison.summary().contains("3.00"));
        assert!(Comparison::new(&[], &outcomes("b", [1.0; 3])).is_none());
    }
}
