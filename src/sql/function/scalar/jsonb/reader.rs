//! Reads documents from text, by the grammar of JSON.

use super::number::Number;
use super::value::{Map, Value};
use crate::sql::{SqlError, SqlState};

/// How deeply arrays and objects may stand in each other.
const DEPTH_MAX: usize = 128;

/// Longest text that is taken apart: a document takes many times as much as its text.
const TEXT_BYTES_MAX: usize = 16 << 20;

/// Most parts that one is taken apart into: each takes some eighty bytes, however short it is.
const PARTS_MAX: usize = 1 << 21;

/// The document that `text` is.
///
/// # Errors
/// 22P02 for anything else; 54000 for more than [`TEXT_BYTES_MAX`] or [`PARTS_MAX`].
pub(in crate::sql) fn read(text: &str) -> Result<Value, SqlError> {
    if text.len() > TEXT_BYTES_MAX {
        let message = format!("a document of more than {} MiB", TEXT_BYTES_MAX >> 20);
        return Err(SqlError::new(SqlState::ProgramLimitExceeded, message));
    }
    let mut reader = Reader { rest: text, depth: 0, parts: 0 };
    let document = reader.value()?;
    reader.skip_space();
    if reader.rest.is_empty() { Ok(document) } else { Err(reader.unexpected()) }
}

struct Reader<'a> {
    rest: &'a str,
    depth: usize,
    /// How many were read.
    parts: usize,
}

impl<'a> Reader<'a> {
    fn value(&mut self) -> Result<Value, SqlError> {
        if self.parts == PARTS_MAX {
            let message = format!("a document of more than {PARTS_MAX} parts");
            return Err(SqlError::new(SqlState::ProgramLimitExceeded, message));
        }
        self.parts += 1;
        self.skip_space();
        match self.rest.bytes().next() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => Ok(Value::String(self.string()?)),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.word(),
        }
    }

    fn nested(
        &mut self,
        part: fn(&mut Self) -> Result<Value, SqlError>,
    ) -> Result<Value, SqlError> {
        if self.depth == DEPTH_MAX {
            return Err(invalid(format!("Arrays and objects nest deeper than {DEPTH_MAX}.")));
        }
        self.depth += 1;
        self.skip(1);
        let value = part(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn object(&mut self) -> Result<Value, SqlError> {
        let mut members = Map::new();
        if self.take('}') {
            return Ok(Value::Object(members));
        }
        loop {
            self.skip_space();
            if !self.rest.starts_with('"') {
                return Err(self.unexpected());
            }
            let key = self.string()?;
            if !self.take(':') {
                return Err(self.unexpected());
            }
            members.insert(key, self.value()?);
            if self.take('}') {
                return Ok(Value::Object(members));
            }
            if !self.take(',') {
                return Err(self.unexpected());
            }
        }
    }

    fn array(&mut self) -> Result<Value, SqlError> {
        let mut items = Vec::new();
        if self.take(']') {
            return Ok(Value::Array(items));
        }
        loop {
            items.push(self.value()?);
            if self.take(']') {
                return Ok(Value::Array(items));
            }
            if !self.take(',') {
                return Err(self.unexpected());
            }
        }
    }

    fn word(&mut self) -> Result<Value, SqlError> {
        let end = self.rest.find(|letter: char| !letter.is_ascii_alphanumeric());
        let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        let value = match word {
            "null" => Value::Null,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            _ => return Err(self.unexpected()),
        };
        self.rest = rest;
        Ok(value)
    }

    fn number(&mut self) -> Result<Value, SqlError> {
        let start = self.rest;
        self.take_byte(b'-');
        let first = self.rest;
        let whole = self.digits();
        let leading_zero = whole > 1 && first.starts_with('0');
        let fraction = !self.take_byte(b'.') || self.digits() > 0;
        let exponent = !(self.take_byte(b'e') || self.take_byte(b'E')) || {
            let _sign = self.take_byte(b'+') || self.take_byte(b'-');
            self.digits() > 0
        };
        let next = self.rest.chars().next();
        let glued = next.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
        let written = start.get(..start.len() - self.rest.len()).unwrap_or_default();
        if whole == 0 || leading_zero || !fraction || !exponent || glued {
            return Err(invalid(format!("Token \"{written}\" is invalid.")));
        }
        Number::read(written).map(Value::Number)
    }

    /// Takes digits, and returns how many there were.
    fn digits(&mut self) -> usize {
        let count = self.rest.bytes().take_while(u8::is_ascii_digit).count();
        self.skip(count);
        count
    }

    /// A string, whose quote is next.
    fn string(&mut self) -> Result<String, SqlError> {
        self.skip(1);
        let mut text = String::new();
        loop {
            let end = self.rest.find(|letter| matches!(letter, '"' | '\\') || letter < ' ');
            let Some((plain, rest)) = end.and_then(|end| self.rest.split_at_checked(end)) else {
                return Err(ended());
            };
            text.push_str(plain);
            self.rest = rest;
            if self.take_byte(b'"') {
                return Ok(text);
            }
            if !self.take_byte(b'\\') {
                let code = rest.bytes().next().unwrap_or_default();
                return Err(invalid(format!("Character with value 0x{code:02x} must be escaped.")));
            }
            text.push(self.escaped()?);
        }
    }

    /// The letter behind a backslash.
    fn escaped(&mut self) -> Result<char, SqlError> {
        let Some(letter) = self.rest.chars().next() else { return Err(ended()) };
        self.skip(letter.len_utf8());
        Ok(match letter {
            '"' | '\\' | '/' => letter,
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => return self.code_point(),
            other => return Err(invalid(format!("Escape sequence \"\\{other}\" is invalid."))),
        })
    }

    /// What four digits, or twice four, stand for.
    fn code_point(&mut self) -> Result<char, SqlError> {
        let first = self.code_unit()?;
        let code = if (0xd800..0xdc00).contains(&first) {
            let second = match self.rest.strip_prefix("\\u") {
                Some(rest) => {
                    self.rest = rest;
                    self.code_unit()?
                }
                None => 0,
            };
            if !(0xdc00..0xe000).contains(&second) {
                return Err(invalid("Unicode low surrogate must follow a high surrogate."));
            }
            0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
        } else {
            first
        };
        match char::from_u32(code) {
            Some('\0') => {
                let message = "unsupported Unicode escape sequence";
                Err(SqlError::new(SqlState::UntranslatableCharacter, message)
                    .with_detail("\\u0000 cannot be converted to text."))
            }
            Some(letter) => Ok(letter),
            None => Err(invalid("Unicode low surrogate must follow a high surrogate.")),
        }
    }

    fn code_unit(&mut self) -> Result<u32, SqlError> {
        let digits = self.rest.get(..4).filter(|it| it.bytes().all(|d| d.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        let message = "\"\\u\" must be followed by four hexadecimal digits.";
        let code = code.ok_or_else(|| invalid(message))?;
        self.skip(4);
        Ok(code)
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }

    /// Takes `mark` and the space before it, if it is next.
    fn take(&mut self, mark: char) -> bool {
        self.skip_space();
        match self.rest.strip_prefix(mark) {
            Some(rest) => self.rest = rest,
            None => return false,
        }
        true
    }

    fn take_byte(&mut self, byte: u8) -> bool {
        let found = self.rest.as_bytes().first() == Some(&byte);
        if found {
            self.skip(1);
        }
        found
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = self.rest.get(bytes..).unwrap_or_default();
    }

    /// What is next has no place there.
    fn unexpected(&self) -> SqlError {
        let Some(first) = self.rest.chars().next() else { return ended() };
        let word: &'a str = self.rest;
        let end = word.find(|letter: char| !letter.is_alphanumeric() && letter != '_');
        let word = word.get(..end.unwrap_or(word.len())).unwrap_or_default();
        let token: String = word.chars().take(40).collect();
        let token = if token.is_empty() { first.to_string() } else { token };
        invalid(format!("Token \"{token}\" is invalid."))
    }
}

fn ended() -> SqlError {
    invalid("The input string ended unexpectedly.")
}

fn invalid(detail: impl Into<String>) -> SqlError {
    let message = "invalid input syntax for type json";
    SqlError::new(SqlState::InvalidTextRepresentation, message).with_detail(detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_read_by_the_grammar() {
        let cases = [
            (
                r#"{"bb":1,"a":[1,2.5,null],"c":{"x":"\"y\""}}"#,
                r#"{"a": [1, 2.5, null], "c": {"x": "\"y\""}, "bb": 1}"#,
            ),
            (" [ ] ", "[]"),
            ("{ }", "{}"),
            ("\t[ 1 , true , false ]\n", "[1, true, false]"),
            (r#"{"a":1,"a":2}"#, r#"{"a": 2}"#),
            (r#""x\u00e9\ud83d\ude00\/\b""#, "\"xé😀/\\b\""),
            (r#""\u001f""#, r#""\u001f""#),
            ("-1.50E+1", "-15.0"),
        ];
        for (text, shown) in cases {
            assert_eq!(read(text).unwrap().to_string(), shown, "{text}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        let texts = [
            "",
            " ",
            "{a}",
            "{\"a\"}",
            "{\"a\":}",
            "{\"a\":1,}",
            "[1,]",
            "[1 2]",
            "[",
            "{",
            "nul",
            "truex",
            "01",
            "-",
            "1.",
            ".5",
            "+1",
            "1e",
            "1a",
            "NaN",
            "\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\ud83d\"",
            "\"\\ude00\"",
            "\"a\nb\"",
            "1 1",
            "'a'",
        ];
        for text in texts {
            let error = read(text).unwrap_err();
            assert_eq!(error.state, SqlState::InvalidTextRepresentation, "{text}");
        }
        assert_eq!(read("\"\\u0000\"").unwrap_err().state, SqlState::UntranslatableCharacter);
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        let many = |items: usize| format!("[{}0]", "0,".repeat(items - 1));
        assert!(read(&many(PARTS_MAX - 1)).is_ok());
        assert_eq!(read(&many(PARTS_MAX)).unwrap_err().state, SqlState::ProgramLimitExceeded);
        assert!(read(&nested(DEPTH_MAX)).is_ok());
        assert!(read(&nested(DEPTH_MAX + 1)).is_err());
    }
}
