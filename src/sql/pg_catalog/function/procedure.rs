//! What is told of functions by their numbers.

use super::super::builtin::{namespace_name, procedure_arguments, procedure_row};
use super::super::identifier::quoted;
use super::super::relation::Kind;
use super::super::row::Row;
use super::definition::{Body, Definition};
use super::naming::{first, type_name};
use crate::sql::{SqlError, SqlState};

pub(super) const FUNCTIONS: &[Definition<()>] = &[
    of("pg_get_functiondef", |(), arguments| told(arguments, definition)),
    of("pg_get_function_result", |(), arguments| told(arguments, |_, row| Ok(result(row)))),
    of("pg_get_function_arguments", ARGUMENTS),
    of("pg_get_function_identity_arguments", ARGUMENTS),
];

const ARGUMENTS: Body<()> = |(), numbers| told(numbers, |oid, _| Ok(arguments(oid)));

const fn of(name: &'static str, body: Body<()>) -> Definition<()> {
    Definition { name, least: 1, most: 1, returns: Kind::Text, body }
}

/// What `tell` says of the function whose number is the argument; NULL where there is none.
fn told(
    arguments: &[&str],
    tell: fn(u32, &Row) -> Result<String, SqlError>,
) -> Result<Option<String>, SqlError> {
    let oid = first(arguments).parse().ok();
    let known = oid.and_then(|oid| Some((oid, procedure_row(oid)?)));
    known.map(|(oid, row)| tell(oid, row)).transpose()
}

fn arguments(oid: u32) -> String {
    let types = procedure_arguments(oid).into_iter().flatten();
    types.map(|oid| type_name(oid, None)).collect::<Vec<_>>().join(", ")
}

fn result(row: &Row) -> String {
    let oid = row.get("prorettype").and_then(|oid| oid.parse().ok()).unwrap_or_default();
    let set = if row.get("proretset") == Some("t") { "SETOF " } else { "" };
    format!("{set}{}", type_name(oid, None))
}

/// The statement that would create the function.
fn definition(oid: u32, row: &Row) -> Result<String, SqlError> {
    let said = |column| row.get(column).unwrap_or_default();
    if said("prokind") == "a" {
        let message = format!("\"{}\" is an aggregate function", said("proname"));
        return Err(SqlError::new(SqlState::WrongObjectType, message));
    }
    let schema = said("pronamespace").parse().ok().and_then(namespace_name).unwrap_or_default();
    let name = quoted(said("proname"));
    let language = if said("prolang") == "13" { "c" } else { "internal" };
    Ok(format!(
        "CREATE OR REPLACE FUNCTION {schema}.{name}({})\n RETURNS {}\n LANGUAGE {language}\n\
         {}AS $function${}$function$\n",
        arguments(oid),
        result(row),
        attributes(row),
        said("prosrc"),
    ))
}

/// A line of what is not as it is without saying.
fn attributes(row: &Row) -> String {
    let words = [
        ("prokind", "w", "WINDOW"),
        ("provolatile", "i", "IMMUTABLE"),
        ("provolatile", "s", "STABLE"),
        ("proparallel", "s", "PARALLEL SAFE"),
        ("proparallel", "r", "PARALLEL RESTRICTED"),
        ("proisstrict", "t", "STRICT"),
        ("proleakproof", "t", "LEAKPROOF"),
    ];
    let words = words.iter().filter(|(column, value, _)| row.get(column) == Some(*value));
    let words: Vec<&str> = words.map(|(_, _, word)| *word).collect();
    if words.is_empty() { String::new() } else { format!(" {}\n", words.join(" ")) }
}
