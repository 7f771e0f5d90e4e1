//! Subscripts of arrays, which begin at 1, or at 0 for some of the system catalog: what is before
//! has no items, where the planner counts from the end. And fields of records, which are called by
//! their columns.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawFieldAccessExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, GetFieldAccess, lit, when};
use datafusion::scalar::ScalarValue;

use super::operator::operand;
use super::record::column_of;
use crate::sql::grammar::marker::FIELD;
use crate::sql::value::types::begins_at_zero;
use crate::sql::{SqlError, SqlState};

/// Plans the bounds of subscripts.
#[derive(Debug)]
pub(in crate::sql) struct Subscripts;

impl ExprPlanner for Subscripts {
    fn plan_field_access(
        &self,
        access: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>, DataFusionError> {
        let RawFieldAccessExpr { expr, field_access } = access;
        let from_zero = expr.to_field(schema).is_ok_and(|(_, field)| begins_at_zero(&field));
        let from_one = |bound: Expr| if from_zero { bound + lit(1_i64) } else { bound };
        let field_access = match field_access {
            GetFieldAccess::ListIndex { key } => {
                let key = Box::new(bounded(from_one(*key), ScalarValue::Int64(None))?);
                GetFieldAccess::ListIndex { key }
            }
            GetFieldAccess::ListRange { start, stop, stride } => GetFieldAccess::ListRange {
                start: Box::new(bounded(from_one(*start), ScalarValue::from(1_i64))?),
                stop: Box::new(bounded(from_one(*stop), ScalarValue::from(0_i64))?),
                stride,
            },
            GetFieldAccess::NamedStructField { name } => {
                let text = name.try_as_str().flatten().unwrap_or_default();
                let name = match text.strip_prefix(FIELD) {
                    Some(column) => ScalarValue::from(field_called(column, &expr, schema)?),
                    None => name,
                };
                GetFieldAccess::NamedStructField { name }
            }
        };
        Ok(PlannerResult::Original(RawFieldAccessExpr { expr, field_access }))
    }
}

/// The field of a record that holds the column of this name.
fn field_called(column: &str, record: &Expr, schema: &DFSchema) -> Result<String, DataFusionError> {
    let DataType::Struct(fields) = record.get_type(schema)? else {
        let value = operand(record, schema).name();
        let message = format!(
            "column notation .{column} applied to type {value}, which is not a composite type"
        );
        return Err(SqlError::new(SqlState::WrongObjectType, message).into());
    };
    let mut called = fields.iter().filter(|field| column_of(field) == column);
    match (called.next(), called.next()) {
        (Some(field), None) => Ok(field.name().clone()),
        (None, _) => {
            let message = format!("could not identify column \"{column}\" in record data type");
            Err(SqlError::new(SqlState::UndefinedColumn, message).into())
        }
        (Some(_), Some(_)) => {
            let message = format!("column reference \"{column}\" is ambiguous");
            Err(SqlError::new(SqlState::AmbiguousColumn, message).into())
        }
    }
}

/// A bound where it is 1 or more, else `before`.
fn bounded(bound: Expr, before: ScalarValue) -> Result<Expr, DataFusionError> {
    match literal(&bound) {
        // As the planner knows it where it takes one of what it gathers: `(array_agg(x))[1]`.
        Some(place) if place >= 1 => Ok(lit(place)),
        Some(_) => Ok(Expr::Literal(before, None)),
        None => when(bound.clone().lt(lit(1_i64)), Expr::Literal(before, None)).otherwise(bound),
    }
}

/// The number that a bound is, as far as it can be seen.
fn literal(bound: &Expr) -> Option<i64> {
    match bound {
        Expr::Literal(value, _) => match value {
            ScalarValue::Int64(place) => *place,
            ScalarValue::Int32(place) => place.map(i64::from),
            _ => None,
        },
        Expr::Cast(cast) => literal(&cast.expr),
        Expr::Negative(inner) => literal(inner).and_then(i64::checked_neg),
        _ => None,
    }
}
