//! `FETCH FIRST n ROWS WITH TIES`: the rows up to the rank of the last, in an outer query.

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, Expr, Fetch, Ident, LimitClause, OrderBy, OrderByExpr, OrderByKind,
    Query, SelectItem, SetExpr, Value,
};

use super::columns::Known;
use super::syntax::{cast, derived, no_values, number, over, select_from};
use crate::sql::grammar::name::{SEPARATOR, folded};
use crate::sql::{SqlError, SqlState};

/// Writes `WITH TIES` by the ranks of rows.
///
/// # Errors
/// 42601 without an order; 0A000 where the columns of the query are not told by its text, or it is
/// ordered by what it cannot show.
pub(super) fn keep(query: &mut Query, known: &Known) -> Result<(), SqlError> {
    let Some(Fetch { with_ties: true, percent: false, quantity }) = query.fetch.clone() else {
        return Ok(());
    };
    let Some(OrderByKind::Expressions(keys)) = query.order_by.take().map(|order| order.kind) else {
        let message = "WITH TIES cannot be specified without ORDER BY clause";
        return Err(SqlError::new(SqlState::SyntaxError, message));
    };
    let Some(names) = known.of_body(&query.body) else {
        return Err(SqlError::unsupported("WITH TIES over columns with no names here"));
    };
    query.fetch = None;
    let rows = quantity.unwrap_or_else(|| number(&1));
    if matches!(&rows, Expr::Value(value) if value.value == Value::Null) {
        let message = "row count cannot be null in FETCH FIRST ... WITH TIES clause";
        return Err(SqlError::new(SqlState::InvalidRowCountInLimitClause, message));
    }
    let rows = cast(rows, DataType::BigInt(None));
    let offset = match query.limit_clause.take() {
        Some(LimitClause::LimitOffset { limit: None, offset, .. }) => offset,
        Some(_) => return Err(SqlError::unsupported("WITH TIES behind LIMIT")),
        None => None,
    };
    let (keys, hidden) = over_columns(keys, &mut query.body, &names)?;
    let columns: Vec<Ident> = (0..names.len() + hidden).map(column).collect();
    let rank = column(columns.len());
    let body = std::mem::replace(&mut *query.body, SetExpr::Values(no_values()));
    let values = columns.iter().cloned().map(|name| (Expr::Identifier(name.clone()), name));
    let ranked = values.chain([(over("rank", Vec::new(), keys.clone()), rank.clone())]);
    let alias = || Ident::with_quote('"', format!("rows{SEPARATOR}"));
    let ranked = select_from(ranked.collect(), vec![derived(body, alias(), &columns)]);
    let last = match &offset {
        Some(offset) => binary(offset.value.clone(), BinaryOperator::Plus, rows.clone()),
        None => rows.clone(),
    };
    let is_first = binary(Expr::Identifier(rank), BinaryOperator::LtEq, nested(last));
    let wanted = binary(nested(rows), BinaryOperator::Gt, number(&0));
    let named = names.into_iter().map(|name| Ident::with_quote('"', name));
    let shown = columns.into_iter().map(Expr::Identifier).zip(named).collect();
    let mut outer = select_from(shown, vec![derived(*ranked.body, alias(), &[])]);
    if let SetExpr::Select(select) = &mut *outer.body {
        select.selection = Some(binary(is_first, BinaryOperator::And, wanted));
    }
    query.body = outer.body;
    query.order_by = Some(OrderBy { kind: OrderByKind::Expressions(keys), interpolate: None });
    query.limit_clause = offset.map(|offset| LimitClause::LimitOffset {
        limit: None,
        offset: Some(offset),
        limit_by: Vec::new(),
    });
    Ok(())
}

/// The keys over the columns of the query, and how many of these it got for keys that it does not
/// show.
fn over_columns(
    keys: Vec<OrderByExpr>,
    body: &mut SetExpr,
    names: &[String],
) -> Result<(Vec<OrderByExpr>, usize), SqlError> {
    let mut hidden = 0;
    let mut ordered = Vec::with_capacity(keys.len());
    for key in keys {
        let at = if let Some(at) = place(&key.expr, names) {
            at
        } else {
            let SetExpr::Select(select) = &mut *body else { return Err(not_shown()) };
            if select.distinct.is_some() {
                return Err(not_shown());
            }
            let alias = Ident::with_quote('"', format!("key{SEPARATOR}{hidden}"));
            select.projection.push(SelectItem::ExprWithAlias { expr: key.expr, alias });
            hidden += 1;
            names.len() + hidden - 1
        };
        ordered.push(OrderByExpr { expr: Expr::Identifier(column(at)), ..key });
    }
    Ok((ordered, hidden))
}

fn not_shown() -> SqlError {
    SqlError::unsupported("WITH TIES ordered by what is not shown")
}

/// The place of a key among the results, where it is a number or the name of one.
fn place(key: &Expr, names: &[String]) -> Option<usize> {
    match key {
        Expr::Identifier(name) => names.iter().position(|known| *known == folded(name)),
        Expr::Value(value) => match &value.value {
            Value::Number(digits, _) => {
                let at = digits.parse::<usize>().ok()?.checked_sub(1)?;
                (at < names.len()).then_some(at)
            }
            _ => None,
        },
        _ => None,
    }
}

fn column(at: usize) -> Ident {
    Ident::with_quote('"', format!("column{SEPARATOR}{at}"))
}

fn nested(expr: Expr) -> Expr {
    Expr::Nested(Box::new(expr))
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}
