//! The logical node: an outer plan, and an inner one that is run once for each row of it.

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Column, DFSchema, DFSchemaRef, TableReference, internal_err};
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, LogicalPlan, UserDefinedLogicalNodeCore};

use super::function::array_of;

/// What the rows of the inner plan become.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::sql) enum Yield {
    /// The value in the only row, or NULL: a column of this name.
    Value(String),
    /// The values of all rows as an array.
    Array(String),
    /// Whether there is a row.
    Exists(String),
    /// Whether the value in a column of the outer row is among the values of all rows; what NULLs
    /// leave open is NULL.
    Among { name: String, value: Column },
    /// Rows, each behind its outer row; an outer row without any stands beside NULLs if asked.
    Rows { keep_outer: bool },
}

/// Runs `inner` for each row of `input`, with the row's values in place of its outer columns.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in crate::sql) struct Apply {
    input: Arc<LogicalPlan>,
    inner: Arc<LogicalPlan>,
    yields: Yield,
    /// The columns of the outer rows that the inner plan refers to.
    outer_columns: Vec<Column>,
    /// Which outer rows the value is asked for beside; all of them where there is no condition.
    asked: Option<Expr>,
    schema: DFSchemaRef,
}

impl Yield {
    /// The column of the outer rows whose value is looked for.
    pub(super) fn tested(&self) -> Option<&Column> {
        match self {
            Self::Among { value, .. } => Some(value),
            _ => None,
        }
    }
}

impl PartialOrd for Apply {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        let key = |apply: &Self| (Arc::clone(&apply.input), Arc::clone(&apply.inner));
        key(self).partial_cmp(&key(other)).filter(|order| order.is_ne() || self == other)
    }
}

impl Apply {
    pub(super) fn new(
        input: LogicalPlan,
        inner: LogicalPlan,
        yields: Yield,
        outer_columns: Vec<Column>,
        asked: Option<Expr>,
    ) -> Result<Self, DataFusionError> {
        let added = added(&inner, &yields)?;
        let (outer, metadata) = (input.schema(), input.schema().metadata().clone());
        let qualified = |(table, field): (Option<&TableReference>, &FieldRef)| {
            (table.cloned(), Arc::clone(field))
        };
        let fields = outer.iter().map(qualified).chain(added).collect();
        let schema = Arc::new(DFSchema::new_with_metadata(fields, metadata)?);
        let (input, inner) = (Arc::new(input), Arc::new(inner));
        Ok(Self { input, inner, yields, outer_columns, asked, schema })
    }

    pub(in crate::sql) fn input(&self) -> &LogicalPlan {
        &self.input
    }

    pub(in crate::sql) fn inner(&self) -> &LogicalPlan {
        &self.inner
    }

    pub(in crate::sql) fn yields(&self) -> &Yield {
        &self.yields
    }

    /// The same with other plans, and with its condition as it reads now.
    pub(super) fn rebuilt(
        &self,
        input: LogicalPlan,
        inner: LogicalPlan,
        asked: Option<Expr>,
    ) -> Result<Self, DataFusionError> {
        Self::new(input, inner, self.yields.clone(), self.outer_columns.clone(), asked)
    }

    pub(super) fn outer_columns(&self) -> &[Column] {
        &self.outer_columns
    }

    pub(super) fn asked(&self) -> Option<&Expr> {
        self.asked.as_ref()
    }
}

/// The columns that the inner plan adds.
fn added(
    inner: &LogicalPlan,
    yields: &Yield,
) -> Result<Vec<(Option<TableReference>, FieldRef)>, DataFusionError> {
    let value = |name: &str, field: &Field| {
        let field = field.clone().with_name(name).with_nullable(true);
        vec![(None, Arc::new(field))]
    };
    let first = || {
        let Some(field) = inner.schema().fields().first() else {
            return internal_err!("a subquery without columns stands for a value");
        };
        Ok(field)
    };
    Ok(match yields {
        Yield::Value(name) => value(name, first()?),
        Yield::Array(name) => value(name, &array_of(first()?)),
        Yield::Exists(name) | Yield::Among { name, .. } => {
            value(name, &Field::new(name, DataType::Boolean, true))
        }
        Yield::Rows { keep_outer } => inner
            .schema()
            .iter()
            .map(|(table, field)| {
                let nullable = *keep_outer || field.is_nullable();
                let field = field.as_ref().clone().with_nullable(nullable);
                (table.cloned(), Arc::new(field))
            })
            .collect(),
    })
}

impl UserDefinedLogicalNodeCore for Apply {
    fn name(&self) -> &'static str {
        "Apply"
    }

    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }

    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }

    fn expressions(&self) -> Vec<Expr> {
        let columns = self.outer_columns.iter().chain(self.yields.tested());
        columns.cloned().map(Expr::Column).chain(self.asked.clone()).collect()
    }

    /// What depends on outer columns only may be decided before the inner plan is run.
    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        let added = self.schema.fields().iter().skip(self.input.schema().fields().len());
        added.map(|field| field.name().clone()).collect()
    }

    fn fmt_for_explain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Apply")
    }

    fn with_exprs_and_inputs(
        &self,
        exprs: Vec<Expr>,
        inputs: Vec<LogicalPlan>,
    ) -> Result<Self, DataFusionError> {
        let mut inputs = inputs.into_iter();
        let (Some(input), None) = (inputs.next(), inputs.next()) else {
            return internal_err!("a plan run for each row has one input");
        };
        let columns = self.outer_columns.iter().chain(self.yields.tested()).count();
        let asked = exprs.into_iter().nth(columns);
        self.rebuilt(input, self.inner.as_ref().clone(), asked)
    }

    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        let outer = self.input.schema().fields().len();
        Some(vec![output_columns.iter().copied().filter(|at| *at < outer).collect()])
    }
}
