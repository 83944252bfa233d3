//! Backslash sequences in flags: `\t`, `\n`, `\x00`.

/// The bytes that `text` stands for. Sequences that mean nothing stay as they are.
pub fn unescape(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let (meant, used) = match rest {
            [b't', ..] => (Some(b'\t'), 1),
            [b'n', ..] => (Some(b'\n'), 1),
            [b'r', ..] => (Some(b'\r'), 1),
            [b'0', ..] => (Some(0), 1),
            [b'\\', ..] => (Some(b'\\'), 1),
            [b'x', high, low, ..] => match (hex_digit(*high), hex_digit(*low)) {
                (Some(high), Some(low)) => (Some(high << 4 | low), 3),
                _ => (None, 0),
            },
            _ => (None, 0),
        };
        out.push(meant.unwrap_or(b'\\'));
        rest = &rest[used..];
    }
    out
}

fn hex_digit(c: u8) -> Option<u8> {
    char::from(c).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn known_sequences_are_meant_others_stay() {
        assert_eq!(unescape(r"a\tb\n\\n\x1f\0"), b"a\tb\n\\n\x1f\0");
        assert_eq!(unescape(r"\d+\x1"), br"\d+\x1");
        assert_eq!(unescape("\\"), b"\\");
    }
}
