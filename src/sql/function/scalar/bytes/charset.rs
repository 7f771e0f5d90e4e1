//! `convert_from`, `convert_to` and `convert`: texts as bytes of an encoding, and back.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryArray, StringArray};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::error::DataFusionError;

use super::{Function, arity, named_bytes, pairs};
use crate::sql::session_state::encoding::Encoding;
use crate::sql::{SqlError, SqlState};

pub(super) fn functions() -> [Function; 3] {
    let text = Field::new("", DataType::Utf8, true);
    let bytes = || Field::new("", DataType::Binary, true);
    [
        Function::exact("convert_from", [DataType::Binary, DataType::Utf8], text, |columns| {
            let (bytes, names) = named_bytes(columns, "convert_from")?;
            let texts = pairs(bytes.iter(), names).map(|pair| match pair {
                Some((bytes, name)) => Charset::named(name, "source")?.read(bytes).map(Some),
                None => Ok(None),
            });
            Ok(Arc::new(texts.collect::<Result<StringArray, SqlError>>()?))
        }),
        Function::exact("convert_to", [DataType::Utf8, DataType::Utf8], bytes(), |columns| {
            let [texts, names] = columns else { return Err(arity("convert_to")) };
            let texts = texts.as_string::<i32>().iter();
            let bytes = pairs(texts, names.as_string::<i32>()).map(|pair| match pair {
                Some((text, name)) => Charset::named(name, "destination")?.written(text).map(Some),
                None => Ok(None),
            });
            Ok(Arc::new(bytes.collect::<Result<BinaryArray, SqlError>>()?))
        }),
        Function::exact(
            "convert",
            [DataType::Binary, DataType::Utf8, DataType::Utf8],
            bytes(),
            converted,
        ),
    ]
}

fn converted(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let [bytes, from, to] = columns else { return Err(arity("convert")) };
    let (from, to) = (from.as_string::<i32>(), to.as_string::<i32>());
    let bytes = bytes.as_binary::<i32>().iter().enumerate().map(|(row, bytes)| match bytes {
        Some(bytes) if from.is_valid(row) && to.is_valid(row) => {
            let from = Charset::named(from.value(row), "source")?;
            let to = Charset::named(to.value(row), "destination")?;
            to.written(&from.read(bytes)?).map(Some)
        }
        _ => Ok(None),
    });
    Ok(Arc::new(bytes.collect::<Result<BinaryArray, SqlError>>()?))
}

/// An encoding that bytes can be read by and written in.
#[derive(Clone, Copy)]
enum Charset {
    Utf8,
    /// ISO 8859-1, whose letters are the first of Unicode.
    Latin1,
}

impl Charset {
    fn named(name: &str, what: &str) -> Result<Self, SqlError> {
        let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
        match (letters.to_ascii_lowercase().as_str(), Encoding::named(name)) {
            ("latin1" | "iso88591", _) => Ok(Self::Latin1),
            (_, Some(Encoding::Utf8)) => Ok(Self::Utf8),
            (_, Some(Encoding::Other)) => {
                Err(SqlError::unsupported(format!("encoding \"{name}\"")))
            }
            (_, None) => {
                let message = format!("invalid {what} encoding name \"{name}\"");
                Err(SqlError::new(SqlState::InvalidParameterValue, message))
            }
        }
    }

    fn read(self, bytes: &[u8]) -> Result<String, SqlError> {
        let text = match self {
            Self::Latin1 => bytes.iter().map(|byte| char::from(*byte)).collect(),
            Self::Utf8 => {
                let text = std::str::from_utf8(bytes);
                let wrong = |error: std::str::Utf8Error| not_utf8(bytes, error.valid_up_to());
                text.map_err(wrong)?.to_owned()
            }
        };
        match text.find('\0') {
            Some(at) => Err(not_utf8(text.as_bytes(), at)),
            None => Ok(text),
        }
    }

    fn written(self, text: &str) -> Result<Vec<u8>, SqlError> {
        match self {
            Self::Utf8 => Ok(text.as_bytes().to_vec()),
            Self::Latin1 => {
                let byte = |letter| u8::try_from(u32::from(letter)).map_err(|_| not_latin1(letter));
                text.chars().map(byte).collect()
            }
        }
    }
}

/// The bytes from `at` are no letter.
fn not_utf8(bytes: &[u8], at: usize) -> SqlError {
    let length = match bytes.get(at) {
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf7) => 4,
        Some(0xc0..=0xdf) => 2,
        _ => 1,
    };
    let wrong = bytes.iter().skip(at).take(length).map(|byte| format!("0x{byte:02x}"));
    let wrong = wrong.collect::<Vec<_>>().join(" ");
    let message = format!("invalid byte sequence for encoding \"UTF8\": {wrong}");
    SqlError::new(SqlState::CharacterNotInRepertoire, message)
}

fn not_latin1(letter: char) -> SqlError {
    let bytes: Vec<_> = letter.to_string().bytes().map(|byte| format!("0x{byte:02x}")).collect();
    let bytes = bytes.join(" ");
    let message = format!(
        "character with byte sequence {bytes} in encoding \"UTF8\" has no equivalent in encoding \
         \"LATIN1\""
    );
    SqlError::new(SqlState::UntranslatableCharacter, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_bytes_of_their_encoding() {
        let latin = Charset::named("ISO-8859-1", "source").unwrap();
        assert_eq!(latin.read(b"caf\xe9"), Ok("café".to_owned()));
        assert_eq!(latin.written("é"), Ok(vec![0xe9]));
        assert_eq!(latin.written("€").unwrap_err().state.code(), "22P05");
        let state = |bytes: &[u8]| Charset::Utf8.read(bytes).unwrap_err().state.code();
        assert_eq!(state(b"a\xff"), "22021");
        assert_eq!(state(b"\xe2\x82"), "22021");
        assert_eq!(state(b"a\0"), "22021");
        let code = |name| Charset::named(name, "source").map(|_| ()).unwrap_err().state.code();
        assert_eq!(code("EUC_JP"), "0A000");
        assert_eq!(code("none"), "22023");
    }
}
