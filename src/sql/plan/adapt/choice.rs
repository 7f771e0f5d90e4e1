//! Expressions that choose one of several values: `CASE`, `coalesce`, `nullif`, `greatest` and
//! `least`; and functions of arrays, whose results are of the type of one of their arguments.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    Query, SelectItem, SetExpr, Value, visit_expressions, visit_expressions_mut,
};

use super::cast::is_text_column;
use super::syntax::{call, literal_text};
use crate::sql::function::comparing::CHOOSING;
use crate::sql::grammar::marker::{
    AS_JSONB, AS_UUID, CHOSEN, TEXT_BESIDE, TO_JSONB, TO_UUID, TO_UUID_ARRAY,
};
use crate::sql::grammar::name::name_parts;

/// Functions that make an array of another, which is their first argument.
const OF_ARRAYS: [&str; 4] = ["array_append", "array_cat", "array_remove", "array_replace"];

/// Functions that make what is text to the planner, but no text; others begin with `jsonb`.
const MARKED: [&str; 4] = [TO_UUID, AS_UUID, TO_UUID_ARRAY, "gen_random_uuid"];

/// Functions that make documents, whatever they are called with.
const DOCUMENTS: [&str; 16] = [
    TO_JSONB,
    AS_JSONB,
    "array_to_json",
    "json_agg",
    "json_build_array",
    "json_build_object",
    "json_object_agg",
    "jsonb_agg",
    "jsonb_build_array",
    "jsonb_build_object",
    "jsonb_object",
    "jsonb_object_agg",
    "jsonb_strip_nulls",
    "row_to_json",
    "to_json",
    "to_jsonb",
];

/// Values that are looked at beside a text, and texts that are read among some values.
const SAMPLES_MAX: usize = 8;

/// Parts of an expression that is looked at beside a text.
const PARTS_MAX: usize = 64;

/// Parts of an expression that is looked at for the type of a choice.
const SAMPLE_PARTS_MAX: usize = 1024;

/// `expr` beside one of the values that it chooses from, where these may be no text although they
/// are to the planner.
pub(super) fn chosen(expr: &Expr) -> Option<Expr> {
    let sample = choices(expr).into_iter().find_map(sample)?;
    Some(call(CHOSEN, [expr.clone(), sample]))
}

/// `CASE x WHEN 't'` as `CASE WHEN x = 't'`, where the text is read as what `x` is.
pub(super) fn compare_with_texts(operand: &mut Option<Box<Expr>>, conditions: &mut [CaseWhen]) {
    let is_column =
        matches!(operand.as_deref(), Some(Expr::Identifier(_) | Expr::CompoundIdentifier(_)));
    if !is_column || !conditions.iter().any(|when| literal_text(&when.condition).is_some()) {
        return;
    }
    let Some(column) = operand.take() else { return };
    for when in conditions {
        let right = Box::new(when.condition.clone());
        when.condition = Expr::BinaryOp { left: column.clone(), op: BinaryOperator::Eq, right };
    }
}

/// Texts among values of which one is chosen, or that are compared, and what stands beside them,
/// which tells what they are.
pub(super) fn read_beside(mut values: Vec<&mut Expr>) {
    let tells = |value: &&Expr| !matches!(value, Expr::Value(_) | Expr::Subquery(_));
    let beside = values.iter().map(|value| &**value).filter(tells).take(SAMPLES_MAX);
    let beside = beside.map(|value| sketch(value, PARTS_MAX));
    let Some(beside) = beside.collect::<Option<Vec<Expr>>>() else { return };
    let mut texts: Vec<_> =
        values.iter_mut().filter(|value| literal_text(value).is_some()).collect();
    if beside.iter().all(is_text) || texts.len() > SAMPLES_MAX {
        return;
    }
    for text in &mut texts {
        ***text = call(TEXT_BESIDE, [(**text).clone()].into_iter().chain(beside.clone()));
    }
}

fn is_text(expr: &Expr) -> bool {
    match expr {
        Expr::Identifier(word) => is_text_column(word),
        Expr::CompoundIdentifier(words) => words.last().is_some_and(is_text_column),
        _ => false,
    }
}

/// An expression of the same type, which is looked at and not computed: of what is chosen, one of
/// the choices. None where it has more than so many parts, as it may stand there often.
fn sketch(expr: &Expr, parts_max: usize) -> Option<Expr> {
    let (mut sketched, mut parts) = (expr.clone(), 0);
    let outcome = visit_expressions_mut(&mut sketched, |part| {
        parts += 1;
        if let Some(simpler) = simpler(part) {
            *part = simpler;
        }
        if parts > parts_max { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    outcome.is_continue().then_some(sketched)
}

/// A part of the type of `part` that has fewer parts.
fn simpler(part: &Expr) -> Option<Expr> {
    match part {
        Expr::BinaryOp {
            op: BinaryOperator::Arrow | BinaryOperator::HashArrow | BinaryOperator::HashMinus,
            ..
        } => Some(no_document()),
        Expr::Function(called) => {
            let (name, arguments) = (name(called), arguments(called));
            match name.as_str() {
                TEXT_BESIDE => Some(Expr::value(Value::Null)),
                CHOSEN => arguments.get(1).map(|sample| (*sample).clone()),
                name if DOCUMENTS.contains(&name) => Some(no_document()),
                name if CHOOSING.contains(&name) => {
                    let mut telling = arguments.into_iter();
                    telling.find(|choice| !matches!(choice, Expr::Value(_))).cloned()
                }
                _ => None,
            }
        }
        _ => None,
    }
}

/// The same of the arguments of a call that chooses.
pub(super) fn read_arguments(called: &mut Function) {
    if !CHOOSING.contains(&name(called).as_str()) {
        return;
    }
    let FunctionArguments::List(list) = &mut called.args else { return };
    let plain = |argument| match argument {
        &mut FunctionArg::Unnamed(FunctionArgExpr::Expr(ref mut value)) => Some(value),
        _ => None,
    };
    read_beside(list.args.iter_mut().filter_map(plain).collect());
}

fn choices(expr: &Expr) -> Vec<&Expr> {
    match expr {
        Expr::Case { conditions, else_result, .. } => {
            let results = conditions.iter().map(|when| &when.result);
            results.chain(else_result.as_deref()).collect()
        }
        Expr::Function(called) => match name(called).as_str() {
            name if CHOOSING.contains(&name) => arguments(called),
            name if OF_ARRAYS.contains(&name) => arguments(called).into_iter().take(1).collect(),
            "array_prepend" => arguments(called).into_iter().skip(1).collect(),
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// A value that tells its type; it is looked at, and not computed.
fn sample(choice: &Expr) -> Option<Expr> {
    let tells = match choice {
        Expr::Nested(inner) => return sample(inner),
        Expr::Identifier(word) => !is_text_column(word),
        Expr::CompoundIdentifier(words) => !words.last().is_some_and(is_text_column),
        Expr::CompoundFieldAccess { .. } | Expr::Array(_) => true,
        Expr::BinaryOp { op, right, .. } => match op {
            BinaryOperator::Arrow
            | BinaryOperator::HashArrow
            | BinaryOperator::HashMinus
            | BinaryOperator::StringConcat => true,
            // A key is taken from a document, or a number from one.
            BinaryOperator::Minus => literal_text(right).is_some(),
            _ => false,
        },
        Expr::Subquery(query) => return of_subquery(query),
        Expr::Function(called) => {
            let name = name(called);
            let name = name.as_str();
            name == CHOSEN
                || DOCUMENTS.contains(&name)
                || MARKED.contains(&name)
                || name.starts_with(TO_JSONB)
        }
        _ => false,
    };
    if !tells {
        return None;
    }
    simpler(choice).or_else(|| sketch(choice, SAMPLE_PARTS_MAX))
}

/// A value that is a document to the planner.
fn no_document() -> Expr {
    call(TO_JSONB, [Expr::value(Value::Null)])
}

/// A value of the type of a query's only column: none of the query, or the query, unless there are
/// others in it, which would be planned once more for each level.
fn of_subquery(query: &Query) -> Option<Expr> {
    if let SetExpr::Select(select) = &*query.body
        && let [SelectItem::UnnamedExpr(item) | SelectItem::ExprWithAlias { expr: item, .. }] =
            select.projection.as_slice()
        && sample(item) == Some(no_document())
    {
        return Some(no_document());
    }
    let mut queries = 0;
    let _ = visit_expressions(query, |part: &Expr| {
        queries += usize::from(matches!(part, Expr::Subquery(_) | Expr::Exists { .. }));
        ControlFlow::<()>::Continue(())
    });
    (queries == 0).then(|| Expr::Subquery(Box::new(query.clone())))
}

fn name(called: &Function) -> String {
    name_parts(&called.name).and_then(|mut parts| parts.pop()).unwrap_or_default()
}

fn arguments(called: &Function) -> Vec<&Expr> {
    let FunctionArguments::List(list) = &called.args else { return Vec::new() };
    let plain = |argument| match argument {
        &FunctionArg::Unnamed(FunctionArgExpr::Expr(ref value)) => Some(value),
        _ => None,
    };
    list.args.iter().filter_map(plain).collect()
}
