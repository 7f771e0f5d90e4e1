//! The names of result columns that a statement leaves unnamed, as PostgreSQL gives them.
//!
//! Two columns of one name are fine in PostgreSQL and an error for the planner. Each gets a name of
//! its own: the same, a character that nobody types, twice, and a number, which [`shown_schema`]
//! takes away again. None of them keeps the name by itself, so that it means neither.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use datafusion::arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::sql::sqlparser::ast::{
    AccessExpr, ArrayElemTypeDef, BinaryOperator, DataType, Expr, Function, Ident, ObjectName,
    ObjectNamePart, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, TableFactor,
    TimezoneInfo, TrimWhereField, Value,
};

use super::is_bare_function;
use crate::sql::grammar::from::factors;
use crate::sql::grammar::name::{SEPARATOR, folded, name_parts, shown_name};

/// The separator before the number of one of several columns of a name.
const NUMBERED: &str = "\u{1f}\u{1f}";

/// What PostgreSQL calls a column that nothing names.
const NAMELESS: &str = "?column?";

/// Names the columns of a select list, or of RETURNING, whose stars show columns that are called
/// so; none where only the planner knows.
pub(super) fn name_columns(items: &mut [SelectItem], shown: Option<&[String]>) {
    let stars = if shown.is_some() { Vec::new() } else { stars(items) };
    let is_shown = |name: &String| shown.is_some_and(|names| names.contains(name));
    let places: Vec<usize> = (0..items.len()).filter(|at| result(&items[*at]).is_some()).collect();
    let names: Vec<String> = places.iter().filter_map(|at| result(&items[*at])).collect();
    for (at, (name, own)) in places.into_iter().zip(names.iter().zip(numbered(&names))) {
        let (plain, taken_by_star) = match &items[at] {
            SelectItem::UnnamedExpr(expr) => (
                match expr {
                    Expr::Identifier(name) => !is_bare_function(name),
                    expr => matches!(expr, Expr::CompoundIdentifier(_)),
                },
                stars.iter().any(|star| star.may_hold(expr)),
            ),
            _ => (true, false),
        };
        let taken_by_star = taken_by_star || is_shown(name);
        if *name == own && taken_by_star {
            rename(&mut items[at], with_number(name, 0));
        } else if *name != own || !plain {
            rename(&mut items[at], own);
        }
    }
}

/// What an item of a select list that is no star is called.
pub(super) fn result(item: &SelectItem) -> Option<String> {
    match item {
        SelectItem::UnnamedExpr(expr) => Some(column_name(expr)),
        SelectItem::ExprWithAlias { alias, .. } => Some(told(alias)),
        _ => None,
    }
}

/// Names by which the planner knows columns that are called `names`.
pub(super) fn numbered(names: &[String]) -> Vec<String> {
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for name in names {
        *seen.entry(name).or_default() += 1;
    }
    let is_repeated: HashSet<&str> =
        seen.iter().filter(|(_, times)| **times > 1).map(|(name, _)| *name).collect();
    let mut next: HashMap<&str, usize> = HashMap::new();
    let mut own = Vec::with_capacity(names.len());
    for name in names {
        if is_repeated.contains(name.as_str()) {
            let number = next.entry(name).or_default();
            own.push(with_number(name, *number));
            *number += 1;
        } else {
            own.push(name.clone());
        }
    }
    own
}

fn with_number(name: &str, number: usize) -> String {
    format!("{name}{NUMBERED}{number}")
}

/// What a column is called that may have a number already.
pub(super) fn told(name: &Ident) -> String {
    let mut name = folded(name);
    if let Some(end) = name.find(NUMBERED) {
        name.truncate(end);
    }
    name
}

/// A name that two tables of a FROM have.
pub(super) fn repeated_table(select: &Select) -> Option<String> {
    let mut known = HashSet::new();
    factors(select).filter_map(table_name).find(|name| !known.insert(name.clone()))
}

/// `t.*` of `FROM schema.t` becomes `schema.t.*`, as the planner has it.
pub(super) fn qualify_stars(select: &mut Select) {
    let of_schemas = |factor: &TableFactor| match factor {
        TableFactor::Table { name, alias: None, args: None, .. } if name.0.len() > 1 => {
            Some((name_parts(name)?.pop()?, name.clone()))
        }
        _ => None,
    };
    let qualified: Vec<(String, ObjectName)> = factors(select).filter_map(of_schemas).collect();
    for item in &mut select.projection {
        if let SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(star), _) =
            item
            && let Some([table]) = name_parts(star).as_deref()
            && let Some((_, name)) = qualified.iter().find(|(known, _)| known == table)
        {
            *star = name.clone();
        }
    }
}

/// What a table in FROM is called; none where it is told apart by its schema, or has no name.
fn table_name(factor: &TableFactor) -> Option<String> {
    match factor {
        TableFactor::Table { alias: Some(alias), .. }
        | TableFactor::Derived { alias: Some(alias), .. }
        | TableFactor::Function { alias: Some(alias), .. }
        | TableFactor::UNNEST { alias: Some(alias), .. } => Some(folded(&alias.name)),
        TableFactor::Table { name, alias: None, args: None, .. } if name.0.len() == 1 => {
            name_parts(name)?.pop()
        }
        _ => None,
    }
}

/// Calls a column of a select list so.
pub(super) fn rename(item: &mut SelectItem, name: String) {
    let name = Ident::with_quote('"', name);
    match item {
        SelectItem::UnnamedExpr(expr) => {
            let expr = std::mem::replace(expr, Expr::value(Value::Null));
            *item = SelectItem::ExprWithAlias { expr, alias: name };
        }
        SelectItem::ExprWithAlias { alias, .. } => *alias = name,
        _ => {}
    }
}

/// A `*` of a select list: of one table, or of all of them.
struct Star(Option<String>);

fn stars(projection: &[SelectItem]) -> Vec<Star> {
    let star = |item: &SelectItem| match item {
        SelectItem::Wildcard(_) => Some(Star(None)),
        SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(table), _) => {
            Some(Star(name_parts(table).and_then(|mut parts| parts.pop())))
        }
        _ => None,
    };
    projection.iter().filter_map(star).collect()
}

impl Star {
    /// Whether the column that `expr` names may be among those of the star.
    fn may_hold(&self, expr: &Expr) -> bool {
        match (expr, &self.0) {
            (Expr::Identifier(_), _) | (Expr::CompoundIdentifier(_), None) => true,
            (Expr::CompoundIdentifier(parts), Some(table)) => {
                let qualifier = parts.len().checked_sub(2).and_then(|at| parts.get(at));
                qualifier.is_some_and(|qualifier| folded(qualifier) == *table)
            }
            _ => false,
        }
    }
}

/// `schema` with the names that the statement gave its columns.
pub(in crate::sql) fn shown_schema(schema: &SchemaRef) -> SchemaRef {
    if schema.fields().iter().all(|field| !field.name().contains(SEPARATOR)) {
        return Arc::clone(schema);
    }
    let shown = |field: &FieldRef| match shown_name(field.name()) {
        name if name == field.name() => Arc::clone(field),
        name => Arc::new(field.as_ref().clone().with_name(name)),
    };
    let fields = schema.fields().iter().map(shown).collect::<Vec<_>>();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

/// A name, and whether an expression around it may call itself by it.
enum Name {
    Strong(String),
    /// One that only stands where nothing better is found.
    Weak(String),
    None,
}

fn strong(name: &str) -> Name {
    Name::Strong(name.to_owned())
}

/// The name of a column that is `expr`.
pub(super) fn column_name(expr: &Expr) -> String {
    match name_of(expr) {
        Name::Strong(name) | Name::Weak(name) => name,
        Name::None => NAMELESS.to_owned(),
    }
}

fn name_of(expr: &Expr) -> Name {
    match expr {
        Expr::Identifier(name) => Name::Strong(folded(name)),
        Expr::CompoundIdentifier(parts) => {
            parts.last().map_or(Name::None, |name| Name::Strong(folded(name)))
        }
        Expr::CompoundFieldAccess { root, access_chain } => {
            let field = access_chain.iter().rev().find_map(|access| match access {
                AccessExpr::Dot(Expr::Identifier(field)) => Some(folded(field)),
                _ => None,
            });
            field.map_or_else(|| name_of(root), Name::Strong)
        }
        Expr::Nested(inner) => name_of(inner),
        Expr::Collate { expr, .. } => name_of(expr),
        Expr::Cast { expr, data_type, .. } => match name_of(expr) {
            Name::Strong(name) => Name::Strong(name),
            _ => Name::Weak(type_name(data_type)),
        },
        Expr::TypedString(literal) => Name::Weak(type_name(&literal.data_type)),
        Expr::Interval(_) => Name::Weak("interval".to_owned()),
        Expr::Case { else_result, .. } => match else_result.as_deref().map(name_of) {
            Some(Name::Strong(name)) => Name::Strong(name),
            _ => Name::Weak("case".to_owned()),
        },
        Expr::Function(function) => function_name(function),
        Expr::Exists { negated: false, .. } => strong("exists"),
        Expr::Subquery(query) => first_name(&query.body),
        other => keyword_name(other).map_or(Name::None, strong),
    }
}

/// The name of an expression that is a function with a syntax of its own.
fn keyword_name(expr: &Expr) -> Option<&'static str> {
    Some(match expr {
        Expr::Array(_) => "array",
        Expr::BinaryOp { op: BinaryOperator::Overlaps, .. } => "overlaps",
        Expr::Tuple(_) => "row",
        Expr::Extract { .. } => "extract",
        Expr::Ceil { .. } => "ceil",
        Expr::Floor { .. } => "floor",
        Expr::Position { .. } => "position",
        Expr::Substring { .. } => "substring",
        Expr::Overlay { .. } => "overlay",
        Expr::AtTimeZone { .. } => "timezone",
        Expr::Trim { trim_where, .. } => match trim_where {
            Some(TrimWhereField::Leading) => "ltrim",
            Some(TrimWhereField::Trailing) => "rtrim",
            Some(TrimWhereField::Both) | None => "btrim",
        },
        _ => return None,
    })
}

fn function_name(function: &Function) -> Name {
    match name_parts(&function.name).and_then(|mut parts| parts.pop()) {
        Some(name) => Name::Strong(name),
        None => Name::None,
    }
}

/// The name of the first column of a subquery that stands for a value.
fn first_name(body: &SetExpr) -> Name {
    match body {
        SetExpr::Select(select) => match select.projection.first() {
            Some(SelectItem::UnnamedExpr(expr)) => Name::Strong(column_name(expr)),
            Some(SelectItem::ExprWithAlias { alias, .. }) => Name::Strong(folded(alias)),
            _ => Name::None,
        },
        SetExpr::Query(query) => first_name(&query.body),
        SetExpr::SetOperation { left, .. } => first_name(left),
        SetExpr::Values(_) => strong("column1"),
        _ => Name::None,
    }
}

/// The name of a type as the system's tables have it.
fn type_name(data_type: &DataType) -> String {
    let known = match data_type {
        DataType::Boolean | DataType::Bool => "bool",
        DataType::SmallInt(_) | DataType::Int2(_) => "int2",
        DataType::Int(_) | DataType::Integer(_) | DataType::Int4(_) => "int4",
        DataType::BigInt(_) | DataType::Int8(_) => "int8",
        DataType::Real | DataType::Float4 => "float4",
        DataType::Float8 | DataType::DoublePrecision | DataType::Double(_) | DataType::Float(_) => {
            "float8"
        }
        DataType::Numeric(_) | DataType::Decimal(_) | DataType::Dec(_) => "numeric",
        DataType::Varchar(_) | DataType::CharacterVarying(_) | DataType::CharVarying(_) => {
            "varchar"
        }
        DataType::Char(_) | DataType::Character(_) => "bpchar",
        DataType::Timestamp(_, zone) | DataType::Time(_, zone) => {
            return temporal_name(data_type, *zone);
        }
        DataType::Interval { .. } => "interval",
        DataType::Array(element) => return element_name(element),
        DataType::Custom(name, _) => return last_part(name),
        other => return other.to_string().to_ascii_lowercase(),
    };
    known.to_owned()
}

fn temporal_name(data_type: &DataType, zone: TimezoneInfo) -> String {
    let zoned = matches!(zone, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz);
    let name = if matches!(data_type, DataType::Time(..)) { "time" } else { "timestamp" };
    format!("{name}{}", if zoned { "tz" } else { "" })
}

fn element_name(element: &ArrayElemTypeDef) -> String {
    match element {
        ArrayElemTypeDef::SquareBracket(element, _)
        | ArrayElemTypeDef::AngleBracket(element)
        | ArrayElemTypeDef::Parenthesis(element) => type_name(element),
        ArrayElemTypeDef::None => "array".to_owned(),
    }
}

fn last_part(name: &ObjectName) -> String {
    match name.0.last() {
        Some(ObjectNamePart::Identifier(ident)) => folded(ident),
        _ => NAMELESS.to_owned(),
    }
}
