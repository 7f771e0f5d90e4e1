//! Functions in FROM: sets of rows are arrays that are unnested, once for each row before them.

use datafusion::sql::sqlparser::ast::{
    Array, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
    ObjectName, ObjectNamePart, TableAlias, TableAliasColumnDef, TableFactor, TableWithJoins,
    TimezoneInfo, TypedString, Value,
};

use super::number;
use super::syntax::{
    call, cast, function, literal_text, number as whole, plain_argument, plain_arguments, select,
    select_from,
};
use super::{SYSTEM_SCHEMA, called_as};
use crate::sql::grammar::marker::{
    ALL_MATCHES, AS_JSONB, AS_UUID, COMPARE_FACES, DETECT_FACES, JSON_ELEMENTS, JSON_ELEMENTS_TEXT,
    JSON_KEYS, JSON_RECORD, JSON_RECORDS, JSON_VALUES, JSON_VALUES_TEXT, MARKER, NUMBERED,
    ROWS_FROM, SERIES, SIMILAR_FACES, SUBSCRIPTS, TO_JSONB_ARRAY, TO_UUID_ARRAY,
};
use crate::sql::grammar::name::{folded, name_parts};
use crate::sql::value::types::SqlType;

/// Functions that return a set of values, and those that return the same values as an array. Names
/// with a space are columns of sets that have several.
const SETS: [(&str, &str); 18] = [
    (SERIES_NAME, SERIES),
    ("_pg_expandarray", NUMBERED),
    ("generate_subscripts", SUBSCRIPTS),
    ("jsonb_array_elements", JSON_ELEMENTS),
    ("jsonb_array_elements_text", JSON_ELEMENTS_TEXT),
    ("jsonb_each", JSON_KEYS),
    ("jsonb_each_text", JSON_KEYS),
    ("jsonb_object_keys", JSON_KEYS),
    ("keys of jsonb_each", JSON_KEYS),
    ("keys of jsonb_each_text", JSON_KEYS),
    (RECORD_SET, JSON_RECORD),
    (RECORDS_SET, JSON_RECORDS),
    ("values of jsonb_each", JSON_VALUES),
    ("values of jsonb_each_text", JSON_VALUES_TEXT),
    ("regexp_matches", ALL_MATCHES),
    ("regexp_split_to_table", "regexp_split_to_array"),
    ("string_to_table", "string_to_array"),
    ("unnest", "unnest"),
];

/// The sets of documents that become rows of columns.
pub(super) const RECORD_SET: &str = "documents of jsonb_to_record";
pub(super) const RECORDS_SET: &str = "documents of jsonb_to_recordset";

/// Functions whose rows are those of a relation of their name.
const AS_RELATIONS: [&str; 5] = [
    "pg_get_keywords",
    "pg_listening_channels",
    "pg_options_to_table",
    "pg_partition_tree",
    "pg_timezone_names",
];

/// A function whose rows are those of a relation of another name.
const SETTINGS: (&str, &str) = ("pg_show_all_settings", "pg_settings");

/// Functions that PostgreSQL knows without parentheses.
const WITHOUT_PARENTHESES: [&str; 8] = [
    "current_catalog",
    "current_date",
    "current_role",
    "current_schema",
    "current_timestamp",
    "current_user",
    "session_user",
    "user",
];

/// Functions that have rows of their own where a table may stand.
const TABLE_FUNCTIONS: [&str; 5] = [COMPARE_FACES, DETECT_FACES, MARKER, SIMILAR_FACES, RANGE];

/// The planner's name for a series, whose only column is `value`.
pub(super) const RANGE: &str = "range";

/// The one set that the planner makes without an array when its bounds are constants.
pub(super) const SERIES_NAME: &str = "generate_series";

/// Whether a call returns a set.
pub(super) fn is_set(called: &Function) -> bool {
    set_name(&called.name).is_some()
}

/// A call of a function that returns a set, as an array that is unnested.
pub(super) fn set_as_array(called: &Function) -> Option<Expr> {
    let name = name_parts(&called.name)?;
    let name = match name.as_slice() {
        [name] => name,
        // The one function that the standard's schema has.
        [schema, name] if schema == "information_schema" && name == "_pg_expandarray" => name,
        _ => return None,
    };
    if name == "unnest" {
        return marked_items(called);
    }
    let (_, array) = SETS.into_iter().find(|(set, array)| set == name && set != array)?;
    let values = call("unnest", [call(array, plain_arguments(&called.args)?)]);
    let are_documents = [JSON_ELEMENTS, JSON_RECORD, JSON_RECORDS, JSON_VALUES].contains(&array);
    Some(if are_documents { call(AS_JSONB, [values]) } else { values })
}

/// The items of an array whose type Arrow does not tell.
fn marked_items(unnested: &Function) -> Option<Expr> {
    let [array] = <[Expr; 1]>::try_from(plain_arguments(&unnested.args)?).ok()?;
    let Expr::Function(made) = &array else { return None };
    let mark = match name_parts(&made.name)?.pop()?.as_str() {
        TO_UUID_ARRAY => AS_UUID,
        TO_JSONB_ARRAY => AS_JSONB,
        _ => return None,
    };
    Some(call(mark, [Expr::Function(unnested.clone())]))
}

/// Rewrites functions in FROM that the planner does not know there, or names differently.
pub(super) fn adapt(factor: &mut TableFactor) {
    let derived = match factor {
        TableFactor::UNNEST { alias, array_exprs, with_ordinality, with_offset: false, .. } => {
            let columns = array_exprs.iter().map(|array| unnested(array.clone())).collect();
            let set = Set { name: "unnest".to_owned(), alias: alias.take(), columns };
            Some(set.derived(*with_ordinality))
        }
        TableFactor::Table { name, args, .. } if args.is_some() && is_as_relation(name) => {
            *args = None;
            None
        }
        TableFactor::Table { name, args, alias, .. } if args.is_some() && is_settings(name) => {
            let (function, relation) = SETTINGS;
            alias.get_or_insert_with(|| table_alias(Ident::new(function)));
            *name = ObjectName::from(vec![Ident::new(SYSTEM_SCHEMA), Ident::new(relation)]);
            *args = None;
            None
        }
        TableFactor::Table { name, args: Some(args), alias, with_ordinality, .. } => {
            let constant = (2..=3).contains(&args.args.len())
                && args.args.iter().all(|it| is_constant(it) && !is_fraction(it));
            match set_name(name) {
                Some(SERIES_NAME) if constant && !*with_ordinality => {
                    let named = streamed_alias(alias.take());
                    *alias = Some(named.clone());
                    *name = ObjectName::from(vec![Ident::new(SERIES_NAME)]);
                    moments(&mut args.args);
                    let narrow = number::leave_integers(&mut args.args);
                    narrow.then(|| integers(factor.clone(), named))
                }
                _ => derived_call(name, &args.args, alias, *with_ordinality),
            }
        }
        TableFactor::Table { name, args: None, alias, .. } => bare_call(name, alias),
        TableFactor::Function { name, args, alias, with_ordinality, .. } => {
            derived_call(name, args, alias, *with_ordinality)
        }
        _ => None,
    };
    if let Some(derived) = derived {
        *factor = derived;
    }
}

/// The set-returning function called `name`.
fn set_name(name: &ObjectName) -> Option<&'static str> {
    let name = system_name(name)?;
    SETS.into_iter().map(|(set, _)| set).find(|set| *set == name)
}

fn is_as_relation(name: &ObjectName) -> bool {
    system_name(name).is_some_and(|name| AS_RELATIONS.contains(&name.as_str()))
}

fn is_settings(name: &ObjectName) -> bool {
    system_name(name).is_some_and(|name| name == SETTINGS.0)
}

/// A name that stands alone, or is qualified as one of the system's.
pub(super) fn system_name(name: &ObjectName) -> Option<String> {
    let mut parts = name_parts(name)?;
    let last = parts.pop()?;
    match parts.as_slice() {
        [] => Some(last),
        [schema] => (schema == SYSTEM_SCHEMA).then_some(last),
        _ => None,
    }
}

/// A function that is called without parentheses.
fn bare_call(name: &ObjectName, alias: &mut Option<TableAlias>) -> Option<TableFactor> {
    let [ObjectNamePart::Identifier(word)] = name.0.as_slice() else { return None };
    if word.quote_style.is_some() || !WITHOUT_PARENTHESES.contains(&folded(word).as_str()) {
        return None;
    }
    let call = function(word.clone(), FunctionArguments::None);
    let columns = vec![Column { call, own_name: None, function: folded(word) }];
    Some(Set { name: folded(word), alias: alias.take(), columns }.derived(false))
}

/// A call of a function, or those of several side by side; none where the planner knows its rows.
fn derived_call(
    name: &ObjectName,
    args: &[FunctionArg],
    alias: &mut Option<TableAlias>,
    with_ordinality: bool,
) -> Option<TableFactor> {
    let name = system_name(name).filter(|name| !TABLE_FUNCTIONS.contains(&name.as_str()))?;
    let arguments: Vec<Expr> = args.iter().map(plain_argument).collect::<Option<_>>()?;
    let (name, columns) = if name == ROWS_FROM {
        let calls: Vec<(String, Vec<Expr>)> =
            arguments.iter().map(called).collect::<Option<_>>()?;
        let name = calls.first()?.0.clone();
        (
            name,
            calls.into_iter().flat_map(|(name, arguments)| columns_of(&name, arguments)).collect(),
        )
    } else {
        (name.clone(), columns_of(&name, arguments))
    };
    Some(Set { name, alias: alias.take(), columns }.derived(with_ordinality))
}

/// Name and arguments of a call in `ROWS FROM`.
fn called(expr: &Expr) -> Option<(String, Vec<Expr>)> {
    let Expr::Function(called) = expr else { return None };
    let mut name = called.name.clone();
    super::of_jsonb(&mut name);
    Some((system_name(&name)?, plain_arguments(&called.args)?))
}

/// A column of functions in FROM.
struct Column {
    call: Expr,
    /// What the function calls it, where it does.
    own_name: Option<&'static str>,
    function: String,
}

fn unnested(array: Expr) -> Column {
    Column { call: call("unnest", [array]), own_name: None, function: "unnest".to_owned() }
}

/// The columns that a call of a function has.
fn columns_of(name: &str, arguments: Vec<Expr>) -> Vec<Column> {
    let column = |call, own_name| Column { call, own_name, function: name.to_owned() };
    match name {
        // Several arrays side by side.
        "unnest" => arguments.into_iter().map(unnested).collect(),
        "jsonb_each" | "jsonb_each_text" => {
            let part = |part: &str| call(&format!("{part} of {name}"), arguments.clone());
            vec![column(part("keys"), Some("key")), column(part("values"), Some("value"))]
        }
        "jsonb_array_elements" | "jsonb_array_elements_text" => {
            vec![column(call(name, arguments), Some("value"))]
        }
        _ => vec![column(call(name, arguments), None)],
    }
}

/// The values of one or several functions side by side.
struct Set {
    /// What they are called without an alias.
    name: String,
    alias: Option<TableAlias>,
    columns: Vec<Column>,
}

impl Set {
    /// `LATERAL (SELECT f(..) AS column, .. [, its number AS ordinality]) alias`.
    fn derived(mut self, with_ordinality: bool) -> TableFactor {
        let several = self.columns.len() > 1;
        if several || with_ordinality {
            self.columns.iter_mut().for_each(Column::make_set);
        }
        let ordinality = with_ordinality.then(|| self.ordinality());
        let alias =
            self.alias.unwrap_or_else(|| table_alias(Ident::with_quote('"', self.name.as_str())));
        let columns = self.columns.into_iter().map(|column| {
            let name = column.own_name.map(str::to_owned);
            let only = || if several { column.function } else { folded(&alias.name) };
            (column.call, name.unwrap_or_else(only))
        });
        let columns = columns.chain(ordinality.map(|call| (call, "ordinality".to_owned())));
        let named = alias.columns.iter().map(|column| Some(column.name.clone()));
        let items =
            columns.zip(named.chain(std::iter::repeat(None))).map(|((call, default), name)| {
                (call, name.unwrap_or_else(|| Ident::with_quote('"', default)))
            });
        TableFactor::Derived {
            lateral: true,
            subquery: Box::new(select(items.collect())),
            alias: Some(TableAlias { columns: Vec::new(), ..alias }),
            sample: None,
        }
    }

    /// `1, 2, ..`, as many as the longest array has elements.
    fn ordinality(&self) -> Expr {
        let arrays = self.columns.iter().filter_map(|column| array_in(&column.call));
        let longest = call("greatest", arrays.map(|array| call("cardinality", [array])));
        cast(call("unnest", [call(SERIES, [whole(&1), longest])]), DataType::BigInt(None))
    }
}

impl Column {
    /// A function that is no set gives one value, beside which there are no others.
    fn make_set(&mut self) {
        if !SETS.iter().any(|(set, _)| *set == self.function) {
            let value = Array { elem: vec![self.call.clone()], named: true };
            self.call = call("unnest", [Expr::Array(value)]);
        }
    }
}

/// The array whose elements a call returns as a set.
fn array_in(set: &Expr) -> Option<Expr> {
    let Expr::Function(set) = set else { return None };
    let name = name_parts(&set.name)?.pop()?;
    let (_, array) = SETS.into_iter().find(|(set, _)| *set == name)?;
    let mut arguments = plain_arguments(&set.args)?;
    if array == "unnest" { arguments.pop() } else { Some(call(array, arguments)) }
}

/// Bounds of a series that are moments, to the nanosecond, which is what the planner knows.
fn moments(arguments: &mut [FunctionArg]) {
    let values = arguments.iter_mut().filter_map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => Some(value),
        _ => None,
    });
    let mut values: Vec<&mut Expr> = values.collect();
    let Some(zone) = values.iter().find_map(|value| zone_of(value)) else { return };
    for (at, value) in values.iter_mut().enumerate() {
        let data_type = match at {
            0 | 1 => DataType::Timestamp(Some(9), zone),
            _ => DataType::Interval { fields: None, precision: None },
        };
        if literal_text(value).is_some() || zone_of(value).is_some() {
            **value = cast(value.clone(), data_type);
        }
    }
}

/// The type of a bound that is a moment as far as the syntax tells.
pub(super) fn moment_type(bound: &Expr) -> Option<SqlType> {
    if let Expr::Function(called) = bound {
        return called_as(called, "now").then_some(SqlType::Timestamptz);
    }
    Some(match zone_of(bound)? {
        TimezoneInfo::Tz | TimezoneInfo::WithTimeZone => SqlType::Timestamptz,
        _ => SqlType::Timestamp,
    })
}

/// Whether a moment has a zone; none for other values.
fn zone_of(expr: &Expr) -> Option<TimezoneInfo> {
    match expr {
        Expr::Cast { data_type: DataType::Timestamp(_, zone), .. }
        | Expr::TypedString(TypedString { data_type: DataType::Timestamp(_, zone), .. }) => {
            Some(*zone)
        }
        // Days are moments of a zone here, as in PostgreSQL.
        Expr::Cast { data_type: DataType::Date, .. }
        | Expr::TypedString(TypedString { data_type: DataType::Date, .. }) => {
            Some(TimezoneInfo::Tz)
        }
        _ => None,
    }
}

/// The numbers of a series as `integer`; the planner's are `bigint`.
fn integers(series: TableFactor, alias: TableAlias) -> TableFactor {
    let items = alias.columns.iter().map(|column| {
        let number = Expr::Identifier(column.name.clone());
        (cast(number, DataType::Int(None)), column.name.clone())
    });
    let from = vec![TableWithJoins { relation: series, joins: Vec::new() }];
    TableFactor::Derived {
        lateral: false,
        subquery: Box::new(select_from(items.collect(), from)),
        alias: Some(TableAlias { columns: Vec::new(), ..alias }),
        sample: None,
    }
}

/// `generate_series(1, 3) i` has the column `i`; without an alias both are called like it.
fn streamed_alias(alias: Option<TableAlias>) -> TableAlias {
    let mut alias = alias.unwrap_or_else(|| table_alias(Ident::new(SERIES_NAME)));
    if alias.columns.is_empty() {
        alias.columns = vec![TableAliasColumnDef { name: alias.name.clone(), data_type: None }];
    }
    alias
}

fn table_alias(name: Ident) -> TableAlias {
    TableAlias { explicit: false, name, columns: Vec::new(), at: None }
}

/// Whether an argument is a number that is no whole one, which the planner has no series of.
fn is_fraction(argument: &FunctionArg) -> bool {
    fn fraction(expr: &Expr) -> bool {
        match expr {
            Expr::Nested(inner) | Expr::UnaryOp { expr: inner, .. } => fraction(inner),
            Expr::Cast { data_type, .. } => {
                matches!(data_type, DataType::Numeric(_) | DataType::Decimal(_))
            }
            Expr::Value(value) => match &value.value {
                Value::Number(digits, _) => !digits.bytes().all(|digit| digit.is_ascii_digit()),
                _ => false,
            },
            _ => false,
        }
    }
    plain_argument(argument).is_some_and(|argument| fraction(&argument))
}

/// Whether an argument of a table function is a literal, signed or not.
fn is_constant(argument: &FunctionArg) -> bool {
    fn literal(expr: &Expr) -> bool {
        match expr {
            Expr::Nested(inner) | Expr::UnaryOp { expr: inner, .. } => literal(inner),
            Expr::Value(value) => !matches!(value.value, Value::Placeholder(_)),
            Expr::Interval(_) | Expr::TypedString(_) => true,
            Expr::Cast { expr, data_type, .. } => literal(expr) && !is_whole(data_type),
            _ => false,
        }
    }
    plain_argument(argument).is_some_and(|argument| literal(&argument))
}

/// Whether a constant of this type is one that the planner does not take for one.
fn is_whole(data_type: &DataType) -> bool {
    [DataType::SmallInt(None), DataType::Int(None), DataType::Integer(None)].contains(data_type)
        || [DataType::Int2(None), DataType::Int4(None), DataType::Int8(None)].contains(data_type)
        || *data_type == DataType::BigInt(None)
}
