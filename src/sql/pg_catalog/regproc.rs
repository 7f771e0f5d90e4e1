//! Functions by their numbers: columns of type `regproc` are numbers to whoever compares them, and
//! names to whoever reads them as text.

use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr::Cast;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, ScalarUDF};
use datafusion::optimizer::AnalyzerRule;

use super::builtin::procedure_name;
use super::function::name_of_function;
use crate::sql::SqlType;
use crate::sql::grammar::marker::TO_TEXT;
use crate::sql::plan::rewritten::rewritten;

/// What a value of type `regproc` is as text, where there is such a function.
pub fn function_name(value: i64) -> Option<&'static str> {
    match u32::try_from(value).ok()? {
        0 => Some("-"),
        oid => procedure_name(oid),
    }
}

/// Casts of such columns to text give names.
#[derive(Debug)]
pub(in crate::sql) struct NamesOfFunctions;

impl AnalyzerRule for NamesOfFunctions {
    fn analyze(
        &self,
        plan: LogicalPlan,
        _config: &ConfigOptions,
    ) -> Result<LogicalPlan, DataFusionError> {
        let printer = Arc::new(name_of_function());
        let with_names = |part, schema: &DFSchema| printed(part, schema, &printer);
        Ok(plan
            .transform_up_with_subqueries(|node| {
                rewritten(node, |part, schema| Ok(with_names(part, schema)))
            })?
            .data)
    }

    fn name(&self) -> &'static str {
        "names_of_functions"
    }
}

fn printed(expr: Expr, schema: &DFSchema, printer: &Arc<ScalarUDF>) -> Transformed<Expr> {
    match expr {
        Expr::Cast(cast)
            if cast.field.data_type().is_string() && is_regproc(&cast.expr, schema) =>
        {
            let name = printer.call(vec![*cast.expr]);
            Transformed::yes(Expr::Cast(Cast::new_from_field(Box::new(name), cast.field)))
        }
        Expr::ScalarFunction(called)
            if called.name() == TO_TEXT
                && called.args.iter().any(|value| is_regproc(value, schema)) =>
        {
            Transformed::yes(printer.call(called.args))
        }
        other => Transformed::no(other),
    }
}

fn is_regproc(expr: &Expr, schema: &DFSchema) -> bool {
    matches!(expr, Expr::Column(_) | Expr::OuterReferenceColumn(..))
        && expr.to_field(schema).is_ok_and(|(_, field)| SqlType::of(&field) == SqlType::Regproc)
}
