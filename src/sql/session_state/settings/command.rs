//! SET, RESET and SHOW: grammar.

use datafusion::sql::sqlparser::ast::{
    self, ContextModifier, DateTimeField, Ident, ObjectName, Reset, ResetStatement, Set,
    SetSessionAuthorizationParam, SetSessionAuthorizationParamKind, TransactionAccessMode, Value,
};
use datafusion::sql::sqlparser::parser::Parser;

use super::{
    DEFAULT_ISOLATION, DEFAULT_READ_ONLY, ROLE, SEARCH_PATH, SESSION_AUTHORIZATION, TIME_ZONE,
    search_path,
};
use crate::sql::SqlError;
use crate::sql::grammar::name::folded;
use crate::sql::grammar::words::{next_is, skip};
use crate::sql::session_state::access::{Access, access};

/// SET, RESET or SHOW.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sql) enum SettingCommand {
    /// SET name TO value.
    Set(String, String),
    /// SET LOCAL name TO value; none for DEFAULT.
    SetLocal(String, Option<String>),
    /// SET TRANSACTION.
    SetTransaction(Access),
    /// SET name TO DEFAULT.
    SetDefault(String),
    /// RESET name.
    Reset(String),
    /// RESET ALL.
    ResetAll,
    /// SHOW name.
    Show(String),
    /// SHOW ALL.
    ShowAll,
}

/// The command of a SET statement.
pub(in crate::sql) fn set_command(set: Set) -> Result<SettingCommand, SqlError> {
    Ok(match set {
        Set::SingleAssignment {
            scope: scope @ (None | Some(ContextModifier::Session | ContextModifier::Local)),
            hivevar: false,
            variable,
            values,
        } => {
            let command = assignment(setting_name(&variable), &values)?;
            if scope == Some(ContextModifier::Local) { local(command) } else { command }
        }
        Set::SetTimeZone { local: is_local, value } => {
            let command = match &value {
                ast::Expr::Identifier(word) if folded(word) == "local" => {
                    SettingCommand::SetDefault(TIME_ZONE.to_owned())
                }
                value => assignment(TIME_ZONE.to_owned(), std::slice::from_ref(value))?,
            };
            if is_local { local(command) } else { command }
        }
        Set::SetNames { charset_name, collation_name: None } => {
            SettingCommand::Set("client_encoding".to_owned(), charset_name.value)
        }
        Set::SetNamesDefault {} => SettingCommand::SetDefault("client_encoding".to_owned()),
        Set::SetRole { context_modifier: scope, role_name } => {
            let role = role_name.map_or_else(|| "none".to_owned(), |name| folded(&name));
            let command = SettingCommand::Set(ROLE.to_owned(), role);
            if scope == Some(ContextModifier::Local) { local(command) } else { command }
        }
        Set::SetSessionAuthorization(SetSessionAuthorizationParam {
            scope,
            kind: SetSessionAuthorizationParamKind::User(name),
        }) => {
            let command = SettingCommand::Set(SESSION_AUTHORIZATION.to_owned(), folded(&name));
            if scope == ContextModifier::Local { local(command) } else { command }
        }
        Set::SetTransaction { modes, snapshot: None, session } => {
            let access = access(&modes)?;
            if !session {
                return Ok(SettingCommand::SetTransaction(access));
            }
            let (name, value) = match access {
                Some(TransactionAccessMode::ReadOnly) => (DEFAULT_READ_ONLY, "on".to_owned()),
                Some(TransactionAccessMode::ReadWrite) => (DEFAULT_READ_ONLY, "off".to_owned()),
                None => {
                    let level = modes.iter().map(ToString::to_string).next_back();
                    let level = level.unwrap_or_default().to_lowercase();
                    (DEFAULT_ISOLATION, level.replace("isolation level ", ""))
                }
            };
            SettingCommand::Set(name.to_owned(), value)
        }
        other => return Err(SqlError::unsupported(other)),
    })
}

/// The same for the transaction alone.
fn local(command: SettingCommand) -> SettingCommand {
    match command {
        SettingCommand::Set(name, value) => SettingCommand::SetLocal(name, Some(value)),
        SettingCommand::SetDefault(name) => SettingCommand::SetLocal(name, None),
        other => other,
    }
}

/// Passes over `SET CONSTRAINTS ALL DEFERRED` or `IMMEDIATE`, if that comes next: none of the
/// constraints that there are can be deferred, so it changes none.
pub(in crate::sql) fn parse_constraints(parser: &mut Parser<'_>) -> bool {
    let is_it =
        ["SET", "CONSTRAINTS", "ALL"].iter().zip(0..).all(|(word, at)| next_is(parser, at, word))
            && ["DEFERRED", "IMMEDIATE"].iter().any(|word| next_is(parser, 3, word));
    if is_it {
        skip(parser, 4);
    }
    is_it
}

/// Passes over `SET [SESSION | LOCAL] SESSION AUTHORIZATION DEFAULT` or `RESET SESSION
/// AUTHORIZATION`, if that comes next, and gives its tag: a session is its key's, and stays so.
pub(in crate::sql) fn parse_authorization(parser: &mut Parser<'_>) -> Option<&'static str> {
    const FORMS: [(&[&str], &str); 4] = [
        (&["RESET", "SESSION", "AUTHORIZATION"], "RESET"),
        (&["SET", "SESSION", "AUTHORIZATION", "DEFAULT"], "SET"),
        (&["SET", "SESSION", "SESSION", "AUTHORIZATION", "DEFAULT"], "SET"),
        (&["SET", "LOCAL", "SESSION", "AUTHORIZATION", "DEFAULT"], "SET"),
    ];
    let is_next =
        |words: &[&str]| words.iter().zip(0..).all(|(word, at)| next_is(parser, at, word));
    let (words, tag) = FORMS.into_iter().find(|(words, _)| is_next(words))?;
    skip(parser, words.len());
    Some(tag)
}

/// The command of a SHOW statement.
pub(in crate::sql) fn show_command(variable: &[Ident]) -> SettingCommand {
    let words: Vec<String> = variable.iter().map(folded).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["all"] => SettingCommand::ShowAll,
        ["time", "zone"] => SettingCommand::Show(TIME_ZONE.to_owned()),
        // The parser takes SESSION for a word that says nothing.
        ["authorization"] => SettingCommand::Show(SESSION_AUTHORIZATION.to_owned()),
        ["transaction", "isolation", "level"] => {
            SettingCommand::Show("transaction_isolation".to_owned())
        }
        [name] => SettingCommand::Show((*name).to_owned()),
        other => SettingCommand::Show(other.join(".")),
    }
}

/// The command of a RESET statement.
pub(in crate::sql) fn reset_command(reset: ResetStatement) -> SettingCommand {
    match reset.reset {
        Reset::ALL => SettingCommand::ResetAll,
        Reset::ConfigurationParameter(name) => SettingCommand::Reset(setting_name(&name)),
    }
}

fn setting_name(name: &ObjectName) -> String {
    name.to_string().replace('"', "")
}

fn assignment(name: String, values: &[ast::Expr]) -> Result<SettingCommand, SqlError> {
    if let [ast::Expr::Identifier(word)] = values
        && folded(word) == "default"
    {
        return Ok(SettingCommand::SetDefault(name));
    }
    let is_path = name.eq_ignore_ascii_case(SEARCH_PATH);
    let text = |value| if is_path { schema_name(value) } else { value_text(value) };
    let values: Option<Vec<String>> = values.iter().map(text).collect();
    match values {
        Some(values) => Ok(SettingCommand::Set(name, values.join(", "))),
        None => Err(SqlError::unsupported(format!("an expression as the value of {name}"))),
    }
}

/// One of the names of a list of schemas: what stands in quotes is one of them, as it is.
fn schema_name(value: &ast::Expr) -> Option<String> {
    let name = match value {
        ast::Expr::Identifier(word) => folded(word),
        value => value_text(value)?,
    };
    Some(search_path::written(&name))
}

fn value_text(value: &ast::Expr) -> Option<String> {
    match value {
        ast::Expr::Identifier(word) => Some(word.value.clone()),
        ast::Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => Some(digits.clone()),
            Value::SingleQuotedString(text) | Value::EscapedStringLiteral(text) => {
                Some(text.clone())
            }
            Value::Boolean(value) => Some(if *value { "on" } else { "off" }.to_owned()),
            _ => None,
        },
        // `SET TIME ZONE INTERVAL '+00:00' HOUR TO MINUTE`.
        ast::Expr::Interval(ast::Interval {
            value,
            leading_field: Some(DateTimeField::Hour),
            leading_precision: None,
            last_field: Some(DateTimeField::Minute),
            fractional_seconds_precision: None,
        }) => value_text(value),
        ast::Expr::UnaryOp { op: ast::UnaryOperator::Minus, expr } => {
            value_text(expr).map(|digits| format!("-{digits}"))
        }
        _ => None,
    }
}
