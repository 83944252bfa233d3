//! `-f` templates: `%k\t%v\n` and the like, for both directions.

use super::escape::unescape;

/// A part of a record that a template names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    /// `%k`
    Key,
    /// `%v` (and kcat's `%s`)
    Value,
    /// `%K`: its length in bytes, -1 when there is none.
    KeyLength,
    /// `%V` (and kcat's `%S`)
    ValueLength,
    /// `%h`: `name=value`, commas between.
    Headers,
    /// `%t`
    Topic,
    /// `%p`
    Partition,
    /// `%o`
    Offset,
    /// `%T`: milliseconds since 1970.
    Timestamp,
}

/// A part of a template.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Piece {
    /// Bytes as they are.
    Bytes(Vec<u8>),
    /// A part of the record.
    Field(Field),
}

/// A parsed template.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Template {
    /// Its parts in order.
    pub pieces: Vec<Piece>,
}

impl std::str::FromStr for Template {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut template = Template::default();
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            template.push_bytes(&unescape(&rest[..at]));
            let mut chars = rest[at + 1..].chars();
            let field = match chars.next() {
                Some('k') => Field::Key,
                Some('v' | 's') => Field::Value,
                Some('K') => Field::KeyLength,
                Some('V' | 'S') => Field::ValueLength,
                Some('h') => Field::Headers,
                Some('t') => Field::Topic,
                Some('p') => Field::Partition,
                Some('o') => Field::Offset,
                Some('T') => Field::Timestamp,
                Some('%') => {
                    template.push_bytes(b"%");
                    rest = chars.as_str();
                    continue;
                }
                other => {
                    let other = other.map(String::from).unwrap_or_default();
                    return Err(format!("%{other} is no field; there are %k %v %p %o %t %h %T %K %V and %%"));
                }
            };
            template.pieces.push(Piece::Field(field));
            rest = chars.as_str();
        }
        template.push_bytes(&unescape(rest));
        Ok(template)
    }
}

impl Template {
    fn push_bytes(&mut self, bytes: &[u8]) {
        match self.pieces.last_mut() {
            _ if bytes.is_empty() => {}
            Some(Piece::Bytes(last)) => last.extend_from_slice(bytes),
            _ => self.pieces.push(Piece::Bytes(bytes.to_vec())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_bytes() {
        let template: Template = r"%k\t%v 100%%\n".parse().unwrap();
        let expected = [
            Piece::Field(Field::Key),
            Piece::Bytes(b"\t".to_vec()),
            Piece::Field(Field::Value),
            Piece::Bytes(b" 100%\n".to_vec()),
        ];
        assert_eq!(template.pieces, expected);
        assert!("%z".parse::<Template>().is_err());
        assert!("%".parse::<Template>().is_err());
    }
}
