//! Subqueries in the condition of a join, which the planner has none of.
//!
//! One that depends on one side becomes a column of that side, so that the join can go by it. Where
//! one depends on both, pairs are looked at one by one: behind an inner join, and for each row of
//! the side that an outer join keeps. What an inner join asks of one side only stands behind it.

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, JoinType};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::utils::{conjunction, split_conjunction_owned};
use datafusion::logical_expr::{Expr, Join, LogicalPlan, LogicalPlanBuilder};

use super::function::array_subquery;
use super::node::Yield;
use super::reference::{as_outer, has_subquery, references, subquery_of};
use super::values::{Values, applied, with_columns, with_nulls, with_values};
use crate::sql::SqlError;

/// `join` without subqueries in its condition.
///
/// # Errors
/// 0A000 where a full join would have to look at pairs one by one.
pub(super) fn joined(join: Join) -> Result<Transformed<LogicalPlan>, DataFusionError> {
    let parts = parts(&join);
    let kinds = [JoinType::Inner, JoinType::Left, JoinType::Right, JoinType::Full];
    if !parts.iter().any(has_subquery) || !kinds.contains(&join.join_type) {
        return with_nulls(LogicalPlan::Join(join));
    }
    let mut sides = Sides {
        left: Values::beside(join.left.as_ref().clone()),
        right: Values::beside_right(join.right.as_ref().clone()),
    };
    let (mut by_columns, mut behind) = (Vec::with_capacity(parts.len()), Vec::new());
    for part in parts.iter().cloned() {
        if join.join_type == JoinType::Inner && has_subquery(&part) && !sides.are_told_by(&part)? {
            behind.push(part);
            continue;
        }
        match sides.replaced_in(part)? {
            Some(part) => by_columns.push(part),
            None => return Ok(Transformed::yes(by_pairs(&join, parts)?)),
        }
    }
    let pairs = LogicalPlanBuilder::from(sides.left.into_input()).join_on(
        sides.right.into_input(),
        join.join_type,
        by_columns,
    )?;
    let plan = filtered(pairs, behind)?;
    Ok(Transformed::yes(with_columns(plan, &join.schema)?))
}

/// What a pair has to satisfy, part by part.
fn parts(join: &Join) -> Vec<Expr> {
    let equal = join.on.iter().map(|(left, right)| left.clone().eq(right.clone()));
    equal.chain(join.filter.iter().cloned().flat_map(split_conjunction_owned)).collect()
}

/// `join` by looking at pairs: its condition is a filter.
fn by_pairs(join: &Join, parts: Vec<Expr>) -> Result<LogicalPlan, DataFusionError> {
    let Join { left, right, schema, .. } = join;
    let (kept, other) = match join.join_type {
        JoinType::Inner => {
            let (filters, plain): (Vec<_>, Vec<_>) = parts.into_iter().partition(has_subquery);
            let pairs = LogicalPlanBuilder::from(left.as_ref().clone());
            let pairs = pairs.join_on(right.as_ref().clone(), JoinType::Inner, plain)?;
            return filtered(pairs, filters);
        }
        JoinType::Left => (left, right),
        JoinType::Right => (right, left),
        _ => {
            let what = "a subquery of both sides in the condition of a FULL JOIN";
            return Err(SqlError::unsupported(what).into());
        }
    };
    let parts = parts.into_iter().map(|part| as_outer(part, kept.schema()));
    let parts = parts.collect::<Result<Vec<_>, _>>()?;
    let pairs = filtered(LogicalPlanBuilder::from(other.as_ref().clone()), parts)?;
    let plan = applied(kept.as_ref().clone(), pairs, Yield::Rows { keep_outer: true }, None)?;
    with_columns(plan, schema)
}

/// The rows that satisfy all `parts`.
fn filtered(rows: LogicalPlanBuilder, parts: Vec<Expr>) -> Result<LogicalPlan, DataFusionError> {
    let rows = match conjunction(parts) {
        Some(condition) => rows.filter(condition)?,
        None => rows,
    };
    Ok(with_values(rows.build()?)?.data)
}

/// The inputs of a join while values are added to them.
struct Sides {
    left: Values,
    right: Values,
}

impl Sides {
    /// Whether `expr` depends on the left, and whether on the right.
    fn of(&self, expr: &Expr) -> Result<(bool, bool), DataFusionError> {
        let columns = columns_of(expr)?;
        let of =
            |side: &Values| columns.iter().any(|column| side.input().schema().has_column(column));
        Ok((of(&self.left), of(&self.right)))
    }

    /// Whether `part` says which rows of the sides belong together.
    fn are_told_by(&self, part: &Expr) -> Result<bool, DataFusionError> {
        Ok(self.of(part)? == (true, true))
    }

    /// `part` with a column for each subquery in it; none where one depends on both sides.
    fn replaced_in(&mut self, part: Expr) -> Result<Option<Expr>, DataFusionError> {
        let mut on_both = false;
        let part = part.transform_down(|part| {
            let is_whole = matches!(part, Expr::Case(_)) && has_subquery(&part);
            if on_both || !(is_whole || subquery_of(&part).is_some() || is_array(&part)) {
                return Ok(Transformed::no(part));
            }
            match self.of(&part)? {
                (true, true) => {
                    on_both = true;
                    Ok(Transformed::new(part, false, TreeNodeRecursion::Jump))
                }
                (false, true) => self.right.replaced(part),
                (_, false) => self.left.replaced(part),
            }
        })?;
        Ok((!on_both).then_some(part.data))
    }
}

fn is_array(expr: &Expr) -> bool {
    array_subquery(expr).is_some()
}

/// The columns that `expr` and the subqueries in it depend on.
fn columns_of(expr: &Expr) -> Result<Vec<Column>, DataFusionError> {
    let mut columns = Vec::new();
    expr.apply(|part| {
        match part {
            Expr::Column(column) => columns.push(column.clone()),
            other => {
                if let Some(query) = subquery_of(other) {
                    let outer = references(&query.subquery)?;
                    columns.extend(outer.into_iter().map(|(_, column)| column));
                }
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(columns)
}
