//! What is known of a statement's parameters while it is planned.
//!
//! The planner takes types of parameters with a PREPARE only, and then of all of them. So a query
//! is planned with open parameters first, which tells what stands around them, and once more when
//! all types are decided: which function is meant, and what it returns, depends on them.

use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::arrow::datatypes::FieldRef;
use datafusion::common::ParamValues;
use datafusion::common::metadata::{FieldMetadata, ScalarAndMetadata};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::logical_expr::{LogicalPlan, Statement as PlannedStatement};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{
    CastKind, DataType, Expr, Ident, ObjectName, ObjectNamePart, Query, Statement, TimezoneInfo,
    Value, VisitMut, VisitorMut,
};

use crate::sql::grammar::name::parameter_index;
use crate::sql::value::types::SqlType;

/// What the types in a PREPARE begin with; no text can spell it without quotes.
const TYPE_PREFIX: &str = "type ";

/// Types that a parameter is cast to without changing what it means.
const PLAIN: [SqlType; 14] = [
    SqlType::Bool,
    SqlType::Int2,
    SqlType::Int4,
    SqlType::Int8,
    SqlType::Float4,
    SqlType::Float8,
    SqlType::Numeric,
    SqlType::Text,
    SqlType::Bytea,
    SqlType::Timestamptz,
    SqlType::Timestamp,
    SqlType::Date,
    SqlType::Time,
    SqlType::Interval,
];

/// How much is known.
#[derive(Debug, Clone, Default)]
pub(in crate::sql) enum Parameters {
    /// Nothing.
    #[default]
    Open,
    /// Some types, by the place of their parameter.
    Partly(Arc<[Option<SqlType>]>),
    /// All types.
    Known(Arc<[SqlType]>),
}

impl Parameters {
    /// A query as a statement that tells the planner what is known.
    pub(super) fn statement(&self, query: &Query) -> Statement {
        let mut query = Box::new(query.clone());
        match self {
            Self::Partly(types) => {
                // It has no reason to break.
                let _ = query.visit(&mut Casts(types));
            }
            Self::Known(types) if !types.is_empty() => {
                return Statement::Prepare {
                    name: Ident::new(""),
                    data_types: types.iter().copied().map(named).collect(),
                    statement: Box::new(Statement::Query(query)),
                };
            }
            Self::Open | Self::Known(_) => {}
        }
        Statement::Query(query)
    }

    /// An expression that tells the planner what is known.
    pub(super) fn expression(&self, mut expr: Expr) -> Expr {
        let known: Arc<[Option<SqlType>]> = match self {
            Self::Open => return expr,
            Self::Partly(types) => Arc::clone(types),
            Self::Known(types) => types.iter().copied().map(Some).collect(),
        };
        let _ = expr.visit(&mut Casts(&known));
        expr
    }

    /// The values of all parameters, with what Arrow does not tell about them.
    pub(super) fn values(&self, values: Vec<ScalarValue>) -> ParamValues {
        let Self::Known(types) = self else { return ParamValues::from(values) };
        let mut metadata = types.iter().map(|sql_type| {
            let field = sql_type.field();
            (!field.metadata().is_empty()).then(|| FieldMetadata::from(&field))
        });
        let values = values.into_iter();
        let values =
            values.map(|value| ScalarAndMetadata::new(value, metadata.next().flatten())).collect();
        ParamValues::List(values)
    }
}

/// The plan that a PREPARE is about.
pub(super) fn prepared(plan: LogicalPlan) -> LogicalPlan {
    match plan {
        LogicalPlan::Statement(PlannedStatement::Prepare(prepare)) => {
            Arc::unwrap_or_clone(prepare.input)
        }
        other => other,
    }
}

/// A type as a PREPARE names it.
fn named(sql_type: SqlType) -> DataType {
    let place = SqlType::all().position(|known| known == sql_type).unwrap_or_default();
    DataType::Custom(ObjectName::from(vec![Ident::new(format!("{TYPE_PREFIX}{place}"))]), vec![])
}

/// Knows the types that are named so, and times, which have no more digits of seconds than a
/// parameter has.
#[derive(Debug)]
pub(super) struct KnownTypes;

impl TypePlanner for KnownTypes {
    fn plan_type_field(&self, data_type: &DataType) -> Result<Option<FieldRef>, DataFusionError> {
        let name = match data_type {
            DataType::Custom(name, _) => name,
            DataType::Time(None, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => {
                return Ok(Some(Arc::new(SqlType::Time.field())));
            }
            _ => return Ok(None),
        };
        let [ObjectNamePart::Identifier(ident)] = name.0.as_slice() else { return Ok(None) };
        let place = ident.value.strip_prefix(TYPE_PREFIX).and_then(|place| place.parse().ok());
        let sql_type = place.and_then(|place| SqlType::all().nth(place));
        Ok(sql_type.map(|sql_type| Arc::new(sql_type.field())))
    }
}

/// Casts parameters to the types that they have.
struct Casts<'a>(&'a [Option<SqlType>]);

impl VisitorMut for Casts<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Value(value) = expr
            && let Value::Placeholder(name) = &value.value
            && let Some(sql_type) = parameter_index(name).and_then(|at| *self.0.get(at)?)
            && PLAIN.contains(&sql_type)
        {
            *expr = Expr::Cast {
                kind: CastKind::Cast,
                expr: Box::new(expr.clone()),
                data_type: sql_type.syntax(),
                array: false,
                format: None,
            };
        }
        ControlFlow::Continue(())
    }
}
