//! Functions that look into the collections and the role that a statement sees.

use super::super::builtin::{ROLE_OID, operator_description};
use super::super::collections::{Collection, index_definition};
use super::super::identifier::quoted;
use super::super::relation::{Kind, Relation};
use super::super::view::{SCHEMA, SystemView};
use super::definition::{Body, Definition};
use super::naming::{first, name_parts, not_an_oid, number, printed};
use crate::sql::{SqlError, SqlState};

pub(super) const FUNCTIONS: &[Definition<SystemView>] = &[
    of("regclass", 1, 1, Kind::Oid, |catalog, arguments| {
        let name = first(arguments);
        let oid = number(name).or_else(|| relation_oid(catalog, name));
        oid.map(|oid| Some(oid.to_string())).ok_or_else(|| no_relation(name))
    }),
    of("to_regclass", 1, 1, Kind::Oid, |catalog, arguments| {
        Ok(relation_oid(catalog, first(arguments)).map(|oid| oid.to_string()))
    }),
    of("regrole", 1, 1, Kind::Oid, |catalog, arguments| {
        let name = first(arguments);
        let own = (name == catalog.user()).then_some(ROLE_OID);
        let oid = own.or_else(|| number(name));
        oid.map(|oid| Some(oid.to_string())).ok_or_else(|| {
            let message = format!("role \"{name}\" does not exist");
            SqlError::new(SqlState::UndefinedObject, message)
        })
    }),
    of("regclassout", 1, 1, Kind::Text, |catalog, arguments| {
        printed(first(arguments), |oid| relation_name(catalog, oid))
    }),
    of("regroleout", 1, 1, Kind::Text, |catalog, arguments| {
        printed(first(arguments), |oid| (oid == ROLE_OID).then(|| quoted(catalog.user())))
    }),
    of("pg_table_is_visible", 1, 1, Kind::Bool, |catalog, arguments| {
        let schema = schema_of_relation(catalog, oid(arguments)?);
        Ok(schema.map(|schema| if catalog.path().reaches(schema) { "t" } else { "f" }.to_owned()))
    }),
    of("current_setting", 1, 2, Kind::Text, |catalog, arguments| {
        let name = first(arguments);
        let settings = catalog.settings();
        match (settings.get(name), arguments.get(1)) {
            (Some(value), _) => Ok(Some(value.to_owned())),
            (None, Some(&"true")) => Ok(None),
            (None, _) => {
                let message = format!("unrecognized configuration parameter \"{name}\"");
                Err(SqlError::new(SqlState::UndefinedObject, message))
            }
        }
    }),
    of("pg_get_userbyid", 1, 1, Kind::Name, |catalog, arguments| {
        let oid = oid(arguments)?;
        Ok(Some(match oid {
            ROLE_OID => catalog.user().to_owned(),
            other => format!("unknown (OID={other})"),
        }))
    }),
    of("obj_description", 1, 2, Kind::Text, |catalog, arguments| {
        let oid = oid(arguments)?;
        if let Some(of_operator) = operator_description(oid) {
            return Ok(Some(of_operator.to_owned()));
        }
        Ok(find(catalog, |collection| collection.oid == oid)
            .and_then(|collection| collection.description))
    }),
    of("pg_get_indexdef", 1, 3, Kind::Text, |catalog, arguments| {
        let oid = oid(arguments)?;
        let found = find(catalog, |collection| collection.key_index() == oid);
        Ok(found.map(|collection| match arguments.get(1) {
            Some(&"1") => "face_id".to_owned(),
            _ => index_definition(&collection),
        }))
    }),
    of("pg_get_constraintdef", 1, 2, Kind::Text, |catalog, arguments| {
        let oid = oid(arguments)?;
        Ok(find(catalog, |collection| collection.key_constraint() == oid)
            .map(|_| "PRIMARY KEY (face_id)".to_owned()))
    }),
    of("pg_relation_size", 1, 2, Kind::Int8, size),
    of("pg_table_size", 1, 1, Kind::Int8, size),
    of("pg_total_relation_size", 1, 1, Kind::Int8, size),
    // An index of its own a collection has none.
    of("pg_indexes_size", 1, 1, Kind::Int8, |catalog, arguments| {
        size(catalog, arguments).map(|_| Some("0".to_owned()))
    }),
    of("pg_index_has_property", 2, 2, Kind::Bool, |catalog, arguments| {
        let [index, property] = arguments else { return Ok(None) };
        let is_known = is_key_index(catalog, index);
        Ok(property_of(property, INDEX_PROPERTIES).filter(|_| is_known))
    }),
    of("pg_index_column_has_property", 3, 3, Kind::Bool, |catalog, arguments| {
        let [index, column, property] = arguments else { return Ok(None) };
        let is_known = *column == "1" && is_key_index(catalog, index);
        Ok(property_of(property, COLUMN_PROPERTIES).filter(|_| is_known))
    }),
    of("pg_indexam_has_property", 2, 2, Kind::Bool, |_, arguments| {
        let [method, property] = arguments else { return Ok(None) };
        Ok(property_of(property, METHOD_PROPERTIES).filter(|_| *method == BTREE))
    }),
    of("pg_database_size", 1, 1, Kind::Int8, whole_size),
    of("pg_tablespace_size", 1, 1, Kind::Int8, whole_size),
];

const fn of(
    name: &'static str,
    least: usize,
    most: usize,
    returns: Kind,
    body: Body<SystemView>,
) -> Definition<SystemView> {
    Definition { name, least, most, returns, body }
}

pub(super) fn no_relation(name: &str) -> SqlError {
    SqlError::new(SqlState::UndefinedTable, format!("relation \"{name}\" does not exist"))
}

fn oid(arguments: &[&str]) -> Result<u32, SqlError> {
    number(first(arguments)).ok_or_else(|| not_an_oid(first(arguments)))
}

fn find(catalog: &SystemView, wanted: impl Fn(&Collection) -> bool) -> Option<Collection> {
    Collection::all(catalog).into_iter().find(|collection| wanted(collection))
}

/// The OID of a relation by its name, which may name its schema and its database.
pub(super) fn relation_oid(catalog: &SystemView, name: &str) -> Option<u32> {
    let mut parts = name_parts(name)?;
    let name = parts.pop()?;
    let schema = parts.pop();
    if parts.pop().is_some_and(|database| database != catalog.database()) || !parts.is_empty() {
        return None;
    }
    let of_schema = |schema: &str| match schema {
        SCHEMA => collection_oid(catalog, &name),
        system => Relation::named(system, &name).map(|relation| relation.oid),
    };
    match schema {
        None => catalog.path().with_implicit().into_iter().find_map(of_schema),
        Some(schema) => of_schema(&schema),
    }
}

/// The schema of a relation.
fn schema_of_relation(catalog: &SystemView, oid: u32) -> Option<&'static str> {
    if let Some(relation) = Relation::all().iter().find(|relation| relation.oid == oid) {
        return Some(relation.schema);
    }
    let is_one = |collection: &Collection| [collection.oid, collection.key_index()].contains(&oid);
    find(catalog, is_one).map(|_| SCHEMA)
}

/// The OID of a collection or of its key's index.
fn collection_oid(catalog: &SystemView, name: &str) -> Option<u32> {
    Collection::all(catalog).into_iter().find_map(|collection| {
        match (collection.name == name, collection.key_name() == name) {
            (true, _) => Some(collection.oid),
            (_, true) => Some(collection.key_index()),
            _ => None,
        }
    })
}

/// The name of a relation, with its schema where that is not on the search path.
pub(super) fn relation_name(catalog: &SystemView, oid: u32) -> Option<String> {
    if let Some(relation) = Relation::all().iter().find(|relation| relation.oid == oid) {
        return Some(shown(catalog, relation.schema, relation.name));
    }
    Collection::all(catalog).into_iter().find_map(|collection| {
        let key = collection.key_index();
        match oid {
            oid if oid == collection.oid => Some(shown(catalog, SCHEMA, &collection.name)),
            oid if oid == key => Some(shown(catalog, SCHEMA, &collection.key_name())),
            _ => None,
        }
    })
}

/// A name as it must be written to be found.
fn shown(catalog: &SystemView, schema: &str, name: &str) -> String {
    let name = quoted(name);
    if catalog.path().reaches(schema) { name } else { format!("{schema}.{name}") }
}

/// Bytes that a collection takes in memory and in files; an index of its own it has none.
fn size(catalog: &SystemView, arguments: &[&str]) -> Result<Option<String>, SqlError> {
    let name = first(arguments);
    let Some(oid) = number(name).or_else(|| relation_oid(catalog, name)) else {
        return Err(no_relation(name));
    };
    let Some(collection) = find(catalog, |collection| collection.oid == oid) else {
        return Ok(Some("0".to_owned()));
    };
    let sizes = catalog.snapshot().sizes();
    let size = sizes.into_iter().find(|(name, _)| *name == collection.name);
    let bytes = size.map_or(0, |(_, size)| size.bytes_in_memory + size.segment_bytes);
    Ok(Some(bytes.to_string()))
}

/// Bytes that all collections of the database take; there is no other database, and one place.
fn whole_size(catalog: &SystemView, _: &[&str]) -> Result<Option<String>, SqlError> {
    let mut bytes: u64 = 0;
    for collection in Collection::all(catalog) {
        let size = size(catalog, &[&collection.oid.to_string()])?;
        bytes += size.and_then(|size| size.parse().ok()).unwrap_or(0);
    }
    Ok(Some(bytes.to_string()))
}

/// The access method of keys, by its OID.
const BTREE: &str = "403";

/// What can be done with an index of that method, with its columns, and with the method.
const INDEX_PROPERTIES: &[(&str, &str)] =
    &[("clusterable", "t"), ("index_scan", "t"), ("bitmap_scan", "t"), ("backward_scan", "t")];
const COLUMN_PROPERTIES: &[(&str, &str)] = &[
    ("asc", "t"),
    ("desc", "f"),
    ("nulls_first", "f"),
    ("nulls_last", "t"),
    ("orderable", "t"),
    ("distance_orderable", "f"),
    ("returnable", "t"),
    ("search_array", "t"),
    ("search_nulls", "t"),
];
const METHOD_PROPERTIES: &[(&str, &str)] = &[
    ("can_order", "t"),
    ("can_unique", "t"),
    ("can_multi_col", "t"),
    ("can_exclude", "t"),
    ("can_include", "t"),
];

/// Whether something has a property; none where nobody knows the property.
fn property_of(name: &str, known: &[(&str, &str)]) -> Option<String> {
    let property = known.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
    property.map(|(_, has)| (*has).to_owned())
}

fn is_key_index(catalog: &SystemView, name: &str) -> bool {
    let oid = number(name).or_else(|| relation_oid(catalog, name));
    oid.is_some_and(|oid| find(catalog, |collection| collection.key_index() == oid).is_some())
}
