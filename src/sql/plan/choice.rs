//! What `CASE`, `coalesce`, `nullif`, `greatest` and `least` choose from stays a document, or an
//! identifier, where the planner sees texts; and what is made of arrays of these stays such an
//! array.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::tree_node::{Transformed, TransformedResult};
use datafusion::common::{DFSchema, internal_err};
use datafusion::config::ConfigOptions;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::expr::{Case, ScalarFunction};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, LogicalPlan, ReturnFieldArgs, ScalarFunctionArgs,
    ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::scalar::ScalarValue;

use super::rewritten::rewritten;
use crate::sql::function::comparing::COMPARING;
use crate::sql::function::extreme::extreme;
use crate::sql::function::marked::{marked, written};
use crate::sql::function::scalar::{as_document, as_uuid, document_keys, same_documents};
use crate::sql::grammar::marker::CHOSEN;
use crate::sql::value::types::SqlType;

/// Of two arguments the first; it has the type that the second says.
pub(super) fn function() -> ScalarUDF {
    ScalarUDF::from(Chosen { signature: Signature::any(2, Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Chosen {
    signature: Signature,
}

impl ScalarUDFImpl for Chosen {
    fn name(&self) -> &'static str {
        CHOSEN
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        internal_err!("{CHOSEN} tells its field")
    }

    fn return_field_from_args(
        &self,
        arguments: ReturnFieldArgs<'_>,
    ) -> Result<FieldRef, DataFusionError> {
        let [chosen, sample] = arguments.arg_fields else {
            return internal_err!("a value and one of those it is chosen from");
        };
        let sql_type = SqlType::of(sample);
        let is_marked = matches!(sql_type, SqlType::Jsonb | SqlType::Uuid);
        let is_array = is_marked_array(sql_type) && SqlType::of(chosen) == SqlType::TextArray;
        if is_array || (is_marked && chosen.data_type().is_string()) {
            return Ok(Arc::new(sql_type.field().with_name(CHOSEN)));
        }
        Ok(Arc::new(chosen.as_ref().clone().with_name(CHOSEN)))
    }

    fn invoke_with_args(
        &self,
        arguments: ScalarFunctionArgs,
    ) -> Result<ColumnarValue, DataFusionError> {
        let Some(chosen) = arguments.args.into_iter().next() else {
            return internal_err!("nothing is chosen");
        };
        Ok(chosen)
    }
}

/// Puts what is chosen in its place, marked by its type; comes before all rules that look at types.
#[derive(Debug)]
pub(super) struct ChosenValues;

impl AnalyzerRule for ChosenValues {
    fn analyze(
        &self,
        plan: LogicalPlan,
        _config: &ConfigOptions,
    ) -> Result<LogicalPlan, DataFusionError> {
        plan.transform_up_with_subqueries(|node| rewritten(node, chosen_part)).data()
    }

    fn name(&self) -> &'static str {
        "chosen_values"
    }
}

fn chosen_part(part: Expr, schema: &DFSchema) -> Result<Transformed<Expr>, DataFusionError> {
    let Expr::ScalarFunction(call) = part else { return Ok(Transformed::no(part)) };
    if call.func.name() != CHOSEN {
        return Ok(Transformed::no(Expr::ScalarFunction(call)));
    }
    let mut arguments = call.args.into_iter();
    let (Some(chosen), Some(sample)) = (arguments.next(), arguments.next()) else {
        return internal_err!("a value and one of those it is chosen from");
    };
    let sql_type =
        sample.to_field(schema).map_or(SqlType::Unknown, |(_, field)| SqlType::of(&field));
    Ok(Transformed::yes(match sql_type {
        SqlType::Jsonb => as_document(of_documents(chosen)?)?,
        SqlType::Uuid => as_uuid(with_choices(chosen, SqlType::Uuid)?),
        array if is_marked_array(array) => marked(chosen, array),
        _ => chosen,
    }))
}

/// A choice of documents: texts among them are read, and they are compared by what they mean.
fn of_documents(chosen: Expr) -> Result<Expr, DataFusionError> {
    let call = match with_choices(chosen, SqlType::Jsonb)? {
        Expr::ScalarFunction(call) if COMPARING.contains(&call.func.name()) => call,
        other => return Ok(other),
    };
    match <[Expr; 2]>::try_from(call.args) {
        Ok([document, other]) if call.func.name() == "nullif" => {
            let same = same_documents(document.clone(), other)?;
            let null = Expr::Literal(ScalarValue::Utf8(None), None);
            let branch = (Box::new(same), Box::new(null));
            Ok(Expr::Case(Case::new(None, vec![branch], Some(Box::new(document)))))
        }
        Ok(two) => Ok(extreme(call.func.name(), DataType::Utf8, document_keys, two.into())),
        Err(all) => Ok(extreme(call.func.name(), DataType::Utf8, document_keys, all)),
    }
}

fn is_marked_array(sql_type: SqlType) -> bool {
    sql_type.item().is_some() && sql_type.is_marked()
}

/// A choice with the texts among its choices read as values of `sql_type`.
fn with_choices(chosen: Expr, sql_type: SqlType) -> Result<Expr, DataFusionError> {
    let read = |choice| written(choice, sql_type);
    Ok(match chosen {
        Expr::Case(Case { expr, when_then_expr, else_expr }) => {
            let branches = when_then_expr
                .into_iter()
                .map(|(when, then)| Ok((when, Box::new(read(*then)?))))
                .collect::<Result<_, DataFusionError>>()?;
            let otherwise = else_expr.map(|otherwise| read(*otherwise)).transpose()?;
            Expr::Case(Case::new(expr, branches, otherwise.map(Box::new)))
        }
        Expr::ScalarFunction(ScalarFunction { func, args }) => {
            let args = args.into_iter().map(read).collect::<Result<_, _>>()?;
            Expr::ScalarFunction(ScalarFunction { func, args })
        }
        other => other,
    })
}
