//! Types of the system's tables: numbers that are called by names.

use datafusion::sql::sqlparser::ast::{Array, ArrayElemTypeDef, DataType, Expr, Value};

use super::array::items;
use super::syntax::{call, literal_text, text};
use crate::sql::SqlError;
use crate::sql::grammar::name::name_parts;

/// Types of the system's tables, whose casts are functions of the same names.
const CATALOG_TYPES: [&str; 14] = [
    "oid",
    "xid",
    "cid",
    "name",
    "char",
    "regclass",
    "regtype",
    "regproc",
    "regprocedure",
    "regoper",
    "regoperator",
    "regnamespace",
    "regrole",
    "regcollation",
];

/// Whether items of an array are numbers of the system's tables, for which the planner has others.
pub(super) fn is_array_of_oids(data_type: &DataType) -> bool {
    match data_type {
        DataType::Array(ArrayElemTypeDef::SquareBracket(element, _)) => {
            catalog_type(element).is_some_and(|name| !["name", "char"].contains(&name))
        }
        _ => false,
    }
}

/// The type of the items of an array that are called by names: `regtype[]`.
pub(super) fn named_items(data_type: &DataType) -> Option<&'static str> {
    let DataType::Array(ArrayElemTypeDef::SquareBracket(element, _)) = data_type else {
        return None;
    };
    catalog_type(element).filter(|name| name.starts_with("reg"))
}

/// The names in `'{int,text}'` and `ARRAY['int', 'text']` as what they name.
pub(super) fn read_names(inner: &mut Expr, catalog_type: &str) -> Result<(), SqlError> {
    if let Some(written) = literal_text(inner) {
        let name = |name: Option<String>| name.map_or(Expr::value(Value::Null), text);
        let elem = items(written)?.into_iter().map(name).collect();
        *inner = Expr::Array(Array { elem, named: true });
    }
    if let Expr::Array(Array { elem, .. }) = inner {
        for item in elem.iter_mut().filter(|item| literal_text(item).is_some()) {
            *item = call(catalog_type, [item.clone()]);
        }
    }
    Ok(())
}

/// The name of a type of the system's tables.
pub(super) fn catalog_type(data_type: &DataType) -> Option<&'static str> {
    let name = match data_type {
        DataType::Regclass => "regclass".to_owned(),
        DataType::Custom(name, modifiers) if modifiers.is_empty() => {
            name_parts(name).filter(|parts| parts.len() == 1)?.pop()?
        }
        _ => return None,
    };
    CATALOG_TYPES.into_iter().find(|known| *known == name)
}

/// `expr::regclass` and `to_regclass(expr)` as text: the name, not the number.
pub(super) fn printed(expr: &Expr) -> Option<Expr> {
    let Expr::Function(called) = expr else { return None };
    let name = name_parts(&called.name)?.pop()?;
    let of_type = name.strip_prefix("to_").filter(|of_type| of_type.starts_with("reg"));
    let known = CATALOG_TYPES.into_iter().find(|known| *known == of_type.unwrap_or(&name))?;
    known.starts_with("reg").then(|| call(&format!("{known}out"), [expr.clone()]))
}
