//! What a document is made of.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use super::number::Number;

/// The members of an object.
pub(super) type Map = BTreeMap<String, Value>;

/// A document, or a part of one. Equal are those that mean the same: 1 is 1.0, and members have no
/// order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::sql) enum Value {
    #[default]
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Array(Vec<Value>),
    Object(Map),
}

impl Value {
    /// Whether this is the string `text`.
    pub(super) fn is_string(&self, text: &str) -> bool {
        matches!(self, Self::String(string) if string == text)
    }

    pub(super) fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// The order of documents in PostgreSQL.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            // An array without items comes first, if it is the whole document.
            (Self::Array(left), Self::Array(right)) if left.is_empty() || right.is_empty() => {
                left.len().cmp(&right.len())
            }
            (Self::Array(left), _) if left.is_empty() => Ordering::Less,
            (_, Self::Array(right)) if right.is_empty() => Ordering::Greater,
            _ => self.compare_part(other),
        }
    }

    /// The order of parts: kinds, then how many parts they have, then these in turn.
    fn compare_part(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Bool(left), Self::Bool(right)) => left.cmp(right),
            (Self::Number(left), Self::Number(right)) => left.cmp(right),
            (Self::String(left), Self::String(right)) => left.cmp(right),
            (Self::Array(left), Self::Array(right)) => {
                let pairs = left.iter().zip(right);
                let items = pairs.map(|(left, right)| left.compare_part(right));
                left.len().cmp(&right.len()).then_with(|| first_difference(items))
            }
            (Self::Object(left), Self::Object(right)) => {
                let pairs = in_order(left).into_iter().zip(in_order(right));
                let members = pairs
                    .map(|((left, a), (right, b))| left.cmp(right).then_with(|| a.compare_part(b)));
                left.len().cmp(&right.len()).then_with(|| first_difference(members))
            }
            _ => self.rank().cmp(&other.rank()),
        }
    }

    /// Where its kind comes among others.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::String(_) => 1,
            Self::Number(_) => 2,
            Self::Bool(_) => 3,
            Self::Array(_) => 4,
            Self::Object(_) => 5,
        }
    }
}

fn first_difference(mut orders: impl Iterator<Item = Ordering>) -> Ordering {
    orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

/// Members in the order in which PostgreSQL keeps them: short keys first.
pub(super) fn in_order(members: &Map) -> Vec<(&String, &Value)> {
    let mut members: Vec<_> = members.iter().collect();
    members.sort_by_key(|(key, _)| (key.len(), key.as_bytes()));
    members
}

/// As PostgreSQL shows documents: short keys first, spaces behind commas and colons.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(truth) => write!(f, "{truth}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::String(text) => write_string(text, f),
            Self::Array(items) => {
                f.write_str("[")?;
                for (at, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if at > 0 { ", " } else { "" })?;
                }
                f.write_str("]")
            }
            Self::Object(members) => {
                f.write_str("{")?;
                for (at, (key, value)) in in_order(members).into_iter().enumerate() {
                    f.write_str(if at > 0 { ", " } else { "" })?;
                    write_string(key, f)?;
                    write!(f, ": {value}")?;
                }
                f.write_str("}")
            }
        }
    }
}

fn write_string(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("\"")?;
    for letter in text.chars() {
        match letter {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\u{8}' => f.write_str("\\b")?,
            '\u{c}' => f.write_str("\\f")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            control if control < ' ' => write!(f, "\\u{:04x}", u32::from(control))?,
            plain => write!(f, "{plain}")?,
        }
    }
    f.write_str("\"")
}

#[cfg(test)]
mod tests {
    use super::super::read;
    use super::*;

    #[test]
    fn a_part_is_small() {
        assert!(size_of::<Value>() <= 32, "{}", size_of::<Value>());
    }

    #[test]
    fn documents_are_ordered_as_in_postgresql() {
        let ascending = [
            "[]",
            "null",
            r#""a""#,
            r#""b""#,
            "-2",
            "1.5",
            "8",
            "20",
            "false",
            "true",
            "[1]",
            "[[]]",
            "[1, 2]",
            "[1, 3]",
            "{}",
            r#"{"a": 1}"#,
            r#"{"a": 2}"#,
            r#"{"b": 1}"#,
            r#"{"a": 1, "b": 1}"#,
        ];
        let documents = ascending.map(|text| read(text).unwrap());
        for pair in documents.windows(2) {
            let [left, right] = pair else { panic!("two") };
            assert_eq!(left.compare(right), Ordering::Less, "{left} < {right}");
            assert_eq!(right.compare(left), Ordering::Greater, "{right} > {left}");
        }
    }
}
