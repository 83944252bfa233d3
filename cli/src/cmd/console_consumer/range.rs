//! `-o`: where to begin and where to stop.

use crate::time::parse_time;

/// A place in a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Point {
    /// The first record there is.
    Start,
    /// After the last record there is.
    End,
    /// An offset.
    At(i64),
    /// So many offsets before the end.
    BeforeEnd(i64),
    /// So many offsets after the start.
    AfterStart(i64),
    /// The first record of this time, in milliseconds since 1970, or later.
    Time(i64),
}

/// From a place to another one, which is not part of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// Where it begins.
    pub from: Point,
    /// Where it stops; without, it goes on.
    pub to: Option<Point>,
}

impl Range {
    /// Reads `start`, `end`, `42`, `-10`, `+10`, `@TIME`, or two of them with a colon between.
    ///
    /// # Errors
    /// Says what would be right.
    pub fn parse(text: &str, now_ms: i64) -> Result<Range, String> {
        if let Ok(from) = point(text, now_ms) {
            return Ok(Range { from, to: None });
        }
        for (at, _) in text.match_indices(':') {
            let (from, to) = (&text[..at], &text[at + 1..]);
            let timed = from.starts_with('@');
            let from = if from.is_empty() { Ok(Point::Start) } else { point(from, now_ms) };
            let to = match to {
                "" => Ok(None),
                // After a time comes a time, with or without its @.
                to if timed && !to.starts_with(['@', 'e']) => point(&format!("@{to}"), now_ms).map(Some),
                to => point(to, now_ms).map(Some),
            };
            if let (Ok(from), Ok(to)) = (from, to) {
                return Ok(Range { from, to });
            }
        }
        Err(format!(
            "`{text}` is no place: write start, end, 42, -10 (before the end), +10 (after the start), @TIME, or A:B"
        ))
    }
}

fn point(text: &str, now_ms: i64) -> Result<Point, String> {
    match text {
        "start" | "earliest" | "beginning" | "oldest" => return Ok(Point::Start),
        "end" | "latest" | "newest" => return Ok(Point::End),
        _ => {}
    }
    if let Some(time) = text.strip_prefix('@') {
        return parse_time(time, now_ms).map(Point::Time);
    }
    let digits = text.trim_start_matches(['-', '+']);
    if digits.is_empty() || text.len() > digits.len() + 1 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(text.into());
    }
    let number = digits.parse().map_err(|_| format!("{text} is too large"))?;
    Ok(match text.as_bytes()[0] {
        b'-' => Point::BeforeEnd(number),
        b'+' => Point::AfterStart(number),
        _ => Point::At(number),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_ranges() {
        let range = |text| Range::parse(text, 1_000_000).map(|range| (range.from, range.to));
        assert_eq!(range("start"), Ok((Point::Start, None)));
        assert_eq!(range("-10"), Ok((Point::BeforeEnd(10), None)));
        assert_eq!(range("+10"), Ok((Point::AfterStart(10), None)));
        assert_eq!(range("5:20"), Ok((Point::At(5), Some(Point::At(20)))));
        assert_eq!(range(":end"), Ok((Point::Start, Some(Point::End))));
        assert_eq!(range("-10:end"), Ok((Point::BeforeEnd(10), Some(Point::End))));
        assert_eq!(range("@-1s"), Ok((Point::Time(999_000), None)));
        assert_eq!(range("@5:@9"), Ok((Point::Time(5), Some(Point::Time(9)))));
        assert_eq!(range("@5:9"), Ok((Point::Time(5), Some(Point::Time(9)))));
        assert_eq!(range("@5:end"), Ok((Point::Time(5), Some(Point::End))));
        let (from, to) = range("@1970-01-01T00:00:01Z:1970-01-01T00:00:02Z").unwrap();
        assert_eq!((from, to), (Point::Time(1000), Some(Point::Time(2000))));
        for wrong in ["", "soon", "--1", "5:soon", "1.5", "99999999999999999999"] {
            assert!(range(wrong).is_err(), "{wrong}");
        }
    }
}
