//! Whether a text is a document in the very form in which PostgreSQL shows it, found out without
//! making anything of it: such texts need not be written anew at every read.

/// Documents nested deeper are written anew.
const DEPTH_MAX: usize = 64;

/// Whether `text`, which is JSON, is written as PostgreSQL writes documents. One that is may be
/// taken for one that is not: only what is simple is looked for.
pub(in crate::sql) fn is_written(text: &str) -> bool {
    let mut rest = Rest(text.as_bytes());
    rest.value(DEPTH_MAX).is_some() && rest.0.is_empty()
}

/// What has not been looked at.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn takes(&mut self, expected: &[u8]) -> Option<()> {
        self.0 = self.0.strip_prefix(expected)?;
        Some(())
    }

    fn value(&mut self, depth: usize) -> Option<()> {
        match self.0.first()? {
            b'"' => self.string().map(|_| ()),
            b'{' => self.object(depth.checked_sub(1)?),
            b'[' => self.array(depth.checked_sub(1)?),
            b't' => self.takes(b"true"),
            b'f' => self.takes(b"false"),
            b'n' => self.takes(b"null"),
            _ => self.number(),
        }
    }

    fn array(&mut self, depth: usize) -> Option<()> {
        self.takes(b"[")?;
        if self.takes(b"]").is_some() {
            return Some(());
        }
        loop {
            self.value(depth)?;
            if self.takes(b", ").is_none() {
                return self.takes(b"]");
            }
        }
    }

    /// Members in the order of PostgreSQL: short keys first, each key once.
    fn object(&mut self, depth: usize) -> Option<()> {
        self.takes(b"{")?;
        if self.takes(b"}").is_some() {
            return Some(());
        }
        let mut before: Option<&[u8]> = None;
        loop {
            let key = self.string()?;
            // What a key with an escape is called would have to be made first.
            let follows = before.is_none_or(|before| (before.len(), before) < (key.len(), key));
            if !follows || key.contains(&b'\\') {
                return None;
            }
            before = Some(key);
            self.takes(b": ")?;
            self.value(depth)?;
            if self.takes(b", ").is_none() {
                return self.takes(b"}");
            }
        }
    }

    /// What stands between quotes; of escapes only those that PostgreSQL writes.
    fn string(&mut self) -> Option<&'a [u8]> {
        self.takes(b"\"")?;
        let mut length = 0;
        loop {
            match *self.0.get(length)? {
                b'"' => break,
                b'\\' => match self.0.get(length + 1)? {
                    b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't' => length += 2,
                    _ => return None,
                },
                ..b' ' => return None,
                _ => length += 1,
            }
        }
        let (text, behind) = self.0.split_at_checked(length)?;
        self.0 = behind.get(1..)?;
        Some(text)
    }

    /// Digits with or without a point; no exponent, and no sign before zero.
    fn number(&mut self) -> Option<()> {
        let is_part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
        let length = self.0.iter().take_while(|byte| is_part(byte)).count();
        let (number, behind) = self.0.split_at_checked(length)?;
        let is_zero = number.iter().all(|byte| !matches!(byte, b'1'..=b'9'));
        if number.is_empty()
            || (number.starts_with(b"-") && is_zero)
            || matches!(behind.first(), Some(b'e' | b'E' | b'+'))
        {
            return None;
        }
        self.0 = behind;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{read, written};
    use super::*;

    #[test]
    fn what_postgresql_writes_is_recognized() {
        let documents = [
            "{}",
            "[]",
            "null",
            "true",
            "-1.50",
            "0.0",
            "\"a \\\"b\\\" \\n\\t ä\"",
            "[1, [2, {}], \"\"]",
            "{\"a\": 1, \"b\": {\"aa\": [true, null]}, \"aa\": \"x\"}",
        ];
        for text in documents {
            assert!(is_written(text), "{text}");
            assert_eq!(written(&read(text).unwrap()), text);
        }
    }

    #[test]
    fn everything_else_is_written_anew() {
        let others = [
            "{\"a\":1}",
            "{\"a\": 1,\"b\": 2}",
            " {}",
            "{} ",
            "{ }",
            "[1,2]",
            "[1 , 2]",
            "{\"b\": 1, \"a\": 2}",
            "{\"aa\": 1, \"b\": 2}",
            "{\"a\": 1, \"a\": 1}",
            "1e2",
            "1E+2",
            "-0",
            "-0.00",
            "\"\\/\"",
            "\"\\u0041\"",
            "\"\\u00e9\"",
            "{\"\\n\": 1}",
            "",
            "[1, 2",
            "\"a",
        ];
        for text in others {
            assert!(!is_written(text), "{text}");
        }
        let deep = "[".repeat(100) + &"]".repeat(100);
        assert!(!is_written(&deep));
    }
}
