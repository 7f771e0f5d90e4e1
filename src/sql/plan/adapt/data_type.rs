//! Types as a statement writes them.

use datafusion::sql::sqlparser::ast::{
    ArrayElemTypeDef, CharacterLength, DataType, ExactNumberInfo, ObjectName, ObjectNamePart,
    TimezoneInfo,
};

use super::catalog_type::catalog_type;
use super::without_system_schema;
use crate::sql::grammar::marker::{TO_JSONB_ARRAY, TO_UUID_ARRAY};
use crate::sql::grammar::name::{folded, name_parts};
use crate::sql::value::numeric::{PRECISION, SCALE};
use crate::sql::value::types::{SqlType, is_vector};
use crate::sql::{SqlError, SqlState};

/// Most digits of a `numeric`, as of PostgreSQL's.
const DIGITS_MAX: u64 = 1000;

/// The type of a parameter that a statement declares; none for one that it leaves open.
///
/// # Errors
/// 42704 and 0A000 for types that there are not, or not for parameters.
pub(in crate::sql) fn parameter_type(mut data_type: DataType) -> Result<Option<SqlType>, SqlError> {
    known_type(&mut data_type);
    match catalog_type(&data_type) {
        Some("name") => return Ok(Some(SqlType::Name)),
        Some("char") => return Ok(Some(SqlType::Char)),
        Some(_) => return Ok(Some(SqlType::Oid)),
        None => {}
    }
    if let Some(known) = cast_type(&data_type) {
        return Ok(Some(known));
    }
    match &data_type {
        DataType::Custom(name, _) if name.to_string().eq_ignore_ascii_case("unknown") => Ok(None),
        DataType::Custom(name, _) => {
            let message = format!("type \"{name}\" does not exist");
            Err(SqlError::new(SqlState::UndefinedObject, message))
        }
        other => Err(SqlError::unsupported(format!("a parameter of type {other}"))),
    }
}

/// A type by the name that the planner knows, where the statement calls it as the system's tables
/// do: `pg_catalog.int4`.
pub(super) fn known_type(data_type: &mut DataType) {
    match data_type {
        DataType::Array(ArrayElemTypeDef::SquareBracket(element, size)) => {
            // The size is a comment in PostgreSQL.
            *size = None;
            known_type(element);
            match catalog_type(element) {
                Some("name" | "char") => **element = DataType::Text,
                Some(_) => **element = DataType::BigInt(None),
                None => {}
            }
        }
        DataType::Float(digits) => *data_type = float(digits),
        // As precise as in PostgreSQL, which leaves room for 300,000 years.
        DataType::Timestamp(precision @ None, _) => *precision = Some(6),
        DataType::Custom(name, _) => {
            without_system_schema(name);
            if let Some(known) = named_type(name) {
                *data_type = known;
            }
        }
        _ => {}
    }
}

/// `float(n)`, by how many binary digits it has at least.
fn float(digits: &ExactNumberInfo) -> DataType {
    const REAL_DIGITS: u64 = 24;
    match digits {
        ExactNumberInfo::Precision(1..=REAL_DIGITS) => DataType::Real,
        _ => DataType::DoublePrecision,
    }
}

/// That a type is one of PostgreSQL's; what this server lacks of these, the planner says.
pub(super) fn check_type(data_type: &DataType) -> Result<(), SqlError> {
    const ELSEWHERE: [&str; 25] = [
        "bit",
        "box",
        "cidr",
        "circle",
        "hstore",
        "inet",
        "int4range",
        "int8range",
        "interval",
        "jsonpath",
        "line",
        "lseg",
        "macaddr",
        "money",
        "numrange",
        "path",
        "point",
        "polygon",
        "record",
        "time",
        "timetz",
        "tsquery",
        "tsvector",
        "unknown",
        "xml",
    ];
    check_length(data_type)?;
    let DataType::Custom(name, _) = data_type else { return Ok(()) };
    let written = name_parts(name).unwrap_or_default().join(".");
    let known = is_vector(data_type)
        || catalog_type(data_type).is_some()
        || ELSEWHERE.contains(&written.as_str());
    if known {
        return Ok(());
    }
    let message = format!("type \"{written}\" does not exist");
    Err(SqlError::new(SqlState::UndefinedObject, message))
}

/// That a text is of some length, and that a number has digits.
fn check_length(data_type: &DataType) -> Result<(), SqlError> {
    let message = match data_type {
        DataType::Varchar(Some(CharacterLength::IntegerLength { length: 0, .. }))
        | DataType::CharacterVarying(Some(CharacterLength::IntegerLength { length: 0, .. })) => {
            "length for type varchar must be at least 1".to_owned()
        }
        DataType::Char(Some(CharacterLength::IntegerLength { length: 0, .. }))
        | DataType::Character(Some(CharacterLength::IntegerLength { length: 0, .. })) => {
            "length for type char must be at least 1".to_owned()
        }
        DataType::Numeric(digits) | DataType::Decimal(digits) => match digits {
            ExactNumberInfo::Precision(precision)
            | ExactNumberInfo::PrecisionAndScale(precision, _)
                if !(1..=DIGITS_MAX).contains(precision) =>
            {
                format!("NUMERIC precision {precision} must be between 1 and {DIGITS_MAX}")
            }
            _ => return Ok(()),
        },
        _ => return Ok(()),
    };
    Err(SqlError::new(SqlState::InvalidParameterValue, message))
}

pub(super) fn named_type(name: &ObjectName) -> Option<DataType> {
    let [ObjectNamePart::Identifier(ident)] = name.0.as_slice() else { return None };
    Some(match folded(ident).as_str() {
        "bool" => DataType::Boolean,
        "int2" => DataType::SmallInt(None),
        "int4" => DataType::Int(None),
        "int8" => DataType::BigInt(None),
        "float4" => DataType::Real,
        "float8" => DataType::DoublePrecision,
        "numeric" => DataType::Numeric(ExactNumberInfo::None),
        "text" | "bpchar" => DataType::Text,
        "varchar" => DataType::Varchar(None),
        "char" if ident.quote_style.is_none() => DataType::Char(None),
        "bytea" => DataType::Bytea,
        "json" | "jsonb" => DataType::JSONB,
        "date" => DataType::Date,
        "timestamp" => DataType::Timestamp(Some(6), TimezoneInfo::None),
        "timestamptz" => DataType::Timestamp(Some(6), TimezoneInfo::Tz),
        "uuid" => DataType::Uuid,
        "regclass" => DataType::Regclass,
        _ => return None,
    })
}

/// The type of the parameter in `$1::data_type`.
pub(super) fn cast_type(data_type: &DataType) -> Option<SqlType> {
    match data_type {
        DataType::Boolean | DataType::Bool => Some(SqlType::Bool),
        DataType::SmallInt(_) | DataType::Int2(_) => Some(SqlType::Int2),
        DataType::Int(_) | DataType::Integer(_) | DataType::Int4(_) => Some(SqlType::Int4),
        DataType::BigInt(_) | DataType::Int8(_) => Some(SqlType::Int8),
        DataType::Real | DataType::Float4 => Some(SqlType::Float4),
        DataType::Float8
        | DataType::DoublePrecision
        | DataType::Double(ExactNumberInfo::None)
        | DataType::Float(ExactNumberInfo::None) => Some(SqlType::Float8),
        DataType::Numeric(_) | DataType::Decimal(_) => Some(SqlType::Numeric),
        DataType::Text
        | DataType::Varchar(_)
        | DataType::CharacterVarying(_)
        | DataType::Char(_)
        | DataType::Character(_) => Some(SqlType::Text),
        DataType::Uuid => Some(SqlType::Uuid),
        DataType::Bytea => Some(SqlType::Bytea),
        DataType::JSON | DataType::JSONB => Some(SqlType::Jsonb),
        DataType::Timestamp(_, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone) => {
            Some(SqlType::Timestamptz)
        }
        DataType::Timestamp(..) => Some(SqlType::Timestamp),
        DataType::Date => Some(SqlType::Date),
        DataType::Time(_, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
            Some(SqlType::Time)
        }
        DataType::Interval { .. } => Some(SqlType::Interval),
        DataType::Array(
            ArrayElemTypeDef::SquareBracket(element, _) | ArrayElemTypeDef::AngleBracket(element),
        ) => cast_type(element)?.array(),
        other if is_vector(other) => Some(SqlType::Vector),
        _ => None,
    }
}

/// The function that makes an array of texts one of this type.
pub(super) fn texts_of(data_type: &DataType) -> Option<&'static str> {
    match cast_type(data_type)? {
        SqlType::UuidArray => Some(TO_UUID_ARRAY),
        SqlType::JsonbArray => Some(TO_JSONB_ARRAY),
        _ => None,
    }
}

/// An array of numbers that have each its own digits; the planner would give all of them ten.
pub(super) fn of_no_scale(data_type: &DataType) -> DataType {
    let mut data_type = data_type.clone();
    if let DataType::Array(ArrayElemTypeDef::SquareBracket(element, _)) = &mut data_type
        && let DataType::Numeric(digits) | DataType::Decimal(digits) = &mut **element
        && *digits == ExactNumberInfo::None
    {
        *digits = ExactNumberInfo::PrecisionAndScale(PRECISION.into(), SCALE.into());
    }
    data_type
}

/// Whether the items of an array are cast each for itself: numbers with their own digits, and texts
/// that are cut.
pub(super) fn is_cast_by_item(data_type: &DataType) -> bool {
    match data_type {
        DataType::Array(
            ArrayElemTypeDef::SquareBracket(element, _) | ArrayElemTypeDef::AngleBracket(element),
        ) => cast_type(element) == Some(SqlType::Numeric) || has_length(element),
        _ => false,
    }
}

/// Whether texts of a type are cut.
pub(super) fn has_length(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Varchar(Some(_))
            | DataType::CharacterVarying(Some(_))
            | DataType::Char(_)
            | DataType::Character(_)
    )
}
