//! Limits that queries compute, `LIMIT (SELECT ..)`: they are run before the query they bound is
//! planned, which needs to know how many rows are wanted.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::internal_err;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, Limit, LogicalPlan, LogicalPlanBuilder};
use datafusion::scalar::ScalarValue;
use futures::TryStreamExt;

use super::sequence;
use crate::sql::{SqlError, SqlState};

/// `plan` with numbers in place of the queries that bound it.
///
/// # Errors
/// Those of these queries, 2201W and 2201X for negative numbers.
pub(super) async fn computed(
    plan: LogicalPlan,
    session: &SessionState,
) -> Result<LogicalPlan, SqlError> {
    let mut bounds = Vec::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Limit(Limit { skip, fetch, .. }) = node {
            for (expr, bound) in [(skip, Bound::Offset), (fetch, Bound::Limit)] {
                let Some(expr) = expr.as_deref().filter(|expr| has_query(expr)) else { continue };
                if expr.contains_outer() || depends_on_others(expr) {
                    return Err(SqlError::unsupported("a limit that depends on a row").into());
                }
                bounds.push((expr.clone(), bound));
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    if bounds.is_empty() {
        return Ok(plan);
    }
    let mut values = Vec::with_capacity(bounds.len());
    for (expr, bound) in bounds {
        values.push((expr.clone(), bound.checked(value(expr, session).await?)?));
    }
    let plan = plan.transform_down_with_subqueries(|node| {
        let LogicalPlan::Limit(Limit { skip, fetch, input }) = node else {
            return Ok(Transformed::no(node));
        };
        let known = |expr: Option<Box<Expr>>| match expr {
            Some(expr) => match values.iter().find(|(known, _)| *known == *expr) {
                Some((_, Some(rows))) => Some(Box::new(Expr::Literal((*rows).into(), None))),
                Some((_, None)) => None,
                None => Some(expr),
            },
            None => None,
        };
        let (skip, fetch) = (known(skip), known(fetch));
        Ok(Transformed::yes(LogicalPlan::Limit(Limit { skip, fetch, input })))
    })?;
    Ok(plan.data)
}

fn has_query(expr: &Expr) -> bool {
    expr.exists(|part| Ok(matches!(part, Expr::ScalarSubquery(_)))).unwrap_or(false)
}

fn depends_on_others(expr: &Expr) -> bool {
    let depends = |part: &Expr| match part {
        Expr::ScalarSubquery(query) => !query.outer_ref_columns.is_empty(),
        _ => false,
    };
    expr.exists(|part| Ok(depends(part))).unwrap_or(false)
}

/// The number that `expr` is.
async fn value(expr: Expr, session: &SessionState) -> Result<Option<i64>, SqlError> {
    let plan = LogicalPlanBuilder::empty(true).project([expr.alias("rows")])?.build()?;
    let plan = session.create_physical_plan(&plan).await?;
    let batches = sequence::execute(&plan, session)?.try_collect::<Vec<_>>().await?;
    let Some(column) = batches.iter().find(|batch| batch.num_rows() > 0).map(|it| it.column(0))
    else {
        return Ok(None);
    };
    let value = ScalarValue::try_from_array(column, 0)?;
    let value = if value.data_type().is_integer() {
        value
    } else {
        // Fractions are rounded, as casts do.
        match value.cast_to(&DataType::Float64)? {
            ScalarValue::Float64(Some(rows)) => ScalarValue::from(rows.round()),
            other => other,
        }
    };
    match value.cast_to(&DataType::Int64)? {
        ScalarValue::Int64(rows) => Ok(rows),
        _ => internal_err!("no number of rows")?,
    }
}

/// Which end of the rows is bound.
#[derive(Clone, Copy)]
enum Bound {
    Limit,
    Offset,
}

impl Bound {
    fn checked(self, rows: Option<i64>) -> Result<Option<i64>, SqlError> {
        if rows.is_none_or(|rows| rows >= 0) {
            return Ok(rows);
        }
        let (state, name) = match self {
            Self::Limit => (SqlState::InvalidRowCountInLimitClause, "LIMIT"),
            Self::Offset => (SqlState::InvalidRowCountInOffsetClause, "OFFSET"),
        };
        Err(SqlError::new(state, format!("{name} must not be negative")))
    }
}
