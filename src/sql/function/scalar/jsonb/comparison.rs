//! The rule that compares documents by what they mean, where the planner would compare their texts.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, DFSchema};
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr::{
    AggregateFunction, Between, Case, InList, InSubquery, SetComparison, Sort, WindowFunction,
};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    Aggregate, BinaryExpr, Distinct, DistinctOn, Expr, ExprSchemable, LogicalPlan,
    LogicalPlanBuilder, Subquery,
};
use datafusion::optimizer::AnalyzerRule;

use super::order::{
    ALIKE, compared_alike, hold_documents, in_sort_order, is_of_documents, record_compared_alike,
};
use crate::sql::function::comparing::{COMPARING, compares, orders};
use crate::sql::plan::rewritten::keyed;
use crate::sql::{SqlError, SqlState};

/// Puts what documents are compared by in their places; comes before subqueries become anything
/// else.
#[derive(Debug)]
pub(in crate::sql) struct ComparedDocuments;

impl AnalyzerRule for ComparedDocuments {
    fn analyze(
        &self,
        plan: LogicalPlan,
        _config: &ConfigOptions,
    ) -> Result<LogicalPlan, DataFusionError> {
        plan.transform_up_with_subqueries(compared_node).data()
    }

    fn name(&self) -> &'static str {
        "compared_documents"
    }
}

fn compared_node(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>, DataFusionError> {
    let plan = match plan {
        LogicalPlan::Aggregate(aggregate) => LogicalPlan::Aggregate(in_sets(aggregate)?),
        other => other,
    };
    let schema = merge_schema(&plan.inputs());
    let names = NamePreserver::new(&plan);
    let groups = match &plan {
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.len(),
        _ => 0,
    };
    let sorts = matches!(plan, LogicalPlan::Sort(_));
    let joins = matches!(plan, LogicalPlan::Join(_));
    let mut seen = 0;
    let plan = plan.map_expressions(|expr| {
        let (name, at) = (names.save(&expr), seen);
        seen += 1;
        let mut compared = expr.transform_up(|part| compared_part(part, &schema))?;
        let is_key = sorts || joins || at < groups;
        if is_key && sorts && is_document(&compared.data, &schema) {
            compared = Transformed::yes(in_sort_order(compared.data));
        } else if is_key && !sorts && holds_documents(&compared.data, &schema) {
            compared = Transformed::yes(alike_if_document(compared.data, &schema));
        }
        // What rows are sorted by has no name.
        Ok(if sorts { compared } else { compared.update_data(|expr| name.restore(expr)) })
    })?;
    plan.transform_data(|plan| match plan {
        LogicalPlan::Distinct(Distinct::All(input)) => distinct(input),
        LogicalPlan::Distinct(Distinct::On(on)) => Ok(distinct_on(on)),
        other => Ok(Transformed::no(other)),
    })
}

/// Rows that differ, of which documents are shown in the form that equal ones share.
fn distinct(input: Arc<LogicalPlan>) -> Result<Transformed<LogicalPlan>, DataFusionError> {
    let shared = alike_columns(&input, |_| true)?;
    let changed = shared.is_some();
    let input = shared.map_or(input, Arc::new);
    let plan = LogicalPlan::Distinct(Distinct::All(input));
    Ok(if changed { Transformed::yes(plan) } else { Transformed::no(plan) })
}

/// Sets of groups, which are of columns, over documents in the form that equal ones share.
fn in_sets(mut aggregate: Aggregate) -> Result<Aggregate, DataFusionError> {
    let [Expr::GroupingSet(sets)] = aggregate.group_expr.as_slice() else { return Ok(aggregate) };
    let keys = sets.distinct_expr();
    let is_key = |column: &Column| keys.contains(&&Expr::Column(column.clone()));
    if let Some(input) = alike_columns(&aggregate.input, is_key)? {
        aggregate.input = Arc::new(input);
    }
    Ok(aggregate)
}

/// `input` with those of its documents that are `wanted` so in the form that equal ones share; none
/// where it has no such documents.
fn alike_columns(
    input: &Arc<LogicalPlan>,
    wanted: impl Fn(&Column) -> bool,
) -> Result<Option<LogicalPlan>, DataFusionError> {
    let schema = input.schema();
    let columns = schema.columns();
    let holds_documents =
        |column: &Column| wanted(column) && holds_documents(&Expr::Column(column.clone()), schema);
    if !columns.iter().any(holds_documents) {
        return Ok(None);
    }
    let columns = columns.into_iter().map(|column| {
        if holds_documents(&column) {
            let Column { relation, name, .. } = column.clone();
            alike_if_document(Expr::Column(column), schema).alias_qualified(relation, name)
        } else {
            Expr::Column(column)
        }
    });
    let columns: Vec<Expr> = columns.collect();
    Ok(Some(LogicalPlanBuilder::from(Arc::clone(input)).project(columns)?.build()?))
}

/// The first row of each group. Keys are not shown, and have to be what rows are sorted by first.
fn distinct_on(on: DistinctOn) -> Transformed<LogicalPlan> {
    let schema = Arc::clone(on.input.schema());
    let key = |key| if is_document(&key, &schema) { in_sort_order(key) } else { key };
    let on_expr = on.on_expr.into_iter().map(key).collect();
    let sort_expr = on.sort_expr.map(|keys| sorted(keys, &schema));
    let on = DistinctOn { on_expr, sort_expr, ..on };
    Transformed::yes(LogicalPlan::Distinct(Distinct::On(on)))
}

/// A part of an expression whose own parts are done.
fn compared_part(part: Expr, schema: &DFSchema) -> Result<Transformed<Expr>, DataFusionError> {
    let document = |expr: &Expr| is_document(expr, schema);
    let alike = |expr: Box<Expr>| Box::new(compared_alike(*expr));
    Ok(Transformed::yes(match part {
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if compares(op) && (document(&left) || document(&right)) =>
        {
            let key = if orders(op) { in_sort_order } else { compared_alike };
            let (left, right) = (Box::new(key(*left)), Box::new(key(*right)));
            Expr::BinaryExpr(BinaryExpr { left, op, right })
        }
        Expr::Between(Between { expr, negated, low, high }) if document(&expr) => {
            let key = |expr: Box<Expr>| Box::new(in_sort_order(*expr));
            Expr::Between(Between::new(key(expr), negated, key(low), key(high)))
        }
        Expr::InList(InList { expr, list, negated }) if document(&expr) => {
            let list = list.into_iter().map(compared_alike).collect();
            Expr::InList(InList::new(alike(expr), list, negated))
        }
        Expr::InSubquery(InSubquery { expr, subquery, negated })
            if holds_documents(&expr, schema) =>
        {
            let (subquery, expr) =
                (keys_of_rows(subquery, alike_if_document)?, alike_if_document(*expr, schema));
            Expr::InSubquery(InSubquery::new(Box::new(expr), subquery, negated))
        }
        Expr::SetComparison(test) if document(&test.expr) => {
            let key = if orders(test.op) { in_sort_order } else { compared_alike };
            let subquery = keys_of_rows(test.subquery, |row, _| key(row))?;
            let expr = Box::new(key(*test.expr));
            Expr::SetComparison(SetComparison { expr, subquery, ..test })
        }
        Expr::Case(Case { expr: Some(operand), when_then_expr, else_expr })
            if document(&operand) =>
        {
            let branches = when_then_expr.into_iter().map(|(when, then)| (alike(when), then));
            Expr::Case(Case::new(Some(alike(operand)), branches.collect(), else_expr))
        }
        Expr::AggregateFunction(call) => aggregate(call, schema)?,
        Expr::WindowFunction(call) => Expr::WindowFunction(window(call, schema)),
        Expr::ScalarFunction(call)
            if COMPARING.contains(&call.func.name()) && call.args.iter().any(document) =>
        {
            return Err(SqlError::unsupported(format!("{} of jsonb", call.func.name())).into());
        }
        other => return Ok(Transformed::no(other)),
    }))
}

/// A subquery with what its only column is compared by, if that is of documents.
fn keys_of_rows(
    subquery: Subquery,
    key: impl Fn(Expr, &DFSchema) -> Expr,
) -> Result<Subquery, DataFusionError> {
    if !hold_documents(subquery.subquery.schema().field(0)) {
        return Ok(subquery);
    }
    keyed(subquery, key)
}

fn aggregate(call: AggregateFunction, schema: &DFSchema) -> Result<Expr, DataFusionError> {
    let AggregateFunction { func, mut params } = call;
    let first_is_document = params.args.first().is_some_and(|it| is_document(it, schema));
    if first_is_document && ["min", "max"].contains(&func.name()) {
        let message = format!("function {}(jsonb) does not exist", func.name());
        return Err(SqlError::new(SqlState::UndefinedFunction, message).into());
    }
    if params.distinct {
        let keys = params.args.into_iter().map(|key| alike_if_document(key, schema));
        params.args = keys.collect();
    }
    params.order_by = sorted(params.order_by, schema);
    Ok(Expr::AggregateFunction(AggregateFunction { func, params }))
}

fn window(mut call: Box<WindowFunction>, schema: &DFSchema) -> Box<WindowFunction> {
    let keys = std::mem::take(&mut call.params.partition_by).into_iter();
    call.params.partition_by = keys.map(|key| alike_if_document(key, schema)).collect();
    call.params.order_by = sorted(std::mem::take(&mut call.params.order_by), schema);
    call
}

fn sorted(keys: Vec<Sort>, schema: &DFSchema) -> Vec<Sort> {
    let key = |expr| if is_document(&expr, schema) { in_sort_order(expr) } else { expr };
    keys.into_iter().map(|sort| Sort { expr: key(sort.expr), ..sort }).collect()
}

fn alike_if_document(expr: Expr, schema: &DFSchema) -> Expr {
    match expr.to_field(schema) {
        Ok((_, field)) if !is_key(&expr) && hold_documents(&field) => match field.data_type() {
            DataType::Struct(_) => record_compared_alike(expr, &field),
            _ => compared_alike(expr),
        },
        _ => expr,
    }
}

fn is_document(expr: &Expr, schema: &DFSchema) -> bool {
    expr.to_field(schema).is_ok_and(|(_, field)| !is_key(expr) && is_of_documents(&field))
}

fn holds_documents(expr: &Expr, schema: &DFSchema) -> bool {
    expr.to_field(schema).is_ok_and(|(_, field)| !is_key(expr) && hold_documents(&field))
}

/// Whether this is done already.
fn is_key(expr: &Expr) -> bool {
    match expr {
        Expr::Alias(alias) => is_key(&alias.expr),
        Expr::ScalarFunction(call) => call.func.name() == ALIKE,
        _ => false,
    }
}
