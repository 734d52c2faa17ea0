//! Plots as SVG.

use anyhow::anyhow;
use plotters::prelude::{
    ChartBuilder, Color as _, IntoDrawingArea as _, IntoLogRange as _, LineSeries, PathElement, RGBColor,
    SVGBackend, WHITE,
};
use plotters::style::BLACK;

use super::Distribution;
use super::html::label;

const SIZE: (u32, u32) = (820, 320);
const COLOURS: [RGBColor; 3] = [RGBColor(31, 119, 180), RGBColor(214, 96, 39), RGBColor(44, 140, 60)];

type Line<'a> = (&'a str, Vec<(f64, f64)>);

/// Latency over percentiles, drawn so that each further nine takes the same room.
pub(super) fn latencies(all: &[Distribution]) -> anyhow::Result<String> {
    let lines: Vec<Line<'_>> = all
        .iter()
        .map(|one| {
            let points = one.curve.iter().filter(|(percentile, _)| *percentile < 100.0);
            (one.name.as_str(), points.map(|&(percentile, ms)| (nines(percentile), ms.max(0.001))).collect())
        })
        .collect();
    let values = || lines.iter().flat_map(|(_, points)| points);
    let right = values().map(|point| point.0).fold(1.0, f64::max);
    let low = values().map(|point| point.1).fold(f64::MAX, f64::min).min(1.0);
    let high = values().map(|point| point.1).fold(low * 10.0, f64::max);
    let mut svg = String::new();
    let mut drawn = || -> Result<(), Box<dyn std::error::Error>> {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .margin(12)
            .x_label_area_size(34)
            .y_label_area_size(64)
            .build_cartesian_2d(0.0..right, (low..high * 1.1).log_scale())?;
        let mut mesh = chart.configure_mesh();
        // As few as there are whole nines.
        mesh.x_desc("percentile").y_desc("ms").max_light_lines(1).x_labels(5);
        mesh.x_label_formatter(&|nines| format!("{}", percentile(*nines)));
        mesh.y_label_formatter(&|ms| label(*ms)).draw()?;
        for ((name, points), colour) in lines.iter().zip(COLOURS.iter().cycle()) {
            let drawn = chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?;
            drawn.label(*name).legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], *colour));
        }
        chart
            .configure_series_labels()
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.2))
            .draw()?;
        area.present()?;
        Ok(())
    };
    drawn().map_err(|error| anyhow!("could not draw the latencies: {error}"))?;
    Ok(svg)
}

/// Values over seconds.
pub(super) fn lines(lines: &[Line<'_>], unit: &str) -> anyhow::Result<String> {
    let values = || lines.iter().flat_map(|(_, points)| points);
    let right = values().map(|point| point.0).fold(0.1, f64::max);
    let high = values().map(|point| point.1).fold(f64::MIN_POSITIVE, f64::max);
    let mut svg = String::new();
    let mut drawn = || -> Result<(), Box<dyn std::error::Error>> {
        let area = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .margin(12)
            .x_label_area_size(34)
            .y_label_area_size(84)
            .build_cartesian_2d(0.0..right, 0.0..high * 1.1)?;
        let mut mesh = chart.configure_mesh();
        mesh.x_desc("s").y_desc(unit).max_light_lines(1).y_label_formatter(&|value| label(*value)).draw()?;
        for ((name, points), colour) in lines.iter().zip(COLOURS.iter().cycle()) {
            let drawn = chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?;
            drawn.label(*name).legend(|(x, y)| PathElement::new([(x, y), (x + 16, y)], *colour));
        }
        chart
            .configure_series_labels()
            .background_style(WHITE.mix(0.8))
            .border_style(BLACK.mix(0.2))
            .draw()?;
        area.present()?;
        Ok(())
    };
    drawn().map_err(|error| anyhow!("could not draw a timeline: {error}"))?;
    Ok(svg)
}

fn nines(percentile: f64) -> f64 {
    -(1.0 - percentile / 100.0).log10()
}

/// To as many digits as tell it from its neighbours.
fn percentile(nines: f64) -> f64 {
    let percentile = 100.0 * (1.0 - 10_f64.powf(-nines));
    (percentile * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nine_more_takes_the_same_room() {
        for (given, expected) in [(0.0, 0.0), (90.0, 1.0), (99.0, 2.0), (99.9, 3.0)] {
            assert!((nines(given) - expected).abs() < 1e-9);
            assert!((percentile(expected) - given).abs() < 1e-9);
        }
    }
}
