//! Rows that are the same for every tenant but for its name: schemas, types and their functions,
//! the one database and the one role that a session sees.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use super::relation::{INFORMATION_SCHEMA, PG_CATALOG};
use super::row::{BETWEEN, Row};
use super::view::{SCHEMA, SystemView};
use crate::sql::definition::extension::VECTOR;
use crate::sql::session_state::settings::Told;

/// The OID of the session's role, the only one that it sees.
pub(super) const ROLE_OID: u32 = 10;
/// The OID of schema `public`.
pub(super) const PUBLIC_OID: u32 = 2200;
/// The OID of schema `pg_catalog`.
pub(super) const PG_CATALOG_OID: u32 = 11;
/// The OID of schema `information_schema`.
pub(super) const INFORMATION_SCHEMA_OID: u32 = 13_207;
/// The OID of `pg_operator`.
const OPERATOR_OID: u32 = 2617;
/// The OID of the database, whatever its name.
pub(super) const DATABASE_OID: u32 = 16_384;

/// Of the extension whose type this server has built in; any number that nobody else has.
const EXTENSION_OID: u32 = 16_385;

static TYPES: LazyLock<Vec<Row>> = LazyLock::new(|| Row::read_all(include_str!("types.tsv")));
static PROCEDURES: LazyLock<Vec<Row>> = LazyLock::new(|| Row::read_all(include_str!("procs.tsv")));
static KEYWORDS: LazyLock<Vec<Row>> = LazyLock::new(|| Row::read_all(include_str!("keywords.tsv")));
static OPERATORS: LazyLock<Vec<Row>> =
    LazyLock::new(|| Row::read_all(include_str!("operators.tsv")));
static RANGES: LazyLock<Vec<Row>> = LazyLock::new(|| Row::read_all(include_str!("ranges.tsv")));

static TYPE_BY_OID: LazyLock<HashMap<u32, &Row>> = LazyLock::new(|| {
    TYPES.iter().filter_map(|row| Some((row.get("oid")?.parse().ok()?, row))).collect()
});

/// The row of `pg_type` with this OID.
pub(super) fn type_row(oid: u32) -> Option<&'static Row> {
    TYPE_BY_OID.get(&oid).copied()
}

/// The OID of the type whose name in `pg_type` this is.
pub(super) fn type_oid(name: &str) -> Option<u32> {
    TYPES.iter().find(|row| row.get("typname") == Some(name))?.get("oid")?.parse().ok()
}

/// The OID of the function of this name.
pub(super) fn procedure_oid(name: &str) -> Option<u32> {
    PROCEDURES.iter().find(|row| row.get("proname") == Some(name))?.get("oid")?.parse().ok()
}

static PROCEDURE_BY_OID: LazyLock<HashMap<u32, &Row>> = LazyLock::new(|| {
    PROCEDURES.iter().filter_map(|row| Some((row.get("oid")?.parse().ok()?, row))).collect()
});

/// The row of `pg_proc` with this OID.
pub(super) fn procedure_row(oid: u32) -> Option<&'static Row> {
    PROCEDURE_BY_OID.get(&oid).copied()
}

/// The name of the function of this OID.
pub(super) fn procedure_name(oid: u32) -> Option<&'static str> {
    procedure_row(oid)?.get("proname")
}

/// The OIDs of the types of a function's arguments.
pub(super) fn procedure_arguments(oid: u32) -> Option<impl Iterator<Item = u32>> {
    let types = procedure_row(oid)?.get("proargtypes").unwrap_or_default();
    Some(types.split(' ').filter_map(|oid| oid.parse().ok()))
}

/// Whether a word means something in a statement that a name there cannot.
pub(super) fn is_reserved(word: &str) -> bool {
    static WORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
        let reserved = KEYWORDS.iter().filter(|row| row.get("catcode") != Some("U"));
        reserved.filter_map(|row| row.get("word")).collect()
    });
    WORDS.contains(word)
}

/// What the operator of this OID does.
pub(super) fn operator_description(oid: u32) -> Option<&'static str> {
    let is_meant = |row: &&Row| row.get("oid").is_some_and(|known| known.parse() == Ok(oid));
    OPERATORS.iter().find(is_meant)?.get("description")
}

/// The name of the schema of this OID.
pub(super) fn namespace_name(oid: u32) -> Option<&'static str> {
    NAMESPACES.iter().find(|(known, _)| *known == oid).map(|(_, name)| *name)
}

/// The OID of the schema of this name.
pub(super) fn namespace_oid(name: &str) -> Option<u32> {
    NAMESPACES.iter().find(|(_, known)| *known == name).map(|(oid, _)| *oid)
}

const NAMESPACES: [(u32, &str); 3] = [
    (PG_CATALOG_OID, PG_CATALOG),
    (PUBLIC_OID, SCHEMA),
    (INFORMATION_SCHEMA_OID, INFORMATION_SCHEMA),
];

pub(super) fn rows(relation: &str, catalog: &SystemView) -> Vec<Row> {
    match relation {
        "pg_type" => TYPES.clone(),
        "pg_proc" => PROCEDURES.clone(),
        "pg_operator" => OPERATORS.clone(),
        "pg_description" => OPERATORS.iter().filter_map(description).collect(),
        "pg_range" => RANGES.clone(),
        "pg_get_keywords" => KEYWORDS.clone(),
        "pg_namespace" => namespaces(),
        "pg_database" => vec![database(catalog.database())],
        "pg_stat_database" => vec![statistics(catalog.database())],
        "pg_roles" => vec![role(catalog.user())],
        "pg_user" => vec![user(catalog.user())],
        "pg_am" => vec![access_method(2, "heap", "t"), access_method(403, "btree", "i")],
        "pg_tablespace" => vec![tablespace(1663, "pg_default"), tablespace(1664, "pg_global")],
        "pg_collation" => vec![
            collation(100, "default", "d"),
            collation(950, "C", "c"),
            collation(951, "POSIX", "c"),
        ],
        "pg_settings" => {
            let settings = catalog.settings();
            settings.all().map(setting).collect()
        }
        "pg_timezone_names" => vec![
            Row::default().with("name", "UTC").with("abbrev", "UTC").with("utc_offset", "00:00:00"),
        ],
        "pg_extension" => vec![extension()],
        "pg_available_extensions" => vec![available_extension()],
        "pg_language" => {
            vec![language(12, "internal"), language(13, "c"), language(14, "sql")]
        }
        _ => Vec::new(),
    }
}

/// What an operator does, as `pg_description` tells it.
fn description(operator: &Row) -> Option<Row> {
    let row = Row::default().with("objoid", operator.get("oid")?).with("classoid", OPERATOR_OID);
    Some(row.with("objsubid", 0).with("description", operator.get("description")?))
}

fn namespaces() -> Vec<Row> {
    let row = |(oid, name)| {
        Row::default().with("oid", oid).with("nspname", name).with("nspowner", ROLE_OID)
    };
    NAMESPACES.into_iter().map(row).collect()
}

fn database(name: &str) -> Row {
    Row::default()
        .with("oid", DATABASE_OID)
        .with("datname", name)
        .with("datdba", ROLE_OID)
        .with("encoding", 6)
        .with("datlocprovider", "c")
        .with("datallowconn", "t")
        .with("datconnlimit", -1)
        .with("dattablespace", 1663)
        .with("datcollate", "C")
        .with("datctype", "C")
}

/// Of what happens in the database nothing is counted here; `/metrics` tells it.
fn statistics(name: &str) -> Row {
    Row::default().with("datid", DATABASE_OID).with("datname", name).with("numbackends", 1)
}

fn role(name: &str) -> Row {
    Row::default()
        .with("rolname", name)
        .with("rolinherit", "t")
        .with("rolcanlogin", "t")
        .with("rolconnlimit", -1)
        .with("rolpassword", "********")
        .with("oid", ROLE_OID)
}

fn user(name: &str) -> Row {
    Row::default().with("usename", name).with("usesysid", ROLE_OID).with("passwd", "********")
}

fn access_method(oid: u32, name: &str, kind: &str) -> Row {
    Row::default().with("oid", oid).with("amname", name).with("amtype", kind)
}

fn tablespace(oid: u32, name: &str) -> Row {
    Row::default().with("oid", oid).with("spcname", name).with("spcowner", ROLE_OID)
}

fn collation(oid: u32, name: &str, provider: &str) -> Row {
    Row::default()
        .with("oid", oid)
        .with("collname", name)
        .with("collnamespace", PG_CATALOG_OID)
        .with("collowner", ROLE_OID)
        .with("collprovider", provider)
        .with("collisdeterministic", "t")
        .with("collencoding", -1)
}

fn extension() -> Row {
    Row::default()
        .with("oid", EXTENSION_OID)
        .with("extname", VECTOR)
        .with("extowner", ROLE_OID)
        .with("extnamespace", PUBLIC_OID)
        .with("extrelocatable", "t")
        .with("extversion", env!("CARGO_PKG_VERSION"))
}

fn available_extension() -> Row {
    Row::default()
        .with("name", VECTOR)
        .with("default_version", env!("CARGO_PKG_VERSION"))
        .with("installed_version", env!("CARGO_PKG_VERSION"))
        .with("comment", "vector type and distances, built in")
}

fn setting(told: Told) -> Row {
    let Told { name, value, reset, default, terms } = told;
    let source = match value.as_str() {
        value if value == default => "default",
        value if value == reset => "client",
        _ => "session",
    };
    let mut row = Row::default()
        .with("name", name)
        .with("setting", value)
        .with("context", terms.context)
        .with("vartype", terms.vartype)
        .with("source", source)
        .with("boot_val", default)
        .with("reset_val", reset);
    if let Some(unit) = terms.unit {
        row = row.with("unit", unit);
    }
    if let Some([least, most]) = terms.range {
        row = row.with("min_val", least).with("max_val", most);
    }
    if terms.words.is_empty() {
        return row;
    }
    row.with("enumvals", terms.words.join(&BETWEEN.to_string()))
}

fn language(oid: u32, name: &str) -> Row {
    Row::default().with("oid", oid).with("lanname", name).with("lanowner", ROLE_OID)
}
