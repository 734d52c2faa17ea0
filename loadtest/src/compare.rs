//! Two servers side by side: medians of their runs, and of the ratios of each pair of runs.

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
    pub against: String,
    pub runs: usize,
    pub rows: Vec<Row>,
}

/// One figure of all runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    pub name: String,
    pub unit: &'static str,
    /// The median of its runs.
    pub server: f64,
    /// Likewise.
    pub against: f64,
    /// None where the other server's figure is 0 in all runs.
    pub ratio: Option<Ratio>,
}

/// The server's figure by the other's, of runs at the same time or one after the other: what
/// slows both down for a while is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Ratio {
    pub median: f64,
    pub least: f64,
    pub most: f64,
}

impl Comparison {
    /// Of pairs of outcomes of one scenario, the server's first; `None` when there are none.
    #[must_use]
    pub fn new(pairs: &[(Outcome, Outcome)]) -> Option<Self> {
        let (one, other) = pairs.first()?;
        let figures = one.all_figures();
        Some(Self {
            scenario: one.scenario,
            settings: one.settings.clone(),
            server: one.target.clone(),
            against: other.target.clone(),
            runs: pairs.len(),
            rows: figures.iter().filter_map(|figure| Row::new(&figure.name, figure.unit, pairs)).collect(),
        })
    }

    /// A table for a terminal, and for Markdown.
    #[must_use]
    pub fn summary(&self) -> String {
        let head = ["median", "unit", &self.server, &self.against, "ratio", "least", "most"];
        let rows = self.rows.iter().map(|row| {
            let ratio = row.ratio.map(|ratio| [ratio.median, ratio.least, ratio.most].map(number));
            let [ratio, least, most] = ratio.unwrap_or_default();
            let (server, against) = (number(row.server), number(row.against));
            vec![row.name.clone(), row.unit.to_owned(), server, against, ratio, least, most]
        });
        format!("{}, {} runs each\n{}\n\n{}", self.scenario, self.runs, self.settings, table(&head, rows))
    }
}

impl Row {
    /// None where not both servers have such a figure.
    fn new(name: &str, unit: &'static str, pairs: &[(Outcome, Outcome)]) -> Option<Self> {
        let figures = pairs.iter().map(|(one, other)| one.figure(name).zip(other.figure(name)));
        let figures: Vec<(f64, f64)> = figures.flatten().collect();
        let ratios =
            figures.iter().filter(|(_, against)| *against != 0.0).map(|(one, against)| one / against);
        Some(Self {
            name: name.to_owned(),
            unit,
            server: median(figures.iter().map(|(one, _)| *one).collect())?,
            against: median(figures.iter().map(|(_, against)| *against).collect())?,
            ratio: Ratio::of(ratios.collect()),
        })
    }
}

impl Ratio {
    fn of(ratios: Vec<f64>) -> Option<Self> {
        let least = ratios.iter().copied().min_by(f64::total_cmp)?;
        let most = ratios.iter().copied().max_by(f64::total_cmp)?;
        Some(Self { median: median(ratios)?, least, most })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Figure;

    fn outcome(target: &str, value: f64) -> Outcome {
        let mut outcome = Outcome::new("fan-out", target, &());
        outcome.figures.push(Figure::new("cost", value, "µs"));
        outcome.figures.push(Figure::count("lost", 0));
        outcome
    }

    #[test]
    fn ratios_are_of_pairs_of_runs() {
        // Twice, thrice and five times as much, on a machine that became slow for a pair.
        let pairs = [(2.0, 1.0), (300.0, 100.0), (5.0, 1.0)]
            .map(|(one, other)| (outcome("a", one), outcome("b", other)));
        let comparison = Comparison::new(&pairs).unwrap();
        let cost = &comparison.rows[0];
        assert_eq!((cost.server, cost.against), (5.0, 1.0));
        assert_eq!(cost.ratio, Some(Ratio { median: 3.0, least: 2.0, most: 5.0 }));
        assert_eq!(comparison.rows[1].ratio, None, "nothing was lost");
        assert!(comparison.summary().contains("3.00"));
        assert!(Comparison::new(&[]).is_none());
    }
}
