//! The comparison as a picture: for each goal a bar that says how many times better than Kafka kqd is, on a scale of
//! doublings, with the goal as a mark. It follows the reader's light or dark preference.

use super::measure::{Measure, number};
use super::report::Outcome;
use super::target::{Finding, Goal, median};
use std::fmt::Write;

const WIDTH: u32 = 860;
const LEFT: f64 = 400.0;
const RIGHT: f64 = 730.0;
const TOP: u32 = 64;
const LINE: u32 = 26;
const STYLE: &str = "\
text{font:13px system-ui,sans-serif;fill:#1f2328}.dim{fill:#59636e}.title{font-size:16px;font-weight:600}\
.bar{fill:#2f6fde}.worse{fill:#c2453b}.axis{stroke:#8c959f}.goal{stroke:#1f2328;stroke-width:2}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.dim{fill:#9198a1}.bar{fill:#5b9bff}.worse{fill:#ff7b72}\
.goal{stroke:#e6edf3}}";

/// How many times better kqd is: more where more is better, less where less is.
fn advantage(finding: &Finding) -> Option<f64> {
    let ratio = finding.ratio().filter(|ratio| *ratio > 0.0)?;
    Some(if more_is_better(finding.measure) { ratio } else { 1.0 / ratio })
}

fn more_is_better(measure: Measure) -> bool {
    matches!(measure, Measure::RequestsPerSec | Measure::RecordsPerSec | Measure::MbPerSec)
}

/// The goal on the same scale.
fn wanted(finding: &Finding) -> Option<f64> {
    match finding.goal? {
        Goal::AtLeast(times) => Some(times),
        Goal::AtMost(times) => Some(1.0 / times),
        Goal::Within(most) => median(&finding.kafka).map(|kafka| kafka / most),
    }
    .filter(|times| times.is_finite() && *times > 0.0)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Draws what has both brokers' numbers and a goal.
pub fn draw(outcomes: &[Outcome]) -> String {
    let findings = outcomes.iter().flat_map(|outcome| outcome.findings.iter().map(move |finding| (outcome, finding)));
    let bars: Vec<(&Outcome, &Finding, f64)> = findings
        .filter(|(_, finding)| finding.goal.is_some())
        .filter_map(|(outcome, finding)| advantage(finding).map(|times| (outcome, finding, times)))
        .collect();
    let all = bars.iter().flat_map(|(_, finding, times)| [Some(*times), wanted(finding)]).flatten();
    let (mut low, mut high) = (0.0f64, 1.0f64);
    for times in all {
        (low, high) = (low.min(times.log2().floor()), high.max(times.log2().ceil()));
    }
    let x = |times: f64| LEFT + (times.log2() - low) / (high - low) * (RIGHT - LEFT);
    let height = TOP + LINE * u32::try_from(bars.len()).unwrap_or(0) + 20;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n<style>{STYLE}</style>\n\
         <text class=\"title\" x=\"12\" y=\"24\">kqd and Apache Kafka on the same machine: how many times better kqd is</text>\n\
         <text class=\"dim\" x=\"12\" y=\"46\">medians; each bar in units of Kafka's value, on a scale of doublings; the mark \
         is the goal</text>\n"
    );
    let bottom = height - 14;
    let _ = writeln!(svg, "<line class=\"axis\" x1=\"{0:.1}\" y1=\"{TOP}\" x2=\"{0:.1}\" y2=\"{bottom}\"/>", x(1.0));
    for (index, (outcome, finding, times)) in bars.iter().enumerate() {
        let y = TOP + LINE * u32::try_from(index).unwrap_or(0);
        let (from, to) = (x(times.min(1.0)), x(times.max(1.0)));
        let class = if *times >= 1.0 { "bar" } else { "worse" };
        let (what, _) = finding.measure.words();
        let values = [&finding.kqd, &finding.kafka].map(|runs| median(runs).map(|value| finding.measure.show(value)));
        let [Some(kqd), Some(kafka)] = values else { continue };
        let _ = writeln!(
            svg,
            "<text x=\"12\" y=\"{}\">{} <tspan class=\"dim\">{}: {} / {}</tspan></text>\n\
             <rect class=\"{class}\" x=\"{from:.1}\" y=\"{}\" width=\"{:.1}\" height=\"14\" rx=\"2\"/>\n\
             <text x=\"{}\" y=\"{}\">{} ×</text>",
            y + 16,
            escape(outcome.row.name),
            escape(what),
            escape(&kqd),
            escape(&kafka),
            y + 5,
            (to - from).max(1.0),
            RIGHT + 12.0,
            y + 16,
            number(*times),
        );
        if let Some(goal) = wanted(finding) {
            let _ = writeln!(
                svg,
                "<line class=\"goal\" x1=\"{0:.1}\" y1=\"{1}\" x2=\"{0:.1}\" y2=\"{2}\"/>",
                x(goal),
                y + 2,
                y + 22
            );
        }
    }
    svg.push_str("</svg>\n");
    svg
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::bench::compare::report::tests::outcomes;
    use expect_test::expect;

    #[test]
    fn bars_and_goals() {
        let svg = draw(&outcomes());
        let drawn: Vec<&str> = svg.lines().filter(|line| !line.starts_with("<style")).collect();
        expect![[r#"
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 860 162" role="img">
            <text class="title" x="12" y="24">kqd and Apache Kafka on the same machine: how many times better kqd is</text>
            <text class="dim" x="12" y="46">medians; each bar in units of Kafka's value, on a scale of doublings; the mark is the goal</text>
            <line class="axis" x1="482.5" y1="64" x2="482.5" y2="148"/>
            <text x="12" y="80">tiny <tspan class="dim">requests: 200,000/s / 55,000/s</tspan></text>
            <rect class="bar" x="482.5" y="69" width="153.7" height="14" rx="2"/>
            <text x="742" y="80">3.64 ×</text>
            <line class="goal" x1="613.3" y1="66" x2="613.3" y2="86"/>
            <text x="12" y="106">tiny <tspan class="dim">CPU per request: 3.50 µs / 20.5 µs</tspan></text>
            <rect class="bar" x="482.5" y="95" width="210.4" height="14" rx="2"/>
            <text x="742" y="106">5.86 ×</text>
            <line class="goal" x1="647.5" y1="92" x2="647.5" y2="112"/>
            <text x="12" y="132">16k-1 <tspan class="dim">throughput: 100 MB/s / 200 MB/s</tspan></text>
            <rect class="worse" x="400.0" y="121" width="82.5" height="14" rx="2"/>
            <text x="742" y="132">0.50 ×</text>
            <line class="goal" x1="613.3" y1="118" x2="613.3" y2="138"/>
            </svg>"#]].assert_eq(&drawn.join("\n"));
    }

    #[test]
    fn nothing_measured_is_still_a_picture() {
        assert!(draw(&[]).starts_with("<svg ") && draw(&[]).ends_with("</svg>\n"));
    }
}
