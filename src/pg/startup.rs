//! The settings of a startup packet: each by its name, and those in `options`, which is written as
//! on the command line of PostgreSQL.

use std::collections::BTreeMap;

use super::error::PgError;
use crate::sql::{SqlSession, SqlState};

/// Parameters that are no settings.
const OTHERS: [&str; 4] = ["user", "database", "options", "replication"];

/// Has a session begin with the settings that its client asked for.
///
/// # Errors
/// What is wrong with them; the client cannot go on then.
pub(super) fn apply(
    session: &SqlSession,
    parameters: &BTreeMap<String, String>,
) -> Result<(), PgError> {
    check_replication(parameters)?;
    let options = parameters.get("options").map_or("", String::as_str);
    let named = parameters
        .iter()
        .filter(|(name, _)| !OTHERS.contains(&name.as_str()) && !name.starts_with("_pq_."))
        .map(|(name, value)| (name.clone(), value.clone()));
    for (name, value) in of_options(options)?.into_iter().chain(named) {
        session.start_with(&name, &value)?;
    }
    Ok(())
}

/// Streams of changes are asked for in the startup packet; there are none here.
fn check_replication(parameters: &BTreeMap<String, String>) -> Result<(), PgError> {
    let asked = parameters.get("replication").map(|value| value.to_ascii_lowercase());
    match asked.as_deref() {
        None | Some("false" | "off" | "no" | "0") => Ok(()),
        Some(_) => {
            let message = "replication connections are not supported";
            Err(PgError::fatal(SqlState::FeatureNotSupported, message))
        }
    }
}

/// The settings among the words of `options`: `-c name=value` or `--name=value`.
fn of_options(options: &str) -> Result<Vec<(String, String)>, PgError> {
    let invalid = |message| PgError::fatal(SqlState::SyntaxError, message);
    let mut settings = Vec::new();
    let mut words = words(options).into_iter();
    while let Some(word) = words.next() {
        let (switch, assignment) = match (word.strip_prefix("--"), word.strip_prefix("-c")) {
            (Some(assignment), _) => ("--", Some(assignment.to_owned())),
            (None, Some("")) => ("-c ", words.next()),
            (None, assignment) => ("-c ", assignment.map(str::to_owned)),
        };
        let Some(assignment) = assignment else {
            let message = format!("invalid command-line argument for server process: {word}");
            return Err(invalid(message).with_hint("Write settings as -c name=value."));
        };
        let Some((name, value)) = assignment.split_once('=') else {
            return Err(invalid(format!("{switch}{assignment} requires a value")));
        };
        settings.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok(settings)
}

/// Words between white space; a backslash takes the next character as it is.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => word.get_or_insert_default().extend(characters.next()),
            // Those of PostgreSQL; others may be part of a value.
            ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c' => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(options: &str) -> Vec<(String, String)> {
        of_options(options).unwrap()
    }

    #[test]
    fn options_are_read_as_a_command_line() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(pairs("  "), []);
        assert_eq!(
            pairs("-c statement_timeout=50 -cextra_float_digits=3\t--client-min-messages=error"),
            [
                pair("statement_timeout", "50"),
                pair("extra_float_digits", "3"),
                pair("client_min_messages", "error"),
            ]
        );
        assert_eq!(
            pairs(r"-c application_name=a\ b\\c\=d -c x="),
            [pair("application_name", r"a b\c=d"), pair("x", "")]
        );
    }

    #[test]
    fn what_is_no_setting_is_refused_by_name() {
        for (options, told) in [
            ("-c name", "-c name requires a value"),
            ("--name", "--name requires a value"),
            ("-x 1", "invalid command-line argument for server process: -x"),
            ("-c", "invalid command-line argument for server process: -c"),
            ("name=1", "invalid command-line argument for server process: name=1"),
        ] {
            assert_eq!(of_options(options).unwrap_err().to_string(), told);
        }
    }
}
