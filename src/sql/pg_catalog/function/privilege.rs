//! What a session's role may do: the functions `has_.._privilege`.

use super::super::builtin::ROLE_OID;
use super::super::collections::{Collection, columns};
use super::super::relation::{Kind, Relation};
use super::super::view::{SCHEMA, SystemView};
use super::definition::{Body, Definition};
use super::lookup::{no_relation, relation_oid};
use super::naming::{number, unqualified};
use crate::engine::{Action, Role};
use crate::sql::{SqlError, SqlState};

pub(super) const FUNCTIONS: &[Definition<SystemView>] = &[
    of("has_table_privilege", 2, |catalog, arguments| {
        let [table, privileges] = own(catalog, arguments)?;
        on_table(catalog, table, privileges)
    }),
    of("has_any_column_privilege", 2, |catalog, arguments| {
        let [table, privileges] = own(catalog, arguments)?;
        on_table(catalog, table, privileges)
    }),
    of("has_column_privilege", 3, |catalog, arguments| {
        let [table, column, privileges] = own(catalog, arguments)?;
        has_column(catalog, table, column)?;
        on_table(catalog, table, privileges)
    }),
    of("has_schema_privilege", 2, |catalog, arguments| {
        let [schema, privileges] = own(catalog, arguments)?;
        let creates = schema == SCHEMA && catalog.role().allows(Action::ChangeCollections);
        any(privileges, &[("USAGE", true), ("CREATE", creates)])
    }),
    of("has_database_privilege", 2, |catalog, arguments| {
        let [_, privileges] = own(catalog, arguments)?;
        let allowed = [("CONNECT", true), ("CREATE", false), ("TEMPORARY", false), ("TEMP", false)];
        any(privileges, &allowed)
    }),
];

/// A function of so many arguments, before which a role may be named.
const fn of(
    name: &'static str,
    arguments: usize,
    body: Body<SystemView>,
) -> Definition<SystemView> {
    Definition { name, least: arguments, most: arguments + 1, returns: Kind::Bool, body }
}

/// The arguments behind the role, which is the session's own: it sees no other.
fn own<'a, const N: usize>(
    catalog: &SystemView,
    arguments: &[&'a str],
) -> Result<[&'a str; N], SqlError> {
    let (role, rest) = arguments.split_at(arguments.len() - N);
    if let [role] = role
        && *role != catalog.user()
        && number(role) != Some(ROLE_OID)
    {
        let message = format!("role \"{role}\" does not exist");
        return Err(SqlError::new(SqlState::UndefinedObject, message));
    }
    let wrong = |_| SqlError::new(SqlState::UndefinedFunction, "wrong number of arguments");
    <[&str; N]>::try_from(rest).map_err(wrong)
}

/// What a role may do with a collection; of the system's relations all are read and none written.
fn on_table(
    catalog: &SystemView,
    table: &str,
    privileges: &str,
) -> Result<Option<String>, SqlError> {
    let oid = match number(table) {
        Some(oid) => oid,
        None => relation_oid(catalog, table).ok_or_else(|| no_relation(table))?,
    };
    let is_own = Collection::all(catalog).iter().any(|collection| collection.oid == oid);
    if !is_own && Relation::all().iter().all(|relation| relation.oid != oid) {
        return Ok(None);
    }
    let role = if is_own { catalog.role() } else { Role::Read };
    any(privileges, &table_privileges(role))
}

/// The privileges that there are on a table, and which of them `role` has on its collections.
pub(in crate::sql::pg_catalog) fn table_privileges(role: Role) -> [(&'static str, bool); 7] {
    let writes = role.allows(Action::ChangeFaces);
    [
        ("SELECT", true),
        ("INSERT", writes),
        ("UPDATE", writes),
        ("DELETE", writes),
        ("TRUNCATE", role.allows(Action::ChangeCollections)),
        ("REFERENCES", false),
        ("TRIGGER", false),
    ]
}

/// # Errors
/// 42703 where a table has no such column.
fn has_column(catalog: &SystemView, table: &str, column: &str) -> Result<(), SqlError> {
    let Some(oid) = number(table).or_else(|| relation_oid(catalog, table)) else {
        return Err(no_relation(table));
    };
    let name = unqualified(column);
    let known = match Relation::all().iter().find(|relation| relation.oid == oid) {
        Some(relation) => relation.columns.iter().any(|column| column.name == name),
        None => columns().any(|(_, field)| field.name() == name),
    };
    if known || column.parse::<i16>().is_ok() {
        return Ok(());
    }
    let message = format!("column \"{name}\" of relation \"{table}\" does not exist");
    Err(SqlError::new(SqlState::UndefinedColumn, message))
}

/// Whether the role has one of the privileges, which are a list with commas. It may pass none on.
fn any(privileges: &str, allowed: &[(&str, bool)]) -> Result<Option<String>, SqlError> {
    const GRANTS: &str = " WITH GRANT OPTION";
    let mut has_one = false;
    for privilege in privileges.split(',') {
        let upper = privilege.trim().to_ascii_uppercase();
        let (word, grants) = match upper.strip_suffix(GRANTS) {
            Some(word) => (word, true),
            None => (upper.as_str(), false),
        };
        let Some((_, has)) = allowed.iter().find(|(known, _)| *known == word) else {
            let message = format!("unrecognized privilege type: \"{}\"", privilege.trim());
            return Err(SqlError::new(SqlState::InvalidParameterValue, message));
        };
        has_one |= *has && !grants;
    }
    Ok(Some(if has_one { "t" } else { "f" }.to_owned()))
}
