//! The options of COPY, which may contradict each other in many ways, as PostgreSQL checks them.

use super::format::{CopyColumns, CopyCsv, CopyFormat, CopyHeader, CopyText};
use super::grammar::{CopyOption, OptionValue};
use crate::sql::{SqlError, SqlState};

/// Characters that escapes of the format text are made of.
const ESCAPES: &[u8] = b"\\.abcdefghijklmnopqrstuvwxyz0123456789";

/// The format that `options` ask for; `out` when rows leave the server.
///
/// # Errors
/// Options that are unknown, given twice, or do not go together.
pub(super) fn format_of(options: Vec<CopyOption>, out: bool) -> Result<CopyFormat, SqlError> {
    let mut given = Given::default();
    for option in options {
        given.take(option)?;
    }
    match given.format.as_deref() {
        None | Some("text") => given.textual(out, false),
        Some("csv") => given.textual(out, true),
        Some("binary") => given.binary(),
        Some(other) => Err(invalid(format!("COPY format \"{other}\" not recognized"))),
    }
}

/// The options as they were given.
#[derive(Default)]
struct Given {
    format: Option<String>,
    delimiter: Option<String>,
    null: Option<String>,
    header: Option<CopyHeader>,
    quote: Option<String>,
    escape: Option<String>,
    force_quote: Option<CopyColumns>,
    force_not_null: Option<CopyColumns>,
    force_null: Option<CopyColumns>,
    freeze: Option<bool>,
    encoding: Option<String>,
}

impl Given {
    fn take(&mut self, option: CopyOption) -> Result<(), SqlError> {
        let CopyOption { name, value } = option;
        let repeated = match name.as_str() {
            "format" => self.format.replace(text(&name, value)?.to_ascii_lowercase()).is_some(),
            "delimiter" => self.delimiter.replace(text(&name, value)?).is_some(),
            "null" => self.null.replace(text(&name, value)?).is_some(),
            "header" => self.header.replace(header(&value)?).is_some(),
            "quote" => self.quote.replace(text(&name, value)?).is_some(),
            "escape" => self.escape.replace(text(&name, value)?).is_some(),
            "force_quote" => self.force_quote.replace(columns(&name, value)?).is_some(),
            "force_not_null" => self.force_not_null.replace(columns(&name, value)?).is_some(),
            "force_null" => self.force_null.replace(columns(&name, value)?).is_some(),
            "freeze" => self.freeze.replace(freeze(&value)?).is_some(),
            "encoding" => self.encoding.replace(encoding(text(&name, value)?)?).is_some(),
            _ => return Err(syntax(format!("option \"{name}\" not recognized"))),
        };
        if repeated { Err(syntax("conflicting or redundant options")) } else { Ok(()) }
    }

    fn binary(self) -> Result<CopyFormat, SqlError> {
        if self.delimiter.is_some() {
            return Err(syntax("cannot specify DELIMITER in BINARY mode"));
        }
        if self.null.is_some() {
            return Err(syntax("cannot specify NULL in BINARY mode"));
        }
        if self.header.is_some_and(|header| header != CopyHeader::None) {
            return Err(refused("cannot specify HEADER in BINARY mode"));
        }
        self.check_no_csv()?;
        Ok(CopyFormat::Binary)
    }

    /// # Errors
    /// 0A000 where options were given that only csv has.
    fn check_no_csv(&self) -> Result<(), SqlError> {
        let given = [
            ("quote", self.quote.is_some()),
            ("escape", self.escape.is_some()),
            ("force quote", self.force_quote.is_some()),
            ("force not null", self.force_not_null.is_some()),
            ("force null", self.force_null.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((name, _)) => Err(refused(format!("COPY {name} available only in CSV mode"))),
            None => Ok(()),
        }
    }

    fn textual(self, out: bool, csv: bool) -> Result<CopyFormat, SqlError> {
        let delimiter = self.delimiter.as_deref().unwrap_or(if csv { "," } else { "\t" });
        let null = self.null.as_deref().unwrap_or(if csv { "" } else { "\\N" }).to_owned();
        let header = self.header.unwrap_or_default();
        let text = CopyText { delimiter: byte("delimiter", delimiter)?, null, header };
        check_text(&text, csv)?;
        if out && header == CopyHeader::Match {
            return Err(syntax("cannot use \"match\" with HEADER in COPY TO"));
        }
        if !csv {
            self.check_no_csv()?;
            return Ok(CopyFormat::Text(text));
        }
        let quote = byte("quote", self.quote.as_deref().unwrap_or("\""))?;
        let escape = self.escape.as_deref().map_or(Ok(quote), |escape| byte("escape", escape))?;
        let csv = CopyCsv {
            text,
            quote,
            escape,
            force_quote: self.force_quote.unwrap_or_default(),
            force_not_null: self.force_not_null.unwrap_or_default(),
            force_null: self.force_null.unwrap_or_default(),
        };
        check_csv(&csv, out)?;
        Ok(CopyFormat::Csv(csv))
    }
}

fn check_text(text: &CopyText, csv: bool) -> Result<(), SqlError> {
    let delimiter = char::from(text.delimiter);
    if b"\r\n".contains(&text.delimiter) {
        return Err(invalid("COPY delimiter cannot be newline or carriage return"));
    }
    if text.null.contains(['\r', '\n']) {
        return Err(invalid("COPY null representation cannot use newline or carriage return"));
    }
    if !csv && ESCAPES.contains(&text.delimiter) {
        return Err(invalid(format!("COPY delimiter cannot be \"{delimiter}\"")));
    }
    if text.null.contains(delimiter) {
        return Err(refused("COPY delimiter must not appear in the NULL specification"));
    }
    Ok(())
}

fn check_csv(csv: &CopyCsv, out: bool) -> Result<(), SqlError> {
    if csv.text.delimiter == csv.quote {
        return Err(invalid("COPY delimiter and quote must be different"));
    }
    if csv.text.null.contains(char::from(csv.quote)) {
        return Err(refused("CSV quote character must not appear in the NULL specification"));
    }
    let given = |columns: &CopyColumns| *columns != CopyColumns::None;
    let misplaced = [
        ("force quote", "COPY TO", !out && given(&csv.force_quote)),
        ("force not null", "COPY FROM", out && given(&csv.force_not_null)),
        ("force null", "COPY FROM", out && given(&csv.force_null)),
    ];
    match misplaced.into_iter().find(|(_, _, misplaced)| *misplaced) {
        Some((what, copy, _)) => Err(refused(format!("COPY {what} only available using {copy}"))),
        None => Ok(()),
    }
}

fn byte(what: &str, text: &str) -> Result<u8, SqlError> {
    match text.as_bytes() {
        [byte] => Ok(*byte),
        _ => Err(refused(format!("COPY {what} must be a single one-byte character"))),
    }
}

fn text(name: &str, value: OptionValue) -> Result<String, SqlError> {
    match value {
        OptionValue::Text(text) => Ok(text),
        _ => Err(syntax(format!("{name} requires a parameter"))),
    }
}

fn freeze(value: &OptionValue) -> Result<bool, SqlError> {
    match switch(value) {
        Some(false) => Ok(false),
        Some(true) => Err(SqlError::unsupported("COPY FREEZE")),
        None => Err(syntax("freeze requires a Boolean value")),
    }
}

fn encoding(name: String) -> Result<String, SqlError> {
    if ["utf8", "utf-8", "unicode"].contains(&name.to_ascii_lowercase().as_str()) {
        return Ok(name);
    }
    Err(SqlError::unsupported(format!("the encoding \"{name}\"")))
}

fn header(value: &OptionValue) -> Result<CopyHeader, SqlError> {
    match value {
        OptionValue::Text(text) if text.eq_ignore_ascii_case("match") => Ok(CopyHeader::Match),
        value => match switch(value) {
            Some(true) => Ok(CopyHeader::Line),
            Some(false) => Ok(CopyHeader::None),
            None => Err(syntax("header requires a Boolean value or \"match\"")),
        },
    }
}

/// An option without a value is switched on.
fn switch(value: &OptionValue) -> Option<bool> {
    let OptionValue::Text(text) = value else {
        return matches!(value, OptionValue::None).then_some(true);
    };
    match text.to_ascii_lowercase().as_str() {
        "true" | "on" | "1" => Some(true),
        "false" | "off" | "0" => Some(false),
        _ => None,
    }
}

fn columns(name: &str, value: OptionValue) -> Result<CopyColumns, SqlError> {
    match value {
        OptionValue::All => Ok(CopyColumns::All),
        OptionValue::Columns(names) => Ok(CopyColumns::Named(names)),
        OptionValue::None | OptionValue::Text(_) => {
            let message = format!("argument to option \"{name}\" must be a list of column names");
            Err(invalid(message))
        }
    }
}

fn syntax(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::SyntaxError, message)
}

fn invalid(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::InvalidParameterValue, message)
}

fn refused(message: impl Into<String>) -> SqlError {
    SqlError::new(SqlState::FeatureNotSupported, message)
}
