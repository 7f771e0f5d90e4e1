//! The name of a table where a value stands: its row as a whole, `row_to_json(t)`. Columns of that
//! name come first, as in PostgreSQL.

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    AccessExpr, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName,
    OrderByKind, Query, Select, SelectItem, SetExpr,
};

use super::called_as;
use super::columns::Known;
use super::name::{numbered, rename, result};
use super::sources::Sources;
use super::syntax::{call, literal_text, number, plain_arguments, text};
use crate::sql::grammar::marker::{MARKER, OUTER_ROW, WHOLE_ROW};
use crate::sql::grammar::name::{folded, name_parts};

/// The row that `expr` names, if it names one.
pub(super) fn row(expr: &Expr, sources: &Sources) -> Option<Expr> {
    let table = named(expr, sources)?;
    let source = sources.seen().flatten().find(|it| it.name.as_ref() == Some(&table))?;
    let names = source.columns.as_ref()?;
    let quoted = |name| Ident::with_quote('"', name);
    if source.is_of_values
        && let [name] = names.as_slice()
    {
        return Some(Expr::CompoundIdentifier(vec![quoted(table), quoted(name.clone())]));
    }
    let member = |(name, own): (&String, String)| {
        let column = Expr::CompoundIdentifier(vec![quoted(table.clone()), quoted(own)]);
        [text(name), column]
    };
    let members = names.iter().zip(numbered(names)).flat_map(member);
    let function = if source.may_be_absent { OUTER_ROW } else { WHOLE_ROW };
    Some(call(function, std::iter::once(text(table.clone())).chain(members)))
}

/// Makes rows of the stars of tables among the arguments of a call: `count(t.*)` counts those that
/// an outer join has.
pub(super) fn stars_as_rows(called: &mut Function) {
    let FunctionArguments::List(list) = &mut called.args else { return };
    for argument in &mut list.args {
        if let FunctionArg::Unnamed(star) = argument
            && let FunctionArgExpr::QualifiedWildcard(table) = star
        {
            let row = Expr::QualifiedWildcard(table.clone(), AttachedToken::empty());
            *star = FunctionArgExpr::Expr(row);
        }
    }
}

/// `(t).a` as `t.a`.
pub(super) fn field(expr: &Expr, sources: &Sources) -> Option<Expr> {
    let Expr::CompoundFieldAccess { root, access_chain } = expr else { return None };
    let Expr::Nested(row) = root.as_ref() else { return None };
    let (Expr::Identifier(table), [AccessExpr::Dot(Expr::Identifier(field))]) =
        (row.as_ref(), access_chain.as_slice())
    else {
        return None;
    };
    named(row, sources).map(|_| Expr::CompoundIdentifier(vec![table.clone(), field.clone()]))
}

/// The name of the table whose row `expr` names.
fn named(expr: &Expr, sources: &Sources) -> Option<String> {
    let name = match expr {
        Expr::Identifier(name) => folded(name),
        Expr::QualifiedWildcard(name, _) => match name_parts(name)?.as_slice() {
            [name] => name.clone(),
            _ => return None,
        },
        _ => return None,
    };
    let mut tables = sources.seen().flatten();
    let is_it = tables.any(|table| table.name.as_ref() == Some(&name));
    let is_column = |names: &Vec<String>| names.contains(&name);
    let mut columns = sources.seen().flatten().filter_map(|table| table.columns.as_ref());
    let is_row = is_it && (!matches!(expr, Expr::Identifier(_)) || !columns.any(is_column));
    is_row.then_some(name)
}

/// Calls results that are rows like their tables.
pub(super) fn name_results(select: &mut Select, sources: &Sources) {
    for item in &mut select.projection {
        if let SelectItem::UnnamedExpr(expr) = item
            && let Some(name) = named(expr, sources)
        {
            rename(item, name);
        }
    }
}

/// Puts places of results where a query is ordered by the name of one that is a row: the name would
/// be that of the row here, which is another value where rows are DISTINCT.
pub(super) fn place_keys(query: &mut Query, known: &Known) {
    let SetExpr::Select(select) = &*query.body else { return };
    let Some(order) = &mut query.order_by else { return };
    let OrderByKind::Expressions(keys) = &mut order.kind else { return };
    let mut sources = Sources::default();
    sources.enter(select, known);
    let names: Option<Vec<String>> = select.projection.iter().map(result).collect();
    // What is called so twice is ambiguous, and places behind a star only the planner knows.
    let Some(names) = names else { return };
    for key in keys {
        if let Some(row) = named(&key.expr, &sources)
            && let Some(at) = names.iter().position(|name| *name == row)
            && names.iter().skip(at + 1).all(|name| *name != row)
        {
            key.expr = number(&(at + 1));
        }
    }
}

/// `t.a[1]` with the column as one name, of which `t` by itself is none.
pub(super) fn with_column(expr: &Expr) -> Option<Expr> {
    let Expr::CompoundFieldAccess { root, access_chain } = expr else { return None };
    let Expr::Identifier(table) = root.as_ref() else { return None };
    let part = |access: &AccessExpr| match access {
        AccessExpr::Dot(Expr::Identifier(part)) => Some(part.clone()),
        _ => None,
    };
    let parts: Vec<Ident> = access_chain.iter().map_while(part).collect();
    let rest = access_chain.get(parts.len()..).filter(|_| !parts.is_empty())?;
    let name = std::iter::once(table.clone()).chain(parts).collect();
    let root = Box::new(Expr::CompoundIdentifier(name));
    Some(Expr::CompoundFieldAccess { root, access_chain: rest.to_vec() })
}

/// Makes the name of the collection of a SEARCH, which is an argument, no expression.
pub(super) fn leave_name(name: &ObjectName, arguments: &mut [FunctionArg]) {
    if name_parts(name).is_some_and(|parts| parts == [MARKER])
        && let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(expr))) = arguments.first_mut()
        && let Expr::Identifier(word) = expr
    {
        *expr = Expr::CompoundIdentifier(vec![word.clone()]);
    }
}

/// Takes a name behind a dot for that of a field, whichever tables there are: `(keys).n`.
pub(super) fn keep_fields(expr: &mut Expr) {
    let Expr::CompoundFieldAccess { access_chain, .. } = expr else { return };
    for access in access_chain {
        if let AccessExpr::Dot(field) = access
            && let Some(name) = table_of(field)
        {
            *field = Expr::Identifier(Ident::with_quote('"', name));
        }
    }
}

/// The name of the table whose row this is.
fn table_of(row: &Expr) -> Option<String> {
    match row {
        Expr::Nested(inner) => table_of(inner),
        Expr::Function(call) if called_as(call, WHOLE_ROW) || called_as(call, OUTER_ROW) => {
            plain_arguments(&call.args)?.first().and_then(literal_text).map(str::to_owned)
        }
        _ => None,
    }
}
