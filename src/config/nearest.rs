//! The known name nearest to a mistyped one.

/// Names further away than this many edits are no help.
const EDITS_MAX: usize = 4;
/// Longer input is not compared: it is no typing error.
const NAME_BYTES_MAX: usize = 128;

/// The nearest of the known names, when it is near enough to be what was meant.
pub fn nearest(name: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let plain = |text: &str| text.to_ascii_lowercase().replace(['_', '-'], ".");
    let wanted = plain(name);
    let near = known.map(|candidate| (edits(wanted.as_bytes(), candidate.as_bytes()), candidate)).min()?;
    (near.0 <= EDITS_MAX.min(1 + wanted.len() / 4)).then_some(near.1)
}

/// Levenshtein distance, by bytes; two neighbours swapped count once.
fn edits(a: &[u8], b: &[u8]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, &y) in b.iter().enumerate() {
            let mut cost = (last[j] + usize::from(x != y)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                cost = cost.min(before[j - 1] + 1);
            }
            row.push(cost);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_what_was_meant() {
        let known = || ["log.retention.hours", "log.retention.bytes", "num.partitions"].into_iter();
        assert_eq!(nearest("log.retention.hour", known()), Some("log.retention.hours"));
        assert_eq!(nearest("num_partitions", known()), Some("num.partitions"));
        assert_eq!(nearest("num.partitoins", known()), Some("num.partitions"));
        assert_eq!(nearest("Log.Retention.Bytes", known()), Some("log.retention.bytes"));
        assert_eq!(nearest("colour", known()), None);
        assert_eq!(nearest("", known()), None);
        assert_eq!(nearest(&"x".repeat(100_000), known()), None);
    }
}
