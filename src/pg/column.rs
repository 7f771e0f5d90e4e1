//! Columns of a result: which PostgreSQL type an Arrow field travels as.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, SchemaRef};
use pgwire::api::Type;
use pgwire::messages::data::{FieldDescription, RowDescription};

use super::error::{PgError, sendable};
use super::vector;
use crate::sql::{
    IntervalStyle, Origin, SqlState, SqlType, begins_at_zero, is_json, type_modifier,
};

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// As text, the way psql shows it.
    Text,
    /// In the type's binary form.
    Binary,
}

impl Format {
    /// The format of a wire code: 0 is text, 1 is binary, there are no others.
    pub(super) fn from_code(code: i16) -> Option<Self> {
        match code {
            0 => Some(Self::Text),
            1 => Some(Self::Binary),
            _ => None,
        }
    }

    pub(super) fn code(self) -> i16 {
        match self {
            Self::Text => 0,
            Self::Binary => 1,
        }
    }
}

/// One column of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: String,
    pub(super) pg_type: Type,
    /// The column of a relation that it is, unless it is computed.
    origin: Option<Origin>,
    /// The length that its type was written with.
    modifier: i32,
    /// How spans of time are written.
    pub(super) intervals: IntervalStyle,
}

impl Column {
    /// The column that `field` travels as.
    ///
    /// # Errors
    /// 0A000 when PostgreSQL has no type for what the field holds.
    pub(super) fn of(field: &Field) -> Result<Self, PgError> {
        let pg_type = match SqlType::of(field) {
            // JSON and identifiers are text to Arrow and vectors are lists; only the session knows
            // which are.
            SqlType::Jsonb => Some(Type::JSONB),
            SqlType::JsonbArray => Some(Type::JSONB_ARRAY),
            SqlType::Uuid => Some(Type::UUID),
            SqlType::UuidArray => Some(Type::UUID_ARRAY),
            SqlType::NameArray => Some(Type::NAME_ARRAY),
            SqlType::Name => Some(Type::NAME),
            SqlType::Char => Some(Type::CHAR),
            SqlType::Varchar => Some(Type::VARCHAR),
            SqlType::Bpchar => Some(Type::BPCHAR),
            SqlType::Regproc => Some(Type::REGPROC),
            SqlType::Vector => Some(vector::pg_type()),
            SqlType::Text if is_json(field) => Some(Type::JSON),
            SqlType::Int2Array if begins_at_zero(field) => Some(Type::INT2_VECTOR),
            SqlType::OidArray if begins_at_zero(field) => Some(Type::OID_VECTOR),
            _ => pg_type(field.data_type()),
        };
        let pg_type = pg_type.ok_or_else(|| unsupported(field.name(), field.data_type()))?;
        Ok(Self {
            name: sendable(field.name().clone()),
            pg_type,
            origin: None,
            modifier: type_modifier(field),
            intervals: IntervalStyle::default(),
        })
    }

    fn describe(&self, format: Format) -> FieldDescription {
        let size = fixed_size(&self.pg_type);
        let oid = self.pg_type.oid();
        let (table, number) = match self.origin {
            Some(Origin { relation, column }) => (relation.cast_signed(), column),
            None => (0, 0),
        };
        let (name, modifier) = (self.name.clone(), self.modifier);
        FieldDescription::new(name, table, number, oid, size, modifier, format.code())
    }
}

/// The columns of a schema, in order. Made once for a statement that is prepared.
#[derive(Debug)]
pub(super) struct Columns {
    schema: SchemaRef,
    list: Vec<Column>,
}

impl Columns {
    /// # Errors
    /// 0A000 when PostgreSQL has no type for one of them.
    pub(super) fn new(schema: SchemaRef) -> Result<Arc<Self>, PgError> {
        let columns = schema.fields().iter().zip(Origin::all(&schema));
        let list = columns.map(|(field, origin)| Ok(Column { origin, ..Column::of(field)? }));
        let list = list.collect::<Result<_, PgError>>()?;
        Ok(Arc::new(Self { schema, list }))
    }

    /// The same columns, with spans of time in this style.
    pub(super) fn in_style(self: Arc<Self>, style: IntervalStyle) -> Arc<Self> {
        if self.list.iter().all(|column| column.intervals == style) {
            return self;
        }
        let list = self.list.iter().cloned().map(|column| Column { intervals: style, ..column });
        Arc::new(Self { schema: Arc::clone(&self.schema), list: list.collect() })
    }

    pub(super) fn list(&self) -> &[Column] {
        &self.list
    }

    /// Whether the fields of a schema are known to be those that these are of.
    pub(super) fn are_of(&self, schema: &SchemaRef) -> bool {
        let (own, theirs): (&[FieldRef], &[FieldRef]) = (self.schema.fields(), schema.fields());
        std::ptr::eq(own, theirs)
    }

    /// Whether others have the same types.
    pub(super) fn have_types_of(&self, others: &Self) -> bool {
        let types = |columns: &Self| -> Vec<Type> {
            columns.list.iter().map(|column| column.pg_type.clone()).collect()
        };
        types(self) == types(others)
    }
}

/// What a client is told about the columns before any row; `formats` has one entry per column.
pub(super) fn row_description(columns: &[Column], formats: &[Format]) -> RowDescription {
    let described = columns.iter().zip(formats).map(|(column, format)| column.describe(*format));
    RowDescription::new(described.collect())
}

/// The error for a value that PostgreSQL has no type for.
pub(super) fn unsupported(column: &str, data_type: &DataType) -> PgError {
    let message = format!("column \"{column}\" has type {data_type}, which cannot be sent");
    PgError::error(SqlState::FeatureNotSupported, message)
        .with_hint("cast it to a type that PostgreSQL has, for example text")
}

/// The PostgreSQL type of an Arrow type. Unsigned integers widen to the next signed type, except
/// that 32 bits are an `oid`, as in the system catalog; 64 bits stay `bigint`, because that is what
/// counts and row numbers are in PostgreSQL.
fn pg_type(data_type: &DataType) -> Option<Type> {
    Some(match data_type {
        DataType::Boolean => Type::BOOL,
        DataType::Int8 | DataType::UInt8 | DataType::Int16 => Type::INT2,
        DataType::UInt16 | DataType::Int32 => Type::INT4,
        DataType::UInt32 => Type::OID,
        DataType::Int64 | DataType::UInt64 => Type::INT8,
        DataType::Float16 | DataType::Float32 => Type::FLOAT4,
        DataType::Float64 => Type::FLOAT8,
        DataType::Decimal32(..)
        | DataType::Decimal64(..)
        | DataType::Decimal128(..)
        | DataType::Decimal256(..) => Type::NUMERIC,
        DataType::Null | DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Type::TEXT,
        DataType::Binary
        | DataType::LargeBinary
        | DataType::BinaryView
        | DataType::FixedSizeBinary(_) => Type::BYTEA,
        DataType::Date32 | DataType::Date64 => Type::DATE,
        DataType::Time32(_) | DataType::Time64(_) => Type::TIME,
        DataType::Timestamp(_, None) => Type::TIMESTAMP,
        DataType::Timestamp(_, Some(_)) => Type::TIMESTAMPTZ,
        DataType::Interval(_) | DataType::Duration(_) => Type::INTERVAL,
        DataType::Dictionary(_, values) => return pg_type(values),
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            return array_of(&pg_type(item.data_type())?);
        }
        DataType::Struct(_) => Type::RECORD,
        DataType::ListView(_)
        | DataType::LargeListView(_)
        | DataType::Union(..)
        | DataType::Map(..)
        | DataType::RunEndEncoded(..) => return None,
    })
}

/// Element types and the array types over them; PostgreSQL has one for any number of dimensions.
const ARRAYS: [(Type, Type); 21] = [
    (Type::BOOL, Type::BOOL_ARRAY),
    (Type::INT2, Type::INT2_ARRAY),
    (Type::INT4, Type::INT4_ARRAY),
    (Type::INT8, Type::INT8_ARRAY),
    (Type::OID, Type::OID_ARRAY),
    (Type::FLOAT4, Type::FLOAT4_ARRAY),
    (Type::FLOAT8, Type::FLOAT8_ARRAY),
    (Type::NUMERIC, Type::NUMERIC_ARRAY),
    (Type::TEXT, Type::TEXT_ARRAY),
    (Type::NAME, Type::NAME_ARRAY),
    (Type::BYTEA, Type::BYTEA_ARRAY),
    (Type::JSONB, Type::JSONB_ARRAY),
    (Type::UUID, Type::UUID_ARRAY),
    (Type::DATE, Type::DATE_ARRAY),
    (Type::TIME, Type::TIME_ARRAY),
    (Type::TIMESTAMP, Type::TIMESTAMP_ARRAY),
    (Type::TIMESTAMPTZ, Type::TIMESTAMPTZ_ARRAY),
    (Type::INTERVAL, Type::INTERVAL_ARRAY),
    (Type::RECORD, Type::RECORD_ARRAY),
    // Found by their elements last.
    (Type::INT2, Type::INT2_VECTOR),
    (Type::OID, Type::OID_VECTOR),
];

/// The array type over an element, which may be an array (of one dimension less) itself.
pub(super) fn array_of(item: &Type) -> Option<Type> {
    let (_, array) =
        ARRAYS.into_iter().find(|(element, array)| [element, array].contains(&item))?;
    Some(array)
}

/// The element type of an array type; none for anything else.
pub(super) fn element_of(array: &Type) -> Option<Type> {
    ARRAYS.into_iter().find(|(_, over)| over == array).map(|(element, _)| element)
}

/// Whether the items of an array are counted from 0, and written as words between spaces.
pub(super) fn is_plain_vector(array: &Type) -> bool {
    [Type::INT2_VECTOR, Type::OID_VECTOR].contains(array)
}

/// Bytes of a type's binary form; -1 when they vary.
fn fixed_size(pg_type: &Type) -> i16 {
    match *pg_type {
        Type::BOOL | Type::CHAR => 1,
        Type::INT2 => 2,
        Type::INT4 | Type::OID | Type::FLOAT4 | Type::DATE => 4,
        Type::INT8 | Type::FLOAT8 | Type::TIME | Type::TIMESTAMP | Type::TIMESTAMPTZ => 8,
        Type::INTERVAL | Type::UUID => 16,
        Type::NAME => 64,
        _ => -1,
    }
}
