//! The columns of an outer query that a plan refers to, and putting values in their places.
//!
//! A subquery may hold further ones, and each may refer to any query around it. The nearest that
//! has the column is meant, so what a subquery refers to and its own surroundings hold is none of
//! the outer query's business.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, FieldRef};
use datafusion::common::metadata::FieldMetadata;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, DFSchemaRef};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, Subquery};
use datafusion::scalar::ScalarValue;

use super::node::Apply;

/// The values of one outer row by the columns they stand in.
pub(super) type Row = HashMap<Column, ScalarValue>;

/// The outer columns that `plan` refers to, each once.
pub(super) fn references(plan: &LogicalPlan) -> Result<Vec<(FieldRef, Column)>, DataFusionError> {
    let mut found = Vec::new();
    collect(plan, &mut found)?;
    Ok(found)
}

fn collect(plan: &LogicalPlan, found: &mut Vec<(FieldRef, Column)>) -> Result<(), DataFusionError> {
    let surroundings = input_schemas(plan);
    plan.apply_expressions(|expr| {
        expr.apply(|part| {
            match part {
                Expr::OuterReferenceColumn(field, column) => {
                    add(found, Arc::clone(field), column.clone());
                }
                other => {
                    if let Some(subquery) = subquery_of(other) {
                        add_foreign(found, &subquery.subquery, &surroundings)?;
                    }
                }
            }
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    match plan {
        LogicalPlan::Join(join) => {
            collect(&join.left, found)?;
            add_foreign(found, &join.right, &[Arc::clone(join.left.schema())])
        }
        LogicalPlan::Extension(extension) => {
            if let Some(apply) = extension.node.as_any().downcast_ref::<Apply>() {
                add_foreign(found, apply.inner(), &[Arc::clone(apply.input().schema())])?;
            }
            extension.node.inputs().into_iter().try_for_each(|input| collect(input, found))
        }
        other => other.inputs().into_iter().try_for_each(|input| collect(input, found)),
    }
}

/// Adds what `plan` refers to and `surroundings` do not hold.
fn add_foreign(
    found: &mut Vec<(FieldRef, Column)>,
    plan: &LogicalPlan,
    surroundings: &[DFSchemaRef],
) -> Result<(), DataFusionError> {
    for (field, column) in references(plan)? {
        if !holds(surroundings, &column) {
            add(found, field, column);
        }
    }
    Ok(())
}

fn add(found: &mut Vec<(FieldRef, Column)>, field: FieldRef, column: Column) {
    if found.iter().all(|(_, known)| *known != column) {
        found.push((field, column));
    }
}

fn input_schemas(plan: &LogicalPlan) -> Vec<DFSchemaRef> {
    plan.inputs().into_iter().map(|input| Arc::clone(input.schema())).collect()
}

fn holds(schemas: &[DFSchemaRef], column: &Column) -> bool {
    schemas.iter().any(|schema| schema.has_column(column))
}

/// The subquery that an expression is.
pub(super) fn subquery_of(expr: &Expr) -> Option<&Subquery> {
    match expr {
        Expr::ScalarSubquery(subquery)
        | Expr::Exists(Exists { subquery, .. })
        | Expr::InSubquery(InSubquery { subquery, .. })
        | Expr::SetComparison(SetComparison { subquery, .. }) => Some(subquery),
        _ => None,
    }
}

/// `expr` with the columns of `outer` as columns of an outer row.
pub(super) fn as_outer(expr: Expr, outer: &DFSchema) -> Result<Expr, DataFusionError> {
    let bound = expr.transform(|part| match part {
        Expr::Column(column) if outer.has_column(&column) => {
            let (_, field) = outer.qualified_field_from_column(&column)?;
            Ok(Transformed::yes(Expr::OuterReferenceColumn(Arc::clone(field), column)))
        }
        other => Ok(Transformed::no(other)),
    })?;
    Ok(bound.data)
}

/// Whether a subquery stands anywhere in `expr`.
pub(super) fn has_subquery(expr: &Expr) -> bool {
    expr.exists(|part| Ok(subquery_of(part).is_some())).unwrap_or(true)
}

/// The place of the subquery that an expression is.
pub(super) fn subquery_in(expr: &mut Expr) -> Option<&mut Subquery> {
    match expr {
        Expr::ScalarSubquery(subquery)
        | Expr::Exists(Exists { subquery, .. })
        | Expr::InSubquery(InSubquery { subquery, .. })
        | Expr::SetComparison(SetComparison { subquery, .. }) => Some(subquery),
        _ => None,
    }
}

/// A subquery that is `plan`.
pub(super) fn subquery(plan: LogicalPlan, old: &Subquery) -> Result<Subquery, DataFusionError> {
    let outer = references(&plan)?.into_iter();
    Ok(Subquery {
        outer_ref_columns: outer.map(|(f, c)| Expr::OuterReferenceColumn(f, c)).collect(),
        subquery: Arc::new(plan),
        spans: old.spans.clone(),
    })
}

/// `plan` with the values of `row` in place of the outer columns of these names.
pub(super) fn bind(plan: &LogicalPlan, row: &Row) -> Result<LogicalPlan, DataFusionError> {
    if row.is_empty() {
        return Ok(plan.clone());
    }
    let children = match plan {
        LogicalPlan::Subquery(lateral) => {
            let bound = bind(&lateral.subquery, row)?;
            let lateral = subquery(bound, lateral)?;
            return Ok(if lateral.outer_ref_columns.is_empty() {
                Arc::unwrap_or_clone(lateral.subquery)
            } else {
                LogicalPlan::Subquery(lateral)
            });
        }
        LogicalPlan::Extension(extension) => {
            if let Some(apply) = extension.node.as_any().downcast_ref::<Apply>() {
                let input = bind(apply.input(), row)?;
                let surroundings = [Arc::clone(input.schema())];
                let asked = apply.asked().cloned();
                let asked = asked.map(|asked| bind_expression(asked, row, &surroundings));
                let asked = asked.transpose()?.map(|bound| bound.data);
                let foreign = without(row, &surroundings);
                let bound = apply.rebuilt(input, bind(apply.inner(), &foreign)?, asked)?;
                return Ok(LogicalPlan::Extension(Extension { node: Arc::new(bound) }));
            }
            bound_inputs(plan, row)?
        }
        LogicalPlan::Join(join) => {
            let foreign = without(row, &[Arc::clone(join.left.schema())]);
            vec![bind(&join.left, row)?, bind(&join.right, &foreign)?]
        }
        other => bound_inputs(other, row)?,
    };
    let surroundings = input_schemas(plan);
    let names = NamePreserver::new(plan);
    let mut changed = false;
    let bound = plan.clone().map_expressions(|expr| {
        let name = names.save(&expr);
        let bound = bind_expression(expr, row, &surroundings)?;
        changed |= bound.transformed;
        Ok(bound.update_data(|expr| name.restore(expr)))
    })?;
    let plan = bound.data;
    if children.is_empty() && !changed {
        return Ok(plan);
    }
    if children.is_empty() {
        return plan.recompute_schema();
    }
    plan.with_new_exprs(plan.expressions(), children)?.recompute_schema()
}

fn bound_inputs(plan: &LogicalPlan, row: &Row) -> Result<Vec<LogicalPlan>, DataFusionError> {
    plan.inputs().into_iter().map(|input| bind(input, row)).collect()
}

fn without(row: &Row, schemas: &[DFSchemaRef]) -> Row {
    let foreign = row.iter().filter(|(column, _)| !holds(schemas, column));
    foreign.map(|(column, value)| (column.clone(), value.clone())).collect()
}

/// What Arrow's type does not tell about the values of a column.
fn told_of(field: &Field) -> Option<FieldMetadata> {
    (!field.metadata().is_empty()).then(|| FieldMetadata::from(field))
}

fn bind_expression(
    expr: Expr,
    row: &Row,
    surroundings: &[DFSchemaRef],
) -> Result<Transformed<Expr>, DataFusionError> {
    expr.transform_up(|mut part| {
        if let Expr::OuterReferenceColumn(field, column) = &part {
            return Ok(match row.get(column) {
                Some(value) => Transformed::yes(Expr::Literal(value.clone(), told_of(field))),
                None => Transformed::no(part),
            });
        }
        let Some(place) = subquery_in(&mut part) else { return Ok(Transformed::no(part)) };
        let foreign = without(row, surroundings);
        if foreign.is_empty() {
            return Ok(Transformed::no(part));
        }
        *place = subquery(bind(&place.subquery, &foreign)?, place)?;
        Ok(Transformed::yes(part))
    })
}
