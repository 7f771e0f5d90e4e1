//! Rows that stand in a query, `VALUES (..), (..)`: the cells of a column are of one type.
//!
//! The planner takes cells that differ by its own rules, which know no documents and convert texts
//! to numbers. So those that may differ are planned alone first, which tells their types.

use std::borrow::Cow;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Query, SetExpr, SetOperator, SetQuantifier, Value, Values, Visit, VisitMut,
    Visitor, VisitorMut,
};

use super::adapt::{adapt_as, literal_text, of_type, select};
use crate::sql::SqlError;
use crate::sql::function::operator::common_type;
use crate::sql::value::types::SqlType;

/// Most rows that are planned as queries of their own.
const QUERIES_MAX: usize = 100;

/// Types that the planner does not make cells of as PostgreSQL does.
const CONVERTED: [SqlType; 5] =
    [SqlType::Float4, SqlType::Float8, SqlType::Text, SqlType::Timestamp, SqlType::Timestamptz];

/// Tells the type of a cell without what is around the rows: none where that takes it, unknown for
/// a cell that leaves its type to the others.
pub(super) type TypeOfCell<'a> = dyn Fn(&Expr) -> Option<SqlType> + 'a;

/// `query` with one type for all cells of a column.
///
/// # Errors
/// 42804 for cells that have none in common, and texts that are no values of the type.
pub(super) fn united<'q>(
    query: &'q Query,
    type_of: &TypeOfCell<'_>,
) -> Result<Cow<'q, Query>, SqlError> {
    if query.visit(&mut FindMixed).is_continue() {
        return Ok(Cow::Borrowed(query));
    }
    let mut query = query.clone();
    match VisitMut::visit(&mut query, &mut Unite(type_of)) {
        ControlFlow::Continue(()) => Ok(Cow::Owned(query)),
        ControlFlow::Break(error) => Err(error),
    }
}

/// Stops at rows whose cells may differ.
struct FindMixed;

impl Visitor for FindMixed {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        if has_mixed(&query.body) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

fn has_mixed(body: &SetExpr) -> bool {
    match body {
        SetExpr::Values(values) => is_mixed(values),
        SetExpr::SetOperation { left, right, .. } => has_mixed(left) || has_mixed(right),
        _ => false,
    }
}

fn is_mixed(values: &Values) -> bool {
    let Some((first, others)) = values.rows.split_first() else { return false };
    let cells = || values.rows.iter().flat_map(|row| &row.content);
    let differ =
        |row: &[Expr]| first.content.iter().zip(row).any(|(one, other)| !alike(one, other));
    cells().any(has_query) || others.iter().any(|row| differ(&row.content))
}

/// Whether cells are of one type by what is written.
fn alike(one: &Expr, other: &Expr) -> bool {
    match (one, other) {
        (Expr::Cast { data_type: one, .. }, Expr::Cast { data_type: other, .. }) => one == other,
        (Expr::Value(one), Expr::Value(other)) => match (&one.value, &other.value) {
            (Value::Boolean(_), Value::Boolean(_)) | (Value::Null, Value::Null) => true,
            (Value::Number(one, _), Value::Number(other, _)) => {
                one.contains('.') == other.contains('.')
            }
            (Value::Placeholder(_), _) | (_, Value::Placeholder(_)) => false,
            (one, other) => is_text(one) && is_text(other),
        },
        _ => false,
    }
}

/// Whether a value is one of `text` unless what stands beside it says more.
const fn is_text(value: &Value) -> bool {
    matches!(
        value,
        Value::Null
            | Value::SingleQuotedString(_)
            | Value::EscapedStringLiteral(_)
            | Value::DollarQuotedString(_)
    )
}

fn has_query(cell: &Expr) -> bool {
    struct FindQuery;
    impl Visitor for FindQuery {
        type Break = ();

        fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
            ControlFlow::Break(())
        }
    }
    cell.visit(&mut FindQuery).is_break()
}

/// Gives rows that are mixed their types.
struct Unite<'a>(&'a TypeOfCell<'a>);

impl VisitorMut for Unite<'_> {
    type Break = SqlError;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<SqlError> {
        match self.unite_body(&mut query.body) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => ControlFlow::Break(error),
        }
    }
}

impl Unite<'_> {
    fn unite_body(&self, body: &mut SetExpr) -> Result<(), SqlError> {
        let queries = match body {
            SetExpr::SetOperation { left, right, .. } => {
                self.unite_body(left)?;
                return self.unite_body(right);
            }
            SetExpr::Values(values) if is_mixed(values) => self.unite_rows(values)?,
            _ => return Ok(()),
        };
        if let Some(queries) = queries {
            *body = queries;
        }
        Ok(())
    }

    /// Casts cells to the type of their column; where one tells its type only with what is around
    /// the rows, they become queries.
    fn unite_rows(&self, values: &mut Values) -> Result<Option<SetExpr>, SqlError> {
        let width = values.rows.first().map_or(0, |row| row.content.len());
        if values.rows.iter().any(|row| row.content.len() != width) {
            return Ok(None);
        }
        let types: Vec<Vec<Option<SqlType>>> = values
            .rows
            .iter()
            .map(|row| row.content.iter().map(|cell| self.told(cell)).collect())
            .collect();
        if types.iter().flatten().any(Option::is_none) {
            return Ok(as_queries(values));
        }
        for column in 0..width {
            let of_column = || types.iter().filter_map(|row| row.get(column).copied().flatten());
            let common = common_type("VALUES", of_column())?;
            if common == SqlType::Unknown {
                continue;
            }
            for (row, sql_type) in values.rows.iter_mut().zip(of_column()) {
                if let Some(cell) = row.content.get_mut(column)
                    && (sql_type != common || is_named_text(common))
                {
                    convert(cell, sql_type, common)?;
                }
            }
        }
        Ok(None)
    }

    fn told(&self, cell: &Expr) -> Option<SqlType> {
        if has_query(cell) { None } else { (self.0)(cell) }
    }
}

/// Whether values of a type are texts by another name, which not all cells of a column would have.
const fn is_named_text(sql_type: SqlType) -> bool {
    matches!(sql_type, SqlType::Name | SqlType::Char | SqlType::Varchar | SqlType::Bpchar)
}

/// Makes `cell`, which is of type `from`, one of type `to`. The planner makes exact numbers wider
/// by itself, and with no more digits than they need.
fn convert(cell: &mut Expr, from: SqlType, to: SqlType) -> Result<(), SqlError> {
    let to = if is_named_text(to) { SqlType::Text } else { to };
    let is_null = matches!(cell, Expr::Value(value) if value.value == Value::Null);
    if is_null && to.field().metadata().is_empty() {
        return Ok(());
    }
    let is_open = literal_text(cell).is_some() || matches!(cell, Expr::Value(_));
    if from == SqlType::Unknown && is_open {
        *cell = adapt_as(cell.clone(), to)?;
    } else if CONVERTED.contains(&to) {
        *cell = of_type(cell.clone(), to);
    }
    Ok(())
}

/// Rows as `SELECT .. UNION ALL SELECT ..`; none where they are too many.
fn as_queries(values: &Values) -> Option<SetExpr> {
    if values.rows.len() > QUERIES_MAX {
        return None;
    }
    let rows = values.rows.iter().map(|row| {
        let names = (1..).map(|place| Ident::new(format!("column{place}")));
        select(row.content.iter().cloned().zip(names).collect()).body
    });
    let all = |left, right| {
        let (op, set_quantifier) = (SetOperator::Union, SetQuantifier::All);
        Box::new(SetExpr::SetOperation { op, set_quantifier, left, right })
    };
    rows.reduce(all).map(|body| *body)
}
