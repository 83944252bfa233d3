//! `--to`: where a group is to stand.

use crate::time::parse_time;
use std::path::PathBuf;

/// Where to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// The first record there is.
    Earliest,
    /// After the last record there is.
    Latest,
    /// Where it stands: for an export, or for what has no commit yet.
    Current,
    /// An offset.
    At(i64),
    /// So many records further, or back.
    Shift(i64),
    /// The first record of this time, in milliseconds since 1970, or later.
    Time(i64),
    /// Where another group stands.
    Group(String),
    /// What a CSV file says.
    File(PathBuf),
}

impl Target {
    /// Reads `earliest`, `latest`, `current`, `42`, `+10`, `-10`, `@TIME`, `-PT1H` (so long before now), `group:G` or
    /// `file:PATH`.
    ///
    /// # Errors
    /// Says what would be right.
    pub fn parse(text: &str, now_ms: i64) -> Result<Target, String> {
        let wrong = || {
            format!(
                "`{text}` is no place: write earliest, latest, current, an OFFSET, +N, -N, @TIME, -PT1H, group:GROUP or \
                 file:CSV"
            )
        };
        match text {
            "earliest" | "start" => return Ok(Target::Earliest),
            "latest" | "end" => return Ok(Target::Latest),
            "current" => return Ok(Target::Current),
            _ => {}
        }
        if let Some(group) = text.strip_prefix("group:").filter(|group| !group.is_empty()) {
            return Ok(Target::Group(group.into()));
        }
        if let Some(path) = text.strip_prefix("file:").filter(|path| !path.is_empty()) {
            return Ok(Target::File(path.into()));
        }
        if text.starts_with('@') {
            return parse_time(text, now_ms).map(Target::Time);
        }
        if let Some(duration) = text.strip_prefix('-').unwrap_or(text).strip_prefix('P') {
            let ms = iso_duration_ms(duration).ok_or_else(wrong)?;
            return Ok(Target::Time(now_ms.saturating_sub(ms).max(0)));
        }
        let digits = text.trim_start_matches(['+', '-']);
        if digits.is_empty() || text.len() > digits.len() + 1 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(wrong());
        }
        let number: i64 = digits.parse().map_err(|_| format!("{text} is too large"))?;
        Ok(match text.as_bytes()[0] {
            b'+' => Target::Shift(number),
            b'-' => Target::Shift(-number),
            _ => Target::At(number),
        })
    }
}

/// `nDTnHnMnS` in milliseconds, the part of an ISO 8601 duration after its `P`.
fn iso_duration_ms(text: &str) -> Option<i64> {
    let (days, clock) = text.split_once('T').map_or((text, None), |(days, clock)| (days, Some(clock)));
    let mut ms = 0.0;
    let mut parts = 0;
    for (text, units) in [
        (days, &[('D', 86_400e3), ('W', 604_800e3)][..]),
        (clock.unwrap_or_default(), &[('H', 3_600e3), ('M', 60e3), ('S', 1e3)]),
    ] {
        let mut rest = text;
        while !rest.is_empty() {
            let at = rest.find(|c: char| c.is_ascii_alphabetic())?;
            let number: f64 = rest[..at].parse().ok().filter(|number: &f64| *number >= 0.0)?;
            let unit = rest[at..].chars().next()?;
            ms += number * units.iter().find(|(name, _)| *name == unit)?.1;
            rest = &rest[at + 1..];
            parts += 1;
        }
    }
    // A `T` with nothing after it, or nothing at all, is no duration.
    let whole = parts > 0 && clock.is_none_or(|clock| !clock.is_empty());
    (whole && ms <= 9e15).then_some(ms as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let now = 1_000_000_000;
        let target = |text: &str| Target::parse(text, now);
        assert_eq!(target("earliest"), Ok(Target::Earliest));
        assert_eq!(target("42"), Ok(Target::At(42)));
        assert_eq!(target("+10"), Ok(Target::Shift(10)));
        assert_eq!(target("-10"), Ok(Target::Shift(-10)));
        assert_eq!(target("@1000"), Ok(Target::Time(1000)));
        assert_eq!(target("-PT1H"), Ok(Target::Time(now - 3_600_000)));
        assert_eq!(target("PT1H"), Ok(Target::Time(now - 3_600_000)));
        assert_eq!(target("-P1DT2M0.5S"), Ok(Target::Time(now - 86_520_500)));
        assert_eq!(target("group:g2"), Ok(Target::Group("g2".into())));
        assert_eq!(target("file:a.csv"), Ok(Target::File("a.csv".into())));
        for wrong in ["", "soon", "--1", "1.5", "-P", "-PT", "-P1DT", "-PT1", "-P1H", "group:", "file:", "@soon"] {
            assert!(target(wrong).is_err(), "{wrong}");
        }
    }
}
