//! What a run has found, for machines and for people.

mod html;
mod plot;

use std::fs;
use std::path::Path;

use anyhow::Context;
use serde::Serialize;
use serde_json::Value;

pub use crate::latency::Distribution;
pub use crate::monitor::Moment;

/// One number that a run has found.
#[derive(Debug, Clone, Serialize, PartialEq)]
pub struct Figure {
    pub name: String,
    pub value: f64,
    pub unit: &'static str,
}

#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    pub scenario: &'static str,
    pub target: String,
    pub settings: Value,
    pub figures: Vec<Figure>,
    pub latencies: Vec<Distribution>,
    pub timeline: Vec<Moment>,
}

impl Figure {
    pub(crate) fn new(name: &str, value: f64, unit: &'static str) -> Self {
        Self { name: name.to_owned(), value, unit }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
    pub(crate) fn count(name: &str, count: u64) -> Self {
        Self::new(name, count as f64, "")
    }

    /// The value as people read it, with its unit.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{} {}", number(self.value), self.unit).trim_end().to_owned()
    }
}

impl Outcome {
    pub(crate) fn new(scenario: &'static str, target: &str, settings: &impl Serialize) -> Self {
        Self {
            scenario,
            target: target.to_owned(),
            // Options are numbers and flags under fixed names.
            settings: serde_json::to_value(settings).unwrap_or_default(),
            figures: Vec::new(),
            latencies: Vec::new(),
            timeline: Vec::new(),
        }
    }

    /// The figures, and those of the latencies behind them.
    #[must_use]
    pub fn all_figures(&self) -> Vec<Figure> {
        let mut all = self.figures.clone();
        for latency in &self.latencies {
            for (what, value) in [
                ("p50", latency.p50_ms),
                ("p90", latency.p90_ms),
                ("p95", latency.p95_ms),
                ("p99", latency.p99_ms),
                ("p99.9", latency.p999_ms),
                ("max", latency.max_ms),
            ] {
                all.push(Figure::new(&format!("{}, {what}", latency.name), value, "ms"));
            }
        }
        all
    }

    #[must_use]
    pub fn figure(&self, name: &str) -> Option<f64> {
        self.all_figures().iter().find(|figure| figure.name == name).map(|figure| figure.value)
    }

    /// A table for a terminal, and for Markdown.
    #[must_use]
    pub fn summary(&self) -> String {
        let figures = self.all_figures();
        let rows = figures.iter().map(|figure| vec![figure.name.clone(), figure.text()]);
        format!("{} on {}\n{}\n\n{}", self.scenario, self.target, self.settings, table(&["", ""], rows))
    }

    /// # Errors
    /// When the file cannot be written.
    pub fn write_json(&self, path: &Path) -> anyhow::Result<()> {
        save(path, &(serde_json::to_string_pretty(self)? + "\n"))
    }

    /// Writes a report: Markdown into a file named .md, a page with plots otherwise.
    ///
    /// # Errors
    /// When it cannot be drawn or the file not be written.
    pub fn write_report(&self, path: &Path) -> anyhow::Result<()> {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("md") => save(path, &self.summary()),
            _ => save(path, &html::page(self)?),
        }
    }
}

fn save(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("could not write {}", path.display()))
}

/// A table in Markdown, its columns aligned.
pub(crate) fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut all: Vec<Vec<String>> = vec![head.iter().map(ToString::to_string).collect()];
    all.extend(rows);
    let widths: Vec<usize> = (0..head.len())
        .map(|column| all.iter().map(|row| row[column].chars().count()).max().unwrap_or(0).max(3))
        .collect();
    let mut text = String::new();
    for (at, row) in all.iter().enumerate() {
        for (cell, width) in row.iter().zip(&widths) {
            text += &format!("| {cell:width$} ");
        }
        text += "|\n";
        if at == 0 {
            for width in &widths {
                text += &format!("|{}", "-".repeat(width + 2));
            }
            text += "|\n";
        }
    }
    text
}

/// Three digits, or all before the point.
pub(crate) fn number(value: f64) -> String {
    let size = value.abs();
    if size >= 100.0 {
        let digits = format!("{size:.0}");
        let mut text = String::new();
        for (at, digit) in digits.chars().enumerate() {
            if at > 0 && (digits.len() - at).is_multiple_of(3) {
                text.push(',');
            }
            text.push(digit);
        }
        return if value < 0.0 { format!("-{text}") } else { text };
    }
    match size {
        0.0 => "0".to_owned(),
        10.0.. => format!("{value:.1}"),
        1.0.. => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_or_all_before_the_point() {
        for (value, text) in [
            (0.0, "0"),
            (0.0123, "0.012"),
            (1.234, "1.23"),
            (12.34, "12.3"),
            (999.6, "1,000"),
            (1_234_567.0, "1,234,567"),
            (-1_234.0, "-1,234"),
        ] {
            assert_eq!(number(value), text);
        }
    }

    #[test]
    fn tables_are_aligned() {
        let rows = [vec!["a".to_owned(), "1 µs".to_owned()], vec!["long name".to_owned(), "2".to_owned()]];
        let expected = "\
| name      | value |
|-----------|-------|
| a         | 1 µs  |
| long name | 2     |
";
        assert_eq!(table(&["name", "value"], rows.into_iter()), expected);
    }
}
