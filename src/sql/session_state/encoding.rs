//! Names of character encodings, as clients write them.

/// Names of PostgreSQL's other encodings begin with one of these.
const OTHERS: [&str; 19] = [
    "abc", "alt", "big5", "euc", "gb", "iso8859", "johab", "koi8", "latin", "mskanji", "mule",
    "shiftjis", "sjis", "sqlascii", "tcvn", "uhc", "vscii", "win", "windows",
];

/// An encoding of text on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sql) enum Encoding {
    /// The one that this server speaks.
    Utf8,
    /// One that it does not.
    Other,
}

impl Encoding {
    /// The encoding of that name, if there is one; only its letters and digits count.
    pub(in crate::sql) fn named(name: &str) -> Option<Self> {
        let letters = name.chars().filter(char::is_ascii_alphanumeric);
        let name: String = letters.map(|letter| letter.to_ascii_lowercase()).collect();
        match name.as_str() {
            "utf8" | "unicode" => Some(Self::Utf8),
            other if OTHERS.iter().any(|prefix| other.starts_with(prefix)) => Some(Self::Other),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_by_letters_and_digits() {
        for name in ["UTF8", "utf-8", "'utf-8'", "Unicode", "UTF_8"] {
            assert_eq!(Encoding::named(name), Some(Encoding::Utf8), "{name}");
        }
        for name in ["LATIN1", "iso-8859-5", "WIN1252", "SQL_ASCII", "EUC_JP"] {
            assert_eq!(Encoding::named(name), Some(Encoding::Other), "{name}");
        }
        assert_eq!(Encoding::named("nothing"), None);
        assert_eq!(Encoding::named(""), None);
    }
}
