//! What is measured, what is to be reached, and whether it was: medians, ratios, verdicts.

use super::measure::{MEASURES, Measure};
use std::collections::BTreeMap;
use std::fmt;

/// What is to be reached.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Goal {
    /// At least so many times Kafka's value.
    AtLeast(f64),
    /// At most so many times Kafka's value.
    AtMost(f64),
    /// At most this, whatever Kafka's is.
    Within(f64),
}

impl Goal {
    /// For people: `≥ 3 ×`, `≤ 10 ms`.
    pub fn show(self, measure: Measure) -> String {
        match self {
            Goal::AtLeast(times) => format!("≥ {times} ×"),
            Goal::AtMost(times) => format!("≤ {times} ×"),
            Goal::Within(most) => format!("≤ {}", measure.show(most)),
        }
    }
}

/// How it came out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Reached.
    Reached,
    /// Not reached.
    Missed,
    /// Nothing to hold it against.
    Open,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Reached => "reached",
            Verdict::Missed => "missed",
            Verdict::Open => "-",
        })
    }
}

/// What one run measured.
pub type Sample = BTreeMap<Measure, f64>;

/// One quantity over all runs of a row.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Which.
    pub measure: Measure,
    /// One value a run.
    pub kqd: Vec<f64>,
    /// One value a run.
    pub kafka: Vec<f64>,
    /// What is to be reached, if anything.
    pub goal: Option<Goal>,
}

/// The middle one, or the mean of the two in the middle.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let high = *sorted.get(sorted.len() / 2)?;
    let low = *sorted.get((sorted.len() - 1) / 2)?;
    Some((low + high) / 2.0)
}

impl Finding {
    /// kqd's median in units of Kafka's.
    pub fn ratio(&self) -> Option<f64> {
        let (kqd, kafka) = median(&self.kqd).zip(median(&self.kafka))?;
        (kafka > 0.0).then(|| kqd / kafka)
    }

    /// Whether the goal is reached.
    pub fn verdict(&self) -> Verdict {
        let reached = match self.goal {
            Some(Goal::AtLeast(times)) => self.ratio().map(|ratio| ratio >= times),
            Some(Goal::AtMost(times)) => self.ratio().map(|ratio| ratio <= times),
            Some(Goal::Within(most)) => median(&self.kqd).map(|kqd| kqd <= most),
            None => None,
        };
        match reached {
            Some(true) => Verdict::Reached,
            Some(false) => Verdict::Missed,
            None => Verdict::Open,
        }
    }
}

/// Every quantity that was measured, with the goals of `targets`.
pub fn findings(kqd: &[Sample], kafka: &[Sample], targets: &[(Measure, Goal)]) -> Vec<Finding> {
    let of = |samples: &[Sample], measure| -> Vec<f64> {
        samples.iter().filter_map(|sample| sample.get(&measure)).copied().collect()
    };
    // A line for each goal; one without where there is none.
    let lines = |measure: Measure| {
        let mut goals: Vec<Option<Goal>> = targets.iter().filter(|t| t.0 == measure).map(|t| Some(t.1)).collect();
        if goals.is_empty() {
            goals.push(None);
        }
        let (kqd, kafka) = (of(kqd, measure), of(kafka, measure));
        goals.into_iter().map(move |goal| Finding { measure, kqd: kqd.clone(), kafka: kafka.clone(), goal })
    };
    let measured = |finding: &Finding| !(finding.kqd.is_empty() && finding.kafka.is_empty());
    MEASURES.into_iter().flat_map(lines).filter(measured).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use Measure::*;

    #[test]
    fn medians() {
        assert_eq!(median(&[]), None);
        assert_eq!(median(&[3.0]), Some(3.0));
        assert_eq!(median(&[9.0, 1.0, 5.0]), Some(5.0));
        assert_eq!(median(&[1.0, 2.0, 4.0, 100.0]), Some(3.0));
    }

    fn finding(kqd: &[f64], kafka: &[f64], goal: Option<Goal>) -> Finding {
        Finding { measure: P50, kqd: kqd.to_vec(), kafka: kafka.to_vec(), goal }
    }

    #[test]
    fn goals_are_reached_on_the_line_and_missed_beyond() {
        let cases = [
            (finding(&[6.0], &[2.0], Some(Goal::AtLeast(3.0))), Verdict::Reached),
            (finding(&[5.9], &[2.0], Some(Goal::AtLeast(3.0))), Verdict::Missed),
            (finding(&[0.5], &[2.0], Some(Goal::AtMost(0.25))), Verdict::Reached),
            (finding(&[0.6], &[2.0], Some(Goal::AtMost(0.25))), Verdict::Missed),
            (finding(&[10.0], &[], Some(Goal::Within(10.0))), Verdict::Reached),
            (finding(&[10.1], &[1.0], Some(Goal::Within(10.0))), Verdict::Missed),
            (finding(&[6.0], &[], Some(Goal::AtLeast(3.0))), Verdict::Open),
            (finding(&[6.0], &[0.0], Some(Goal::AtLeast(3.0))), Verdict::Open),
            (finding(&[], &[1.0], Some(Goal::Within(10.0))), Verdict::Open),
            (finding(&[6.0], &[2.0], None), Verdict::Open),
        ];
        for (finding, want) in cases {
            assert_eq!(finding.verdict(), want, "{finding:?}");
        }
    }

    #[test]
    fn findings_come_in_order_with_their_goals() {
        let kqd = [Sample::from([(P99, 2.0), (RequestsPerSec, 10.0)]), Sample::from([(RequestsPerSec, 30.0)])];
        let kafka = [Sample::from([(RequestsPerSec, 5.0), (CpuPerGb, 1.0)])];
        let found = findings(&kqd, &kafka, &[(RequestsPerSec, Goal::AtLeast(3.0)), (StartEmpty, Goal::Within(1.0))]);
        let short: Vec<_> = found.iter().map(|f| (f.measure, f.kqd.len(), f.kafka.len(), f.ratio())).collect();
        assert_eq!(short, [(RequestsPerSec, 2, 1, Some(4.0)), (P99, 1, 0, None), (CpuPerGb, 0, 1, None)]);
        assert_eq!(found[0].verdict(), Verdict::Reached);
        let twice = findings(&kqd, &kafka, &[(P99, Goal::Within(1.0)), (P99, Goal::AtMost(0.5))]);
        assert_eq!(twice.iter().filter(|finding| finding.measure == P99).count(), 2, "a line for each goal");
    }
}
