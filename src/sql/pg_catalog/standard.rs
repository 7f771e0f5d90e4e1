//! The rows of `information_schema`.

use datafusion::arrow::datatypes::Field;

use super::builtin::type_row;
use super::collections::{Collection, columns, field_type_oid};
use super::function::{table_privileges, type_name};
use super::relation::{INFORMATION_SCHEMA, PG_CATALOG};
use super::row::Row;
use super::view::{SCHEMA, SystemView};
use crate::sql::value::types::{SqlType, VECTOR_OID};

/// The OID of `real[]`.
const REALS_OID: u32 = 1021;
/// What PostgreSQL says of texts without a limit of their own.
const TEXT_BYTES_MAX: u32 = 1 << 30;
/// The privileges that there are on columns, too.
const OF_COLUMNS: [&str; 4] = ["SELECT", "INSERT", "UPDATE", "REFERENCES"];

pub(super) fn rows(relation: &str, catalog: &SystemView) -> Vec<Row> {
    let database = catalog.database();
    let each = |row: fn(&str, &Collection) -> Row| -> Vec<Row> {
        Collection::all(catalog).iter().map(|collection| row(database, collection)).collect()
    };
    match relation {
        "information_schema_catalog_name" => vec![Row::default().with("catalog_name", database)],
        "enabled_roles" => vec![Row::default().with("role_name", catalog.user())],
        "schemata" => [PG_CATALOG, SCHEMA, INFORMATION_SCHEMA]
            .map(|schema| {
                Row::default()
                    .with("catalog_name", database)
                    .with("schema_name", schema)
                    .with("schema_owner", catalog.user())
            })
            .into(),
        "tables" => each(table),
        "columns" => of_each(catalog, |collection| {
            columns().map(|(at, field)| column(database, collection, at, &field)).collect()
        }),
        "element_types" => of_each(catalog, |collection| {
            let lists = columns().filter(|(_, field)| field_type_oid(field) == REALS_OID);
            lists.map(|(at, _)| element(database, collection, at)).collect()
        }),
        "table_privileges" | "role_table_grants" => {
            of_each(catalog, |collection| granted(catalog, collection))
        }
        "column_privileges" => {
            of_each(catalog, |collection| granted_on_columns(catalog, collection))
        }
        "table_constraints" => each(|database, collection| {
            key(database, collection)
                .with("constraint_type", "PRIMARY KEY")
                .with("is_deferrable", "NO")
                .with("initially_deferred", "NO")
                .with("enforced", "YES")
        }),
        "key_column_usage" => each(|database, collection| {
            key(database, collection).with("column_name", "face_id").with("ordinal_position", 1)
        }),
        "constraint_column_usage" => {
            each(|database, collection| key(database, collection).with("column_name", "face_id"))
        }
        _ => Vec::new(),
    }
}

fn of_each(catalog: &SystemView, rows: impl Fn(&Collection) -> Vec<Row>) -> Vec<Row> {
    Collection::all(catalog).iter().flat_map(rows).collect()
}

fn of_table(database: &str, collection: &Collection) -> Row {
    Row::default()
        .with("table_catalog", database)
        .with("table_schema", SCHEMA)
        .with("table_name", &collection.name)
}

fn table(database: &str, collection: &Collection) -> Row {
    of_table(database, collection)
        .with("table_type", "BASE TABLE")
        .with("is_insertable_into", "YES")
        .with("is_typed", "NO")
}

fn key(database: &str, collection: &Collection) -> Row {
    of_table(database, collection)
        .with("constraint_catalog", database)
        .with("constraint_schema", SCHEMA)
        .with("constraint_name", collection.key_name())
}

/// What the session's role may do with `collection`.
fn granted(catalog: &SystemView, collection: &Collection) -> Vec<Row> {
    let held = table_privileges(catalog.role()).into_iter().filter(|(_, holds)| *holds);
    held.map(|(privilege, _)| {
        of_table(catalog.database(), collection)
            .with("grantor", catalog.user())
            .with("grantee", catalog.user())
            .with("privilege_type", privilege)
            .with("is_grantable", "NO")
            .with("with_hierarchy", if privilege == "SELECT" { "YES" } else { "NO" })
    })
    .collect()
}

fn granted_on_columns(catalog: &SystemView, collection: &Collection) -> Vec<Row> {
    let on_column =
        |row: &Row| row.get("privilege_type").is_some_and(|word| OF_COLUMNS.contains(&word));
    let mut rows = granted(catalog, collection);
    rows.retain(on_column);
    rows.iter()
        .flat_map(|row| columns().map(|(_, field)| row.clone().with("column_name", field.name())))
        .collect()
}

/// What the items of the column with this number are, which is a list of numbers.
fn element(database: &str, collection: &Collection, number: usize) -> Row {
    Row::default()
        .with("object_catalog", database)
        .with("object_schema", SCHEMA)
        .with("object_name", &collection.name)
        .with("object_type", "TABLE")
        .with("collection_type_identifier", number)
        .with("data_type", "real")
        .with("udt_catalog", database)
        .with("udt_schema", PG_CATALOG)
        .with("udt_name", "float4")
        .with("dtd_identifier", format!("a{number}"))
}

fn column(database: &str, collection: &Collection, number: usize, field: &Field) -> Row {
    let oid = field_type_oid(field);
    let of_type = |column: &str| type_row(oid).and_then(|row| row.get(column));
    let data_type = match (oid, of_type("typcategory")) {
        (VECTOR_OID, _) => "USER-DEFINED".to_owned(),
        (_, Some("A")) => "ARRAY".to_owned(),
        _ => type_name(oid, None),
    };
    let schema = if oid == VECTOR_OID { SCHEMA } else { PG_CATALOG };
    let row = of_table(database, collection)
        .with("column_name", field.name())
        .with("ordinal_position", number)
        .with("is_nullable", if field.is_nullable() { "YES" } else { "NO" })
        .with("data_type", data_type)
        .with("udt_catalog", database)
        .with("udt_schema", schema)
        .with("udt_name", of_type("typname").unwrap_or_default())
        .with("dtd_identifier", number)
        .with("is_self_referencing", "NO")
        .with("is_identity", "NO")
        .with("identity_cycle", "NO")
        .with("is_generated", "NEVER")
        .with("is_updatable", "YES");
    let row = match collection.default_of(field.name()) {
        Some(default) => row.with("column_default", default),
        None => row,
    };
    match SqlType::of(field) {
        SqlType::Text => row.with("character_octet_length", TEXT_BYTES_MAX),
        SqlType::Float4 => row.with("numeric_precision", 24).with("numeric_precision_radix", 2),
        SqlType::Timestamptz => row.with("datetime_precision", 6),
        _ => row,
    }
}
