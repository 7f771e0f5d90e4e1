//! Casts: what text means in each type, and types whose casts are functions.

use datafusion::arrow::datatypes::DataType as ArrowType;
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{
    Array, ArrayElemTypeDef, CastKind, CharacterLength, DataType, ExactNumberInfo, Expr, Function,
    Ident, TypedString, Value,
};

use super::array::array;
use super::catalog_type::{catalog_type, is_array_of_oids, named_items, printed, read_names};
use super::data_type::{
    cast_type, check_type, has_length, is_cast_by_item, known_type, named_type, of_no_scale,
    texts_of,
};
use super::interval::{length, take_units};
use super::operator::text_array;
use super::syntax::{self, call, cast, is_parameter, literal_text, number, plain_arguments, text};
use super::{Adapter, time, without_system_schema};
use crate::sql::answer::wording::no_value;
use crate::sql::function::scalar::{malformed_uuid, read_document, uuid};
use crate::sql::grammar::marker::{
    TO_CHARACTERS, TO_JSONB, TO_NUMERIC, TO_REAL_ARRAY, TO_TEXT, TO_UUID, TO_VARCHAR, TO_VECTOR,
};
use crate::sql::grammar::name::folded;
use crate::sql::read::columns::GalleryColumn;
use crate::sql::value::array_text::is_general;
use crate::sql::value::constant::{bytea, real_array};
use crate::sql::value::numeric::plain_digits;
use crate::sql::value::types::{SqlType, is_vector, reads_text_itself};
use crate::sql::{SqlError, SqlState};

impl Adapter<'_> {
    /// What a cast becomes; `expr` is one, or a text with its type before it.
    pub(super) fn cast(&mut self, expr: &mut Expr) -> Result<Option<Expr>, SqlError> {
        if let Expr::TypedString(TypedString { data_type, value, .. }) = expr {
            *expr = cast(Expr::Value(value.clone()), data_type.clone());
            return Ok(Some(self.cast(expr)?.unwrap_or_else(|| expr.clone())));
        }
        let Expr::Cast {
            kind: CastKind::Cast | CastKind::DoubleColon, expr: inner, data_type, ..
        } = expr
        else {
            return Ok(None);
        };
        let are_oids = is_array_of_oids(data_type);
        if let Some(name) = named_items(data_type) {
            read_names(inner, name)?;
        }
        known_type(data_type);
        take_units(inner, data_type)?;
        let precision = time::without_precision(data_type);
        check_type(data_type)?;
        if are_oids {
            self.note(inner, SqlType::OidArray);
        } else if catalog_type(data_type) == Some("oid") {
            self.note(inner, SqlType::Oid);
        } else if let Some(sql_type) = cast_type(data_type) {
            self.note(inner, sql_type);
        }
        let adapted = adapted(inner, data_type)?;
        let Some(digits) = precision else { return Ok(adapted) };
        Ok(Some(time::rounded(adapted.unwrap_or_else(|| expr.clone()), digits)))
    }
}

/// The cast that a call of a type is: `date(x)` is `x::date`. None for other calls, and for types
/// that functions of their names make.
pub(super) fn called(called: &Function) -> Option<Expr> {
    let mut name = called.name.clone();
    without_system_schema(&mut name);
    let data_type = named_type(&name).filter(|known| catalog_type(known).is_none())?;
    match plain_arguments(&called.args)?.as_slice() {
        [value] if called.over.is_none() && called.filter.is_none() => {
            Some(cast((*value).clone(), data_type))
        }
        _ => None,
    }
}

/// A value of another type as one of this.
pub(in crate::sql) fn of_type(value: Expr, sql_type: SqlType) -> Expr {
    match sql_type {
        SqlType::Text => return call(TO_TEXT, [value]),
        SqlType::Jsonb => return call(TO_JSONB, [value]),
        SqlType::Float4Array => return call(TO_REAL_ARRAY, [value]),
        _ => {}
    }
    let mut data_type = sql_type.syntax();
    known_type(&mut data_type);
    cast(value, data_type)
}

fn adapted(inner: &Expr, data_type: &DataType) -> Result<Option<Expr>, SqlError> {
    if let Some(read) = items_read(inner, data_type)? {
        // Each item is cast already.
        if syntax::is_nested(&read) || is_cast_by_item(data_type) {
            return Ok(Some(read));
        }
        return Ok(Some(
            adapted(&read, data_type)?.unwrap_or_else(|| cast(read, data_type.clone())),
        ));
    }
    if let Some(name) = catalog_type(data_type) {
        return Ok(Some(match printed(inner) {
            Some(text) if name == "name" => text,
            // The character that has this number.
            _ if name == "char" && is_integer(inner) => call(name, [call("chr", [inner.clone()])]),
            _ => call(name, [inner.clone()]),
        }));
    }
    Ok(match data_type {
        DataType::Text => printed(inner).or_else(|| as_text(inner)),
        // What is looked up by such a text is found through a cast.
        DataType::Varchar(None) | DataType::CharacterVarying(None) if is_looked_up(inner) => None,
        DataType::Varchar(length) | DataType::CharacterVarying(length) => {
            let text = printed(inner).or_else(|| as_text(inner));
            let text = text.unwrap_or_else(|| cast(inner.clone(), DataType::Text));
            let length = length.as_ref().and_then(in_letters).map(number);
            Some(call(TO_VARCHAR, [text].into_iter().chain(length)))
        }
        DataType::Char(length) | DataType::Character(length) => {
            let length = length.as_ref().and_then(in_letters).unwrap_or(&1);
            Some(call(TO_CHARACTERS, [cast(inner.clone(), DataType::Text), number(length)]))
        }
        DataType::JSON | DataType::JSONB => {
            // What is no document is said before anything runs.
            literal_text(inner).map(read_document).transpose()?;
            Some(call(TO_JSONB, [inner.clone()]))
        }
        DataType::Uuid => {
            if let Some(text) = literal_text(inner)
                && uuid(text).is_none()
            {
                return Err(malformed_uuid(text));
            }
            Some(call(TO_UUID, [inner.clone()]))
        }
        array if texts_of(array).is_some() => {
            let texts = match literal_text(inner) {
                Some(written) => text_array(written)?,
                None => cast(inner.clone(), SqlType::TextArray.syntax()),
            };
            texts_of(array).map(|function| call(function, [texts]))
        }
        DataType::Numeric(ExactNumberInfo::None) | DataType::Decimal(ExactNumberInfo::None) => {
            Some(numeric(inner))
        }
        DataType::Numeric(_) | DataType::Decimal(_) => {
            Some(cast(numeric(inner), data_type.clone()))
        }
        _ => match literal(inner, data_type)? {
            None if cast_type(data_type) == Some(SqlType::NumericArray) => {
                Some(cast(inner.clone(), of_no_scale(data_type)))
            }
            value => numbers(value, inner, data_type),
        },
    })
}

fn in_letters(length: &CharacterLength) -> Option<&u64> {
    match length {
        CharacterLength::IntegerLength { length, .. } => Some(length),
        CharacterLength::Max => None,
    }
}

/// The items of `ARRAY['1', '2']` as those of the type that the array is cast to, in which
/// PostgreSQL reads each text; none where there are no texts to be read.
fn items_read(inner: &Expr, data_type: &DataType) -> Result<Option<Expr>, SqlError> {
    let (
        Expr::Array(Array { elem, named }),
        DataType::Array(
            ArrayElemTypeDef::SquareBracket(element, _) | ArrayElemTypeDef::AngleBracket(element),
        ),
    ) = (inner, data_type)
    else {
        return Ok(None);
    };
    let (mut changed, mut items) = (false, Vec::with_capacity(elem.len()));
    for item in elem {
        let read = match literal_text(item) {
            Some(_) if is_text(element) && !has_length(element) => None,
            None if !has_length(element) || syntax::is_nested(inner) => {
                items_read(item, data_type)?
            }
            _ => {
                let read = adapted(item, element)?;
                Some(read.unwrap_or_else(|| cast(item.clone(), (**element).clone())))
            }
        };
        changed |= read.is_some();
        items.push(read.unwrap_or_else(|| item.clone()));
    }
    Ok(changed.then_some(Expr::Array(Array { elem: items, named: *named })))
}

/// The array, of a type of arrays, with each item read for itself.
fn array_by_items(array: Expr, of: &DataType) -> Result<Expr, SqlError> {
    let (elem, named) = match array {
        Expr::Array(Array { elem, named }) => (elem, named),
        Expr::Cast { expr, data_type, .. } => {
            return Ok(adapted(&expr, &data_type)?.unwrap_or_else(|| cast(*expr, data_type)));
        }
        other => return Ok(other),
    };
    if elem.is_empty() {
        return Ok(cast(Expr::Array(Array { elem, named }), of_no_scale(of)));
    }
    let items = elem.into_iter().map(|item| array_by_items(item, of));
    let elem = items.collect::<Result<_, _>>()?;
    Ok(Expr::Array(Array { elem, named }))
}

/// Whether a text is of the type already, or is read with all the others of its array.
fn is_text(data_type: &DataType) -> bool {
    matches!(cast_type(data_type), Some(SqlType::Text | SqlType::Uuid | SqlType::Jsonb))
}

/// Whether a whole number stands in the statement.
fn is_integer(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_integer(inner),
        Expr::Cast { data_type: DataType::Int(None), .. } => true,
        _ => false,
    }
}

/// `expr::text` where `expr` may be a document, which is text to the planner already, so that its
/// cast would be none.
fn as_text(expr: &Expr) -> Option<Expr> {
    let may_be_document = match expr {
        Expr::Identifier(word) => !is_text_column(word),
        Expr::CompoundIdentifier(words) => !words.last().is_some_and(is_text_column),
        Expr::Nested(inner) => return as_text(inner),
        Expr::BinaryOp { .. }
        | Expr::Function(_)
        | Expr::Subquery(_)
        | Expr::Case { .. }
        | Expr::CompoundFieldAccess { .. } => true,
        _ => false,
    };
    may_be_document.then(|| call(TO_TEXT, [expr.clone()]))
}

/// A parameter, or a column of every collection that is a text.
fn is_looked_up(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_looked_up(inner),
        Expr::Identifier(word) => is_text_column(word),
        Expr::CompoundIdentifier(words) => words.last().is_some_and(is_text_column),
        other => is_parameter(other),
    }
}

/// A column of the answer that is still a cast to `varchar`, with its type.
pub(super) fn as_varchar(expr: &Expr) -> Option<Expr> {
    let Expr::Cast { data_type, .. } = expr else { return None };
    let is_varchar =
        matches!(data_type, DataType::Varchar(None) | DataType::CharacterVarying(None));
    is_varchar.then(|| call(TO_VARCHAR, [expr.clone()]))
}

/// Whether a column of this name is of `text` in every collection; searches by such columns see
/// through a cast.
pub(super) fn is_text_column(word: &Ident) -> bool {
    let column = GalleryColumn::named(&folded(word));
    column.is_some_and(|column| SqlType::of(&column.field()) == SqlType::Text)
}

/// `expr::numeric`; a text is a number with the digits it was written with.
fn numeric(inner: &Expr) -> Expr {
    let digits = literal_text(inner).and_then(plain_digits);
    call(TO_NUMERIC, [digits.as_ref().map_or_else(|| inner.clone(), number)])
}

/// What `'text'::data_type` means where the planner would convert the text differently.
fn literal(inner: &Expr, data_type: &DataType) -> Result<Option<Expr>, SqlError> {
    let Some(written) = literal_text(inner) else { return Ok(None) };
    match data_type {
        DataType::Bytea => {
            Ok(Some(Expr::value(Value::HexStringLiteral(hex::encode(bytea(written)?)))))
        }
        other
            if reads_text_itself(other)
                && !(matches!(other, DataType::Array(_)) && is_general(written)) =>
        {
            let by_function = is_vector(other) || cast_type(other) == Some(SqlType::Float4Array);
            let name = if is_vector(other) { "type vector" } else { "type real" };
            match real_array(name, written) {
                // Of two widths of numbers the wider one may hold it.
                Err(error) if !by_function && error.state == SqlState::NumericValueOutOfRange => {}
                // What is no array is said before anything runs.
                read => drop(read?),
            }
            Ok((!by_function).then(|| doubles(written, other)))
        }
        DataType::Array(
            ArrayElemTypeDef::SquareBracket(element, _) | ArrayElemTypeDef::AngleBracket(element),
        ) => {
            let array = array(written, element)?;
            if is_cast_by_item(data_type) {
                return array_by_items(array, data_type).map(Some);
            }
            // Of several levels each item is cast already.
            Ok(Some(if syntax::is_nested(&array) { array } else { cast(array, data_type.clone()) }))
        }
        other => scalar(written, other),
    }
}

/// A text that has to be a number, a date or a time; what is none is said before anything runs.
fn scalar(written: &str, data_type: &DataType) -> Result<Option<Expr>, SqlError> {
    let arrow = match data_type {
        DataType::SmallInt(_) | DataType::Int2(_) => ArrowType::Int16,
        DataType::Int(_) | DataType::Integer(_) | DataType::Int4(_) => ArrowType::Int32,
        DataType::BigInt(_) | DataType::Int8(_) => ArrowType::Int64,
        DataType::Real | DataType::Float4 => return fraction(written, data_type, f32_range),
        DataType::Float8
        | DataType::DoublePrecision
        | DataType::Double(ExactNumberInfo::None)
        | DataType::Float(ExactNumberInfo::None) => return fraction(written, data_type, f64_range),
        DataType::Date | DataType::Timestamp(..) | DataType::Time(..) => {
            return time::literal(written, data_type).map(Some);
        }
        DataType::Interval { .. } => {
            let value = length(written).ok_or_else(|| no_value(written, "Interval"))?;
            return Ok(Some(cast(value, data_type.clone())));
        }
        _ => return Ok(None),
    };
    let read = written.trim();
    match ScalarValue::from(read).cast_to(&arrow) {
        Ok(_) => Ok(Some(cast(text(read), data_type.clone()))),
        Err(_) => Err(no_value(written, &arrow.to_string())),
    }
}

/// A text that is a fraction, and whether the type holds it; the planner reads it.
fn fraction(
    written: &str,
    data_type: &DataType,
    fits: fn(&str) -> bool,
) -> Result<Option<Expr>, SqlError> {
    let text = written.trim();
    if !text.bytes().any(|byte| byte.is_ascii_digit()) || fits(text) {
        return Ok(None);
    }
    let name = cast_type(data_type).unwrap_or(SqlType::Unknown).name();
    let message = format!("\"{written}\" is out of range for type {name}");
    Err(SqlError::new(SqlState::NumericValueOutOfRange, message))
}

fn f32_range(text: &str) -> bool {
    text.parse::<f32>().map_or(true, |number| number.is_finite() && !vanishes(number == 0.0, text))
}

fn f64_range(text: &str) -> bool {
    text.parse::<f64>().map_or(true, |number| number.is_finite() && !vanishes(number == 0.0, text))
}

/// Whether a number is zero only because the type has nothing as small.
fn vanishes(is_zero: bool, text: &str) -> bool {
    let digits = text.split(['e', 'E']).next().unwrap_or_default();
    is_zero && digits.bytes().any(|digit| matches!(digit, b'1'..=b'9'))
}

/// `expr::vector` and `expr::real[]` as calls of the functions that tell what type they make;
/// `value` is what the cast became already. A parameter cast to `real[]` stays a cast: it is of
/// that type.
fn numbers(value: Option<Expr>, inner: &Expr, data_type: &DataType) -> Option<Expr> {
    if is_vector(data_type) {
        let DataType::Custom(_, modifiers) = data_type else { return value };
        let dimensions = modifiers.iter().map(number);
        let numbers = value.unwrap_or_else(|| inner.clone());
        return Some(call(TO_VECTOR, [numbers].into_iter().chain(dimensions)));
    }
    let to_reals = cast_type(data_type) == Some(SqlType::Float4Array);
    if value.is_some() || !to_reals || is_parameter(inner) {
        return value;
    }
    Some(call(TO_REAL_ARRAY, [inner.clone()]))
}

/// `'{0.1,0.2}'::float8[]`, which may also be written as vectors are.
fn doubles(written: &str, data_type: &DataType) -> Expr {
    let inside = written.trim().trim_matches(['{', '}', '[', ']']);
    let element = |item: &str| cast(text(item.trim()), DataType::DoublePrecision);
    let elem = inside.split(',').map(element).collect();
    cast(Expr::Array(Array { elem, named: true }), data_type.clone())
}
