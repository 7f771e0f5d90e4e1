//! SQL types as clients see them, and how they map to Arrow's.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, IntervalUnit, TimeUnit};
use datafusion::error::DataFusionError;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, DataType as AstType, ExactNumberInfo, Ident, ObjectName, TimezoneInfo,
};

use super::numeric::unconstrained_type;
use crate::sql::SqlError;
use crate::sql::grammar::name::name_parts;

/// Key of the field metadata that names a PostgreSQL type where Arrow's alone would mislead.
pub const PG_TYPE_KEY: &str = "pg_type";

/// Key of the field metadata that has a type modifier: how long texts of a type may be.
const TYPE_MODIFIER_KEY: &str = "pg_typmod";

/// Key of the schema metadata of rows that are sent in binary to clients that do not say how they
/// want them.
pub const BINARY_KEY: &str = "binary";

/// The name of pgvector's type.
pub const VECTOR_NAME: &str = "vector";
/// The number of that type, the same on every server: pgvector's own differs from database to
/// database, so clients ask for it by name.
pub const VECTOR_OID: u32 = 16_388;

/// The type of identifiers that are unique everywhere; text to Arrow.
pub(in crate::sql) const UUID: &str = "uuid";
/// Arrays of it, and of documents; arrays of texts to Arrow.
pub(super) const UUID_ARRAY: &str = "uuid[]";
const NAME_ARRAY: &str = "name[]";
pub(super) const JSONB_ARRAY: &str = "jsonb[]";

/// The type of a document that is sent as it is written; text to everybody but the client.
pub(in crate::sql) const JSON: &str = "json";

/// The types of names and of one-letter codes in the system catalog; text to Arrow.
pub(in crate::sql) const NAME: &str = "name";
pub(in crate::sql) const CHAR: &str = "char";
/// The types of texts of some length, and of those that are filled up to it; text to Arrow.
const VARCHAR: &str = "varchar";
const BPCHAR: &str = "bpchar";
/// The type of numbers of functions, shown as their names.
pub(in crate::sql) const REGPROC: &str = "regproc";

/// The arrays of the system catalog whose first item is at 0; arrays like any other elsewhere.
pub(in crate::sql) const INT2VECTOR: &str = "int2vector";
pub(in crate::sql) const OIDVECTOR: &str = "oidvector";

/// A type of parameters and columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SqlType {
    /// `boolean`
    Bool,
    /// `smallint`
    Int2,
    /// `integer`
    Int4,
    /// `bigint`
    Int8,
    /// `real`
    Float4,
    /// `double precision`
    Float8,
    /// `numeric`
    Numeric,
    /// `text`
    Text,
    /// `oid`
    Oid,
    /// `name`
    Name,
    /// `"char"`
    Char,
    /// `varchar`, `varchar(n)`
    Varchar,
    /// `char(n)`
    Bpchar,
    /// `regproc`, a function by its number
    Regproc,
    /// `bytea`
    Bytea,
    /// `jsonb`
    Jsonb,
    /// `uuid`
    Uuid,
    /// `timestamptz`
    Timestamptz,
    /// `timestamp`
    Timestamp,
    /// `date`
    Date,
    /// `time`
    Time,
    /// `interval`
    Interval,
    /// `smallint[]`
    Int2Array,
    /// `integer[]`
    Int4Array,
    /// `bigint[]`
    Int8Array,
    /// `oid[]`
    OidArray,
    /// `real[]`
    Float4Array,
    /// `double precision[]`
    Float8Array,
    /// `text[]`
    TextArray,
    /// `boolean[]`
    BoolArray,
    /// `bytea[]`
    ByteaArray,
    /// `timestamptz[]`
    TimestamptzArray,
    /// `timestamp[]`
    TimestampArray,
    /// `date[]`
    DateArray,
    /// `time[]`
    TimeArray,
    /// `interval[]`
    IntervalArray,
    /// `numeric[]`
    NumericArray,
    /// `uuid[]`
    UuidArray,
    /// `jsonb[]`
    JsonbArray,
    /// `name[]`
    NameArray,
    /// `vector`, as pgvector has it
    Vector,
    /// Not known; travels as text.
    Unknown,
}

/// Types by the names that fields give them.
const NAMED: [(&str, SqlType); 11] = [
    ("jsonb", SqlType::Jsonb),
    (JSONB_ARRAY, SqlType::JsonbArray),
    (NAME_ARRAY, SqlType::NameArray),
    (UUID, SqlType::Uuid),
    (UUID_ARRAY, SqlType::UuidArray),
    (VECTOR_NAME, SqlType::Vector),
    (NAME, SqlType::Name),
    (CHAR, SqlType::Char),
    (VARCHAR, SqlType::Varchar),
    (BPCHAR, SqlType::Bpchar),
    (REGPROC, SqlType::Regproc),
];

/// Types of items, and those of arrays of them.
const ARRAYS: [(SqlType, SqlType); 18] = [
    (SqlType::Bool, SqlType::BoolArray),
    (SqlType::Int2, SqlType::Int2Array),
    (SqlType::Int4, SqlType::Int4Array),
    (SqlType::Int8, SqlType::Int8Array),
    (SqlType::Oid, SqlType::OidArray),
    (SqlType::Float4, SqlType::Float4Array),
    (SqlType::Float8, SqlType::Float8Array),
    (SqlType::Numeric, SqlType::NumericArray),
    (SqlType::Text, SqlType::TextArray),
    (SqlType::Bytea, SqlType::ByteaArray),
    (SqlType::Jsonb, SqlType::JsonbArray),
    (SqlType::Uuid, SqlType::UuidArray),
    (SqlType::Name, SqlType::NameArray),
    (SqlType::Timestamptz, SqlType::TimestamptzArray),
    (SqlType::Timestamp, SqlType::TimestampArray),
    (SqlType::Date, SqlType::DateArray),
    (SqlType::Time, SqlType::TimeArray),
    (SqlType::Interval, SqlType::IntervalArray),
];

impl SqlType {
    /// All of them, arrays apart.
    const SINGLE: [Self; 24] = [
        Self::Bool,
        Self::Int2,
        Self::Int4,
        Self::Int8,
        Self::Float4,
        Self::Float8,
        Self::Numeric,
        Self::Text,
        Self::Oid,
        Self::Name,
        Self::Char,
        Self::Varchar,
        Self::Bpchar,
        Self::Regproc,
        Self::Bytea,
        Self::Jsonb,
        Self::Uuid,
        Self::Timestamptz,
        Self::Timestamp,
        Self::Date,
        Self::Time,
        Self::Interval,
        Self::Vector,
        Self::Unknown,
    ];

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::SINGLE.into_iter().chain(ARRAYS.into_iter().map(|(_, array)| array))
    }

    /// The type of arrays of this one.
    pub fn array(self) -> Option<Self> {
        ARRAYS.into_iter().find(|(item, _)| *item == self).map(|(_, array)| array)
    }

    /// The type of what an array of this type holds.
    pub fn item(self) -> Option<Self> {
        ARRAYS.into_iter().find(|(_, array)| *array == self).map(|(item, _)| item)
    }

    /// A column or parameter of this type.
    pub(in crate::sql) fn field(self) -> Field {
        let field = Field::new("", self.arrow_type(), true);
        match NAMED.into_iter().find(|(_, sql_type)| *sql_type == self) {
            Some((name, _)) => with_pg_type(field, name),
            None => field,
        }
    }

    /// The type in which values of `field` travel.
    pub fn of(field: &Field) -> Self {
        let stored = Self::of_arrow(field.data_type());
        let name = field.metadata().get(PG_TYPE_KEY);
        let named = name.and_then(|name| NAMED.into_iter().find(|(known, _)| known == name));
        match named {
            // A cast keeps the name of what it casts.
            Some((_, named)) if named.stored_as() == stored => named,
            _ => stored,
        }
    }

    /// Whether a field has to tell it, because Arrow knows its values as those of another type.
    pub(in crate::sql) fn is_marked(self) -> bool {
        self.stored_as() != self
    }

    /// What PostgreSQL calls it in its messages.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bool => "boolean",
            Self::Int2 => "smallint",
            Self::Int4 => "integer",
            Self::Int8 => "bigint",
            Self::Float4 => "real",
            Self::Float8 => "double precision",
            Self::Numeric => "numeric",
            Self::Text => "text",
            Self::Oid => "oid",
            Self::Name => "name",
            Self::Char => "\"char\"",
            Self::Varchar => "character varying",
            Self::Bpchar => "character",
            Self::Regproc => "regproc",
            Self::Bytea => "bytea",
            Self::Jsonb => "jsonb",
            Self::Uuid => "uuid",
            Self::Timestamptz => "timestamp with time zone",
            Self::Timestamp => "timestamp without time zone",
            Self::Date => "date",
            Self::Time => "time without time zone",
            Self::Interval => "interval",
            Self::Int2Array => "smallint[]",
            Self::Int4Array => "integer[]",
            Self::Int8Array => "bigint[]",
            Self::OidArray => "oid[]",
            Self::Float4Array => "real[]",
            Self::Float8Array => "double precision[]",
            Self::TextArray => "text[]",
            Self::BoolArray => "boolean[]",
            Self::ByteaArray => "bytea[]",
            Self::TimestamptzArray => "timestamp with time zone[]",
            Self::TimestampArray => "timestamp without time zone[]",
            Self::DateArray => "date[]",
            Self::TimeArray => "time without time zone[]",
            Self::IntervalArray => "interval[]",
            Self::NumericArray => "numeric[]",
            Self::UuidArray => "uuid[]",
            Self::JsonbArray => "jsonb[]",
            Self::NameArray => "name[]",
            Self::Vector => VECTOR_NAME,
            Self::Unknown => "unknown",
        }
    }

    /// The type by which Arrow knows values of this one.
    fn stored_as(self) -> Self {
        match self {
            Self::Jsonb | Self::Uuid | Self::Name | Self::Char | Self::Varchar | Self::Bpchar => {
                Self::Text
            }
            Self::JsonbArray | Self::UuidArray | Self::NameArray => Self::TextArray,
            Self::Vector => Self::Float4Array,
            Self::Regproc => Self::Oid,
            itself => itself,
        }
    }

    pub(in crate::sql) fn of_arrow(data_type: &DataType) -> Self {
        match data_type {
            DataType::Boolean => Self::Bool,
            DataType::Int8 | DataType::UInt8 | DataType::Int16 => Self::Int2,
            DataType::UInt16 | DataType::Int32 => Self::Int4,
            DataType::UInt32 => Self::Oid,
            DataType::Int64 | DataType::UInt64 => Self::Int8,
            DataType::Float16 | DataType::Float32 => Self::Float4,
            DataType::Float64 => Self::Float8,
            DataType::Decimal32(..)
            | DataType::Decimal64(..)
            | DataType::Decimal128(..)
            | DataType::Decimal256(..) => Self::Numeric,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text,
            DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
            | DataType::FixedSizeBinary(_) => Self::Bytea,
            DataType::Timestamp(_, Some(_)) => Self::Timestamptz,
            DataType::Timestamp(_, None) => Self::Timestamp,
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Time32(_) | DataType::Time64(_) => Self::Time,
            DataType::Interval(_) | DataType::Duration(_) => Self::Interval,
            DataType::List(element)
            | DataType::LargeList(element)
            | DataType::FixedSizeList(element, _) => {
                Self::of_arrow(element.data_type()).array().unwrap_or(Self::Unknown)
            }
            _ => Self::Unknown,
        }
    }

    /// The Arrow type in which parameters of this type arrive.
    pub fn arrow_type(self) -> DataType {
        let list = |element| DataType::List(Arc::new(Field::new_list_field(element, true)));
        let moment = || DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        match self {
            Self::Bool => DataType::Boolean,
            Self::Int2 => DataType::Int16,
            Self::Int4 => DataType::Int32,
            Self::Int8 => DataType::Int64,
            Self::Float4 => DataType::Float32,
            Self::Float8 => DataType::Float64,
            Self::Numeric => unconstrained_type(),
            Self::Oid | Self::Regproc => DataType::UInt32,
            Self::Text
            | Self::Name
            | Self::Char
            | Self::Varchar
            | Self::Bpchar
            | Self::Jsonb
            | Self::Uuid
            | Self::Unknown => DataType::Utf8,
            Self::Bytea => DataType::Binary,
            Self::Timestamptz => moment(),
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
            Self::TextArray | Self::JsonbArray | Self::UuidArray | Self::NameArray => {
                list(DataType::Utf8)
            }
            Self::Int2Array => list(DataType::Int16),
            Self::Int4Array => list(DataType::Int32),
            Self::Int8Array => list(DataType::Int64),
            Self::OidArray => list(DataType::UInt32),
            Self::Float4Array | Self::Vector => list(DataType::Float32),
            Self::Float8Array => list(DataType::Float64),
            Self::NumericArray => list(unconstrained_type()),
            Self::BoolArray => list(DataType::Boolean),
            Self::ByteaArray => list(DataType::Binary),
            Self::TimestampArray => list(Self::Timestamp.arrow_type()),
            Self::DateArray => list(DataType::Date32),
            Self::TimeArray => list(Self::Time.arrow_type()),
            Self::IntervalArray => list(Self::Interval.arrow_type()),
            Self::TimestamptzArray => list(moment()),
        }
    }

    /// The type to which a statement casts what is to be of this one.
    pub(in crate::sql) fn syntax(self) -> AstType {
        let array =
            |element| AstType::Array(ArrayElemTypeDef::SquareBracket(Box::new(element), None));
        match self {
            Self::Bool => AstType::Boolean,
            Self::Int2 => AstType::SmallInt(None),
            Self::Int4 => AstType::Int(None),
            Self::Int8 | Self::Oid | Self::Regproc => AstType::BigInt(None),
            Self::Float4 => AstType::Real,
            Self::Float8 => AstType::DoublePrecision,
            Self::Numeric => AstType::Numeric(ExactNumberInfo::None),
            Self::Text | Self::Name | Self::Char | Self::Varchar | Self::Bpchar | Self::Unknown => {
                AstType::Text
            }
            Self::Bytea => AstType::Bytea,
            Self::Jsonb => AstType::JSONB,
            Self::Uuid => AstType::Uuid,
            Self::Timestamptz => AstType::Timestamp(None, TimezoneInfo::Tz),
            Self::Timestamp => AstType::Timestamp(None, TimezoneInfo::None),
            Self::Date => AstType::Date,
            Self::Time => AstType::Time(None, TimezoneInfo::None),
            Self::Interval => AstType::Interval { fields: None, precision: None },
            Self::Int2Array => array(AstType::SmallInt(None)),
            Self::Int4Array => array(AstType::Int(None)),
            Self::Int8Array | Self::OidArray => array(AstType::BigInt(None)),
            Self::Float4Array => array(AstType::Real),
            Self::Float8Array => array(AstType::DoublePrecision),
            Self::NumericArray => array(Self::Numeric.syntax()),
            Self::TextArray | Self::NameArray => array(AstType::Text),
            Self::BoolArray => array(AstType::Boolean),
            Self::ByteaArray => array(AstType::Bytea),
            Self::JsonbArray => array(AstType::JSONB),
            Self::UuidArray => array(AstType::Uuid),
            Self::TimestamptzArray => array(Self::Timestamptz.syntax()),
            Self::TimestampArray => array(Self::Timestamp.syntax()),
            Self::DateArray => array(AstType::Date),
            Self::TimeArray => array(Self::Time.syntax()),
            Self::IntervalArray => array(Self::Interval.syntax()),
            Self::Vector => {
                AstType::Custom(ObjectName::from(vec![Ident::new(VECTOR_NAME)]), vec![])
            }
        }
    }

    /// NULL of this type.
    ///
    /// # Errors
    /// None in practice: every type here has a NULL.
    pub(in crate::sql) fn null(self) -> Result<ScalarValue, SqlError> {
        ScalarValue::try_from(&self.arrow_type()).map_err(|error: DataFusionError| error.into())
    }
}

/// `field` as a column of a type that Arrow's own does not tell.
pub(in crate::sql) fn with_pg_type(field: Field, pg_type: &str) -> Field {
    field.with_metadata(HashMap::from([(PG_TYPE_KEY.to_owned(), pg_type.to_owned())]))
}

/// What a type that was written with a length is told with; -1 without one.
pub fn type_modifier(field: &Field) -> i32 {
    let has_length = matches!(SqlType::of(field), SqlType::Varchar | SqlType::Bpchar);
    // A cast keeps what is known of what it casts.
    let written = field.metadata().get(TYPE_MODIFIER_KEY).filter(|_| has_length);
    written.and_then(|written| written.parse().ok()).unwrap_or(-1)
}

/// `field` of a type that was written with this length. PostgreSQL counts a header with it.
pub(in crate::sql) fn with_length(mut field: Field, length: i32) -> Field {
    const HEADER: i32 = 4;
    let modifier = length.saturating_add(HEADER).to_string();
    field.metadata_mut().insert(TYPE_MODIFIER_KEY.to_owned(), modifier);
    field
}

/// Whether the first item of an array is at 0, not at 1.
pub fn begins_at_zero(array: &Field) -> bool {
    let pg_type = array.metadata().get(PG_TYPE_KEY);
    pg_type.is_some_and(|name| [INT2VECTOR, OIDVECTOR].contains(&name.as_str()))
}

/// Whether a column of text is sent as `json`.
pub fn is_json(column: &Field) -> bool {
    column.metadata().get(PG_TYPE_KEY).is_some_and(|name| name == JSON)
}

/// The element of [`real_array`].
pub(in crate::sql) fn real_element() -> FieldRef {
    Arc::new(Field::new_list_field(DataType::Float32, true))
}

/// The Arrow type of `real[]` and `vector`.
pub(in crate::sql) fn real_array() -> DataType {
    DataType::List(real_element())
}

/// Whether text cast to this type in a statement is read by us, not by DataFusion, whose casts of
/// text to arrays and bytes do not follow PostgreSQL's input syntax.
pub(in crate::sql) fn reads_text_itself(data_type: &AstType) -> bool {
    match data_type {
        AstType::Bytea | AstType::JSON | AstType::JSONB => true,
        AstType::Array(
            ArrayElemTypeDef::SquareBracket(element, _) | ArrayElemTypeDef::AngleBracket(element),
        ) => matches!(
            **element,
            AstType::Real
                | AstType::Float4
                | AstType::Float8
                | AstType::Float(_)
                | AstType::Double(_)
                | AstType::DoublePrecision
        ),
        other => is_vector(other),
    }
}

/// Whether a statement's type is `vector` or `vector(n)`.
pub(in crate::sql) fn is_vector(data_type: &AstType) -> bool {
    match data_type {
        AstType::Custom(name, _) => match name_parts(name).as_deref() {
            Some([name]) => name == VECTOR_NAME,
            Some([schema, name]) => schema == "public" && name == VECTOR_NAME,
            _ => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_type_has_a_null_that_maps_back_to_it() {
        for sql_type in SqlType::all().filter(|sql_type| *sql_type != SqlType::Unknown) {
            let (null, field) = (sql_type.null().unwrap(), sql_type.field());
            assert!(null.is_null());
            assert_eq!(null.data_type(), *field.data_type());
            assert_eq!(SqlType::of(&field), sql_type);
        }
    }
}
