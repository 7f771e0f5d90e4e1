//! What the collections of a tenant look like in `pg_catalog`: tables with a primary key.
//!
//! OIDs derive from the collection's identity, so they last as long as the collection does.

use datafusion::arrow::datatypes::{DataType, Field};
use likeness_storage::GalleryDescriptor;

use super::builtin::{
    INFORMATION_SCHEMA_OID, PG_CATALOG_OID, PUBLIC_OID, ROLE_OID, type_oid, type_row,
};
use super::identifier::quoted;
use super::relation::PG_CATALOG;
use super::relation::Relation;
use super::row::Row;
use super::view::{SCHEMA, SystemView};
use crate::engine::TenantSnapshot;
use crate::sql::function::scalar::GEN_FACE_ID;
use crate::sql::read::columns::GalleryColumn;
use crate::sql::value::types::{SqlType, VECTOR_OID};

/// The first OID of a collection; below it are PostgreSQL's own and the type `vector`.
const FIRST_OID: u32 = 20_000;
/// OIDs that one collection takes: its table, its key's index and its key's constraint.
const OIDS: u32 = 4;
const CLASS_OID: u32 = 1259;

/// The OID of a gallery of `snapshot`.
pub(in crate::sql) fn oid_of(
    snapshot: &TenantSnapshot,
    gallery: &GalleryDescriptor,
) -> Option<u32> {
    Some(FIRST_OID + OIDS * snapshot.number_of(gallery)?)
}

/// A collection as PostgreSQL sees it.
pub(super) struct Collection {
    pub(super) oid: u32,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) rows: u64,
    model: String,
    dimensions: usize,
    thumbnails: bool,
}

impl Collection {
    /// The collections that `catalog` shows, in name order.
    pub(super) fn all(catalog: &SystemView) -> Vec<Self> {
        let galleries = catalog.snapshot().galleries(None, usize::MAX);
        galleries
            .into_iter()
            .filter_map(|gallery| {
                let descriptor = catalog.snapshot().descriptor(&gallery.name).ok()?;
                Some(Self {
                    oid: oid_of(catalog.snapshot(), descriptor)?,
                    name: gallery.name,
                    description: gallery.description,
                    rows: gallery.face_count,
                    model: gallery.model,
                    dimensions: gallery.dimensions,
                    thumbnails: gallery.thumbnails,
                })
            })
            .collect()
    }

    pub(super) fn key_index(&self) -> u32 {
        self.oid + 1
    }

    pub(super) fn key_constraint(&self) -> u32 {
        self.oid + 2
    }

    pub(super) fn key_name(&self) -> String {
        format!("{}_pkey", self.name)
    }

    /// What the server puts where `column` is left to it.
    pub(super) fn default_of(&self, column: &str) -> Option<String> {
        match GalleryColumn::named(column)? {
            GalleryColumn::FaceId => Some(format!("{GEN_FACE_ID}()")),
            GalleryColumn::Model => Some(format!("'{}'::text", self.model.replace('\'', "''"))),
            GalleryColumn::CreatedAt => Some("clock_timestamp()".to_owned()),
            _ => None,
        }
    }

    fn type_modifier(&self, column: &Field) -> i64 {
        match SqlType::of(column) {
            SqlType::Vector => i64::try_from(self.dimensions).unwrap_or(-1),
            _ => -1,
        }
    }
}

/// The columns of every collection with their numbers.
pub(super) fn columns() -> impl Iterator<Item = (usize, Field)> {
    GalleryColumn::ALL.into_iter().map(GalleryColumn::field).zip(1..).map(|(f, at)| (at, f))
}

/// The OID of the type in which a column travels.
pub(super) fn field_type_oid(field: &Field) -> u32 {
    const RECORD: u32 = 2249;
    const RECORDS: u32 = 2287;
    match field.data_type() {
        DataType::Struct(_) => RECORD,
        DataType::List(item) if matches!(item.data_type(), DataType::Struct(_)) => RECORDS,
        _ => type_oid_of(SqlType::of(field)),
    }
}

/// The OID of a type.
pub(super) fn type_oid_of(sql_type: SqlType) -> u32 {
    let name = match sql_type {
        SqlType::Bool => "bool",
        SqlType::Int2 => "int2",
        SqlType::Int4 => "int4",
        SqlType::Int8 => "int8",
        SqlType::Float4 => "float4",
        SqlType::Float8 => "float8",
        SqlType::Numeric => "numeric",
        SqlType::Oid => "oid",
        SqlType::Name => "name",
        SqlType::Char => "char",
        SqlType::Varchar => "varchar",
        SqlType::Bpchar => "bpchar",
        SqlType::Regproc => "regproc",
        SqlType::Bytea => "bytea",
        SqlType::Jsonb => "jsonb",
        SqlType::Uuid => "uuid",
        SqlType::Timestamptz => "timestamptz",
        SqlType::Timestamp => "timestamp",
        SqlType::Date => "date",
        SqlType::Time => "time",
        SqlType::Interval => "interval",
        SqlType::Int2Array => "_int2",
        SqlType::Int4Array => "_int4",
        SqlType::Int8Array => "_int8",
        SqlType::OidArray => "_oid",
        SqlType::Float4Array => "_float4",
        SqlType::Float8Array => "_float8",
        SqlType::TextArray => "_text",
        SqlType::BoolArray => "_bool",
        SqlType::ByteaArray => "_bytea",
        SqlType::TimestamptzArray => "_timestamptz",
        SqlType::TimestampArray => "_timestamp",
        SqlType::DateArray => "_date",
        SqlType::TimeArray => "_time",
        SqlType::IntervalArray => "_interval",
        SqlType::NumericArray => "_numeric",
        SqlType::UuidArray => "_uuid",
        SqlType::NameArray => "_name",
        SqlType::JsonbArray => "_jsonb",
        SqlType::Vector => return VECTOR_OID,
        SqlType::Text | SqlType::Unknown => "text",
    };
    type_oid(name).unwrap_or_default()
}

pub(super) fn rows(relation: &str, catalog: &SystemView) -> Vec<Row> {
    let each = |row: fn(&Collection) -> Row| -> Vec<Row> {
        Collection::all(catalog).iter().map(row).collect()
    };
    match relation {
        "pg_class" => {
            let system = Relation::all().iter().map(system_class);
            let own = Collection::all(catalog);
            own.iter().flat_map(|c| [class(c), key_class(c)]).chain(system).collect()
        }
        "pg_attribute" => {
            let system = Relation::all().iter().flat_map(system_attributes);
            let own = Collection::all(catalog);
            let keys = own.iter().filter_map(key_attribute);
            own.iter().flat_map(attributes).chain(keys).chain(system).collect()
        }
        "pg_attrdef" => Collection::all(catalog).iter().flat_map(defaults).collect(),
        "pg_index" => each(index),
        "pg_constraint" => each(constraint),
        "pg_tables" => {
            let owner = catalog.user();
            let collections = Collection::all(catalog);
            collections.iter().map(|c| listed_table(c, owner)).collect()
        }
        "pg_indexes" => each(listed_index),
        "pg_stat_user_tables" => each(statistics),
        "pg_description" => {
            let collections = Collection::all(catalog);
            collections.iter().filter_map(description).collect()
        }
        _ => Vec::new(),
    }
}

fn class(collection: &Collection) -> Row {
    let row = Row::default()
        .with("oid", collection.oid)
        .with("relname", &collection.name)
        .with("relnamespace", PUBLIC_OID)
        .with("relowner", ROLE_OID)
        .with("relam", 2)
        .with("relfilenode", collection.oid)
        .with("reltuples", collection.rows)
        .with("relhasindex", "t")
        .with("relpersistence", "p")
        .with("relkind", "r")
        .with("relnatts", GalleryColumn::ALL.len())
        .with("relispopulated", "t")
        .with("relreplident", "d");
    if collection.thumbnails { row.with("reloptions", "thumbnails=on") } else { row }
}

fn key_class(collection: &Collection) -> Row {
    Row::default()
        .with("oid", collection.key_index())
        .with("relname", collection.key_name())
        .with("relnamespace", PUBLIC_OID)
        .with("relowner", ROLE_OID)
        .with("relam", 403)
        .with("relfilenode", collection.key_index())
        .with("reltuples", collection.rows)
        .with("relpersistence", "p")
        .with("relkind", "i")
        .with("relnatts", 1)
        .with("relispopulated", "t")
        .with("relreplident", "n")
}

fn system_class(relation: &Relation) -> Row {
    let own = relation.schema == PG_CATALOG;
    Row::default()
        .with("oid", relation.oid)
        .with("relname", relation.name)
        .with("relnamespace", if own { PG_CATALOG_OID } else { INFORMATION_SCHEMA_OID })
        .with("relowner", ROLE_OID)
        .with("relpersistence", "p")
        .with("relkind", relation.relkind())
        .with("relnatts", relation.columns.len())
        .with("relispopulated", "t")
        .with("relreplident", "n")
}

fn attribute(relation: u32, number: usize, name: &str, type_oid: u32) -> Row {
    let of_type = |column: &str| type_row(type_oid).and_then(|row| row.get(column)).unwrap_or("");
    Row::default()
        .with("attrelid", relation)
        .with("attname", name)
        .with("atttypid", type_oid)
        .with("attstattarget", -1)
        .with("attnum", number)
        .with("attcacheoff", -1)
        .with("attlen", of_type("typlen"))
        .with("attbyval", of_type("typbyval"))
        .with("attalign", of_type("typalign"))
        .with("attstorage", of_type("typstorage"))
        .with("attcollation", of_type("typcollation"))
        .with("attislocal", "t")
}

fn attributes(collection: &Collection) -> Vec<Row> {
    columns()
        .map(|(number, field)| {
            attribute(collection.oid, number, field.name(), field_type_oid(&field))
                .with("attndims", i32::from(field.data_type().is_nested()))
                .with("atttypmod", collection.type_modifier(&field))
                .with("attnotnull", if field.is_nullable() { "f" } else { "t" })
                .with(
                    "atthasdef",
                    if collection.default_of(field.name()).is_some() { "t" } else { "f" },
                )
        })
        .collect()
}

/// The defaults of a collection's columns. Their numbers, which are another relation's than those
/// of tables and keys, follow the table's.
fn defaults(collection: &Collection) -> Vec<Row> {
    let told = columns().filter_map(|(at, field)| Some((at, collection.default_of(field.name())?)));
    told.zip(collection.oid..)
        .map(|((number, default), oid)| {
            Row::default()
                .with("oid", oid)
                .with("adrelid", collection.oid)
                .with("adnum", number)
                .with("adbin", default)
        })
        .collect()
}

/// The one column of the key's index, as indexes have rows of their own for what they are made of.
fn key_attribute(collection: &Collection) -> Option<Row> {
    let (_, field) = columns().next()?;
    let key = attribute(collection.key_index(), 1, field.name(), field_type_oid(&field));
    Some(key.with("atttypmod", -1))
}

fn system_attributes(relation: &'static Relation) -> impl Iterator<Item = Row> {
    relation.columns.iter().zip(1..).map(|(column, number)| {
        attribute(relation.oid, number, column.name, column.kind.type_oid()).with("atttypmod", -1)
    })
}

fn index(collection: &Collection) -> Row {
    Row::default()
        .with("indexrelid", collection.key_index())
        .with("indrelid", collection.oid)
        .with("indnatts", 1)
        .with("indnkeyatts", 1)
        .with("indisunique", "t")
        .with("indisprimary", "t")
        .with("indimmediate", "t")
        .with("indisvalid", "t")
        .with("indisready", "t")
        .with("indislive", "t")
        .with("indkey", 1)
        .with("indcollation", 950)
        .with("indclass", 3126)
        .with("indoption", 0)
}

fn constraint(collection: &Collection) -> Row {
    Row::default()
        .with("oid", collection.key_constraint())
        .with("conname", collection.key_name())
        .with("connamespace", PUBLIC_OID)
        .with("contype", "p")
        .with("convalidated", "t")
        .with("conrelid", collection.oid)
        .with("conindid", collection.key_index())
        .with("conislocal", "t")
        .with("connoinherit", "t")
        .with("conkey", 1)
}

fn listed_table(collection: &Collection, owner: &str) -> Row {
    Row::default()
        .with("schemaname", SCHEMA)
        .with("tablename", &collection.name)
        .with("tableowner", owner)
        .with("hasindexes", "t")
}

fn listed_index(collection: &Collection) -> Row {
    Row::default()
        .with("schemaname", SCHEMA)
        .with("tablename", &collection.name)
        .with("indexname", collection.key_name())
        .with("indexdef", index_definition(collection))
}

/// What would make the index of a collection's key.
pub(super) fn index_definition(collection: &Collection) -> String {
    let (key, table) = (quoted(&collection.key_name()), quoted(&collection.name));
    format!("CREATE UNIQUE INDEX {key} ON {SCHEMA}.{table} USING btree (face_id)")
}

fn statistics(collection: &Collection) -> Row {
    Row::default()
        .with("relid", collection.oid)
        .with("schemaname", SCHEMA)
        .with("relname", &collection.name)
        .with("n_live_tup", collection.rows)
}

fn description(collection: &Collection) -> Option<Row> {
    let text = collection.description.as_ref()?;
    let row = Row::default().with("objoid", collection.oid).with("classoid", CLASS_OID);
    Some(row.with("objsubid", 0).with("description", text))
}
