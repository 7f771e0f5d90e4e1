//! The relations of the system catalogs: their names, numbers, columns and types.

use std::collections::HashMap;
use std::sync::LazyLock;

use datafusion::arrow::datatypes::{DataType, Field, TimeUnit};

use crate::sql::value::types::{CHAR, INT2VECTOR, NAME, OIDVECTOR, REGPROC, with_pg_type};

pub(in crate::sql) use crate::sql::grammar::schema::{INFORMATION_SCHEMA, PG_CATALOG};

/// One relation a line: `schema.name`, its OID, then `column:type` for each column, as
/// PostgreSQL 15 has them.
static SHAPES: &str = include_str!("relations.txt");

static RELATIONS: LazyLock<Vec<Relation>> =
    LazyLock::new(|| SHAPES.lines().filter_map(Relation::parse).collect());

/// What PostgreSQL has as functions that return rows, in the same form.
static FUNCTIONS: &str = "\
pg_catalog.pg_get_keywords 0 word:text catcode:char barelabel:boolean catdesc:text baredesc:text
pg_catalog.pg_listening_channels 0 channel:text
pg_catalog.pg_options_to_table 0 option_name:text option_value:text
pg_catalog.pg_partition_tree 0 relid:regclass parentrelid:regclass isleaf:boolean level:integer";

static SETS: LazyLock<Vec<Relation>> =
    LazyLock::new(|| FUNCTIONS.lines().filter_map(Relation::parse).collect());

static BY_NAME: LazyLock<HashMap<(&str, &str), &Relation>> = LazyLock::new(|| {
    let all = RELATIONS.iter().chain(SETS.iter());
    all.map(|relation| ((relation.schema, relation.name), relation)).collect()
});

/// A table or view of a system catalog.
#[derive(Debug)]
pub(super) struct Relation {
    pub(super) schema: &'static str,
    pub(super) name: &'static str,
    pub(super) oid: u32,
    pub(super) columns: Vec<Column>,
}

/// A column of a system catalog.
#[derive(Debug)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

/// What a column of a system catalog holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Int2,
    Int4,
    Int8,
    Oid,
    Regproc,
    Float4,
    Char,
    Name,
    Text,
    Timestamptz,
    Oids,
    Oidvector,
    Int2s,
    Int2vector,
    Int4s,
    Texts,
}

impl Relation {
    pub(super) fn all() -> &'static [Self] {
        &RELATIONS
    }

    pub(super) fn named(schema: &str, name: &str) -> Option<&'static Self> {
        BY_NAME.get(&(schema, name)).copied()
    }

    /// `r` for the tables that PostgreSQL keeps, `v` for its views over them.
    pub(super) fn relkind(&self) -> char {
        const FIRST_VIEW: u32 = 12_000;
        if self.oid < FIRST_VIEW { 'r' } else { 'v' }
    }

    fn parse(line: &'static str) -> Option<Self> {
        let mut words = line.split(' ');
        let (schema, name) = words.next()?.split_once('.')?;
        let oid = words.next()?.parse().ok()?;
        let columns = words.filter_map(|word| {
            let (name, kind) = word.split_once(':')?;
            Some(Column { name, kind: Kind::of(kind) })
        });
        Some(Self { schema, name, oid, columns: columns.collect() })
    }
}

impl Kind {
    /// Types that this server has no form for are text.
    fn of(name: &str) -> Self {
        match name {
            "boolean" => Self::Bool,
            "smallint" => Self::Int2,
            "integer" => Self::Int4,
            "bigint" => Self::Int8,
            "oid" | "xid" | "regclass" | "regtype" => Self::Oid,
            "regproc" => Self::Regproc,
            "real" => Self::Float4,
            "char" => Self::Char,
            "name" => Self::Name,
            "timestamp_with_time_zone" => Self::Timestamptz,
            "oid[]" => Self::Oids,
            OIDVECTOR => Self::Oidvector,
            "smallint[]" => Self::Int2s,
            INT2VECTOR => Self::Int2vector,
            "integer[]" => Self::Int4s,
            "anyarray" => Self::Texts,
            array if array.ends_with("[]") => Self::Texts,
            _ => Self::Text,
        }
    }

    /// The OID of the type.
    pub(super) fn type_oid(self) -> u32 {
        match self {
            Self::Bool => 16,
            Self::Int2 => 21,
            Self::Int4 => 23,
            Self::Int8 => 20,
            Self::Oid => 26,
            Self::Regproc => 24,
            Self::Float4 => 700,
            Self::Char => 18,
            Self::Name => 19,
            Self::Text => 25,
            Self::Timestamptz => 1184,
            Self::Oids | Self::Oidvector => 1028,
            Self::Int2s | Self::Int2vector => 1005,
            Self::Int4s => 1007,
            Self::Texts => 1009,
        }
    }

    pub(super) fn field(self, name: &str) -> Field {
        let list = |item| DataType::new_list(item, true);
        let of = |data_type| Field::new(name, data_type, true);
        match self {
            Self::Bool => of(DataType::Boolean),
            Self::Int2 => of(DataType::Int16),
            Self::Int4 => of(DataType::Int32),
            Self::Int8 => of(DataType::Int64),
            Self::Oid => of(DataType::UInt32),
            Self::Regproc => with_pg_type(of(DataType::UInt32), REGPROC),
            Self::Float4 => of(DataType::Float32),
            Self::Char => with_pg_type(of(DataType::Utf8), CHAR),
            Self::Name => with_pg_type(of(DataType::Utf8), NAME),
            Self::Text => of(DataType::Utf8),
            Self::Timestamptz => of(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))),
            Self::Oids => of(list(DataType::UInt32)),
            Self::Oidvector => with_pg_type(of(list(DataType::UInt32)), OIDVECTOR),
            Self::Int2s => of(list(DataType::Int16)),
            Self::Int2vector => with_pg_type(of(list(DataType::Int16)), INT2VECTOR),
            Self::Int4s => of(list(DataType::Int32)),
            Self::Texts => of(list(DataType::Utf8)),
        }
    }

    /// What a column of `pg_catalog` holds where a row says nothing: most never hold NULL.
    pub(super) fn unsaid(self) -> Option<&'static str> {
        match self {
            Self::Bool => Some("f"),
            Self::Int2 | Self::Int4 | Self::Int8 | Self::Oid | Self::Regproc | Self::Float4 => {
                Some("0")
            }
            Self::Char => Some(""),
            _ => None,
        }
    }
}
