//! Durations as settings write them: ISO 8601 in the shape that Java reads, `PnDTnHnMn.nS` in any case, without signs.

/// More digits than this are no duration that anybody means; with them Java's own numbers would overflow.
const DIGITS_MAX: usize = 12;

/// Digits behind the point: nanoseconds.
const FRACTION_DIGITS_MAX: usize = 9;

/// Whether the text is a duration.
pub(super) fn is_duration(text: &str) -> bool {
    let text = text.to_ascii_uppercase();
    let Some(rest) = text.strip_prefix('P').filter(|rest| !rest.is_empty()) else { return false };
    match rest.split_once('T') {
        Some((_, "")) => false,
        Some((days, time)) => are_parts(days, &['D']) && are_parts(time, &['H', 'M', 'S']),
        None => are_parts(rest, &['D']),
    }
}

/// Numbers with these units, each at most once and in this order; none at all, too.
fn are_parts(text: &str, units: &[char]) -> bool {
    let mut rest = text;
    for unit in units {
        let Some((number, after)) = rest.split_once(*unit) else { continue };
        let (whole, fraction) = match number.split_once(['.', ',']) {
            Some((whole, fraction)) if *unit == 'S' => (whole, fraction),
            _ => (number, ""),
        };
        let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
        let is_number = digits(whole) && (1..=DIGITS_MAX).contains(&whole.len());
        if !is_number || !digits(fraction) || fraction.len() > FRACTION_DIGITS_MAX {
            return false;
        }
        rest = after;
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::is_duration;

    #[test]
    fn reads_what_java_reads() {
        for good in ["P1D", "PT1H", "pt30s", "P2DT3H4M5.6S", "PT0.000000001S", "P0D", "PT5,5S", "PT1.S"] {
            assert!(is_duration(good), "{good}");
        }
        for bad in [
            "",
            "P",
            "PT",
            "P1DT",
            "1D",
            "P1H",
            "PT1D",
            "PT1S1M",
            "PT1.5M",
            "PT1.0000000001S",
            "PTS",
            "P-1D",
            "PT1H ",
            "P9999999999999D",
            "PT١S",
        ] {
            assert!(!is_duration(bad), "{bad}");
        }
    }
}
