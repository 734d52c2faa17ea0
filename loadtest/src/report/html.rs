use super::{Outcome, number, plot};

/// A page on its own: styles and plots are in it.
pub(super) fn page(outcome: &Outcome) -> anyhow::Result<String> {
    let figures = outcome.all_figures();
    let rows: String = figures
        .iter()
        .map(|figure| {
            format!("<tr><td>{}</td><td>{}</td></tr>\n", escape(&figure.name), escape(&figure.text()))
        })
        .collect();
    let mut plots = String::new();
    if !outcome.latencies.is_empty() {
        plots += &section("Latency by percentile", &plot::latencies(&outcome.latencies)?);
    }
    let timeline = &outcome.timeline;
    if timeline.len() > 1 {
        let rate: Vec<(f64, f64)> =
            timeline.iter().map(|moment| (moment.seconds, moment.per_second)).collect();
        plots += &section("Per second", &plot::lines(&[("per second", rate)], "1/s")?);
        let server = timeline.iter().filter_map(|m| Some((m.seconds, m.server_cpu? * 100.0))).collect();
        let generator = timeline.iter().map(|m| (m.seconds, m.generator_cpu * 100.0)).collect();
        plots += &section("CPU", &plot::lines(&[("server", server), ("generator", generator)], "%")?);
        let memory: Vec<(f64, f64)> =
            timeline.iter().filter_map(|m| Some((m.seconds, m.server_mib?))).collect();
        if !memory.is_empty() {
            plots += &section("Resident memory of the server", &plot::lines(&[("server", memory)], "MiB")?);
        }
    }
    let (scenario, target) = (escape(outcome.scenario), escape(&outcome.target));
    let settings = escape(&outcome.settings.to_string());
    Ok(format!(
        "<!doctype html>\n<meta charset=\"utf-8\">\n<title>{scenario} on {target}</title>\n\
         <style>body{{font:15px sans-serif;max-width:860px;margin:2em auto;padding:0 1em}}\
         td{{padding:.2em 1.5em .2em 0;border-bottom:1px solid #ddd}}td+td{{text-align:right}}\
         svg{{max-width:100%;height:auto}}</style>\n\
         <h1>{scenario}</h1>\n<p>{target}<br><code>{settings}</code></p>\n<table>\n{rows}</table>\n{plots}"
    ))
}

fn section(title: &str, svg: &str) -> String {
    format!("<h2>{title}</h2>\n{svg}\n")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A label of an axis.
pub(super) fn label(value: f64) -> String {
    number(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::Latencies;
    use crate::monitor::Moment;

    #[test]
    fn a_page_has_figures_and_plots_and_escapes_what_it_says() {
        let mut outcome = Outcome::new("fan-out", "ws://<host>", &());
        let latencies = Latencies::default();
        latencies.record(&(1..2_000).map(|at| at * 1_000).collect::<Vec<_>>());
        outcome.latencies.extend(latencies.distribution("edit to peer"));
        let moment = |seconds| Moment {
            seconds,
            per_second: 10.0 * seconds,
            server_cpu: Some(0.1),
            generator_cpu: 0.2,
            server_mib: Some(30.0),
        };
        outcome.timeline = vec![moment(1.0), moment(2.0), moment(3.0)];
        let page = page(&outcome).unwrap();
        assert!(page.contains("ws://&lt;host&gt;") && page.contains("edit to peer, p99"));
        assert_eq!(page.matches("<svg").count(), 4);
    }
}
