//! The rows of `information_schema`.

use datafusion::arrow::datatypes::Field;

use super::builtin::type_row;
use super::collections::{Collection, columns, field_type_oid};
use super::function::type_name;
use super::relation::{INFORMATION_SCHEMA, PG_CATALOG};
use super::row::Row;
use super::view::{SCHEMA, SystemView};
use crate::sql::value::types::VECTOR_OID;

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
        "columns" => {
            let collections = Collection::all(catalog);
            collections
                .iter()
                .flat_map(|c| columns().map(|(at, f)| column(database, c, at, &f)))
                .collect()
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

fn column(database: &str, collection: &Collection, number: usize, field: &Field) -> Row {
    let oid = field_type_oid(field);
    let of_type = |column: &str| type_row(oid).and_then(|row| row.get(column));
    let data_type = match (oid, of_type("typcategory")) {
        (VECTOR_OID, _) => "USER-DEFINED".to_owned(),
        (_, Some("A")) => "ARRAY".to_owned(),
        _ => type_name(oid, None),
    };
    let schema = if oid == VECTOR_OID { SCHEMA } else { PG_CATALOG };
    of_table(database, collection)
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
        .with("is_generated", "NEVER")
        .with("is_updatable", "YES")
}
