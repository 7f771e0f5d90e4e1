//! What stands for the subqueries of a node: values that are added to its input, or what the
//! planner turns into joins. Subqueries inside of these are replaced already.

use std::sync::Arc;

use datafusion::arrow::datatypes::FieldRef;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, DFSchema, ExprSchema, JoinType};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr::{Case, Exists, InSubquery, SetComparison, SetQuantifier};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::{conjunction, split_conjunction};
use datafusion::logical_expr::{
    BinaryExpr, Expr, ExprSchemable, Extension, LogicalPlan, LogicalPlanBuilder, Operator,
    binary_expr, lit, not,
};
use datafusion::scalar::ScalarValue;

use super::function::{array_subquery, may_be_null, told};
use super::node::{Apply, Yield};
use super::reference::{has_subquery, references, subquery, subquery_in};
use crate::sql::value::types::SqlType;
use crate::sql::{SqlError, SqlState};

/// A node with one input, over an input that also holds the values of its subqueries.
pub(super) fn with_values(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>, DataFusionError> {
    let inputs = plan.inputs();
    let [input] = inputs.as_slice() else { return with_nulls(plan) };
    let mut values = Values::beside((*input).clone());
    values.filters = matches!(plan, LogicalPlan::Filter(_));
    values.projects = matches!(plan, LogicalPlan::Projection(_));
    let names = NamePreserver::new(&plan);
    let expressions = plan.expressions().into_iter().map(|expr| {
        let name = names.save(&expr);
        let expr = if values.filters {
            values.replaced_in_condition(expr)?
        } else {
            values.replaced_in(expr)?
        };
        Ok((expr.transformed, name.restore(expr.data)))
    });
    let expressions = expressions.collect::<Result<Vec<_>, DataFusionError>>()?;
    if expressions.iter().all(|(changed, _)| !changed) {
        return Ok(Transformed::no(plan));
    }
    let expressions = expressions.into_iter().map(|(_, expr)| expr).collect();
    let schema = Arc::clone(plan.schema());
    let plan = plan.with_new_exprs(expressions, vec![values.into_input()])?.recompute_schema()?;
    if plan.schema().fields().len() == schema.fields().len() {
        return Ok(Transformed::yes(plan));
    }
    // Nodes that hand on their input's columns would hand on ours.
    Ok(Transformed::yes(with_columns(plan, &schema)?))
}

/// The columns of `schema` out of those of `plan`.
pub(super) fn with_columns(
    plan: LogicalPlan,
    schema: &DFSchema,
) -> Result<LogicalPlan, DataFusionError> {
    let columns = schema
        .iter()
        .map(|(table, field)| Expr::Column(Column::new(table.cloned(), field.name().clone())));
    LogicalPlanBuilder::from(plan).project(columns)?.build()
}

/// A node whose subqueries stay where they are: a value without a row is NULL.
pub(super) fn with_nulls(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>, DataFusionError> {
    let names = NamePreserver::new(&plan);
    plan.map_expressions(|expr| {
        let name = names.save(&expr);
        let expr = expr.transform_down(|part| match part {
            Expr::ScalarSubquery(_) => {
                Ok(Transformed::new(may_be_null(part), true, TreeNodeRecursion::Jump))
            }
            other => Ok(Transformed::no(other)),
        })?;
        Ok(expr.update_data(|expr| name.restore(expr)))
    })
}

/// `inner` run for each row of `input` where it is `asked` for.
pub(super) fn applied(
    input: LogicalPlan,
    inner: LogicalPlan,
    yields: Yield,
    asked: Option<Expr>,
) -> Result<LogicalPlan, DataFusionError> {
    let columns = references(&inner)?.into_iter().map(|(_, column)| column);
    let outer = columns.filter(|column| input.schema().has_column(column)).collect();
    let apply = Apply::new(input, inner, yields, outer, asked)?;
    Ok(LogicalPlan::Extension(Extension { node: Arc::new(apply) }))
}

/// The input of a node while values are added to it.
pub(super) struct Values {
    input: LogicalPlan,
    /// Tells the names of what is added from those of another input of the same node.
    side: &'static str,
    /// Whether the node is a filter, whose subqueries can become joins.
    pub(super) filters: bool,
    /// Whether the node is a select list, where values of subqueries can come from joins too.
    pub(super) projects: bool,
    /// Whether rows have to satisfy the part at hand, so that NULL says no more than false.
    required: bool,
    /// When the part at hand is evaluated: the branches of CASE that it stands in.
    branches: Vec<Expr>,
}

impl Values {
    /// Values beside the rows of `input`.
    pub(super) fn beside(input: LogicalPlan) -> Self {
        Self {
            input,
            side: "",
            filters: false,
            projects: false,
            required: false,
            branches: Vec::new(),
        }
    }

    /// Values beside the rows of `input`, which another input of the node has none of.
    pub(super) fn beside_right(input: LogicalPlan) -> Self {
        Self { side: " of the right", ..Self::beside(input) }
    }

    pub(super) fn input(&self) -> &LogicalPlan {
        &self.input
    }

    pub(super) fn into_input(self) -> LogicalPlan {
        self.input
    }

    /// `expr` with a value for each subquery in it.
    pub(super) fn replaced_in(&mut self, expr: Expr) -> Result<Transformed<Expr>, DataFusionError> {
        expr.transform_down(|part| self.replaced(part))
    }

    /// A condition of a filter with a value for each subquery in it.
    pub(super) fn replaced_in_condition(
        &mut self,
        expr: Expr,
    ) -> Result<Transformed<Expr>, DataFusionError> {
        match expr {
            Expr::BinaryExpr(BinaryExpr {
                left,
                op: op @ (Operator::And | Operator::Or),
                right,
            }) => {
                let left = self.replaced_in_condition(*left)?;
                let right = self.replaced_in_condition(*right)?;
                let changed = left.transformed || right.transformed;
                let both = BinaryExpr::new(Box::new(left.data), op, Box::new(right.data));
                let recursion = TreeNodeRecursion::Continue;
                Ok(Transformed::new(Expr::BinaryExpr(both), changed, recursion))
            }
            Expr::Not(inner) if matches!(*inner, Expr::InSubquery(_)) => match *inner {
                Expr::InSubquery(test) => {
                    self.replaced_in_condition(Expr::InSubquery(InSubquery {
                        negated: !test.negated,
                        ..test
                    }))
                }
                other => self.replaced_in(not(other)),
            },
            other => {
                self.required = true;
                self.replaced_in(other)
            }
        }
    }

    /// CASE with a value for each subquery in it, which only the rows of its branch ask for.
    fn replaced_in_case(&mut self, case: Case) -> Result<Transformed<Expr>, DataFusionError> {
        let (outside, mut changed) = (self.branches.len(), false);
        let mut replaced = |values: &mut Self, part: Box<Expr>| {
            let part = values.replaced_in(*part)?;
            changed |= part.transformed;
            Ok::<_, DataFusionError>(Box::new(part.data))
        };
        let operand = case.expr.map(|operand| replaced(self, operand)).transpose()?;
        let mut branches = Vec::with_capacity(case.when_then_expr.len());
        for (when, then) in case.when_then_expr {
            let when = replaced(self, when)?;
            let taken = match &operand {
                Some(operand) => operand.as_ref().clone().eq(when.as_ref().clone()),
                None => when.as_ref().clone(),
            };
            self.branches.push(taken.clone().is_true());
            let then = replaced(self, then)?;
            self.branches.pop();
            self.branches.push(taken.is_not_true());
            branches.push((when, then));
        }
        let otherwise = case.else_expr.map(|part| replaced(self, part)).transpose()?;
        self.branches.truncate(outside);
        let case = Expr::Case(Case::new(operand, branches, otherwise));
        Ok(Transformed::new(case, changed, TreeNodeRecursion::Jump))
    }

    /// The rows that ask for the part at hand, as far as a second look at them can tell; none where
    /// all do.
    fn asked(&self) -> Option<Expr> {
        let told = |branch: &&Expr| !has_subquery(branch) && !branch.is_volatile();
        conjunction(self.branches.iter().filter(told).cloned())
    }

    /// What stands for a subquery.
    pub(super) fn replaced(&mut self, expr: Expr) -> Result<Transformed<Expr>, DataFusionError> {
        let required = std::mem::take(&mut self.required);
        if let Some(query) = array_subquery(&expr) {
            let plan = query.subquery.as_ref().clone();
            return self.applied(plan, Yield::Array, |array| array);
        }
        let mut expr = match expr {
            Expr::Case(case) => return self.replaced_in_case(case),
            other => other,
        };
        let Some(place) = subquery_in(&mut expr) else { return Ok(Transformed::no(expr)) };
        check_aggregates(&place.subquery)?;
        let plan = place.subquery.as_ref().clone();
        let outer = references(&plan)?;
        check_grouped(&self.input, &outer)?;
        let correlated = !outer.is_empty();
        *place = subquery(plan.clone(), place)?;
        match expr {
            // What depends on no row is computed first, wanted or not, but in branches.
            Expr::ScalarSubquery(_)
                if (correlated && !self.joins_value(&plan))
                    || (!correlated && !self.branches.is_empty()) =>
            {
                let sql_type = SqlType::of(plan.schema().field(0));
                self.applied(plan, Yield::Value, |value| told(value, sql_type))
            }
            value @ Expr::ScalarSubquery(_) => {
                Ok(Transformed::new(may_be_null(value), true, TreeNodeRecursion::Jump))
            }
            Expr::Exists(Exists { negated, .. }) if !self.joins(&plan, correlated) => {
                self.applied(plan, Yield::Exists, |found| negate(found, negated))
            }
            Expr::InSubquery(test) => {
                let joins = required && self.joins(&plan, correlated);
                self.tested(test, joins)
            }
            Expr::SetComparison(SetComparison {
                expr,
                subquery,
                op: op @ (Operator::Eq | Operator::NotEq),
                quantifier,
            }) if (op == Operator::Eq) == (quantifier == SetQuantifier::Any) => {
                let joins = required && self.joins(&plan, correlated);
                let negated = op == Operator::NotEq;
                self.tested(InSubquery { expr, subquery, negated }, joins)
            }
            Expr::SetComparison(test) if !self.filters || has_subquery(&test.expr) => {
                self.compared(test)
            }
            Expr::SetComparison(test) => {
                let column = Expr::Column(Column::from(plan.schema().qualified_field(0)));
                // The planner joins by names, of which both sides may have the same.
                let column = column.alias(self.name("found"));
                let plan = LogicalPlanBuilder::from(plan).project([column])?.build()?;
                let subquery = subquery(plan, &test.subquery)?;
                let test = Expr::SetComparison(SetComparison { subquery, ..test });
                Ok(Transformed::new(test, true, TreeNodeRecursion::Jump))
            }
            other => Ok(Transformed::new(other, true, TreeNodeRecursion::Jump)),
        }
    }

    /// What stands for `value > ALL (query)`, and other comparisons with all rows or any.
    fn compared(&mut self, test: SetComparison) -> Result<Transformed<Expr>, DataFusionError> {
        let SetComparison { expr, subquery: query, op, quantifier } = test;
        let value = self.computed(*expr)?;
        let column = self.column_of(value)?;
        let (_, field) = self.input.schema().qualified_field_from_column(&column)?;
        let value = Expr::OuterReferenceColumn(Arc::clone(field), column);
        let found = Expr::Column(Column::from(query.subquery.schema().qualified_field(0)));
        let compared = binary_expr(value, op, found);
        let row_where = |condition: Expr| {
            let rows = LogicalPlanBuilder::from(query.subquery.as_ref().clone());
            let rows = rows.filter(condition)?.build()?;
            let exists = Exists { subquery: subquery(rows, &query)?, negated: false };
            Ok::<_, DataFusionError>(Box::new(Expr::Exists(exists)))
        };
        // One row decides; without such a row NULLs leave it open.
        let any = quantifier == SetQuantifier::Any;
        let decisive = if any { compared.clone().is_true() } else { compared.clone().is_false() };
        let open = Box::new(Expr::Literal(ScalarValue::Boolean(None), None));
        let branches = vec![
            (row_where(decisive)?, Box::new(lit(any))),
            (row_where(compared.is_null())?, open),
        ];
        self.replaced_in_case(Case::new(None, branches, Some(Box::new(lit(!any)))))
    }

    /// What stands for `value [NOT] IN (query)`; `joins` says that NULL may stand for false there,
    /// and that the planner can join.
    fn tested(
        &mut self,
        test: InSubquery,
        joins: bool,
    ) -> Result<Transformed<Expr>, DataFusionError> {
        let InSubquery { expr, subquery, negated } = test;
        let value = self.computed(*expr)?;
        let plan = Arc::clone(&subquery.subquery);
        // A join tells a value that is not there from one that NULLs leave open nowhere, and the
        // planner's own way to tell them takes one column only.
        let has_nulls = || {
            let field = plan.schema().fields().first();
            let inner = field.is_none_or(|field| field.is_nullable());
            let mut columns = value.column_refs().into_iter();
            let in_value = columns.any(|column| {
                self.input.schema().field_from_column(column).is_ok_and(|it| it.is_nullable())
            });
            let correlated = !references(&plan)?.is_empty();
            let value = value.nullable(self.input.schema())?;
            Ok::<_, DataFusionError>(inner || in_value || correlated || value)
        };
        if joins && (!negated || !has_nulls()?) {
            let test = InSubquery { expr: Box::new(value), subquery, negated };
            let test = Expr::InSubquery(test);
            return Ok(Transformed::new(test, true, TreeNodeRecursion::Jump));
        }
        let value = self.column_of(value)?;
        let among = |name| Yield::Among { name, value };
        self.applied(Arc::unwrap_or_clone(plan), among, |found| negate(found, negated))
    }

    /// A value of the input in which no subquery waits for a join: the value may be what another
    /// join compares.
    fn computed(&mut self, value: Expr) -> Result<Expr, DataFusionError> {
        let places = (self.filters, self.projects);
        (self.filters, self.projects) = (false, false);
        let value = self.replaced_in(value);
        (self.filters, self.projects) = places;
        Ok(value?.data)
    }

    /// The column of the input that holds `value`, which is added where there is none.
    fn column_of(&mut self, value: Expr) -> Result<Column, DataFusionError> {
        if let Expr::Column(column) = &value
            && self.input.schema().has_column(column)
        {
            return Ok(column.clone());
        }
        let name = self.name("value");
        let columns = self.input.schema().columns().into_iter().map(Expr::Column);
        let columns: Vec<Expr> = columns.chain([value.alias(name.as_str())]).collect();
        self.input = LogicalPlanBuilder::from(self.input.clone()).project(columns)?.build()?;
        Ok(Column::new_unqualified(name))
    }

    /// The name of a column that is added.
    fn name(&self, what: &str) -> String {
        format!("{what} {}{}", self.input.schema().fields().len(), self.side)
    }

    fn applied(
        &mut self,
        plan: LogicalPlan,
        yields: impl FnOnce(String) -> Yield,
        shown: impl FnOnce(Expr) -> Expr,
    ) -> Result<Transformed<Expr>, DataFusionError> {
        let name = self.name("subquery");
        self.input = applied(self.input.clone(), plan, yields(name.clone()), self.asked())?;
        let value = Expr::Column(Column::new_unqualified(name));
        Ok(Transformed::new(shown(value), true, TreeNodeRecursion::Jump))
    }

    /// Whether the planner takes the value of `plan` from a join.
    fn joins_value(&self, plan: &LogicalPlan) -> bool {
        (self.filters || self.projects) && is_one_aggregate(plan)
    }

    /// Whether the planner turns a test for rows of `plan` into a join.
    fn joins(&self, plan: &LogicalPlan, correlated: bool) -> bool {
        self.filters && (!correlated || is_filtered(plan))
    }
}

/// That no aggregate is one of the query around: it is where all of its columns are that query's.
fn check_aggregates(plan: &LogicalPlan) -> Result<(), DataFusionError> {
    plan.apply(|node| {
        let LogicalPlan::Aggregate(aggregate) = node else {
            return Ok(TreeNodeRecursion::Continue);
        };
        let is_foreign = |expr: &Expr| expr.contains_outer() && !expr.any_column_refs();
        if aggregate.aggr_expr.iter().any(is_foreign) {
            return Err(SqlError::unsupported("an aggregate of an outer query's columns").into());
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

/// That a subquery refers to no column which grouping has taken from the rows it stands beside.
fn check_grouped(input: &LogicalPlan, outer: &[(FieldRef, Column)]) -> Result<(), DataFusionError> {
    for (_, column) in outer {
        let mut rows = input;
        while !rows.schema().has_column(column) {
            rows = match rows {
                LogicalPlan::Projection(_)
                | LogicalPlan::Filter(_)
                | LogicalPlan::Window(_)
                | LogicalPlan::Sort(_)
                | LogicalPlan::Extension(_) => match rows.inputs().as_slice() {
                    [below] => below,
                    _ => break,
                },
                LogicalPlan::Aggregate(groups) if groups.input.schema().has_column(column) => {
                    let name = column.flat_name();
                    let message =
                        format!("subquery uses ungrouped column \"{name}\" from outer query");
                    return Err(SqlError::new(SqlState::GroupingError, message).into());
                }
                _ => break,
            };
        }
    }
    Ok(())
}

fn negate(expr: Expr, negated: bool) -> Expr {
    if negated { not(expr) } else { expr }
}

/// Whether outer columns stand in nothing but filters over tables, which joins can take over, or
/// over one query that is the same for all rows.
fn is_filtered(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Filter(_) | LogicalPlan::Projection(_) => {
            let can = |input| is_filtered(input) || !is_correlated(input);
            filters_itself(plan) && plan.inputs().into_iter().all(can)
        }
        // Where a join has taken over a filter of one side, the planner forgets the other's limits.
        _ => is_filtered_table(plan),
    }
}

fn is_filtered_table(plan: &LogicalPlan) -> bool {
    filters_itself(plan) && plan.inputs().into_iter().all(is_filtered_table)
}

/// Whether outer columns stand in `plan` at most as joins can take them over.
fn filters_itself(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Filter(filter) => !has_subquery(&filter.predicate),
        LogicalPlan::Projection(_) => !refers_itself(plan),
        // A filter that leaves a query of FROM leaves the names of its columns behind.
        LogicalPlan::SubqueryAlias(alias) => !is_correlated(&alias.input),
        LogicalPlan::TableScan(_) => true,
        LogicalPlan::Join(join) => join.join_type == JoinType::Inner && !refers_itself(plan),
        _ => false,
    }
}

/// Whether outer columns stand anywhere in `plan`.
fn is_correlated(plan: &LogicalPlan) -> bool {
    refers_itself(plan) || plan.inputs().into_iter().any(is_correlated)
}

/// Whether `plan` is one row of aggregates over what equals outer columns.
fn is_one_aggregate(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => {
            !refers_itself(plan) && is_one_aggregate(&projection.input)
        }
        LogicalPlan::Aggregate(aggregate) => {
            aggregate.group_expr.is_empty()
                && !refers_itself(plan)
                && is_filtered(&aggregate.input)
                && compares_equal(&aggregate.input)
        }
        _ => false,
    }
}

/// Whether all that is asked of outer columns is that they equal something.
fn compares_equal(plan: &LogicalPlan) -> bool {
    let here = match plan {
        LogicalPlan::Filter(filter) => split_conjunction(&filter.predicate).iter().all(|part| {
            !part.contains_outer()
                || matches!(part, Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right })
                        if left.contains_outer() != right.contains_outer()
                            && (left.any_column_refs() != right.any_column_refs()))
        }),
        _ => true,
    };
    here && plan.inputs().into_iter().all(compares_equal)
}

fn refers_itself(plan: &LogicalPlan) -> bool {
    plan.expressions().iter().any(|expr| expr.contains_outer() || has_subquery(expr))
}
