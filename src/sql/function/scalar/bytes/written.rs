//! `encode` and `decode`: bytes as texts of printable letters, and back.

use std::sync::Arc;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, PAD};
use datafusion::arrow::array::{ArrayRef, AsArray, BinaryArray, StringArray};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::error::DataFusionError;

use super::{Function, arity, named_bytes, pairs};
use crate::sql::value::constant::bytea;
use crate::sql::{SqlError, SqlState};

/// Letters of a line of base64, as MIME has them.
const LINE: usize = 76;

/// Space that texts of bytes may have anywhere.
const SPACE: [char; 4] = [' ', '\t', '\n', '\r'];

pub(super) fn functions() -> [Function; 2] {
    let text = Field::new("", DataType::Utf8, true);
    let bytes = Field::new("", DataType::Binary, true);
    [
        Function::exact("encode", [DataType::Binary, DataType::Utf8], text, |columns| {
            let (bytes, forms) = named_bytes(columns, "encode")?;
            let texts = pairs(bytes.iter(), forms).map(|pair| match pair {
                Some((bytes, form)) => Form::named(form).map(|form| Some(form.written(bytes))),
                None => Ok(None),
            });
            Ok(Arc::new(texts.collect::<Result<StringArray, SqlError>>()?))
        }),
        Function::exact("decode", [DataType::Utf8, DataType::Utf8], bytes, decoded),
    ]
}

fn decoded(columns: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let [texts, forms] = columns else { return Err(arity("decode")) };
    let texts = texts.as_string::<i32>().iter();
    let bytes = pairs(texts, forms.as_string::<i32>()).map(|pair| match pair {
        Some((text, form)) => Form::named(form)?.read(text).map(Some),
        None => Ok(None),
    });
    Ok(Arc::new(bytes.collect::<Result<BinaryArray, SqlError>>()?))
}

/// How bytes are written.
#[derive(Clone, Copy)]
enum Form {
    Hex,
    Base64,
    Escape,
}

impl Form {
    fn named(name: &str) -> Result<Self, SqlError> {
        match name.to_ascii_lowercase().as_str() {
            "hex" => Ok(Self::Hex),
            "base64" => Ok(Self::Base64),
            "escape" => Ok(Self::Escape),
            _ => Err(wrong(format!("unrecognized encoding: \"{name}\""))),
        }
    }

    fn written(self, bytes: &[u8]) -> String {
        match self {
            Self::Hex => hex::encode(bytes),
            Self::Base64 => in_lines(&GeneralPurpose::new(&STANDARD, PAD).encode(bytes)),
            Self::Escape => bytes.iter().map(|byte| escaped(*byte)).collect(),
        }
    }

    fn read(self, text: &str) -> Result<Vec<u8>, SqlError> {
        let spaceless = || text.replace(SPACE, "");
        match self {
            Self::Hex => bytea(&format!("\\x{}", spaceless())),
            Self::Base64 => {
                let decoded = GeneralPurpose::new(&STANDARD, PAD).decode(spaceless());
                decoded.map_err(|error| not_base64(&error, &spaceless()))
            }
            // The same but for the sign of hexadecimal digits, which is none here.
            Self::Escape if text.starts_with("\\x") => {
                let message = "invalid input syntax for type bytea";
                Err(SqlError::new(SqlState::InvalidTextRepresentation, message))
            }
            Self::Escape => bytea(text),
        }
    }
}

fn in_lines(letters: &str) -> String {
    let lines = letters.as_bytes().chunks(LINE).map(String::from_utf8_lossy);
    lines.collect::<Vec<_>>().join("\n")
}

/// Zero and what is no ASCII as three octal digits.
fn escaped(byte: u8) -> String {
    match byte {
        0 | 0x80.. => format!("\\{byte:03o}"),
        b'\\' => "\\\\".to_owned(),
        plain => char::from(plain).to_string(),
    }
}

fn not_base64(error: &base64::DecodeError, text: &str) -> SqlError {
    match error {
        base64::DecodeError::InvalidByte(at, b'=') if at + 2 < text.len() => {
            wrong("unexpected \"=\" while decoding base64 sequence")
        }
        base64::DecodeError::InvalidByte(at, byte) if *byte != b'=' => {
            let letter = text.get(*at..).and_then(|rest| rest.chars().next()).unwrap_or('?');
            wrong(format!("invalid symbol \"{letter}\" found while decoding base64 sequence"))
        }
        _ => wrong("invalid base64 end sequence"),
    }
}

fn wrong(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::InvalidParameterValue, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_written_and_read_in_each_form() {
        let bytes: Vec<u8> = (0..=255).collect();
        for form in ["hex", "base64", "ESCAPE"] {
            let form = Form::named(form).unwrap();
            assert_eq!(form.read(&form.written(&bytes)), Ok(bytes.clone()));
        }
        assert_eq!(Form::Base64.written(b"hello"), "aGVsbG8=");
        assert_eq!(Form::Base64.written(&[0; 60]).lines().count(), 2);
        assert_eq!(Form::Hex.read(" 0a\n0B "), Ok(vec![10, 11]));
    }

    #[test]
    fn texts_of_no_bytes_are_refused() {
        let message = |form: Form, text| form.read(text).unwrap_err().message;
        assert_eq!(message(Form::Hex, "zz"), "invalid hexadecimal digit: \"z\"");
        assert_eq!(message(Form::Hex, "abc"), "invalid hexadecimal data: odd number of digits");
        let symbol = "invalid symbol \"?\" found while decoding base64 sequence";
        assert_eq!(message(Form::Base64, "aG?s"), symbol);
        assert_eq!(message(Form::Base64, "aGVsbG8"), "invalid base64 end sequence");
        assert!(Form::Escape.read("\\x41").is_err());
        assert!(Form::named("rot13").is_err());
    }
}
