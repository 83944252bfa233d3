//! Durations and points in time as people write them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Reads `30s`, `500ms`, `2m`, `1h`, `7d`; a bare number is seconds.
///
/// # Errors
/// Says what would be right.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let number: f64 = number.parse().map_err(|_| format!("`{text}` is no duration: write 30s, 500ms, 2m, 1h or 7d"))?;
    let seconds = match unit.trim() {
        "ms" => number / 1_000.0,
        "" | "s" => number,
        "m" | "min" => number * 60.0,
        "h" => number * 3_600.0,
        "d" => number * 86_400.0,
        other => return Err(format!("`{other}` is no unit of time: write ms, s, m, h or d")),
    };
    Duration::try_from_secs_f64(seconds).map_err(|_| format!("`{text}` is too long"))
}

/// Milliseconds since the Unix epoch, now.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Reads a point in time, with or without the leading `@`: milliseconds since 1970, `now`, `-1h` (before now), or
/// `2026-11-23`, `2026-11-23T01:02:03[.456][Z|+02:00]` (UTC where no zone is given). Answers in milliseconds since 1970.
///
/// # Errors
/// Says what would be right.
pub fn parse_time(text: &str, now_ms: i64) -> Result<i64, String> {
    let text = text.strip_prefix('@').unwrap_or(text);
    if text == "now" {
        return Ok(now_ms);
    }
    if let Some(ago) = text.strip_prefix('-') {
        let ago = parse_duration(ago)?;
        return Ok(now_ms.saturating_sub(i64::try_from(ago.as_millis()).unwrap_or(i64::MAX)));
    }
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().map_err(|_| format!("`{text}` milliseconds is too far away"));
    }
    parse_date(text).ok_or_else(|| {
        format!("`{text}` is no point in time: write milliseconds since 1970, -1h, 2026-11-23 or 2026-11-23T01:02:03Z")
    })
}

fn parse_date(text: &str) -> Option<i64> {
    let (date, clock) = match text.split_once(['T', ' ']) {
        Some((date, clock)) => (date, clock),
        None => (text, "00:00:00"),
    };
    let mut parts = date.split('-');
    let (year, month, day) = (number(parts.next()?, 4)?, number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    if parts.next().is_some() || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (clock, offset_minutes) = zone(clock)?;
    let (clock, millis) = match clock.split_once('.') {
        Some((clock, fraction))
            if (1..=9).contains(&fraction.len()) && fraction.bytes().all(|b| b.is_ascii_digit()) =>
        {
            (clock, format!("{fraction:0<3}")[..3].parse::<i64>().ok()?)
        }
        Some(_) => return None,
        None => (clock, 0),
    };
    let mut parts = clock.split(':');
    let (hour, minute) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let second = parts.next().map_or(Some(0), |second| number(second, 2))?;
    if parts.next().is_some() || hour > 24 || minute > 59 || second > 60 {
        return None;
    }
    let minutes = (days_from_civil(year, month, day) * 24 + hour) * 60 + minute - offset_minutes;
    Some((minutes * 60 + second) * 1_000 + millis)
}

fn number(text: &str, digits: usize) -> Option<i64> {
    (text.len() == digits && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Splits the zone off a clock: minutes east of UTC.
fn zone(clock: &str) -> Option<(&str, i64)> {
    if let Some(clock) = clock.strip_suffix('Z') {
        return Some((clock, 0));
    }
    let Some(at) = clock.rfind(['+', '-']) else { return Some((clock, 0)) };
    let (clock, zone) = clock.split_at(at);
    let digits: String = zone[1..].chars().filter(|c| *c != ':').collect();
    let value = number(&digits, 4)?;
    let minutes = value / 100 * 60 + value % 100;
    Some((clock, if zone.starts_with('-') { -minutes } else { minutes }))
}

/// Days since 1970 of a date in the Gregorian calendar.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// `2026-11-23T01:02:03.456Z`.
pub fn format_time(ms: i64) -> String {
    let (days, in_day) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_shifted + 2) / 5 + 1;
    let month = if month_shifted < 10 { month_shifted + 3 } else { month_shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (second, millis) = (in_day / 1_000, in_day % 1_000);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{millis:03}Z",
        second / 3_600,
        second / 60 % 60,
        second % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(parse_duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(parse_duration("1.5m"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse_duration("7"), Ok(Duration::from_secs(7)));
        assert!(parse_duration("soon").is_err());
        assert!(parse_duration("3 weeks").is_err());
        assert!(parse_duration("99999999999999999999d").is_err());
    }

    #[test]
    fn times_round_trip() {
        for ms in [0, 1, 951_782_400_000, 1_795_383_220_016, 4_102_444_799_999, -1, -62_135_596_800_000] {
            assert_eq!(parse_date(&format_time(ms)), Some(ms), "{}", format_time(ms));
        }
        assert_eq!(format_time(951_782_400_000), "2000-02-29T00:00:00.000Z");
    }

    #[test]
    fn times_as_people_write_them() {
        let now = 1_795_383_220_016;
        let cases = [
            ("@1000", Ok(1_000)),
            ("-1h", Ok(now - 3_600_000)),
            ("now", Ok(now)),
            ("1970-01-02", Ok(86_400_000)),
            ("1970-01-01T01:00:00+01:00", Ok(0)),
            ("1970-01-01 00:00:01.5", Ok(1_500)),
        ];
        for (text, want) in cases {
            assert_eq!(parse_time(text, now), want, "{text}");
        }
        for wrong in ["", "@", "yesterday", "2026-13-01", "2026-1-1", "2026-01-01T99:00", "2026-01-01T00:00:00+1"] {
            assert!(parse_time(wrong, now).is_err(), "{wrong}");
        }
    }
}
